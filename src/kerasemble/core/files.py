"""Files that are whole or absent: written beside the target, synced, then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kerasemble.core.errors import KerasembleError


def check_target(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Return `path`, which can be written to.

    Raises:
        KerasembleError: it exists and `overwrite` is False, is a folder, or its folder does not exist.
    """
    target = Path(path)
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
    if Path(path).suffix != suffix:
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
    try:
        handle, name = tempfile.mkstemp(prefix=".kerasemble-", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        msg = f"{target} cannot be written: {error.strerror}. Give a folder that you may write to."
        raise KerasembleError(msg) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes the file private; what the user asked for gets the mode that any new file would have.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        msg = f"{target} could not be written: {error.strerror or error}. What was there before is untouched."
        raise KerasembleError(msg) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
