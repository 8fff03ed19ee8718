"""A file is looked at before Keras sees it: what it is, and whether that is what its name says."""

from __future__ import annotations

import os
import pickle
import sys
import zipfile

import numpy as np
import pytest

from kerasemble import KerasembleError, Member
from kerasemble.members.files import check_file, sha256

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("gone.keras", None, "does not exist", id="1-missing"),
        pytest.param("empty.keras", b"", r"is empty \(0 bytes\)", id="3-empty"),
        pytest.param("pointer.keras", POINTER, "git-LFS pointer.*git lfs pull", id="4-lfs-pointer"),
        pytest.param("page.h5", b"\n<!DOCTYPE html><html>", "web page.*download it again", id="4-html"),
        pytest.param("page.keras", b"<html>", "web page", id="4-html-short"),
        pytest.param("model.keras", pickle.dumps({"a": 1}), "pickle.*can run any code", id="4-pickle"),
        pytest.param("model.h5", ZIP + b"rest", "is Keras archive but named .h5. Rename it to model.keras", id="5-zip"),
        pytest.param("model.keras", HDF5 + b"x", "is HDF5 but named .keras. Rename it to model.h5", id="5-hdf5"),
        pytest.param("model", HDF5 + b"x", "is HDF5 but has no suffix. Rename it to model.h5", id="5-no-suffix"),
        pytest.param("model.bin", ZIP + b"x", "named .bin. Rename it to model.keras", id="5-unknown-suffix"),
        pytest.param("model.keras", b"\x1f\x8b\x08", "gzip file. Unpack it", id="5-gzip"),
        pytest.param("model.keras", b"\x93NUMPY", "neither a Keras archive nor HDF5", id="garbage"),
        pytest.param("model.keras", bytes(100), "neither a Keras archive nor HDF5", id="zeros"),
    ],
)
def test_what_is_no_model_is_refused_by_what_it_is(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KerasembleError, match=f"{name}.*{said}"):
        check_file(path)
    with pytest.raises(KerasembleError, match=said):
        Member(os.fspath(path))


@pytest.mark.parametrize("path", ["hf://user/model", "gs://bucket/model.keras", "https://host/model.keras"])
def test_131_an_address_is_refused(path):
    with pytest.raises(KerasembleError, match=r"is an address. Download the file first"):
        check_file(path)


def test_2_a_folder_is_refused(tmp_path):
    with pytest.raises(KerasembleError, match=r"is not a file.*folders are not supported"):
        check_file(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_2_a_fifo_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "model.keras")
    with pytest.raises(KerasembleError, match="is not a file"):
        check_file(tmp_path / "model.keras")


@pytest.mark.parametrize("name", ["x" * 5000 + ".keras", "a\0b.keras", "~/model.keras", ""])
def test_a_path_that_cannot_be_is_refused_as_any_other(name):
    with pytest.raises(KerasembleError, match=r"does not exist|cannot be read|is not a file"):
        check_file(name)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="whoever is root may read anything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(ZIP)
    path.chmod(0)
    with pytest.raises(KerasembleError, match="cannot be read: Permission denied"):
        check_file(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.keras", ZIP), ("MODEL.KERAS", ZIP), ("model.h5", HDF5), ("model.hdf5", HDF5), ("a.b.keras", ZIP)],
)
def test_a_file_that_is_what_its_name_says_is_accepted(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert check_file(tmp_path / name) == tmp_path / name


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


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
    model = Member(saved / name).load()
    assert not model.compiled
    for own, then in zip(model.get_weights(), dense(1).get_weights(), strict=True):
        np.testing.assert_array_equal(own, then)


@pytest.mark.backend
@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_6_a_truncated_file_is_refused_with_its_name(saved, tmp_path, name, share):
    content = (saved / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(KerasembleError, match=rf"{name} (is damaged|cannot be opened by Keras)"):
        Member(tmp_path / name).load()


@pytest.mark.backend
def test_an_archive_without_a_model_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "photos.keras", "w") as archive:
        archive.writestr("photo.png", b"")
    with pytest.raises(KerasembleError, match=r"photos.keras cannot be opened by Keras .*config\.json"):
        Member(tmp_path / "photos.keras").load()


@pytest.mark.backend
def test_15_weights_without_a_model_are_refused(saved):
    with pytest.raises(KerasembleError, match=r"weights.h5 cannot be opened by Keras .*No model config"):
        Member(saved / "model.weights.h5").load()


@pytest.mark.backend
def test_a_file_of_a_layer_is_no_model(tmp_path):
    import keras

    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    keras.saving.save_model(layer, tmp_path / "layer.keras")
    with pytest.raises(KerasembleError, match=r"layer.keras holds a Dense, not a model"):
        Member(tmp_path / "layer.keras").load()


@pytest.mark.backend
@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_128_a_path_that_is_not_utf8_is_loaded(saved, tmp_path):
    for suffix in (".keras", ".h5"):
        path = tmp_path / (os.fsdecode(b"mod\xe8le") + suffix)
        path.write_bytes((saved / f"model{suffix}").read_bytes())
        assert len(Member(path).load().get_weights()) == 2
