"""What is known of a table of raw values after one look at each block of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray
from kerasemble.core.rows import Rows, not_finite, pieces

# Values of columns that are kept by name: positions of odd rows, of which errors name the first.
_KEPT = 11
# Values that are looked at in one piece: what is computed of them stays in a core's cache.
_AT_ONCE = 2**18


class Summary(NamedTuple):
    """Figures of a table (samples, columns) of finite values.

    Args:
        samples: how many rows.
        columns: how many values in each.
        low: the least value.
        high: the greatest value.
        sum_low: the least sum of a row.
        sum_high: the greatest sum of a row.
        exp_off: the most by which the exponentials of a row miss one in sum.
        negative: how many rows have negative values.
        off: how many rows miss one in sum by more than the tolerance.
        off_rows: the first of those.
        column_sums: (columns,) of all rows.
        whole: whether all values of a single column are whole numbers; of several it is not asked.
        empty_rows: the first rows whose sum is not above zero.
    """

    samples: int
    columns: int
    low: float
    high: float
    sum_low: float
    sum_high: float
    exp_off: float
    negative: int
    off: int
    off_rows: tuple[int, ...]
    column_sums: npt.NDArray[np.float64]
    whole: bool
    empty_rows: tuple[int, ...]

    @property
    def deviation(self) -> float:
        """The most by which a row misses one in sum."""
        return max(abs(self.sum_low - 1), abs(self.sum_high - 1))


class NotFinite(NamedTuple):
    """Rows of a table that hold NaN or infinity: the first of them, and how many there are."""

    rows: tuple[int, ...]
    total: int


def summarise(values: Rows | FloatArray, tolerance: float) -> Summary | NotFinite:
    """Return the figures of values (samples, columns), read a block at a time, or which rows are not finite.

    Args:
        values: of one member.
        tolerance: by which the sum of a row of probabilities may miss one.
    """
    found: Summary | None = None
    bad: tuple[int, ...] = ()
    count = 0
    for rows in pieces(values, _AT_ONCE):
        block = values[rows]
        odd = not_finite(block, rows.start)
        count += len(odd)
        bad = (*bad, *odd.tolist())[:_KEPT]
        if not count:
            one = _of_block(block, rows.start, tolerance)
            found = one if found is None else _merged(found, one)
    return NotFinite(bad, count) if found is None or count else found


def _of_block(block: npt.NDArray[Any], start: int, tolerance: float) -> Summary:
    sums = block.sum(axis=-1, dtype=np.float64)
    low, high = float(block.min()), float(block.max())
    # Of values that cannot be logarithms of probabilities it is not asked.
    logs = high <= tolerance
    off = np.flatnonzero(np.abs(sums - 1) > tolerance)
    return Summary(
        samples=len(block),
        columns=block.shape[1],
        low=low,
        high=high,
        sum_low=float(sums.min()),
        sum_high=float(sums.max()),
        exp_off=float(np.abs(np.exp(block.astype(np.float64)).sum(axis=-1) - 1).max()) if logs else np.inf,
        negative=int((block < 0).any(axis=-1).sum()) if low < 0 else 0,
        off=len(off),
        off_rows=tuple((start + off[:_KEPT]).tolist()),
        column_sums=block.sum(axis=0, dtype=np.float64),
        whole=block.shape[1] == 1 and bool(np.array_equal(block, np.round(block))),
        empty_rows=tuple((start + np.flatnonzero(sums <= 0)[:_KEPT]).tolist()),
    )


def _merged(one: Summary, other: Summary) -> Summary:
    return Summary(
        samples=one.samples + other.samples,
        columns=one.columns,
        low=min(one.low, other.low),
        high=max(one.high, other.high),
        sum_low=min(one.sum_low, other.sum_low),
        sum_high=max(one.sum_high, other.sum_high),
        exp_off=max(one.exp_off, other.exp_off),
        negative=one.negative + other.negative,
        off=one.off + other.off,
        off_rows=(*one.off_rows, *other.off_rows)[:_KEPT],
        column_sums=one.column_sums + other.column_sums,
        whole=one.whole and other.whole,
        empty_rows=(*one.empty_rows, *other.empty_rows)[:_KEPT],
    )
