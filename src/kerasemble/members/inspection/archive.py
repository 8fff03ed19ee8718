"""A `.keras` archive, checked as a list of names and byte ranges before anything in it is unpacked."""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.source import FULL, identify, locate, open_regular, system_errors
from kerasemble.members.inspection.zip_structure import check_structure

CONFIG, METADATA, WEIGHTS, RECORD = "config.json", "metadata.json", "model.weights.h5", "kerasemble.json"
# What is JSON has a limit of bytes in place of a ratio.
JSON_ENTRIES = (CONFIG, METADATA, RECORD)
# The last is our own, which Keras ignores.
ENTRIES = (*JSON_ENTRIES, WEIGHTS)
ASSETS = "assets/"
# Only a private function of Keras writes these: an archive of NumPy in an archive, one more thing to inspect.
_NPZ = "model.weights.npz"
# No part of a name may be "..", or hold a drive or stream ("C:").
_PART = re.compile(r"(?!\.{1,2}\Z)[^\\/:]{1,255}")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_BLOCK = 1 << 20
_CURE = "Save the model again with model.save('model.keras'), or get it again from its source."
# zipfile raises these for what is damaged; the last three come from numbers and names that cannot be.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    struct.error,
    ValueError,
    OverflowError,
)


@contextmanager
def open_archive(file: BinaryIO, limits: Limits = LIMITS) -> Iterator[zipfile.ZipFile]:
    """Yield an open file as an archive whose list of members is that of a Keras model and leads nowhere else.

    Raises:
        Refused: the list is damaged, too long, names what no model has, or promises more than is stored.
    """
    check_structure(file, limits)
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGES as error:
        raise _damaged(error) from error
    with archive:
        entries = archive.infolist()
        if len(entries) > limits.archive_members:
            message = f"holds {len(entries):,} entries; at most {limits.archive_members:,} are read. {_CURE}"
            raise Refused("zip-too-many", message)
        for entry in entries:
            _check_name(entry)
            _check_kind(entry)
        _check_set([entry.orig_filename for entry in entries])
        _check_sizes(entries, limits)
        yield archive


def _check_name(entry: zipfile.ZipInfo) -> None:
    """Refuse a name that leads out of the folder into which it may be unpacked, on any system."""
    # Not `filename`, which ends at a NUL and has its separators exchanged.
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    # What is not printable can end a name, or turn what a person reads around.
    if not name.isprintable() or not all(_PART.fullmatch(part) for part in parts):
        raise Refused("zip-name", f"holds an entry named {name[:80]!r}, which leads out of it or misleads. {_CURE}")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename[:80]
    if entry.flag_bits & _ENCRYPTED:
        raise Refused("zip-encrypted", f"holds {name!r} encrypted, as Keras never does. Decrypt it first.")
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused("zip-link", f"holds {name!r} as a link or device. {_CURE}")
    if entry.compress_type not in _METHODS:
        message = f"holds {name!r} compressed by method {entry.compress_type}; Keras stores it as it is. {_CURE}"
        raise Refused("not-supported", message)


def _check_set(names: list[str]) -> None:
    """Refuse doubles, what a model lacks, and what no model has."""
    # On some systems a file "A" replaces "a".
    folded = [name.casefold() for name in names]
    if len(set(folded)) < len(folded):
        twice = next(name for name, key in zip(names, folded, strict=True) if folded.count(key) > 1)
        raise Refused(
            "zip-duplicate", f"holds two entries named {twice[:80]!r}; programs differ in which they read. {_CURE}"
        )
    if _NPZ in names:
        message = f"stores its weights as {_NPZ}, which is not supported. Save it with model.save('model.keras')."
        raise Refused("not-supported", message)
    for needed in (CONFIG, WEIGHTS):
        if needed not in names:
            held = ", ".join(repr(name[:40]) for name in names[:3]) or "nothing"
            message = f"has no {needed}, so it is no whole Keras model. It holds {held}. {_CURE}"
            raise Refused("zip-incomplete", message)
    for name in names:
        if name not in ENTRIES and not name.startswith(ASSETS):
            raise Refused("zip-name", f"holds an entry named {name[:80]!r}, which no Keras model has. {_CURE}")


def _check_sizes(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Refuse what declares far more bytes than it stores."""
    for entry in entries:
        if entry.orig_filename in JSON_ENTRIES and entry.file_size > limits.json_bytes:
            message = (
                f"holds a {entry.orig_filename} of {entry.file_size:,} bytes; at most {limits.json_bytes:,} are read."
            )
            raise Refused("json-size", f"{message} {_CURE}")
    rated = [entry for entry in entries if entry.orig_filename not in JSON_ENTRIES]
    sizes = [(entry.orig_filename[:80], entry.file_size, entry.compress_size) for entry in rated]
    together = ("its entries together", sum(size for _, size, _ in sizes), sum(stored for _, _, stored in sizes))
    for name, declared, stored in (*sizes, together):
        if declared > limits.ratio_from and declared > limits.ratio * stored:
            message = f"declares {declared:,} bytes for {name} and stores {stored:,}: more than {limits.ratio} times."
            raise Refused("zip-bomb", f"{message} {_CURE}")
    if together[1] > limits.file_bytes:
        raise Refused("too-large", f"declares {together[1]:,} bytes in all; at most {limits.file_bytes:,} are read.")


def verify(archive: zipfile.ZipFile, work: Path) -> Path | None:
    """Read every entry to its end, so that each has the bytes and the checksum that it declares.

    Args:
        archive: as opened by `open_archive`.
        work: a private folder.

    Returns:
        Where in the folder the weights were unpacked to; None where they are not compressed.

    Raises:
        Refused: an entry differs from what is declared.
    """
    unpacked = None
    for entry in archive.infolist():
        if entry.orig_filename == WEIGHTS and entry.compress_type != zipfile.ZIP_STORED:
            unpacked = work / "unpacked.h5"
            with system_errors(), unpacked.open("wb") as target:
                _read(archive, entry, target)
        else:
            _read(archive, entry)
    return unpacked


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: BinaryIO | None = None) -> None:
    read = 0
    try:
        with archive.open(entry) as stream:
            # It stops at the size declared, whatever is stored.
            while block := stream.read(_BLOCK):
                read += len(block)
                if target is not None:
                    target.write(block)
    except _DAMAGES as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise _damaged(error) from error
    if read != entry.file_size:
        message = f"declares {entry.file_size:,} bytes for {entry.orig_filename[:80]!r} and stores {read:,}."
        raise Refused("zip-damaged", f"{message} {_CURE}")


def content(archive: zipfile.ZipFile, name: str, most: int) -> bytes | None:
    """Return an entry's bytes, None where there is none of this name.

    Raises:
        Refused: it has more than `most` bytes, or is damaged.
    """
    if name not in archive.namelist():
        return None
    try:
        with archive.open(name) as stream:
            found = stream.read(most + 1)
    except _DAMAGES as error:
        raise _damaged(error) from error
    if len(found) > most:
        raise Refused("json-size", f"holds a {name} of more than {most:,} bytes, which is not read. {_CURE}")
    return found


def read_entry(path: str | os.PathLike[str], name: str, most: int) -> bytes | None:
    """Return one small entry of a `.keras` file, None where it has none of this name.

    The archive is checked as by `open_archive`; of the entries only this one is read.

    Args:
        path: of the archive.
        name: of the entry.
        most: bytes that it may have.

    Raises:
        Refused: the file is no archive of a Keras model, or the entry is too large or damaged.
    """
    with open_regular(locate(path)) as file:
        if identify(file, Path(path)) != "keras":
            return None
        with open_archive(file) as archive:
            return content(archive, name, most)


def span(archive: zipfile.ZipFile, file: BinaryIO, name: str) -> tuple[int, int]:
    """Return where in the file an entry's bytes begin and how many they are, as stored."""
    entry = archive.getinfo(name)
    file.seek(entry.header_offset + 26)
    name_size, extra_size = struct.unpack("<HH", file.read(4))
    return entry.header_offset + 30 + name_size + extra_size, entry.compress_size


def _damaged(error: Exception) -> Refused:
    said = str(error)[:120]
    if "CRC" in said:
        return Refused("zip-crc", f"is damaged: {said}. Its bytes are not those that were saved. {_CURE}")
    return Refused("zip-damaged", f"is damaged: {said or type(error).__name__}. {_CURE}")
