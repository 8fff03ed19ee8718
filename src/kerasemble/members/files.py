"""A model file, looked at before Keras sees it: what it is, and whether that is what its name says."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.members.backend import import_keras, reason

_SUFFIXES = {".keras": "Keras archive", ".h5": "HDF5", ".hdf5": "HDF5"}
_SIGNATURES = (
    (b"PK\x03\x04", "Keras archive", ""),
    (b"\x89HDF\r\n\x1a\n", "HDF5", ""),
    (b"version https://git-lfs", "git-LFS pointer", "It stands for the model; run 'git lfs pull' to get it."),
    (b"\x80", "pickle", "A pickle can run any code when opened. Save the model with model.save('model.keras')."),
    (b"<", "web page", "The download gave an HTML page in place of the model; download it again."),
    (b"\x1f\x8b", "gzip file", "Unpack it first."),
)
_CONTENT_SUFFIX = {"Keras archive": ".keras", "HDF5": ".h5"}


def check_file(path: str | os.PathLike[str]) -> Path:
    """Return `path`, which is a file that looks like a Keras model and is named like one.

    Raises:
        KerasembleError: it is missing, a folder, empty, something else, or its name says another format.
    """
    target = Path(path)
    # A Path of "hf://a" has one slash less.
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(path)):
        msg = f"{path} is an address. Download the file first and give its path."
        raise KerasembleError(msg)
    try:
        if not target.exists():
            msg = f"{target} does not exist. Give the path of a .keras or .h5 file."
            raise KerasembleError(msg)
        if not target.is_file():
            msg = f"{target} is not a file. Give a .keras or .h5 file; folders are not supported yet."
            raise KerasembleError(msg)
        with target.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        msg = f"{str(target)[:200]} cannot be read: {error.strerror}. Give the path of a file that you may read."
        raise KerasembleError(msg) from error
    if not head:
        msg = f"{target} is empty (0 bytes). Save or download the model again."
        raise KerasembleError(msg)
    found = next((entry for entry in _SIGNATURES if head.lstrip().startswith(entry[0])), None)
    if found is None:
        msg = f"{target} is no Keras model: it is neither a Keras archive nor HDF5. Is it damaged? Save it again."
        raise KerasembleError(msg)
    _, content, remedy = found
    expected = _SUFFIXES.get(target.suffix.lower())
    if content not in _CONTENT_SUFFIX:
        msg = f"{target} is a {content}. {remedy}"
        raise KerasembleError(msg)
    if content != expected:
        said = f"named {target.suffix}" if target.suffix else "has no suffix"
        msg = f"{target} is {content} but {said}. Rename it to {target.with_suffix(_CONTENT_SUFFIX[content]).name}."
        raise KerasembleError(msg)
    return target


def load_file(path: str | os.PathLike[str]) -> Any:  # noqa: ANN401 - Keras is not typed
    """Return the `keras.Model` in a file, uncompiled: old training settings would only be in the way.

    Raises:
        KerasembleError: the file is not one, or Keras cannot open it.
    """
    target = check_file(path)
    keras = import_keras()
    try:
        model = keras.saving.load_model(os.fspath(target), compile=False)
    except Exception as error:  # Keras raises anything from KeyError to zipfile.BadZipFile for a bad file
        msg = f"{target} cannot be opened by Keras {keras.__version__}: {reason(error)}"
        raise KerasembleError(msg) from error
    if not isinstance(model, keras.Model):
        msg = f"{target} holds a {type(model).__name__}, not a model. Save the whole model with model.save(...)."
        raise KerasembleError(msg)
    return model


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
