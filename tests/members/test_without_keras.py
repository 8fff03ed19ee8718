"""What can be refused without Keras is refused before it is imported, which takes seconds."""

from __future__ import annotations

import subprocess
import sys

FILES = {
    "empty.keras": b"",
    "pointer.keras": b"version https://git-lfs.github.com/spec/v1\n",
    "page.keras": b"<!DOCTYPE html>",
    "pickle.h5": b"\x80\x04",
    "packed.keras": b"\x1f\x8b",
    "hdf5.keras": b"\x89HDF\r\n\x1a\n",
    "archive.h5": b"PK\x03\x04",
    "truncated.keras": b"PK\x03\x04",
    "garbage.keras": b"weights?",
}
PLACES = ("none.keras", ".", "hf://keras/bert")
SCRIPT = """
import pathlib, sys, kerasemble as ke
refused = []
for path in [*pathlib.Path.cwd().iterdir(), *sys.argv[1:]]:
    try: ke.Member(path)
    except ke.KerasembleError: refused.append(path)
print(len(refused), 'keras' in sys.modules)
"""


def test_files_that_are_no_models_are_refused_before_keras_is_imported(tmp_path):
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, "-c", SCRIPT, *PLACES]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.stdout.split() == [str(len(FILES) + len(PLACES)), "False"], result.stderr
