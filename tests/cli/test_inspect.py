"""`kerasemble inspect` tells what files are, all of them, and whether they are safe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import pytest

from kerasemble.core.files import sha256


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    """A safe .keras and .h5, and files that are refused for different reasons."""
    folder = tmp_path_factory.mktemp("inspected")
    for name in ("a.keras", "b.h5"):
        (folder / name).write_bytes((files / name).read_bytes())
    (folder / "page.keras").write_bytes(b"<!DOCTYPE html>")
    layer = {"class_name": "Lambda", "module": "keras.layers", "config": {"name": "secret"}}
    with zipfile.ZipFile(folder / "a.keras") as old, zipfile.ZipFile(folder / "code.keras", "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"].append(layer)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return folder


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_safe_file_is_told_in_a_block(kerasemble, folder):
    result = kerasemble("inspect", folder / "a.keras")
    assert result.code == 0
    said = flat(result.out)
    for fact in (".keras archive", "Layers 3", "Parameters 111", "6x6x1 float32", "3 float32 softmax", "Safe yes"):
        assert fact in said
    assert sha256(folder / "a.keras") in "".join(result.out.split())


def test_several_files_are_a_table_and_a_bad_one_hides_no_other(kerasemble, folder):
    result = kerasemble("inspect", folder / "page.keras", folder / "a.keras", folder / "gone.h5", folder / "b.h5")
    assert result.code == 2
    assert result.err == ""
    said = flat(result.out)
    assert "is a web page. The download gave an HTML page in place of the model; download it again." in said
    assert "does not exist" in said
    assert said.count(" yes") == 2
    assert all(sha256(folder / name)[:8] in said for name in ("page.keras", "a.keras", "b.h5"))


def test_machines_get_json(kerasemble, folder):
    result = kerasemble("inspect", folder / "a.keras", folder / "code.keras", "--json")
    safe, refused = json.loads(result.out)
    assert result.code == 2
    assert (safe["safe"], safe["code"], safe["format"], safe["layers"]) == (True, None, "keras", 3)
    (output,) = safe["outputs"]
    assert output.pop("name").startswith("dense")  # Keras numbers the layers of a process
    assert output == {"shape": [None, 3], "dtype": "float32", "activation": "softmax"}
    assert (refused["safe"], refused["code"], refused["path"]) == (False, "lambda", str(folder / "code.keras"))
    assert "secret" in refused["reason"]


def test_a_file_is_trusted_by_its_path(kerasemble, folder):
    path = folder / "code.keras"
    result = kerasemble("inspect", path, "--trust", path)
    assert result.code == 0
    assert "because you vouch for it: trust" in flat(result.out)
    result = kerasemble("inspect", path, "--trust", "other.keras")
    assert result.code == 2
    assert "--trust other.keras is none of the files" in result.err


def test_weights_take_their_architecture(kerasemble, dense, tmp_path):
    model = dense(0)
    model.save_weights(tmp_path / "a.weights.h5")
    (tmp_path / "a.json").write_text(model.to_json(), encoding="utf-8")
    result = kerasemble("inspect", tmp_path / "a.weights.h5")
    assert (result.code, "Give the architecture" in flat(result.out)) == (2, True)
    result = kerasemble("inspect", tmp_path / "a.weights.h5", "--architecture", tmp_path / "a.json")
    assert (result.code, "weights, JSON architecture" in flat(result.out)) == (0, True)


def test_nothing_from_a_file_reaches_the_terminal_as_a_command(kerasemble, folder, tmp_path):
    with zipfile.ZipFile(folder / "a.keras") as old, zipfile.ZipFile(tmp_path / "a.keras", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("kerasemble.json", json.dumps({"fitted": {"classes": ["\x1b[2J", "[bold]dog[/bold]"]}}))
        new.writestr("\x1b]0;title\x07", b"")
    result = kerasemble("inspect", tmp_path / "a.keras")
    assert result.code == 2
    assert "\x1b" not in result.out
    assert r"\x1b]0;title" in flat(result.out)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_128_a_path_that_is_not_utf8_is_inspected(kerasemble, folder, tmp_path):
    path = tmp_path / os.fsdecode(b"mod\xe8le.keras")
    path.write_bytes((folder / "a.keras").read_bytes())
    assert kerasemble("inspect", path, "--json").code == 0


def test_without_a_file_it_asks_for_one(kerasemble):
    result = kerasemble("inspect")
    assert result.code == 2
    assert "FILE" in result.err


def test_keras_is_not_imported(folder):
    script = (
        "import sys; from kerasemble.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print([name for name in ('keras', 'jax', 'tensorflow', 'torch', 'h5py') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, "inspect", folder / "a.keras", folder / "b.h5"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout.splitlines()[-2:] == ["0", "[]"], result.stderr
