"""Folds, and a part of the rows, chosen by what stands in the rows and not by where or in which order of classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights

Hashes = npt.NDArray[np.uint64]

# The finaliser of SplitMix64, which spreads every bit over all (Steele, Lea and Flood 2014, OOPSLA).
_SHIFTS, _MULTIPLIERS = (30, 27, 31), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_ODD = np.uint64(0x9E3779B97F4A7C15)


def content_folds(predictions: Predictions, labels: IntArray, weights: RowWeights, folds: int) -> IntArray:
    """Return the fold (samples,) of each row, every class spread evenly over 0 .. folds - 1.

    Rows that are equal are dealt in any order, which makes no difference to what is learned from them.

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts; only their order is used, where rows are equal.
        folds: how many.

    Example:
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]})
        >>> fold = content_folds(seen, np.array([0, 0, 1, 1]), np.ones(4), 2)
        >>> bool(fold[0] != fold[1] and fold[2] != fold[3])
        True
    """
    by_class, by_row = _hashes(predictions, labels)
    # Sorted by class and dealt out like cards: the folds differ by at most one row, in all and in every class.
    order = np.lexsort((weights, by_row, by_class[labels]))
    result = np.empty(len(labels), dtype=np.int64)
    result[order] = np.arange(len(labels)) % folds
    return result


def content_part(predictions: Predictions, labels: IntArray, weights: RowWeights, rows: int) -> IntArray:
    """Return the indices, ascending, of `rows` of the rows, as good as drawn at random; of all where there are fewer.

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts; only their order is used, where rows are equal.
        rows: how many are wanted.
    """
    if len(labels) <= rows:
        return np.arange(len(labels))
    _, by_row = _hashes(predictions, labels)
    order = np.lexsort((weights, by_row))
    ordered, places = by_row[order], np.arange(len(order))
    # Copies, of which labels make many, are numbered, or all of a kind would be taken or none.
    first = np.maximum.accumulate(np.where(np.append(True, ordered[1:] != ordered[:-1]), places, 0))
    drawn = _mixed(ordered + _ODD * (places - first).astype(np.uint64))
    return np.sort(order[np.argsort(drawn, kind="stable")[:rows]])


def _hashes(predictions: Predictions, labels: IntArray) -> tuple[Hashes, Hashes]:
    """Return a hash of each class (classes,) and of each row (samples,), which move with classes and rows."""
    samples, classes = predictions.samples, len(predictions.classes)
    by_class, by_row = np.zeros(classes, dtype=np.uint64), np.empty(samples, dtype=np.uint64)
    every = list(blocks(samples, len(predictions.members) * classes))
    for rows in every:
        # Sums are the same in any order: of uint64 they wrap and do not round.
        by_class += _cells(predictions, labels, rows).sum(axis=0, dtype=np.uint64)
    for rows in every:
        by_row[rows] = _mixed(_cells(predictions, labels, rows) ^ by_class).sum(axis=1, dtype=np.uint64)
    return by_class, by_row


def _cells(predictions: Predictions, labels: IntArray, rows: slice) -> Hashes:
    """Return a hash (rows, classes) of what all members gave a class, and of whether it is the true one."""
    block = predictions.block(rows)
    true = labels[rows]
    cells = np.zeros(block.shape[1:], dtype=np.uint64)
    cells[np.arange(len(true)), true] = _ODD
    for values in block:
        # Adding zero makes -0.0 the 0.0 that it is equal to.
        cells = _mixed(cells ^ (values + 0.0).view(np.uint64))
    return cells


def _mixed(values: Hashes) -> Hashes:
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        values = (values ^ (values >> np.uint64(shift))) * np.uint64(multiplier)
    return values ^ (values >> np.uint64(_SHIFTS[-1]))
