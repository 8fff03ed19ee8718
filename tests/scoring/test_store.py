"""A store spares a run where nothing that matters has changed, and never where something has."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend

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


def test_19_other_weights_run_a_member_again(runs, pair):
    runs(pair)
    kernel, bias = pair[0].get_weights()
    pair[0].set_weights([kernel, bias + 1])
    seen, ran = runs(pair)
    assert ran == 1
    np.testing.assert_array_equal(seen.values, ke.predict(pair, X).values)


def test_19_another_model_in_the_same_file_is_run_again(runs, dense, tmp_path):
    path = tmp_path / "a.keras"
    dense(0).save(path)
    before, _ = runs([path])
    assert runs([path])[1] == 0
    dense(1).save(path)
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
        seen, _ = runs(members)
        np.testing.assert_array_equal(seen.values, ke.predict(members, X).values)


def test_another_head_runs_a_member_again(runs):
    import keras

    inputs = keras.Input((6,))
    heads = {name: keras.layers.Dense(3, activation="softmax", name=name)(inputs) for name in "ab"}
    model = keras.Model(inputs, heads)
    first, _ = runs([ke.Member(model, head="a")])
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
def test_a_damaged_shard_is_noticed_and_only_its_member_runs_again(runs, pair, tmp_path, damage):
    whole, _ = runs(pair)
    shard = min((tmp_path / "run").glob("*.npy"))
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    if damage == "93-gone":
        shard.unlink()
    else:
        shard.write_bytes(content if damage == "92-a-flipped-byte" else content[:-8])
    mended, ran = runs(pair)
    assert ran == 1
    np.testing.assert_array_equal(mended.values, whole.values)
    assert runs(pair)[1] == 0


def test_94_99_half_written_and_foreign_files_are_passed_over_and_left_as_they_are(runs, pair, tmp_path):
    store = tmp_path / "run"
    store.mkdir()
    foreign = {"notes.txt": b"mine", "other.npy": b"no array", ".kerasemble-half.npy": b"\x93NUMPY"}
    for name, content in foreign.items():
        (store / name).write_bytes(content)
    assert runs(pair)[1] == 2
    assert runs(pair)[1] == 0
    assert {name: (store / name).read_bytes() for name in foreign} == foreign


def test_the_manifest_names_the_members_and_nothing_is_left_half_written(runs, pair, tmp_path):
    runs(pair)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(entry["member"] for entry in manifest["shards"].values()) == ["a", "b"]
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"manifest.json", *(f"{key}.npy" for key in manifest["shards"])}


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        pytest.param('{"format": 2, "shards": {}}', "has format 2; this version.* reads 1. Update", id="95-newer"),
        pytest.param("{", "is damaged: .*Remove it; the members will be run again", id="92-no-json"),
        pytest.param("[]", "is damaged", id="92-a-list"),
        pytest.param('{"format": 1}', "is damaged", id="92-no-shards"),
        pytest.param('{"format": 1, "shards": {"a": 3}}', "is damaged", id="92-no-entry"),
        pytest.param('{"format": 1, "shards": {"a": {}}}', "is damaged", id="92-no-hash"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_and_kept(runs, pair, tmp_path, manifest, said):
    path = tmp_path / "run" / "manifest.json"
    path.parent.mkdir()
    path.write_text(manifest, encoding="utf-8")
    with pytest.raises(ke.KerasembleError, match=rf"manifest\.json {said}"):
        runs(pair)
    assert path.read_text(encoding="utf-8") == manifest


def test_90_a_store_that_cannot_be_made_is_named(runs, pair, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ke.KerasembleError, match=r"store .*run cannot be made.*Give a folder"):
        runs(pair, store=tmp_path / "file" / "run")


def test_a_run_that_fails_keeps_what_was_stored_before(runs, pair):
    import keras

    inputs = keras.Input((6,))
    broken = keras.Model(inputs, keras.layers.Dense(3, activation="relu")(inputs) + 2, name="broken")
    with pytest.raises(ke.KerasembleError, match="broken"):
        runs([*pair, broken])
    assert runs(pair)[1] == 0
