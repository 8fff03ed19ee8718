"""A table of numbers on disk as immutable `.npy` shards of rows, listed with their SHA-256 in a manifest.

A shard is written beside its final name, synced and renamed, and only then listed, in a manifest that is itself
replaced whole. So whatever instant a process dies at, what is listed is there and right. Nothing is mapped into memory:
a map of a file that is cut short, or of a disk that is full, ends the process with SIGBUS.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.costs import Cost
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import TEMPORARY, atomic_target, cannot_write, sync_folder
from kerasemble.scoring.checked_json import DamagedError, read_json, write_json

MANIFEST = "manifest.json"
# Beside it, since it is another with each run, and all else is the same to the byte.
COST = "cost.json"
# Numbers that a shard's rows take in, and bytes that it holds, at most; rows that it holds at least.
_TAKEN, _HELD, _LEAST = 2**24, 2**26, 256
# A shard for so many rows where that is not too many: a run that is killed loses less than one.
_USUAL = 4096
# Shards of a member, but for those that would grow too large.
_COUNT = 1024
# Rows that lie closer than this are read as one piece.
_DENSE = 8


def rows_at_once(shape: tuple[int, ...]) -> int:
    """Return how many rows of data (samples, ...) are held in memory at once: a power of two."""
    return min(_USUAL, max(_LEAST, rows_holding(shape, _TAKEN)))


def rows_holding(shape: tuple[int, ...], budget: int) -> int:
    """Return how many rows of data (samples, ...) hold at most `budget` numbers: a power of two, at least one."""
    return _floor(budget // max(1, int(np.prod(shape[1:]))))


def _floor(value: int) -> int:
    return 1 << (max(1, value).bit_length() - 1)


class Layout(NamedTuple):
    """What a table of shards holds.

    Args:
        rows: how many in all.
        columns: of each row; None for a table (rows,).
        dtype: of the numbers.
        shard_rows: how many a shard holds; the last may hold fewer.
    """

    rows: int
    columns: int | None
    dtype: str
    shard_rows: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole table."""
        return (self.rows,) if self.columns is None else (self.rows, self.columns)

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return np.dtype(self.dtype).itemsize * (self.columns or 1)

    def shards(self) -> Iterator[slice]:
        """Yield the rows of each shard."""
        for start in range(0, self.rows, self.shard_rows):
            yield slice(start, min(start + self.shard_rows, self.rows))


def layout_of(shape: tuple[int, ...], columns: int | None, dtype: str) -> Layout:
    """Return how answers to data (samples, ...) are divided: by the data and the answers alone, so always alike."""
    row_bytes = np.dtype(dtype).itemsize * (columns or 1)
    many = 2 ** int(np.ceil(np.log2(max(1, shape[0] / _COUNT))))
    return Layout(shape[0], columns, dtype, max(rows_at_once(shape), min(many, _floor(_HELD // row_bytes))))


@final
class Shards:
    """A table (rows, columns) in a folder, of which some shards may be missing.

    Args:
        folder: in which they lie.
        layout: what the table is.
        about: what else the manifest says of a table that is begun; one that was begun keeps what it says.
    """

    def __init__(self, folder: Path, layout: Layout, about: dict[str, Any]) -> None:
        """Read what is listed; nothing is written yet."""
        self.folder = folder
        self.layout = layout
        self.about = about
        self._listed: dict[int, str] = {}
        self._checked: set[int] = set()
        self.refresh()

    def refresh(self) -> None:
        """Read the manifest again, which another process may have replaced.

        Raises:
            KerasembleError: it cannot be read, or a newer version of kerasemble wrote it.
        """
        try:
            body = read_json(self.folder / MANIFEST)
        except DamagedError:
            body = None  # nothing that it lists can be known to be right: all of it is computed again
        if body is not None and self._is_ours(body):
            self._listed = {int(start): digest for start, digest in body["shards"].items()}
            self.about = body["about"]
        else:
            self._listed = {}

    def _is_ours(self, body: dict[str, Any]) -> bool:
        return bool(body["layout"] == list(self.layout) and body["about"].get("key") == self.about.get("key"))

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the whole table."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""
        return np.dtype(self.layout.dtype)

    def __len__(self) -> int:
        """Return how many rows the table has."""
        return self.layout.rows

    def missing(self) -> list[slice]:
        """Return the rows of the shards that are not there."""
        return [rows for rows in self.layout.shards() if rows.start not in self._listed]

    def verify(self) -> list[str]:
        """Compare all listed shards with their SHA-256, forget those that differ, and return their paths."""
        damaged = []
        for rows in self.layout.shards():
            if rows.start in self._listed and self._checked_content(rows) is None:
                damaged.append(str(self._path(rows)))
                del self._listed[rows.start]
        return damaged

    def put(self, rows: slice, values: npt.NDArray[Any]) -> None:
        """Write one shard and list it.

        Raises:
            KerasembleError: it cannot be written; what was there before is untouched.
        """
        self.list({rows.start: self.write(rows, values)})
        self._checked.add(rows.start)

    def write(self, rows: slice, values: npt.NDArray[Any]) -> str:
        """Write one shard, and return its SHA-256 for `list`.

        Raises:
            KerasembleError: it cannot be written.
        """
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(values, dtype=self.dtype), allow_pickle=False)
        content = buffer.getbuffer()
        with atomic_target(self._path(rows), overwrite=True) as temporary:
            temporary.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    def list(self, written: dict[int, str]) -> None:
        """List shards, by their first row, that were written by `write`, here or by another process.

        Raises:
            KerasembleError: the manifest cannot be written.
        """
        self._listed |= written
        shards = {str(start): digest for start, digest in self._listed.items()}
        body = {"layout": [*self.layout], "about": self.about, "shards": shards}
        write_json(self.folder / MANIFEST, body)

    def __getitem__(self, rows: slice | IntArray) -> npt.NDArray[Any]:
        """Return some of the rows, by a slice without a step or by positions.

        Raises:
            KerasembleError: a shard is missing, or is not what was written.
        """
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            return self._range(start, max(start, stop))
        index = np.asarray(rows)
        result = np.empty((len(index), *self.shape[1:]), self.dtype)
        of_shard = index // self.layout.shard_rows
        for shard in np.unique(of_shard):
            places = np.flatnonzero(of_shard == shard)
            wanted = index[places]
            low, high = int(wanted.min()), int(wanted.max()) + 1
            if high - low <= _DENSE * len(wanted):
                result[places] = self._range(low, high)[wanted - low]
            else:
                for place, row in zip(places, wanted.tolist(), strict=True):
                    result[place] = self._range(row, row + 1)[0]
        return result

    def _range(self, start: int, stop: int) -> npt.NDArray[Any]:
        result = np.empty((stop - start, *self.shape[1:]), self.dtype)
        size = self.layout.shard_rows
        for first_row in range(start - start % size, stop, size):
            rows = slice(first_row, min(first_row + size, len(self)))
            low, high = max(start, rows.start), min(stop, rows.stop)
            self._fill(rows, low, result[low - start : high - start])
        return result

    def _fill(self, rows: slice, start: int, target: npt.NDArray[Any]) -> None:
        """Read a part of a shard into `target`."""
        wanted = target.reshape(-1).view(np.uint8).data
        # From the end, since the header before the numbers has no fixed length.
        before_end = (rows.stop - start) * self.layout.row_bytes
        if not (self._fill_checked if rows.start in self._checked else self._fill_unchecked)(rows, before_end, wanted):
            what = "is not what was written" if rows.start in self._listed else "was never written"
            msg = f"{self._path(rows)} {what}. Predict into this store again: only what is missing is computed."
            raise KerasembleError(msg)

    def _fill_checked(self, rows: slice, before_end: int, wanted: memoryview) -> bool:
        try:
            with self._path(rows).open("rb") as file:
                file.seek(-before_end, io.SEEK_END)
                return file.readinto(wanted) == len(wanted)
        except OSError:
            return False

    def _fill_unchecked(self, rows: slice, before_end: int, wanted: memoryview) -> bool:
        """Fill from the very bytes that are compared with the SHA-256, so that they are read once."""
        content = self._checked_content(rows)
        if content is None:
            return False
        first = len(content) - before_end
        wanted[:] = memoryview(content)[first : first + len(wanted)]
        return True

    def _checked_content(self, rows: slice) -> bytes | None:
        """Return the bytes of a shard; None where it is not what was written."""
        try:
            content = self._path(rows).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != self._listed.get(rows.start):
            return None
        self._checked.add(rows.start)
        return content

    def _path(self, rows: slice) -> Path:
        return self.folder / f"{rows.start:012d}.npy"


def clean(folder: Path) -> None:
    """Remove what a process that died had begun to write; the folder's lock must be held."""
    for stale in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):  # it is in nobody's way
            stale.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder of a store, and those above it.

    Raises:
        KerasembleError: it cannot be made.
    """
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise cannot_write(folder, error) from error


def read_cost(folder: Path) -> Cost:
    """Return what it cost to run the member whose answers are in a folder; nothing where that is not known."""
    try:
        body = read_json(folder / COST)
    except DamagedError:
        body = None  # it decides nothing, and is measured anew when the member is run
    return Cost() if body is None else Cost(body["milliseconds"], body["parameters"])


def write_cost(folder: Path, cost: Cost) -> None:
    """Write what it cost to run a member beside its answers.

    Raises:
        KerasembleError: it cannot be written.
    """
    write_json(folder / COST, cost._asdict())
