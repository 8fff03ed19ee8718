"""An ensemble's file: whole or absent, opened by bare Keras or refused, and all that made it inside."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import warnings
import zipfile
from importlib.metadata import version

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
Y = X[:, :3].argmax(axis=1)


def unregistered(x):
    return keras.ops.tanh(x)


class Unregistered(keras.Model):
    """A class that bare Keras does not find, and that leaves its factor out of its configuration."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.out = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.out(x * self.factor)

    def get_config(self):
        return {"name": self.name}


class NoConfig(Unregistered):
    """As above, without any configuration."""

    def get_config(self):
        raise NotImplementedError


class Noisy(keras.layers.Layer):
    """Random at inference."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x), seed=self.seed)


def with_layer(layer):
    return keras.Sequential([keras.Input((6,)), layer, layers.Dense(3, activation="softmax")], name="odd")


def built(model):
    model(X)
    return model


CANNOT_BE_SAVED = [
    pytest.param(lambda: with_layer(layers.Lambda(lambda x: x, name="code")), "'odd/code'", id="100-lambda"),
    pytest.param(lambda: with_layer(layers.Dense(2, lambda x: x, name="act")), "'odd/act'", id="100-lambda-activation"),
    pytest.param(lambda: with_layer(layers.Dense(2, unregistered)), "'unregistered'", id="9-unregistered-function"),
    pytest.param(lambda: built(Unregistered(name="odd")), "'Unregistered'", id="9-unregistered-class"),
    pytest.param(lambda: built(NoConfig(name="odd")), "NotImplementedError", id="9-class-without-config"),
]


@pytest.fixture(scope="module")
def ensemble(dense):
    ensemble = ke.Ensemble([dense(1, name="one"), dense(2, name="two")], classes=["a", "b", "c"])
    ensemble.predict(X)
    return ensemble


@pytest.fixture(scope="module")
def saved(ensemble, tmp_path_factory):
    return ensemble.save(tmp_path_factory.mktemp("saved") / "ensemble.keras")


def changed(file, target, **entries):
    """Copy an ensemble's file with other contents in its record."""
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "kerasemble.json":
                record = json.loads(content)
                content = entries["content"] if "content" in entries else json.dumps({**record, **entries})
            copy.writestr(name, content)
    return target


@pytest.mark.parametrize(("build", "named"), CANNOT_BE_SAVED)
def test_a_member_that_bare_keras_could_not_open_is_refused_and_the_old_file_stays(dense, tmp_path, build, named):
    odd = build()
    ensemble = ke.Ensemble([odd, dense(1)])
    by_hand = (odd.predict(X, verbose=0) + dense(1).predict(X, verbose=0)) / 2
    np.testing.assert_allclose(ensemble.predict(X), by_hand, atol=1e-6)
    target = tmp_path / "ensemble.keras"
    target.write_bytes(b"what was there before")
    with pytest.raises(ke.KerasembleError, match="Member 'odd'") as error:
        ensemble.save(target, overwrite=True)
    assert named in str(error.value)
    with pytest.raises(ke.KerasembleError, match="Member 'odd'"):
        ensemble.to_keras()
    assert target.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [target]


def test_103_a_copy_that_answers_otherwise_is_refused(dense, tmp_path):
    with keras.saving.custom_object_scope({"Unregistered": Unregistered}):
        ensemble = ke.Ensemble([built(Unregistered(3.0, name="odd")), dense(1)])
        ensemble.predict(X)
        with pytest.raises(ke.KerasembleError, match=r"Member 'odd' answers otherwise .*get_config"):
            ensemble.save(tmp_path / "ensemble.keras")
    assert list(tmp_path.iterdir()) == []


def test_73_what_is_random_at_inference_is_refused_when_it_is_run(dense):
    with pytest.raises(ke.KerasembleError, match="Member 'odd' is random"):
        ke.Ensemble([with_layer(Noisy()), dense(1)]).predict(X)


def test_103_a_file_that_answers_otherwise_than_the_ensemble_is_not_left(ensemble, dense, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.saving, "load_model", lambda _: dense(5))
    with pytest.raises(ke.KerasembleError, match="answers otherwise once saved"):
        ensemble.save(tmp_path / "ensemble.keras")
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_was_never_built_is_refused_before_anything_is_run(dense):
    with pytest.raises(ke.KerasembleError, match="'new' was never built"):
        ke.Ensemble([keras.Sequential([layers.Dense(3)], name="new"), dense(1)]).predict(X)


def test_101_a_file_is_replaced_only_where_that_is_asked_for(ensemble, saved, tmp_path):
    target = shutil.copy(saved, tmp_path / "ensemble.keras")
    other = ke.Ensemble(ensemble.members, ke.MajorityVote())
    other.predict(X)
    before = target.read_bytes()
    with pytest.raises(ke.KerasembleError, match="overwrite=True"):
        other.save(target)
    assert target.read_bytes() == before
    assert other.save(target, overwrite=True) == target
    assert isinstance(ke.load(target).combiner.combiner, ke.MajorityVote)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("ensemble.h5", "saved as .keras", id="wrong-suffix"),
        pytest.param("no/ensemble.keras", "does not exist", id="no-folder"),
        pytest.param(".", "saved as .keras", id="folder"),
    ],
)
def test_a_target_that_cannot_be_written_is_refused(ensemble, tmp_path, name, said):
    with pytest.raises(ke.KerasembleError, match=said):
        ensemble.save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_128_a_path_that_is_not_utf8_saves_and_loads(ensemble, tmp_path):
    file = tmp_path / os.fsdecode(b"mod\xe8le.keras")
    ensemble.save(file)
    np.testing.assert_allclose(ke.load(file).predict(X), ensemble.predict(X), atol=1e-6)
    again = ke.Ensemble([file, ensemble.members[0]], classes=ensemble.classes)
    again.predict(X)
    assert again.save(tmp_path / "again.keras").exists()


def test_the_file_says_what_made_it(dense, tmp_path):
    dense(1).save(tmp_path / "one.keras")
    rescale = layers.Rescaling(2.0)
    members = [
        ke.Member(tmp_path / "one.keras", classes=["a", "b", "c"]),
        ke.Member(
            dense(2, activation=None), name="two", preprocess=[rescale], output="logits", classes=["c", "b", "a"]
        ),
    ]
    ensemble = ke.Ensemble(members, ke.WeightedAverage()).fit(X, np.array(["a", "b", "c"])[Y])
    file = ensemble.save(tmp_path / "ensemble.keras")
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        record = json.loads(archive.read("kerasemble.json"))
    assert record["format"] == 1
    assert (record["kerasemble"], record["keras"]) == (version("kerasemble"), keras.__version__)
    assert record["backend"] == keras.backend.backend()
    assert record["report"] is None
    one, two = record["members"]
    assert one["sha256"] == hashlib.sha256((tmp_path / "one.keras").read_bytes()).hexdigest()
    assert (one["file"], two["file"], two["sha256"]) == ("one.keras", None, None)
    assert (two["output"], two["classes"]) == ("logits", ["c", "b", "a"])
    assert two["preprocess"][0]["layer"]["config"]["scale"] == 2.0
    fitted = record["fitted"]
    assert (fitted["combiner"]["name"], fitted["combiner"]["weights"]) == ("weighted-average", "learn")
    assert fitted["classes"] == ["a", "b", "c"]
    assert [reading["order"] for reading in fitted["alignment"]["readings"]] == [[0, 1, 2], [2, 1, 0]]
    np.testing.assert_allclose(fitted["learned"]["log_weights"], ensemble.combiner.learned["log_weights"])
    # The record is of how members were made, so it outlives loading and saving again.
    loaded = ke.load(file)
    loaded.save(tmp_path / "again.keras")
    with zipfile.ZipFile(tmp_path / "again.keras") as archive:
        assert json.loads(archive.read("kerasemble.json"))["members"] == record["members"]


def test_an_ensemble_that_never_saw_data_is_saved_by_what_its_members_say(dense, tmp_path):
    models = [dense(1), dense(2)]
    file = ke.Ensemble(models).save(tmp_path / "ensemble.keras")
    by_hand = np.mean([model.predict(X, verbose=0) for model in models], axis=0)
    np.testing.assert_allclose(keras.saving.load_model(file).predict(X, verbose=0), by_hand, atol=1e-6)


def test_a_loaded_ensemble_is_fitted_anew_with_another_combiner_and_saved_again(saved, tmp_path):
    loaded = ke.load(saved)
    fitted = ke.Ensemble(loaded.members, ke.WeightedGeometricAverage()).fit(X, Y)
    again = ke.load(fitted.save(tmp_path / "again.keras"))
    assert again.combiner.combiner == ke.WeightedGeometricAverage()
    assert again.combiner.weights == pytest.approx(fitted.combiner.weights, abs=1e-6)
    assert again.classes == ("a", "b", "c")
    np.testing.assert_allclose(again.predict(X), fitted.predict(X), atol=1e-6)


def test_the_report_travels_with_the_ensemble(dense, tmp_path):
    with warnings.catch_warnings():
        # Three random members on 40 rows are nothing to be proud of, which is what it warns of.
        warnings.simplefilter("ignore", ke.KerasembleWarning)
        ensemble = ke.combine([dense(1, name="one"), dense(2, name="two")], X, Y)
    loaded = ke.load(ensemble.save(tmp_path / "ensemble.keras"))
    assert loaded.report == ensemble.report
    assert str(loaded.report) == str(ensemble.report)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        pytest.param({"content": b""}, "damaged", id="empty"),
        pytest.param({"content": b"\xff"}, "damaged", id="no-text"),
        pytest.param({"content": b"[]"}, "damaged", id="a-list"),
        pytest.param({"content": b"{}"}, "damaged", id="nothing-in-it"),
        pytest.param({"content": b'{"format": 1}'}, "damaged", id="incomplete"),
        pytest.param({"format": 2, "kerasemble": "9.0"}, "newer kerasemble .9.0.", id="95-newer-version"),
        pytest.param({"report": {}}, "damaged", id="bad-report"),
        pytest.param({"fitted": {}}, "damaged", id="bad-combiner"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused_with_the_files_name(saved, tmp_path, entries, said):
    file = changed(saved, tmp_path / "changed.keras", **entries)
    with pytest.raises(ke.KerasembleError, match=rf"changed\.keras.*{said}"):
        ke.load(file)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"members": ["one", "three"]}, id="other-members"),
        pytest.param({"classes": ["a", "b"]}, id="fewer-classes"),
        pytest.param({"learned": {"log_weights": [0.0, 0.0]}}, id="weights-that-the-model-has-not"),
    ],
)
def test_a_record_of_another_model_is_refused(saved, tmp_path, change):
    with zipfile.ZipFile(saved) as archive:
        fitted = json.loads(archive.read("kerasemble.json"))["fitted"]
    file = changed(saved, tmp_path / "changed.keras", fitted={**fitted, **change})
    with pytest.raises(ke.KerasembleError, match="not the ensemble's own"):
        ke.load(file)


def test_a_plain_model_is_no_ensemble(dense, tmp_path):
    dense(1).save(tmp_path / "plain.keras")
    with pytest.raises(ke.KerasembleError, match="plain model, not an ensemble"):
        ke.load(tmp_path / "plain.keras")


def test_a_byte_that_changed_in_the_file_is_never_a_silent_wrong_answer(saved, tmp_path):
    content, predicted = saved.read_bytes(), ke.load(saved).predict(X[:4])
    refused = 0
    for offset in np.random.default_rng(0).integers(0, len(content), 12):
        file = tmp_path / "changed.keras"
        file.write_bytes(content[:offset] + bytes([content[offset] ^ 0xFF]) + content[offset + 1 :])
        try:
            np.testing.assert_allclose(ke.load(file).to_keras().predict(X[:4], verbose=0), predicted, atol=1e-6)
        except ke.KerasembleError:
            refused += 1
    assert refused > 6
