"""One process at a time: a lock that the operating system takes back from a process that dies."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kerasemble.core.errors import warn
from kerasemble.core.files import cannot_write

# Between two looks at a lock that another process holds.
_PATIENCE = 0.1
# Where Windows locks a byte.
_FAR = 2**30
# What file systems answer that know no locks, such as some network shares.
_UNKNOWN = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
# What they answer where another process holds it.
_TAKEN = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextlib.contextmanager
def lock(path: Path, on_wait: Callable[[str], None], *, wait: bool = True) -> Iterator[bool]:
    """Hold the lock of a file while the block runs; yield whether it is held.

    The file stays, empty, when the block ends; while the lock is held it says by whom. A process that dies loses its
    lock at once, whatever the file says.

    Args:
        path: of the file, which is made where it is missing.
        on_wait: called once, with a word for the process that holds the lock, where it must be waited for.
        wait: for a lock that another process holds; else the block runs without it, and is told so.

    Raises:
        KerasembleError: the file cannot be made or locked.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        try:
            held = _acquire(handle, path, on_wait, wait=wait)
        except OSError as error:
            raise cannot_write(path, error) from error
        if held:
            _write(handle, f"process {os.getpid()} on {socket.gethostname()}")
        try:
            yield held
        finally:
            if held:
                _write(handle, "")
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path, on_wait: Callable[[str], None], *, wait: bool) -> bool:
    said = False
    while not _try(handle, path):
        if not wait:
            return False
        if not said:
            on_wait(_holder(handle))
            said = True
        time.sleep(_PATIENCE)
    return True


def _try(handle: int, path: Path) -> bool:
    """Return whether the lock is ours now; so it counts where the file system knows no locks."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, _FAR, os.SEEK_SET)  # what is locked there cannot be read by others
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        if error.errno not in _UNKNOWN:
            raise
        warn(f"{path.parent} lies where files cannot be locked: let one process at a time work on this store.")
    return True


def _holder(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    return os.read(handle, 200).decode(errors="replace") or "another process"


def _write(handle: int, text: str) -> None:
    """Say who holds it, which is for people only: a disk that is full must not stop the work here."""
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, text.encode())
