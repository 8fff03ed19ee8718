"""What Keras opens is a private copy of what was inspected, mended, and it answers as the user's model does."""

from __future__ import annotations

import errno
import json
import os
import stat
import zipfile

import h5py
import numpy as np
import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import digest
from kerasemble.members.inspection import assembly, staging
from kerasemble.members.inspection.examined import Examined
from kerasemble.members.inspection.record import Inspection
from kerasemble.members.inspection.staging import staged
from kerasemble.members.legacy import Mended, Scale

ROWS = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


def opened(path, **options):
    """Return what Keras opens."""
    import keras

    with staged(path, **options) as ready:
        return keras.saving.load_model(ready.path, compile=False)


@pytest.mark.parametrize("name", ["dense.keras", "dense.h5"])
def test_the_copy_is_byte_for_byte_what_was_inspected_and_goes_at_the_end(saved, name):
    with staged(saved / name) as ready:
        assert ready.path.read_bytes() == (saved / name).read_bytes()
        assert ready.inspection.sha256 == digest(ready.path)
        assert ready.inspection.path == str(saved / name)
        if os.name != "nt":
            assert stat.S_IMODE(ready.path.parent.stat().st_mode) == 0o700
    assert not ready.path.parent.exists()


@pytest.mark.parametrize("name", ["dense.keras", "dense.h5"])
def test_a_model_answers_as_it_was_saved(saved, dense, answer, name):
    np.testing.assert_array_equal(answer(opened(saved / name), ROWS), answer(dense(1), ROWS))


@pytest.mark.parametrize("name", ["nested.keras", "packed.keras", "unzipped"])
def test_an_archive_a_compressed_one_and_an_unzipped_one_answer_alike(saved, nested, answer, name):
    rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    np.testing.assert_array_equal(answer(opened(saved / name), rows), answer(nested, rows))


def test_training_settings_are_not_in_what_keras_opens(saved):
    with staged(saved / "nested.keras") as ready, zipfile.ZipFile(ready.path) as archive:
        assert "compile_config" not in json.loads(archive.read("config.json"))


@pytest.mark.parametrize("name", ["dense.weights.h5", "older.h5"])
def test_weights_and_their_architecture_become_one_file(saved, dense, answer, name):
    model = opened(saved / name, architecture=saved / "dense.json")
    np.testing.assert_array_equal(answer(model, ROWS), answer(dense(1), ROWS))


@pytest.mark.parametrize("name", ["dense.weights.h5", "older.h5"])
def test_weights_for_a_function_are_copied_under_a_name_that_keras_reads(saved, dense, answer, name):
    model = dense(2)
    with staged(saved / name, architecture=lambda: model) as ready:
        assert ready.path.read_bytes() == (saved / name).read_bytes()
        model.load_weights(ready.path)
    np.testing.assert_array_equal(answer(model, ROWS), answer(dense(1), ROWS))


def test_a_saved_model_is_copied_whole(tmp_path):
    (tmp_path / "net" / "variables").mkdir(parents=True)
    (tmp_path / "net" / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "net" / "variables" / "variables.index").write_bytes(b"x")
    with staged(tmp_path / "net", trust=True) as ready:
        assert digest(ready.path) == digest(tmp_path / "net") == ready.inspection.sha256
        assert ready.path.name == "net"
        assert ready.path != tmp_path / "net"


@pytest.mark.parametrize("name", ["gone.keras", "dense.weights.h5", "x" * 5000])
def test_a_refusal_is_an_error_that_begins_with_the_path(saved, name):
    with (
        pytest.raises(KerasembleError, match=r"does not exist|architecture|cannot be read") as error,
        staged(saved / name),
    ):
        pass
    assert str(error.value).startswith(str(saved / name)[:200])
    assert error.value.__cause__.code


def test_a_full_disk_is_said(saved, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(staging, "assemble", full)
    with pytest.raises(KerasembleError, match=r"cannot be copied to the temporary folder .*Make room"):
        opened(saved / "dense.keras")


def test_an_error_of_the_user_is_left_as_it_is_and_the_copy_goes(saved):
    def fail(path):
        assert path.exists()
        raise OSError(errno.ENOSPC, os.fspath(path))

    with pytest.raises(OSError, match=r"model\.keras") as error, staged(saved / "dense.keras") as ready:
        fail(ready.path)
    assert not os.path.exists(error.value.strerror)  # noqa: PTH110 - the path as the error has it


@pytest.mark.parametrize("kind", ["keras", "json", "h5"])
def test_weights_change_places_at_once_and_then_are_multiplied(tmp_path, kind):
    layout = "h5" if kind == "h5" else "keras"
    with h5py.File(tmp_path / "copy", "w") as file:
        root = file.create_group("model_weights") if kind == "h5" else file
        for index, name in enumerate("abc"):
            root[f"{name}/0"] = np.full(4, float(index), np.float32)
    if kind == "keras":
        (tmp_path / "copy").rename(tmp_path / "w.h5")
        with zipfile.ZipFile(tmp_path / "copy", "w") as archive:
            archive.write(tmp_path / "w.h5", "model.weights.h5")
            archive.writestr("config.json", "{}")
            archive.writestr("assets/words.txt", "a")
    prefix = "model_weights/" if kind == "h5" else ""
    pairs = (("a/0", "b/0"), ("b/0", "a/0"), ("c/0", "d/e/0"))
    moves = tuple((prefix + stored, prefix + wanted) for stored, wanted in pairs)
    mended = Mended({"new": 1}, moves, ("moved",), (Scale(f"{prefix}a/0", (1.5,)),))
    found = Examined(Inspection("x", format=kind), tmp_path / "copy", layout, mended)
    path = assembly.assemble(found, tmp_path)
    assert path.name == f"model.{layout}"
    if layout == "keras":
        with zipfile.ZipFile(path) as archive:
            assert json.loads(archive.read("config.json")) == {"new": 1}
            assert ("assets/words.txt" in archive.namelist()) == (kind == "keras")
            archive.extract("model.weights.h5", tmp_path / "out")
        path = tmp_path / "out" / "model.weights.h5"
    with h5py.File(path) as file:
        values = {name: file[f"{prefix}{name}"][0] for name in ("a/0", "b/0", "d/e/0")}
        assert kind != "h5" or json.loads(file.attrs["model_config"]) == {"new": 1}
        assert "kerasemble-moving" not in file
    assert values == {"a/0": 1.5, "b/0": 0.0, "d/e/0": 2.0}
