"""The n-th touch of the disk in this process ends it, or fails."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import threading
from pathlib import Path

# What needs room, what changes anything, and all that can fail.
ROOM = ("create", "write", "fsync", "folder", "note")
CHANGES = (*ROOM, "rename", "remove")
ALL = (*CHANGES, "read", "lock")


class Faults:
    """Counts what is done to the disk, and strikes at the n-th time.

    Args:
        at: which time, from 1; 0 for never.
        do: "kill", or the name of an error, such as "ENOSPC".
        kinds: what counts, of `ALL`.
        lasting: whether all later ones fail too.
        inside: of which folder.
    """

    def __init__(self, at: int, do: str, kinds=CHANGES, *, lasting: bool = False, inside: str = "/") -> None:
        self._at, self._do, self._kinds, self._lasting, self._inside = at, do, kinds, lasting, inside
        self._mutex = threading.Lock()
        self.met: list[str] = []

    def meet(self, kind: str, path: object = None) -> None:
        if kind not in self._kinds or (path is not None and not str(path).startswith(self._inside)):
            return
        with self._mutex:
            self.met.append(kind)
            here = len(self.met)
        if not self._at or here < self._at or (here > self._at and not self._lasting):
            return
        if self._do == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self._do)
        raise OSError(number, os.strerror(number), None if path is None else str(path))

    def install(self) -> None:
        """Put this before all that the package uses of the disk; a process cannot get rid of it."""
        self._before(os, "fsync", "fsync", named=False)
        self._before(os, "replace", "rename")
        self._before(os, "ftruncate", "note", named=False)
        self._before(fcntl, "flock", "lock", named=False)
        self._before(Path, "mkdir", "folder")
        self._before(Path, "unlink", "remove")
        self._install_opening()

    def _before(self, where: object, name: str, kind: str, *, named: bool = True) -> None:
        real = getattr(where, name)

        def wrapped(first, *args, **kwargs):
            self.meet(kind, first if named else None)
            return real(first, *args, **kwargs)

        setattr(where, name, wrapped)

    def _install_opening(self) -> None:
        real_open, real_path_open = os.open, Path.open

        def opened(path, flags, *args, **kwargs):
            if flags & os.O_CREAT:
                self.meet("create", path)
            return real_open(path, flags, *args, **kwargs)

        def path_opened(path, mode="r", *args, **kwargs):
            if mode.startswith("r"):
                self.meet("read", path)
            return real_path_open(path, mode, *args, **kwargs)

        def written(path, content):
            with real_path_open(path, "wb") as file:
                file.write(content[: len(content) // 2])
                file.flush()
                self.meet("write", path)
                file.write(content[len(content) // 2 :])

        os.open, Path.open, Path.write_bytes = opened, path_opened, written
