"""A part of a file, read as if it were a file."""

from __future__ import annotations

import io
import os
from typing import Any


class Window(io.RawIOBase):
    """A part of a file, read as if it were a file."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        """Begin at its start."""
        self._file = io.FileIO(descriptor, "r", closefd=False)
        self._offset, self._size, self._position = offset, size, 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read in any order."""
        return True

    def tell(self) -> int:
        """Return the position in the part."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position in the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - anything that has a buffer
        """Read to `buffer` and return how many bytes, none beyond the part."""
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._position)]
        self._file.seek(self._offset + self._position)
        count = self._file.readinto(view) or 0
        self._position += count
        return count
