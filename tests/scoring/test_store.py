"""A store spares a run where nothing that matters has changed, and never where something has."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.codes import Code
from kerasemble.scoring.sources.opening import as_source

pytestmark = pytest.mark.backend

Y = np.arange(20) % 3
X = np.random.default_rng(0).uniform(size=(20, 6)).astype(np.float32)


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Predict with a store, and return what was seen and how many members ran."""
    import keras

    ran = []
    inner = keras.Model.predict

    def counted(model, *args, **kwargs):
        ran.append(model)
        return inner(model, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "predict", counted)

    def run(members, x=X, store=tmp_path / "run", **options):
        ran.clear()
        seen = ke.predict(members, x, store=store, **options)
        return seen, len({id(model) for model in ran})

    return run


@pytest.fixture
def rows_of_shards(monkeypatch):
    """Let shards hold fewer rows than they do."""

    def hold(rows):
        monkeypatch.setattr("kerasemble.scoring.shards._USUAL", rows)
        monkeypatch.setattr("kerasemble.scoring.shards._LEAST", rows)

    return hold


@pytest.fixture
def pair(dense):
    return [dense(0, "a"), dense(1, "b")]


def test_a_member_is_not_run_twice_over_the_same_data(runs, pair):
    first, ran_first = runs(pair)
    calls = []
    second, ran_second = runs(pair, progress=lambda *call: calls.append(call))
    assert (ran_first, ran_second) == (2, 0)
    np.testing.assert_array_equal(second.values, first.values)
    assert second.alignment == first.alignment
    assert calls == [("a", 20, 20), ("b", 20, 20)]


def test_what_a_store_gives_is_what_there_is_without_one(runs, pair):
    runs(pair)
    np.testing.assert_array_equal(runs(pair)[0].values, ke.predict(pair, X).values)


def test_a_member_that_joins_is_the_only_one_that_runs(runs, pair, dense):
    runs(pair)
    assert runs([dense(2, "c"), *pair])[1] == 1


def test_members_that_differ_share_no_answers(runs, pair):
    for member in pair:
        assert runs([member])[1] == 1
    for member in reversed(pair):
        np.testing.assert_array_equal(runs([member])[0].values, ke.predict([member], X).values)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(X + np.float32(1e-6) * (np.arange(20) == 19)[:, None], id="one-row"),
        pytest.param(X[:10], id="fewer-rows"),
        pytest.param(X[::-1], id="another-order"),
        pytest.param(X.astype(np.float64), id="another-type"),
    ],
)
def test_50_other_data_runs_the_members_again(runs, pair, changed):
    runs(pair)
    seen, ran = runs(pair, changed)
    assert ran == 2
    np.testing.assert_array_equal(seen.values, ke.predict(pair, changed).values)


CHANGED = "is not the one whose answers are in .*: its file or its options have changed. It is run again"


def test_19_98_other_weights_run_a_member_again_and_it_is_said(runs, pair):
    runs(pair)
    kernel, bias = pair[0].get_weights()
    pair[0].set_weights([kernel, bias + 1])
    with pytest.warns(ke.KerasembleWarning, match=f"Member 'a' {CHANGED}"):
        seen, ran = runs(pair)
    assert ran == 1
    np.testing.assert_array_equal(seen.values, ke.predict(pair, X).values)


def test_19_another_model_in_the_same_file_is_run_again(runs, dense, tmp_path):
    path = tmp_path / "a.keras"
    dense(0).save(path)
    before, _ = runs([path])
    assert runs([path])[1] == 0
    dense(1).save(path)
    with pytest.warns(ke.KerasembleWarning, match=CHANGED):
        after, ran = runs([path])
    assert ran == 1
    assert np.abs(after.values - before.values).max() > 0.1


def test_a_file_that_only_moved_is_not_run_again(runs, dense, tmp_path):
    path = tmp_path / "a.keras"
    dense(0).save(path)
    runs([path])
    assert runs([path.rename(tmp_path / "b.keras")])[1] == 0


@pytest.mark.parametrize("change", ["convention", "layers", "weights-of-a-layer", "range"])
def test_another_preprocessing_runs_a_member_again(runs, dense, change):
    import keras

    model = dense(0)
    layer = keras.layers.Normalization(mean=[1.0] * 6, variance=[1.0] * 6, name="own")
    other = keras.layers.Normalization(mean=[0.5] * 6, variance=[1.0] * 6, name="own")
    one, two, options = {
        "convention": ("0..1", "-1..1", {}),
        "layers": (None, layer, {}),
        "weights-of-a-layer": (layer, other, {}),
        "range": ("-1..1", "-1..1", {"data_range": (0, 2)}),
    }[change]
    first, _ = runs([ke.Member(model, preprocess=one)])
    with pytest.warns(ke.KerasembleWarning, match=CHANGED):
        second, ran = runs([ke.Member(model, preprocess=two)], **options)
    assert ran == 1
    assert np.abs(second.values - first.values).max() > 1e-3


def test_another_long_array_in_a_layers_configuration_runs_a_member_again(runs, dense):
    import keras

    class Shift(keras.layers.Layer):
        def __init__(self, by, **kwargs):
            super().__init__(**kwargs)
            self.by = np.array(by["config"]["value"] if isinstance(by, dict) else by, dtype=np.float32)

        def call(self, x):
            return x + keras.ops.convert_to_tensor(self.by[1000:1006])

        def get_config(self):
            return {**super().get_config(), "by": self.by}

    model, one, other = dense(0), np.zeros(2000), np.zeros(2000)
    # Where NumPy's text of an array has dots.
    other[1000:1006] = 3
    with keras.saving.custom_object_scope({"Shift": Shift}):
        runs([ke.Member(model, preprocess=Shift(one, name="shift"))])
        members = [ke.Member(model, preprocess=Shift(other, name="shift"))]
        with pytest.warns(ke.KerasembleWarning, match=CHANGED):
            seen, _ = runs(members)
        np.testing.assert_array_equal(seen.values, ke.predict(members, X).values)


def test_another_head_runs_a_member_again(runs):
    import keras

    inputs = keras.Input((6,))
    heads = {name: keras.layers.Dense(3, activation="softmax", name=name)(inputs) for name in "ab"}
    model = keras.Model(inputs, heads)
    first, _ = runs([ke.Member(model, head="a")])
    with pytest.warns(ke.KerasembleWarning, match=CHANGED):
        second, ran = runs([ke.Member(model, head="b")])
    assert ran == 1
    assert np.abs(second.values - first.values).max() > 1e-3


def test_how_an_answer_is_read_is_no_reason_to_run_again(runs, dense):
    model = dense(0, activation=None)
    runs([ke.Member(model, output="auto")])
    members = [ke.Member(model, name="other", output="logits", classes="cab")]
    seen, ran = runs(members, classes="abc", batch_size=3)
    assert ran == 0
    np.testing.assert_array_equal(seen.values, ke.predict(members, X, classes="abc").values)


@pytest.mark.parametrize("damage", ["92-a-flipped-byte", "93-cut-short", "93-gone"])
def test_a_damaged_shard_is_named_and_only_it_is_run_again(runs, dense, rows_of_shards, damage, tmp_path):
    rows_of_shards(8)
    members = [dense(0, "a"), dense(1, "b")]
    whole, _ = runs(members)
    shard = max((tmp_path / "run").glob("data-*/*/000000000008.npy"))
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    if damage == "93-gone":
        shard.unlink()
    else:
        shard.write_bytes(content if damage == "92-a-flipped-byte" else content[:-8])
    with pytest.raises(ke.KerasembleError, match=r"000000000008\.npy is not what was written\. Predict into"):
        np.asarray(ke.load_store(tmp_path / "run").predictions.values)
    with pytest.warns(ke.KerasembleWarning, match=r"000000000008\.npy is damaged or missing: only these rows"):
        mended, ran = runs(members)
    assert ran == 1
    np.testing.assert_array_equal(mended.values, whole.values)
    assert runs(members)[1] == 0


def test_94_99_foreign_files_are_left_as_they_are_and_half_written_ones_of_ours_are_cleaned_away(runs, pair, tmp_path):
    runs(pair)
    folder = next((tmp_path / "run").glob("data-*/*/"))
    (folder / ".kerasemble-half.npy").write_bytes(b"\x93NUMPY")
    foreign = {"notes.txt": b"mine", "other.npy": b"no array", "data-mine/a.txt": b"mine too"}
    for name, content in foreign.items():
        path = tmp_path / "run" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    (folder / "manifest.json").unlink()
    assert runs(pair)[1] == 1
    assert not list(folder.glob(".kerasemble*"))
    assert {name: (tmp_path / "run" / name).read_bytes() for name in foreign} == foreign


def test_the_store_names_its_members_and_data_and_nothing_is_left_half_written(runs, pair, tmp_path):
    runs(pair)
    (folder,) = (tmp_path / "run").iterdir()
    bodies = [json.loads(path.read_text(encoding="utf-8"))["body"] for path in sorted(folder.glob("*/manifest.json"))]
    assert sorted(body["about"]["member"] for body in bodies) == ["a", "b"]
    assert json.loads((folder / "data.json").read_text(encoding="utf-8"))["body"]["shape"] == [20, 6]
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        *("data.json", "predictions.json", "manifest.json", "000000000000.npy", "cost.json", ".lock")
    }


def test_97_a_members_name_is_no_path(runs, dense, tmp_path):
    runs([ke.Member(dense(0), name="../../outside"), ke.Member(dense(1), name="/absolute")])
    assert {path.name for path in tmp_path.iterdir()} == {"run"}
    assert ke.load_store(tmp_path / "run").predictions.members == ("../../outside", "/absolute")


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"format": 2}', b'{"format": 2, "body": {}, "sha256": ""}', b"\xff", b"[" * 100_000],
    ids=["no-json", "a-list", "no-body", "no-checksum", "no-text", "deep"],
)
@pytest.mark.parametrize("name", ["data.json", "predictions.json", "manifest.json"])
def test_92_a_damaged_note_is_written_anew_and_read_by_nobody(runs, pair, tmp_path, name, content):
    whole, _ = runs(pair)
    path = min((tmp_path / "run").rglob(name))
    before = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ke.KerasembleError, match="Predict into this store again"):
        ke.load_store(tmp_path / "run")
    mended, ran = runs(pair)
    assert ran == (name == "manifest.json")
    assert path.read_bytes() == before
    np.testing.assert_array_equal(mended.values, whole.values)


@pytest.mark.parametrize("name", ["data.json", "predictions.json", "manifest.json"])
def test_95_what_a_newer_version_wrote_is_refused_and_kept(runs, pair, tmp_path, name):
    runs(pair)
    path = min((tmp_path / "run").rglob(name))
    path.write_text('{"format": 99, "body": {}, "sha256": ""}', encoding="utf-8")
    for read in (lambda: ke.load_store(tmp_path / "run"), lambda: runs(pair)):
        with pytest.raises(ke.KerasembleError, match=rf"{name} has format 99; .* reads 2\. Update it"):
            read()
    assert "99" in path.read_text(encoding="utf-8")


def test_a_store_is_read_without_the_members(runs, pair, tmp_path):
    seen, _ = runs(pair, as_source(X, Y))
    run = ke.load_store(tmp_path / "run")
    np.testing.assert_array_equal(run.predictions.values, seen.values)
    np.testing.assert_array_equal(run.y, Y)
    assert (run.predictions.members, run.predictions.classes) == (seen.members, seen.classes)
    assert (run.predictions.alignment, run.predictions.data) == (seen.alignment, seen.data)
    assert run.data["shape"] == [20, 6]


def test_what_is_read_from_a_large_store_is_what_fits_into_memory(runs, dense, rows_of_shards, monkeypatch, tmp_path):
    rows_of_shards(8)
    members = [dense(0, "a"), ke.Member(dense(1, activation=None), name="b", output="logits", classes=["2", "0", "1"])]
    whole, _ = runs(members, classes=["0", "1", "2"])
    monkeypatch.setattr("kerasemble.scoring.aligned._IN_MEMORY", 0)
    large = ke.load_store(tmp_path / "run").predictions
    assert not isinstance(large.values, np.ndarray)
    labels, rows = np.arange(20) % 3, np.array([1, 7, 8, 9, 19])
    np.testing.assert_array_equal(large.values, whole.values)
    for one, other in ((large, whole), (large.rows(rows), whole.rows(rows)), (large.only(["b"]), whole.only(["b"]))):
        for got, wanted in zip(one.each(), other.each(), strict=True):
            np.testing.assert_array_equal(got, wanted)
        np.testing.assert_array_equal(one.block(slice(3, 17)), other.block(slice(3, 17)))
        truth = labels[: one.samples]
        np.testing.assert_array_equal(one.of_true_class(truth), other.of_true_class(truth))
    report, wanted = (ke.compare(each, labels, ["average", "weighted-average"]) for each in (large, whole))
    assert report.to_json() == wanted.to_json()
    path = large.save(tmp_path / "large.npz")
    np.testing.assert_array_equal(ke.Predictions.load(path).values, whole.values)


def test_a_store_with_two_sets_of_data_asks_which(runs, pair, tmp_path):
    runs(pair)
    seen, _ = runs(pair, X[:10])
    with pytest.raises(ke.KerasembleError, match=r"2 sets of data: .*\(\d+ rows\).* Give the folder of one of them"):
        ke.load_store(tmp_path / "run")
    folder = next(path for path in (tmp_path / "run").iterdir() if path.name.endswith(seen.data[:16]))
    np.testing.assert_array_equal(ke.load_store(folder).predictions.values, seen.values)


def test_1_what_is_no_store_is_refused_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(ke.KerasembleError, match=r"has no finished predictions\. Make some: kerasemble predict MODEL"):
        ke.load_store(tmp_path)


def test_19_a_store_is_not_read_once_a_members_file_has_changed(runs, dense, tmp_path):
    path = tmp_path / "a.keras"
    dense(0).save(path)
    runs([path])
    ke.load_store(tmp_path / "run")
    dense(1).save(path)
    with pytest.raises(ke.KerasembleError, match=r"Member 'a': .*a\.keras has changed since it was scored\. Predict"):
        ke.load_store(tmp_path / "run")
    path.unlink()
    assert ke.load_store(tmp_path / "run").predictions.members == ("a",)


def test_50_data_that_changed_where_it_lies_is_said(runs, pair, tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, x=X)
    runs(pair, path)
    np.savez(path, x=X + 1)
    with pytest.warns(ke.KerasembleWarning, match=r"data\.npz has changed since its rows were scored into"):
        assert runs(pair, path)[1] == 2


@pytest.mark.parametrize("activation", ["softmax", None])
def test_half_precision_takes_half_the_room_and_is_read_as_such(runs, dense, tmp_path, activation):
    members = [dense(0, "a", activation=activation)]
    seen, _ = runs(members, dtype="float16")
    plain = ke.predict(members, X)
    np.testing.assert_allclose(seen.values, plain.values, atol=2e-3)
    np.testing.assert_allclose(np.asarray(seen.values).sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_array_equal(ke.load_store(tmp_path / "run").predictions.values, seen.values)
    (shard,) = (tmp_path / "run").rglob("*.npy")
    assert np.load(shard).dtype == np.float16
    assert runs(members, dtype="float16")[1] == 0


def test_71_values_beyond_half_precision_are_refused(runs, dense):
    member = ke.Member(dense(0, activation=None), name="a", output="logits")
    member.source.set_weights([weights * 1e5 for weights in member.source.get_weights()])
    with pytest.raises(
        ke.KerasembleError, match=r"Member 'a' gives values of .*, beyond float16\. Keep them as float32"
    ):
        runs([member], dtype="float16")


@pytest.mark.parametrize("options", [{}, {"classes": ["2", "0", "1"]}, {"output": "logits"}, {"ignore": [1]}])
def test_labels_alone_are_the_most_probable_classes(runs, dense, tmp_path, options):
    model = dense(
        0, "a", activation=None if "output" in options else "softmax", classes=4 if "ignore" in options else 3
    )
    members = [ke.Member(model, name="a", **options)]
    seen, _ = runs(members, classes=["0", "1", "2"], dtype="labels")
    wanted = ke.predict(members, X, classes=["0", "1", "2"]).values.argmax(axis=-1)
    assert seen.labels_only
    assert np.asarray(seen.values).dtype == np.uint8
    np.testing.assert_array_equal(seen.values, wanted)
    np.testing.assert_array_equal(ke.load_store(tmp_path / "run").predictions.values, seen.values)
    assert ke.MajorityVote().fit(seen)(seen).shape == (20, 3)


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_labels_of_one_column_are_the_likelier_of_two_classes(runs, dense, activation):
    output = "auto" if activation else "logits"
    members = [ke.Member(dense(3, "a", activation=activation, classes=1), name="a", output=output)]
    seen, _ = runs(members, X - 0.5, dtype="labels")
    np.testing.assert_array_equal(seen.values, ke.predict(members, X - 0.5).values.argmax(axis=-1))
    assert len(np.unique(np.asarray(seen.values))) == 2


def test_an_unknown_dtype_is_refused_with_those_there_are(pair):
    with pytest.raises(
        ke.KerasembleError, match=r"dtype must be one of float32, float16, labels\. Received: dtype='int8'"
    ):
        ke.predict(pair, X, dtype="int8")


def test_90_a_store_that_cannot_be_made_is_named(runs, pair, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ke.KerasembleError, match=r"run.* could not be written: Not a directory\. Give a folder"):
        runs(pair, store=tmp_path / "file" / "run")


def test_a_run_that_fails_keeps_what_was_stored_before(runs, pair):
    import keras

    inputs = keras.Input((6,))
    broken = keras.Model(inputs, keras.layers.Dense(3, activation="relu")(inputs) + 2, name="broken")
    with pytest.raises(ke.KerasembleError, match="broken"):
        runs([*pair, broken])
    assert runs(pair)[1] == 0


def soft(x):
    """A function that answers over three classes."""
    values = np.exp(x[:, :3])
    return values / values.sum(axis=1, keepdims=True)


def test_15_12_saved_predictions_are_kept_by_their_content_and_found_again_without_the_file(dense, tmp_path):
    path = tmp_path / "saved.npy"
    np.save(path, soft(X))
    seen = ke.predict([dense(0, "a"), path], X, store=tmp_path / "run")
    moved = path.rename(tmp_path / "moved.npy")
    kept = ke.load_store(tmp_path / "run").predictions
    assert kept.members == ("a", "saved")
    np.testing.assert_array_equal(kept.values, seen.values)
    shards = len(list((tmp_path / "run").rglob("0*.npy")))
    ke.predict([moved], X, store=tmp_path / "run")
    assert len(list((tmp_path / "run").rglob("0*.npy"))) == shards
    np.save(path, soft(X)[:, [1, 2, 0]])
    with pytest.warns(ke.KerasembleWarning):
        ke.predict([path], X, store=tmp_path / "run")
    np.testing.assert_allclose(ke.load_store(tmp_path / "run").predictions.values[0], soft(X)[:, [1, 2, 0]], atol=1e-7)
    np.save(path, soft(X))
    with pytest.raises(ke.KerasembleError):
        ke.load_store(tmp_path / "run")


def test_15_12_an_estimator_is_kept_by_its_pickle_and_another_of_its_kind_is_another(tmp_path, monkeypatch):
    from sklearn.ensemble import RandomForestClassifier

    one, other = (RandomForestClassifier(5, random_state=seed).fit(X, Y) for seed in (0, 1))
    seen = ke.predict([one], X, store=tmp_path)
    np.testing.assert_array_equal(ke.load_store(tmp_path).predictions.values, seen.values)
    calls = []
    inner = RandomForestClassifier.predict_proba

    def counted(forest, x):
        calls.append(len(x))
        return inner(forest, x)

    monkeypatch.setattr(RandomForestClassifier, "predict_proba", counted)
    again = ke.predict([pickle.loads(pickle.dumps(one))], X, store=tmp_path)  # noqa: S301 - our own
    assert max(calls) < len(X)  # a few rows, which say how many columns there are
    np.testing.assert_array_equal(again.values, seen.values)
    with pytest.warns(ke.KerasembleWarning):
        changed = ke.predict([other], X, store=tmp_path)
    assert np.abs(changed.values - seen.values).max() > 0.1


class Homemade:
    """An estimator of a module that has no version, so that its code may be another one tomorrow."""

    def predict_proba(self, x):
        return soft(x)


@pytest.mark.parametrize("member", [soft, Homemade()], ids=["function", "homemade"])
def test_15_12_what_the_store_cannot_keep_is_said_before_anything_is_run(dense, tmp_path, member):
    warned = []

    def note(message, *_args, **_kwargs):
        warned.append((message.code, bool(list(tmp_path.rglob("manifest.json")))))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", ke.KerasembleWarning)
        warnings.showwarning = note
        seen = ke.predict([dense(0, "a"), ke.Member(member, name="b")], X, store=tmp_path)
    assert warned == [(Code.NOT_KEPT, False)]
    assert seen.members == ("a", "b")
    assert ke.load_store(tmp_path).predictions.members == ("a",)


def test_15_18_members_none_of_which_is_kept_are_no_request_for_no_members(tmp_path):
    with pytest.warns(ke.KerasembleWarning) as caught:
        seen = ke.predict([ke.Member(soft, name="b"), ke.Member(soft, name="c")], X, store=tmp_path)
    assert [each.message.code for each in caught] == [Code.NOT_KEPT] * 2
    assert seen.members == ("b", "c")
