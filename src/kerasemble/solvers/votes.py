"""Which class each member votes for, row by row: read once, kept small, and given in blocks as often as needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray, blocks
from kerasemble.core.predictions import Predictions

# As in a majority vote: float32 rounds probabilities that are equal apart by less.
_EQUAL = 1e-6


class Votes(NamedTuple):
    """How a block of rows was voted on.

    Args:
        cells: (cells,) the votes that occur in the block, member * classes + class.
        shares: sparse (rows, cells), 1 for a vote, and its share of one where a member's top classes tie.
    """

    cells: IntArray
    shares: Any


class Ballots:
    """The votes of all rows, to be gone through more than once.

    A vote is kept in one or two bytes. A block in which a member's top classes tie is read anew each time, so that
    memory does not grow with samples times classes whatever ties.

    Args:
        predictions: read in blocks of samples.
    """

    def __init__(self, predictions: Predictions) -> None:
        """Keep nothing yet."""
        self.members, self.samples, self.classes = (
            len(predictions.members),
            predictions.samples,
            len(predictions.classes),
        )
        self._predictions = predictions
        self._kept: dict[int, npt.NDArray[np.unsignedinteger[Any]]] = {}

    def __iter__(self) -> Iterator[tuple[slice, Votes]]:
        """Yield each block's rows and votes."""
        offsets = np.arange(self.members, dtype=np.int32) * self.classes
        for rows in blocks(self.samples, self.members * self.classes):
            kept = self._kept.get(rows.start)
            if kept is None:
                votes = votes_of(self._predictions.block(rows))
                if votes.shares.nnz == votes.shares.shape[0] * self.members:
                    voted = votes.cells[votes.shares.indices].reshape(-1, self.members) - offsets
                    self._kept[rows.start] = voted.astype(np.min_scalar_type(self.classes))
            else:
                votes = _sparse(kept + offsets, self.members * self.classes)
            yield rows, votes


def votes_of(block: FloatArray) -> Votes:
    """Return the votes of (members, rows, classes) probabilities; ties divide a vote."""
    members, rows, classes = block.shape
    top = block >= block.max(axis=-1, keepdims=True) - _EQUAL
    chosen = np.flatnonzero(top.transpose(1, 0, 2))
    if len(chosen) == rows * members:
        return _sparse((chosen % (members * classes)).reshape(rows, members), members * classes)
    each = chosen // classes
    share = 1 / np.bincount(each, minlength=rows * members)
    ends = np.cumsum(np.bincount(each // members, minlength=rows))
    return _compact(chosen % (members * classes), share[each], ends, members * classes)


def _sparse(ballots: npt.NDArray[np.integer[Any]], possible: int) -> Votes:
    """Return the votes where every member votes for one class, from cells (rows, members)."""
    rows, members = ballots.shape
    return _compact(ballots.reshape(-1), np.ones(ballots.size), np.arange(1, rows + 1) * members, possible)


def _compact(
    cells: npt.NDArray[np.integer[Any]], shares: npt.NDArray[np.float64], ends: IntArray, possible: int
) -> Votes:
    """Return the votes as a sparse matrix without columns for the cells that do not occur."""
    from scipy.sparse import csr_array

    occurs = np.zeros(possible, dtype=bool)
    occurs[cells] = True
    present = np.flatnonzero(occurs)
    place = np.cumsum(occurs, dtype=np.int32) - 1
    starts = np.append(0, ends).astype(np.int32)
    return Votes(present, csr_array((shares, place[cells], starts), shape=(len(ends), len(present))))
