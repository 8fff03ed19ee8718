"""A file becomes a Keras model by one way, whatever its format; what must not be opened is not."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kerasemble import KerasembleError, KerasembleWarning, Member, load_members, predict

X = np.random.default_rng(0).normal(size=(20, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("gone.keras", None, "does not exist", id="1-missing"),
        pytest.param("empty.keras", b"", r"is empty \(0 bytes\)", id="3-empty"),
        pytest.param("model.keras", b"version https://git-lfs.github.com/spec/v1", "git lfs pull", id="4-lfs-pointer"),
        pytest.param("model.h5", b"PK\x03\x04rest", "Rename it to model.keras", id="5-suffix"),
    ],
)
def test_what_is_no_model_is_refused_when_the_member_is_made(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KerasembleError, match=f"{name}.*{said}"):
        Member(os.fspath(path))


def test_131_an_address_is_refused():
    with pytest.raises(KerasembleError, match=r"is an address. Download the file first"):
        Member("hf://user/model.keras")


@pytest.fixture(scope="module")
def saved(tmp_path_factory, dense):
    """One model as .keras and as .h5, and its weights alone."""
    import keras

    folder = tmp_path_factory.mktemp("saved")
    dense(1).save(folder / "model.keras")
    # Keras's own writer of .h5, called as `save` does but without its advice to use another format.
    keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(dense(1), folder / "model.h5")
    dense(1).save_weights(folder / "model.weights.h5")
    return folder


@pytest.mark.backend
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_model_is_loaded_as_it_was_saved_and_not_compiled(saved, dense, name):
    model = Member(saved / name).open().model
    assert not model.compiled
    for own, then in zip(model.get_weights(), dense(1).get_weights(), strict=True):
        np.testing.assert_array_equal(own, then)


@pytest.mark.backend
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_6_a_truncated_file_is_refused_with_its_name(saved, tmp_path, name, share):
    content = (saved / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(KerasembleError, match=rf"{name} "):
        Member(tmp_path / name).open()


@pytest.mark.backend
def test_an_archive_without_a_model_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.keras", "w") as archive:
        archive.writestr("photo.png", b"")
    with pytest.raises(KerasembleError, match=r"photos.keras .*config\.json"):
        Member(tmp_path / "photos.keras").open()


@pytest.mark.backend
def test_15_weights_without_a_model_are_refused(saved):
    with pytest.raises(KerasembleError, match=r"weights.h5 holds weights without an architecture"):
        Member(saved / "model.weights.h5").open()


@pytest.mark.backend
def test_a_file_of_a_layer_is_no_model(tmp_path):
    import keras

    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    keras.saving.save_model(layer, tmp_path / "layer.keras")
    with pytest.raises(KerasembleError, match=r"layer.keras .*Dense"):
        Member(tmp_path / "layer.keras").open()


@pytest.mark.backend
@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_128_a_path_that_is_not_utf8_is_loaded(saved, tmp_path):
    for suffix in (".keras", ".h5"):
        path = tmp_path / (os.fsdecode(b"mod\xe8le") + suffix)
        path.write_bytes((saved / f"model{suffix}").read_bytes())
        assert len(Member(path).open().model.get_weights()) == 2


@pytest.fixture(scope="module")
def parts(tmp_path_factory, dense):
    """A model's JSON, its weights in both layouts, and its archive unzipped."""
    import keras

    folder = tmp_path_factory.mktemp("parts")
    model = dense(1)
    (folder / "model.json").write_text(model.to_json(), encoding="utf-8")
    model.save_weights(folder / "model.weights.h5")
    keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(model, folder / "whole.h5")
    import h5py

    with h5py.File(folder / "whole.h5") as whole, h5py.File(folder / "old.h5", "w") as old:
        for name in whole["model_weights"]:
            whole.copy(f"model_weights/{name}", old)
        for key, value in whole["model_weights"].attrs.items():
            old.attrs[key] = value
    model.save(folder / "whole.keras")
    with zipfile.ZipFile(folder / "whole.keras") as archive:
        archive.extractall(folder / "unzipped")
    return folder


@pytest.mark.backend
@pytest.mark.parametrize("weights", ["model.weights.h5", "old.h5"])
@pytest.mark.parametrize("kind", ["json", "function"])
def test_f8_weights_are_opened_with_their_architecture(parts, dense, weights, kind):
    architecture = parts / "model.json" if kind == "json" else lambda: dense(7)
    model = Member(parts / weights, architecture=architecture).open().model
    for own, then in zip(model.get_weights(), dense(1).get_weights(), strict=True):
        np.testing.assert_array_equal(own, then)


@pytest.mark.backend
def test_an_unzipped_archive_is_a_member(parts, answer, dense):
    seen = predict([parts / "unzipped"], X)
    np.testing.assert_allclose(seen.values[0], answer(dense(1), X), atol=1e-6)
    assert seen.alignment.readings[0].file is not None


def test_a_list_of_members_says_all_that_a_file_needs(parts, tmp_path):
    (tmp_path / "members.toml").write_text(
        f"""[[member]]
path = {str(parts / "model.weights.h5")!r}
architecture = {str(parts / "model.json")!r}
ignore = [0, "rest"]
trust = true
custom = ["fractions:Fraction"]
""",
        encoding="utf-8",
    )
    (member,) = load_members(tmp_path / "members.toml")
    assert (member.ignore, member.trust, list(member.custom_objects)) == ((0, "rest"), True, ["Fraction"])
    assert Path(member.architecture) == parts / "model.json"


@pytest.fixture
def with_lambda(tmp_path):
    """A model with a Lambda layer that doubles its input, as a file."""
    import keras

    body = [keras.Input((6,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(body, name="doubling")
    model.save(tmp_path / "doubling.keras")
    return tmp_path / "doubling.keras", model


@pytest.mark.backend
def test_8_code_is_opened_only_where_the_user_vouches_for_it_and_that_is_recorded(with_lambda, answer):
    path, model = with_lambda
    with pytest.raises(KerasembleError, match=r"doubling.keras .*[Ll]ambda.*--trust"):
        Member(path).open()
    seen = predict([Member(path, trust=True)], X)
    np.testing.assert_allclose(seen.values[0], answer(model, X), atol=1e-6)
    reading = seen.alignment.readings[0]
    assert "trust" in reading.vouched
    assert len(reading.file) == 64
    assert "file trusted" in reading.describe()


@pytest.mark.backend
def test_8_code_stays_refused_where_keras_was_told_to_run_it(with_lambda):
    import keras

    # What keras.config.enable_unsafe_deserialization() sets, until the end of the block.
    unsafe = keras.src.saving.serialization_lib.SafeModeScope(safe_mode=False)
    with unsafe, pytest.raises(KerasembleError, match=r"[Ll]ambda"):
        Member(with_lambda[0]).open()


@pytest.mark.backend
def test_9_a_custom_class_is_given_by_name(tmp_path, answer):
    import keras

    class Doubling(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    body = [keras.Input((6,)), Doubling(), keras.layers.Dense(3, activation="softmax")]
    model = keras.Sequential(body, name="doubling")
    model.save(tmp_path / "doubling.keras")
    with pytest.raises(KerasembleError, match=r"'Doubling'.*--custom"):
        Member(tmp_path / "doubling.keras").open()
    member = Member(tmp_path / "doubling.keras", custom_objects={"Doubling": Doubling})
    seen = predict([member], X)
    np.testing.assert_allclose(seen.values[0], answer(model, X), atol=1e-6)
    assert "Doubling" in seen.alignment.readings[0].vouched


@pytest.mark.backend
def test_code_that_changes_keras_for_the_process_is_refused_and_undone(tmp_path):
    import keras

    class Meddling(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            keras.config.set_epsilon(0.5)

        def call(self, x):
            return x

    body = [keras.Input((6,)), Meddling(), keras.layers.Dense(3, activation="softmax")]
    before = 1e-7
    model = keras.Sequential(body)
    keras.config.set_epsilon(before)
    model.save(tmp_path / "meddling.keras")
    with pytest.raises(KerasembleError, match=r"meddling.keras changed Keras's epsilon for the whole process"):
        Member(tmp_path / "meddling.keras", custom_objects={"Meddling": Meddling}).open()
    assert keras.config.epsilon() == before


@pytest.mark.backend
def test_20_21_a_saved_model_is_a_member_on_tensorflow_and_refused_elsewhere(tmp_path, dense, answer):
    import keras

    if keras.backend.backend() == "tensorflow":
        dense(1).export(tmp_path / "saved", verbose=False)
        with pytest.raises(KerasembleError, match=r"SavedModel.*--trust"):
            Member(tmp_path / "saved").open()
        seen = predict([Member(tmp_path / "saved", trust=True)], X)
        np.testing.assert_allclose(seen.values[0], answer(dense(1), X), atol=1e-6)
    else:
        (tmp_path / "saved").mkdir()
        (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
        with pytest.raises(KerasembleError, match=r"SavedModel, which only TensorFlow can run; Keras runs on"):
            Member(tmp_path / "saved", trust=True).open()


@pytest.mark.backend
def test_16_a_file_of_a_newer_keras_is_opened_with_a_warning(tmp_path, dense):
    dense(1).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive, zipfile.ZipFile(tmp_path / "new.keras", "w") as new:
        for name in archive.namelist():
            content = archive.read(name)
            new.writestr(name, content.replace(b'"keras_version": "3.', b'"keras_version": "9.'))
    with pytest.warns(KerasembleWarning, match=r"new.keras: .*was saved by Keras 9"):
        Member(tmp_path / "new.keras").open()
