"""Rows of data that may be larger than memory, and what is known of their values."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, first
from kerasemble.core.errors import KerasembleError

Hashes = npt.NDArray[np.uint64]

# Values that are looked at in one piece: 64 MB of float32.
_VALUES_AT_ONCE = 2**24
# Rows that an error names.
_SHOWN = 10


class Rows(Protocol):
    """What an array of rows (samples, ...) and a source of them have in common."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(samples, ...)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the numbers."""

    def __len__(self) -> int:
        """Return how many rows there are."""

    def __getitem__(self, rows: slice | IntArray, /) -> npt.NDArray[Any]:
        """Return some of the rows, by a slice without a step or by ascending positions."""


class Extent(NamedTuple):
    """Between what the numbers of data lie.

    Args:
        low: the least of them.
        high: the greatest of them.
        fractions: whether some are not whole.
    """

    low: float
    high: float
    fractions: bool


@runtime_checkable
class _Known(Protocol):
    @property
    def extent(self) -> Extent:
        """What was found when the rows were looked through."""


def extent_of(x: Rows) -> Extent:
    """Return between what the numbers of finite data lie; what knows it already is not read again."""
    if isinstance(x, _Known):
        return x.extent
    found = [extent_of_block(x[rows]) for rows in pieces(x)]
    return merged(found)


def extent_of_block(x: npt.NDArray[Any]) -> Extent:
    """Return between what the numbers of one array lie."""
    fractions = x.dtype.kind == "f" and bool((x % 1 != 0).any())
    return Extent(float(x.min()), float(x.max()), fractions)


def merged(extents: list[Extent]) -> Extent:
    """Return the extent of several pieces together."""
    lows, highs, fractions = zip(*extents, strict=True)
    return Extent(min(lows), max(highs), any(fractions))


def pieces(x: Rows, values: int = _VALUES_AT_ONCE) -> list[slice]:
    """Return slices that cover the rows, each of as many as are held in memory at once without a thought."""
    size = max(1, values // max(1, int(np.prod(x.shape[1:]))))
    return [slice(start, min(start + size, len(x))) for start in range(0, len(x), size)]


def hash_rows(block: npt.NDArray[Any]) -> Hashes:
    """Return 64 bits for each row, alike for equal rows and by all likelihood for no others."""
    width = int(np.prod(block.shape[1:])) * block.dtype.itemsize
    content = np.ascontiguousarray(block).reshape(-1).view(np.uint8).data
    parts = (content[start : start + width] for start in range(0, len(block) * width, width or 1))
    found = b"".join(hashlib.blake2b(part, digest_size=8).digest() for part in parts)
    return np.frombuffer(found, dtype=np.uint64)


def not_finite(x: npt.NDArray[Any], start: int = 0) -> IntArray:
    """Return the positions of rows with NaN or infinity, counted from `start`."""
    if x.dtype.kind != "f":
        return np.empty(0, dtype=np.int64)
    return start + np.flatnonzero(~np.isfinite(x).all(axis=tuple(range(1, x.ndim))))


def refuse_rows(
    bad: IntArray, total: int, name: Callable[[int], str] = str, columns: Sequence[str] = ()
) -> KerasembleError:
    """Return the error that names rows with NaN or infinity; `name` is what people call a row."""
    shown = first([name(row) for row in bad[:_SHOWN].tolist()])
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    where = f" (column {first(list(columns))})" if columns else ""
    return KerasembleError(
        f"The data has NaN or infinity in {len(bad)} of {total} rows: {shown}{more}{where}. Leave them out."
    )
