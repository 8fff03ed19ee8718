"""What every source of rows has: a count, a shape, rows by position, an identity and perhaps labels."""

from __future__ import annotations

import abc
import copy
import functools
import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, counted, first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_array
from kerasemble.core.rows import Extent, Hashes, extent_of_block, hash_rows, merged, not_finite, pieces, refuse_rows


class Source(abc.ABC):
    """Rows of data that are read a range at a time, and are the same each time.

    It looks like an array of which only `shape`, `dtype`, `len` and `source[rows]` are there, so that an array does
    wherever a source does; `numpy.asarray(source)` reads all of it.

    Args:
        shape: (samples, ...) of all rows.
        dtype: of the numbers.
        place: where they come from, for people, such as a path; empty for what is in memory.
        y: (samples,) or (samples, classes) labels, None where there are none.
        classes: class names where the source has them; then labels are names.
        ids: (samples,) what people call the rows; their numbers, where left out.
        columns: (features,) names of the last axis, where it has some.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        place: str = "",
        y: npt.NDArray[Any] | None = None,
        classes: tuple[str, ...] | None = None,
        ids: Sequence[str] | None = None,
        columns: tuple[str, ...] = (),
    ) -> None:
        """Keep what is known before a row is read.

        Raises:
            KerasembleError: there are no rows, they are not numbers, there are not as many labels, or ids are there
                twice.
        """
        check_form(shape, dtype, place)
        if y is not None:
            _check_count(y, shape[0], place)
        if ids is not None:
            _check_ids(ids, place)
        self.shape = shape
        self.dtype = dtype
        self.place = place
        self.y = y
        self.classes = classes
        self.ids = ids
        self.columns = columns

    @abc.abstractmethod
    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the rows from `start` up to `stop`, which lie within the source, as an array (stop - start, ...).

        Raises:
            KerasembleError: they cannot be read, or are others than before.
        """

    def row_name(self, row: int) -> str:
        """Return what people call a row: its number, or the path or id that it has where it comes from."""
        return str(row if self.ids is None else self.ids[row])

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the rows: their bytes, then their dtype and shape. Alike for equal rows from anywhere."""
        return self._looked_through[0]

    @functools.cached_property
    def extent(self) -> Extent:
        """Between what the numbers lie.

        Raises:
            KerasembleError: rows have NaN or infinity; the message names them.
        """
        return self._looked_through[1]

    @functools.cached_property
    def row_hashes(self) -> Hashes:
        """(samples,) 64 bits for each row, by which copies of a row are known.

        Raises:
            KerasembleError: rows have NaN or infinity; the message names them.
        """
        return self._looked_through[2]

    @functools.cached_property
    def _looked_through(self) -> tuple[str, Extent, Hashes]:
        """What one pass over all rows shows."""
        digest = hashlib.sha256()
        extents: list[Extent] = []
        hashes: list[Hashes] = []
        bad: list[IntArray] = []
        columns: set[str] = set()
        for rows in pieces(self):
            block = self.read(rows.start, rows.stop)
            digest.update(np.ascontiguousarray(block).data)
            hashes.append(hash_rows(block))
            found = not_finite(block, rows.start)
            bad.append(found)
            if found.size:
                columns |= bad_columns(block, self.columns)
            else:
                extents.append(extent_of_block(block))
        every = np.concatenate(bad)
        if every.size:
            raise refuse_rows(every, len(self), self.row_name, sorted(columns))
        digest.update(f"{self.dtype.str} {self.shape}".encode())
        return digest.hexdigest(), merged(extents), np.concatenate(hashes)

    def labelled(self, y: npt.ArrayLike) -> Self:
        """Return the same rows with these labels.

        Raises:
            KerasembleError: there are not as many labels as rows, or they are ragged.
        """
        labels = as_array(y, "y, one label for each row,")
        _check_count(labels, len(self), self.place)
        other = copy.copy(self)
        other.y = labels
        return other

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.shape[0]

    def __getitem__(self, rows: slice | IntArray) -> npt.NDArray[Any]:
        """Return some of the rows, by a slice without a step or by ascending positions."""
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step != 1:
                msg = f"Rows are read in their order, without steps. Received: {rows}."
                raise KerasembleError(msg)
            return self.read(start, max(start, stop))
        index = np.asarray(rows)
        if index.dtype == np.bool_ and len(index) != len(self):
            msg = f"A mask of {len(index)} rows was given for {len(self)} rows."
            raise KerasembleError(msg)
        if index.dtype == np.bool_:
            index = np.flatnonzero(index)
        # Read run by run: a source on disk is quick at neighbours, and one that streams reads no row twice.
        runs = np.split(index, np.flatnonzero(np.diff(index) != 1) + 1) if index.size else []
        parts = [self.read(int(run[0]), int(run[-1]) + 1) for run in runs]
        return np.concatenate(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 - NumPy's protocol
    ) -> npt.NDArray[Any]:
        """Return all rows as an array in memory."""
        rows = self.read(0, len(self))
        return np.array(rows, dtype=dtype, copy=True) if copy else np.asarray(rows, dtype=dtype)

    def __repr__(self) -> str:
        """Say in a line what is in it."""
        labels = "" if self.y is None else ", with labels"
        place = f" in {self.place}" if self.place else ""
        return f"{counted(len(self), 'row')} of {'x'.join(map(str, self.shape[1:]))} {self.dtype}{labels}{place}"


def check_form(shape: tuple[int, ...], dtype: np.dtype[Any], place: str) -> None:
    """Refuse what are no rows of numbers.

    Raises:
        KerasembleError: there are no rows, no axis of samples, or no numbers.
    """
    where = f" in {place}" if place else ""
    if dtype.kind not in "biuf":
        msg = f"The data{where} has dtype {dtype}. Give numbers, all rows of one shape."
        raise KerasembleError(msg)
    if len(shape) < 2:
        msg = f"The data{where} has shape {shape}. The first axis is samples; one sample needs x[None]."
        raise KerasembleError(msg)
    if not shape[0]:
        msg = f"The data{where} has no rows (shape {shape}). Give at least one sample."
        raise KerasembleError(msg)


def bad_columns(block: npt.NDArray[Any], columns: tuple[str, ...]) -> set[str]:
    """Return the names of the columns with NaN or infinity, where columns have names."""
    if not columns or block.dtype.kind != "f":
        return set()
    bad = ~np.isfinite(block)
    # One column may be a list of numbers.
    marked = bad.any(axis=0) if len(columns) == block.shape[-1] else np.repeat(bad.any(), len(columns))
    return {name for name, is_bad in zip(columns, marked, strict=True) if is_bad}


def _check_count(y: npt.NDArray[Any], rows: int, place: str) -> None:
    received = len(y) if y.ndim else 1
    if received != rows:
        where = f" in {place}" if place else ""
        has = f"{counted(rows, 'row')} and {counted(received, 'label')}"
        msg = f"The data{where} has {has}. Give one for each row, in order."
        raise KerasembleError(msg)


def _check_ids(ids: Sequence[str], place: str) -> None:
    if len(set(ids)) == len(ids):
        return
    twice = [name for name, count in Counter(ids).items() if count > 1]
    where = f" in {place}" if place else ""
    msg = f"Row ids{where} are there more than once: {first(twice)}. Give each row an id of its own, or leave out id=."
    raise KerasembleError(msg)
