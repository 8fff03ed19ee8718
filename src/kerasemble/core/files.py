"""Files that are whole or absent: written beside the target, synced, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_path, check_flag

# How the names of files begin that are not whole yet.
TEMPORARY = ".kerasemble-"

_NO_ROOM = "Make room and run it again."
_CURES = {
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
    errno.EFBIG: "Files may not be so large here: raise the limit (ulimit -f), or give another folder.",
    errno.EIO: "The disk, or the network share, has a fault: give a folder on another one.",
}


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return `path`, which can be written to.

    Raises:
        KerasembleError: it exists and `overwrite` is False, is a folder, or its folder does not exist.
    """
    target = as_path(path, "What is written")
    check_flag("overwrite", overwrite)
    if target.is_dir():
        msg = f"{target} is a folder. Give the name of a file in it."
        raise KerasembleError(msg)
    if target.exists() and not overwrite:
        msg = f"{target} exists. Pass overwrite=True (--overwrite) to replace it, or give another name."
        raise KerasembleError(msg)
    if not target.parent.is_dir():
        msg = f"The folder {target.parent} does not exist. Make it first, or give another one."
        raise KerasembleError(msg)
    return target


def check_suffix(path: str | os.PathLike[str], suffix: str, what: str) -> None:
    """Raise a `KerasembleError` where `path` does not end in `suffix`; `what` begins the sentence."""
    if as_path(path, "What is written").suffix != suffix:
        msg = f"{what} saved as {suffix}. Received: {path}."
        raise KerasembleError(msg)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file; or of a folder, by its files' names and content in the order of their names."""
    target = Path(path)
    if not target.is_dir():
        return sha256(target)
    whole = hashlib.sha256()
    for file in sorted(each for each in target.rglob("*") if each.is_file()):
        whole.update(f"{file.relative_to(target).as_posix()}\0{sha256(file)}\0".encode())
    return whole.hexdigest()


@contextlib.contextmanager
def atomic_target(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary file beside `path` that becomes `path` when the block ends without an exception.

    The temporary name keeps the suffix, since Keras goes by it.
    """
    target = check_target(path, overwrite=overwrite)
    temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}{target.suffix}")
    try:
        # Made here, and not by whoever writes: a name that exists already is somebody else's.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise cannot_write(target, error) from error
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except OSError as error:
        raise cannot_write(target, error) from error
    finally:
        with contextlib.suppress(OSError):  # which would hide why it is not whole; whoever reads knows it by its name
            temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file by `content`; one that holds just that is left alone, even where nobody may write.

    Raises:
        KerasembleError: it cannot be written.
    """
    if not holds(path, content):
        with atomic_target(path, overwrite=True) as temporary:
            temporary.write_bytes(content)


def holds(path: Path, content: bytes) -> bool:
    """Return whether a file can be read and holds just `content`."""
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError:
        return False


def cannot_write(target: Path, error: OSError) -> KerasembleError:
    """Return the error for a file or folder that cannot be written, with what to do about it."""
    cure = _CURES.get(error.errno or 0, "Give a folder that you may write to.")
    msg = f"{target} could not be written: {error.strerror or error}. {cure} What was there before is untouched."
    return KerasembleError(msg)


def sync_folder(folder: Path) -> None:
    """Make a new name last through a loss of power, where the system can open folders."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
