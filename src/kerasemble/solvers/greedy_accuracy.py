"""The error rate of the mean of selected members and one more, for each that might be added."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.quadratic import Vector

# Bounds on sums of float32 leads are wider by this for each selected member, which is above their rounding.
_ROUNDING = 1e-6


@final
class AccuracyErrors:
    """What gives the error rate of the selected and each candidate; of tied classes each gets its share, as in `hits`.

    A row's lead is by how much the sum of the selected is higher for the true class than for any other. A candidate
    whose own lead is d moves it up by at least d, and up by at most its probability of the true class. So for most
    rows it is certain what every candidate does, and the rest, soon few, are read and computed: nothing is
    approximated. Rows that all members get right, or all wrong by the same class, are counted once.

    It keeps one float32 for each member and row, as the log loss does: nothing of the size of rows times classes.

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
    """

    def __init__(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> None:
        """Read the predictions once, for the rows on which the selection matters."""
        members, width = len(predictions.members), len(predictions.classes)
        open_rows, own, highest = [], [], []
        self._block_size, self._always = members * width, 0.0
        for rows in blocks(predictions.samples, self._block_size):
            block, true = predictions.block(rows), labels[rows]
            of_true = block[:, np.arange(len(true)), true]
            lost = (block > of_true[..., None]).all(axis=0).any(axis=-1)
            leads = _leads(block, true)
            won = (leads > 0).all(axis=0)
            index = np.flatnonzero(~(lost | won))
            self._always += float(weights[rows][won].sum())
            open_rows.append(rows.start + index)
            own.append(leads[:, index].astype(np.float32))
            highest.append(of_true[:, index].max(axis=0))
        self._predictions, self._total = predictions, float(weights.sum())
        self._rows = np.concatenate(open_rows)
        self._labels, self._weights = labels[self._rows], weights[self._rows]
        self._own, self._highest = np.concatenate(own, axis=1), np.concatenate(highest)
        self._worst = self._own.min(axis=0)
        self._counts = np.zeros(members, dtype=np.int64)
        self._least, self._most = np.zeros(len(self._rows)), np.zeros(len(self._rows))

    def __call__(self, counts: IntArray, candidates: IntArray) -> Vector:
        """Return the error rate of the mean of the selected and each candidate (candidates,)."""
        self._follow(counts)
        rounding = _ROUNDING * float(counts.sum() + 1)
        needed = (rounding - self._least).astype(np.float32)
        hopeless = self._most + self._highest < -rounding
        doubtful = ~hopeless & (self._worst <= needed)
        right = np.full(len(candidates), self._always + float(self._weights[~hopeless & ~doubtful].sum()))
        index = np.flatnonzero(doubtful)
        for part in blocks(len(index), self._block_size):
            some = index[part]
            own = self._own.take(some, axis=1)
            own = own if len(candidates) == len(own) else own[candidates]
            # A row without an open pair is right with every candidate.
            read = (own <= needed[some]).any(axis=0)
            right += self._weights[some[~read]].sum() + self._right(some[read], candidates, own.compress(read, axis=1))
        return 1 - right / self._total

    def _follow(self, counts: IntArray) -> None:
        """Move the bounds on the leads to those of new counts."""
        added = counts - self._counts
        self._counts = counts.copy()
        if (added < 0).any():
            self._least[:], self._most[:] = -np.inf, np.inf
            return
        for member in np.flatnonzero(added):
            self._least += float(added[member]) * self._own[member]
        self._most += float(added.sum()) * self._highest

    def _right(self, index: IntArray, candidates: IntArray, own: npt.NDArray[np.float32]) -> Vector:
        """Return the weight of each candidate's hits (candidates,) in some of the open rows, and keep their leads."""
        block = self._predictions.rows(self._rows[index]).block(slice(None))
        true, weights = self._labels[index], self._weights[index]
        sums = np.tensordot(self._counts.astype(np.float64), block, axes=1)
        leads = _leads(sums, true)
        self._least[index] = self._most[index] = leads
        rounding = _ROUNDING * float(self._counts.sum() + 1)
        possible = leads + self._highest[index] >= -rounding
        which, rows = np.nonzero((own <= (rounding - leads).astype(np.float32)) & possible)
        tried = block.reshape(-1, block.shape[-1]).take(candidates[which] * len(index) + rows, axis=0)
        tried += sums[rows]
        missed = (1 - _shares(tried, true[rows])) * weights[rows]
        return np.asarray(weights[possible].sum() - np.bincount(which, missed, len(candidates)))


def _shares(sums: FloatArray, labels: IntArray) -> Vector:
    """Return 1 (rows,) where the true class of (rows, classes) is highest, a share where it ties, else 0."""
    leads = _leads(sums, labels)
    shares = np.where(leads > 0, 1.0, 0.0)
    tied = leads == 0
    true = sums[tied, labels[tied], None]
    shares[tied] = 1 / (sums[tied] == true).sum(axis=-1)
    return shares


def _leads(sums: FloatArray, labels: IntArray) -> Vector:
    """Return by how much the true class is above the highest other (..., rows), given sums (..., rows, classes)."""
    place = (..., np.arange(len(labels)), labels)
    # Classes first, since NumPy is ten times as slow at the maximum of a short last axis.
    others = np.moveaxis(sums, -1, 0).copy()
    others[(labels, ..., np.arange(len(labels)))] = -np.inf
    return np.asarray(sums[place] - others.max(axis=0))
