"""A folder as a model: its files, each read once as single files are, and their common hash."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from kerasemble.members.inspection.archive import ASSETS, ENTRIES
from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.source import digest, locate, open_regular, system_errors


class Total(NamedTuple):
    """What a folder's files are together: their bytes, and their hash as `kerasemble.core.files.digest` gives it."""

    size: int
    sha256: str


def folder_kind(folder: Path) -> Literal["folder", "saved_model"]:
    """Return what a folder is: an unzipped `.keras`, or a SavedModel of TensorFlow.

    Raises:
        Refused: neither.
    """
    if (folder / "config.json").exists():
        return "folder"
    if (folder / "saved_model.pb").exists():
        return "saved_model"
    message = "is not a file but a folder without a model (no config.json, no saved_model.pb)."
    raise Refused("not-a-file", f"{message} Give the path of a .keras or .h5 file.")


def pack(folder: Path, target: Path, limits: Limits = LIMITS) -> Total:
    """Write an unzipped Keras folder as an archive, leaving out what is no part of a model, such as a README.

    Raises:
        Refused: a file is no regular file, leads elsewhere, or is too large.
    """
    copied = target.with_suffix(".part")
    with zipfile.ZipFile(target, "w") as archive:

        def take(name: str, file: BinaryIO) -> str:
            if name not in ENTRIES and not name.startswith(ASSETS):
                return digest(file)
            found = digest(file, copied)
            archive.write(copied, name)
            return found

        return _read(folder, limits, take)


def copy_tree(folder: Path, target: Path | None, limits: Limits = LIMITS) -> Total:
    """Read all files of a folder, and copy them to `target` if there is one.

    Raises:
        Refused: there are too many files or bytes, or one is no regular file or leads elsewhere.
    """

    def take(name: str, file: BinaryIO) -> str:
        if target is None:
            return digest(file)
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        return digest(file, place)

    return _read(folder, limits, take)


def _read(folder: Path, limits: Limits, take: Callable[[str, BinaryIO], str]) -> Total:
    """Return what all files are, each given with its name to `take`, which returns its hash."""
    size = 0
    whole = hashlib.sha256()
    for path in _files(folder, limits):
        name = path.relative_to(folder).as_posix()
        try:
            with open_regular(locate(path), limits) as file, system_errors():
                size += os.fstat(file.fileno()).st_size
                whole.update(f"{name}\0{take(name, file)}\0".encode("utf-8", "surrogateescape"))
        except Refused as refusal:
            raise Refused(refusal.code, f"holds {name!r}, which {refusal.message}") from refusal
        if size > limits.file_bytes:
            raise Refused("too-large", f"holds more than {limits.file_bytes:,} bytes. Give the folder of one model.")
    return Total(size, whole.hexdigest())


def _files(folder: Path, limits: Limits) -> list[Path]:
    """Return the paths of all files below a folder, in order."""
    found: list[Path] = []
    with system_errors():
        for parent, folders, names in os.walk(folder):
            # A link to a folder is listed as one, but not entered; it would be missing in the copy.
            linked = [name for name in folders if Path(parent, name).is_symlink()]
            if linked:
                raise Refused("link", f"holds {linked[0]!r}, a link to another folder. Put the folder itself there.")
            found += [Path(parent, name) for name in names]
            if len(found) > limits.folder_files:
                message = f"holds more than {limits.folder_files:,} files. Give the folder of one model."
                raise Refused("too-large", message)
    return sorted(found)
