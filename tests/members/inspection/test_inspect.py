"""What is found out about a file is right, and a bad file is a record with the reason, never an exception."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib.metadata import version

import h5py
import numpy as np
import pytest

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import digest
from kerasemble.members.inspection.inspect import inspect

LAMBDA = {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "code", "function": "x"}}


def rewritten(source, target, changes):
    """Write an archive again with other entries; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        entries = {name: old.read(name) for name in old.namelist()} | changes
        for name, content in entries.items():
            if content is not None:
                new.writestr(name, content)
    return target


def with_lambda(source, target):
    with zipfile.ZipFile(source) as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"].append(LAMBDA)
    return rewritten(source, target, {"config.json": json.dumps(config)})


@pytest.mark.parametrize(
    ("name", "kind"),
    [("nested.keras", "keras"), ("packed.keras", "keras"), ("nested.h5", "h5"), ("unzipped", "folder")],
)
def test_the_facts_are_those_of_the_model(saved, nested, name, kind):
    found = inspect(saved / name)
    assert found.safe, found.reason
    assert (found.format, found.keras_version) == (kind, version("keras"))
    assert found.parameters == nested.count_params()
    # Five of the outer model and two of the inner one, without inputs.
    assert found.layers == 7
    assert [(port.name, port.shape, port.dtype) for port in found.inputs] == [("rows", (None, 8), "float32")]
    assert [(port.name, port.shape, port.activation) for port in found.outputs] == [("classes", (None, 3), "softmax")]
    assert found.sha256 == digest(saved / name)
    if kind != "folder":
        assert found.size == (saved / name).stat().st_size
    assert (found.warnings, found.vouched, found.mended, found.classes) == ((), (), (), None)
    assert json.loads(json.dumps(found.to_json()))["safe"] is True


def test_15_weights_alone_are_refused_with_the_cure(saved):
    found = inspect(saved / "dense.weights.h5")
    assert (found.code, found.format, found.parameters) == ("weights-only", "weights", 21)
    assert "architecture='model.json'" in found.reason


def test_weights_with_an_architecture_are_inspected_together(saved):
    found = inspect(saved / "dense.weights.h5", architecture=saved / "dense.json")
    assert found.safe, found.reason
    assert (found.format, found.layers, found.parameters) == ("json", 1, 21)
    assert found.sha256 == digest(saved / "dense.weights.h5")

    def build():
        pytest.fail("a function of the user's is run by Keras's process only")

    found = inspect(saved / "dense.weights.h5", architecture=build)
    assert (found.safe, found.format, found.layers, found.parameters) == (True, "weights", None, 21)


def test_an_architecture_of_other_weights_is_refused(saved, tmp_path):
    text = (saved / "dense.json").read_text(encoding="utf-8")
    (tmp_path / "other.json").write_text(text.replace('"units": 3', '"units": 4'), encoding="utf-8")
    assert inspect(saved / "dense.weights.h5", architecture=tmp_path / "other.json").code == "shape-mismatch"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "model.json, which does not exist"),
        (b"<html>", "model.json, which is a web page"),
        (b"\x89HDF\r\n\x1a\n", "which is HDF5 but named .json"),
        (b'{"a": NaN}', "holds NaN"),
    ],
)
def test_an_architecture_that_is_none_is_named(saved, tmp_path, content, said):
    if content is not None:
        (tmp_path / "model.json").write_bytes(content)
    found = inspect(saved / "dense.weights.h5", architecture=tmp_path / "model.json")
    assert found.code == "architecture"
    assert said in found.reason


@pytest.mark.parametrize("name", ["dense.keras", "dense.h5"])
def test_an_architecture_beside_a_whole_model_is_refused(saved, name):
    found = inspect(saved / name, architecture=saved / "dense.json")
    assert found.code == "architecture"
    assert "Leave the one that you give out" in found.reason


def test_an_architecture_alone_is_refused_with_the_cure(saved, tmp_path):
    found = inspect(saved / "dense.json")
    assert (found.code, found.format) == ("no-weights", "json")
    assert "architecture='model.json'" in found.reason
    (tmp_path / "model.weights.json").write_text('{"metadata": {}, "weight_map": {}}', encoding="utf-8")
    assert inspect(tmp_path / "model.weights.json").code == "not-supported"


def test_hdf5_of_other_things_is_no_model(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x_train"] = np.ones(3)
    found = inspect(tmp_path / "data.h5")
    assert (found.code, found.format) == ("not-a-model", "h5")


@pytest.mark.parametrize(
    ("changes", "code", "known"),
    [
        ({"config.json": b"{"}, "json-damaged", "sha256"),
        ({"config.json": b'"Dense"'}, "config", "parameters"),
        ({"metadata.json": b'{"keras_version": 1e999}'}, "json-number", "size"),
        ({"model.weights.h5": b"\x89HDF"}, "hdf5-damaged", "keras_version"),
        ({"config.json": None}, "zip-incomplete", "format"),
    ],
)
def test_a_refusal_comes_with_what_was_known_until_then(saved, tmp_path, changes, code, known):
    found = inspect(rewritten(saved / "dense.keras", tmp_path / "a.keras", changes))
    assert (found.code, found.safe) == (code, False)
    assert getattr(found, known) is not None
    assert found.reason.endswith(".")


def test_16_a_newer_keras_is_a_warning(saved, tmp_path):
    changes = {"metadata.json": b'{"keras_version": "99.1.0"}'}
    found = inspect(rewritten(saved / "dense.keras", tmp_path / "a.keras", changes))
    assert found.safe
    assert found.keras_version == "99.1.0"
    assert "Keras 99.1.0" in found.warnings[0]


@pytest.mark.parametrize("said", ["\x1b[2J", "3.15\n", 3, None, "x" * 1000])
def test_a_version_that_is_none_is_left_out(saved, tmp_path, said):
    changes = {"metadata.json": json.dumps({"keras_version": said})}
    found = inspect(rewritten(saved / "dense.keras", tmp_path / "a.keras", changes))
    assert (found.safe, found.keras_version) == (True, None)


@pytest.mark.parametrize(
    ("record", "classes"),
    [
        ({"fitted": {"classes": ["ant", "bee"]}}, ("ant", "bee")),
        ({"fitted": {"classes": [1, 2]}}, None),
        ({"fitted": {"classes": "ab"}}, None),
        ({"fitted": []}, None),
        ([], None),
    ],
)
def test_classes_are_taken_from_the_record_of_an_ensemble(saved, tmp_path, record, classes):
    changes = {"kerasemble.json": json.dumps(record)}
    assert inspect(rewritten(saved / "dense.keras", tmp_path / "a.keras", changes)).classes == classes


def test_8_code_is_refused_and_accepted_only_from_whom_the_user_vouches_for(saved, tmp_path):
    path = with_lambda(saved / "dense.keras", tmp_path / "a.keras")
    refused = inspect(path)
    assert refused.code == "lambda"
    assert "--trust" in refused.reason
    assert inspect(path, trust=True).vouched == ("trust",)
    assert inspect(saved / "dense.keras", trust=True, custom=["Dense2"]).vouched == (), "there was no need to"


def test_9_a_custom_class_is_accepted_by_its_name(saved, tmp_path):
    with zipfile.ZipFile(saved / "dense.keras") as archive:
        text = archive.read("config.json").decode()
    custom = {"class_name": "Mine", "module": "my_layers", "registered_name": "Mine", "config": {"name": "m"}}
    config = json.loads(text)
    config["config"]["layers"].append(custom)
    path = rewritten(saved / "dense.keras", tmp_path / "a.keras", {"config.json": json.dumps(config)})
    assert inspect(path).code == "custom-class"
    found = inspect(path, custom=["Mine", "Other"])
    assert found.safe, found.reason
    assert found.vouched == ("Mine",)


def test_20_a_saved_model_is_refused_unless_the_user_vouches_for_it(tmp_path):
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "model" / "variables" / "variables.index").write_bytes(b"")
    found = inspect(tmp_path / "model")
    assert (found.code, found.format, found.size) == ("saved-model", "saved_model", 5)
    assert found.sha256 == digest(tmp_path / "model")
    found = inspect(tmp_path / "model", trust=True)
    assert (found.safe, found.vouched) == (True, ("trust",))


def test_2_folders_are_read_as_strictly_as_files(saved, tmp_path):
    assert inspect(tmp_path).code == "not-a-file"
    (tmp_path / "config.json").write_bytes((saved / "unzipped" / "config.json").read_bytes())
    assert inspect(tmp_path).code == "zip-incomplete"
    (tmp_path / "README.md").write_text("left out of the model", encoding="utf-8")
    if os.name != "nt":
        (tmp_path / "model.weights.h5").symlink_to(saved / "unzipped" / "model.weights.h5")
        found = inspect(tmp_path)
        assert (found.code, "'model.weights.h5'" in found.reason) == ("link", True)
        (tmp_path / "model.weights.h5").unlink()
    (tmp_path / "model.weights.h5").write_bytes((saved / "unzipped" / "model.weights.h5").read_bytes())
    assert inspect(tmp_path).safe


@pytest.mark.parametrize("path", ["gone.keras", "hf://user/model", "x" * 5000, ""])
def test_whatever_the_path_is_there_is_a_record(path):
    found = inspect(path)
    assert not found.safe
    assert found.reason


@pytest.mark.parametrize("path", [None, 3, b"a.keras", "a\0b"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(KerasembleError) as refusal:
        inspect(path)
    assert refusal.value.code == Code.OPTION


def test_real_files_of_keras_2_are_safe(shared):
    path = shared / "models" / "face_classification" / "fer2013_mini_XCEPTION.29-0.62.hdf5"
    found = inspect(path)
    assert found.safe, found.reason
    assert (found.keras_version, found.parameters, found.size) == ("2.0.5", 58_423, 872_856)
    assert found.inputs[0].shape == (None, 64, 64, 1)
    assert (found.outputs[0].shape, found.outputs[0].activation) == ((None, 7), "softmax")


def test_nothing_heavy_is_imported(saved):
    script = (
        "import sys; from kerasemble.members.inspection.inspect import inspect\n"
        "assert inspect(sys.argv[1]).safe and inspect(sys.argv[2]).safe\n"
        "print([name for name in ('keras', 'jax', 'tensorflow', 'torch', 'h5py') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, saved / "dense.keras", saved / "dense.h5"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stderr
