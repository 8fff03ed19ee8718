"""How well each column of a member answers for each class: what its class order is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray, blocks

Table = npt.NDArray[np.float64]
# A probability below this share of a blind guess counts as this. With the usual clip, 2**-24, a member that is too
# sure of itself is judged by the few rows in which it errs: of 40 X-rays it took 4.2 % of the reversed members for
# right, with a thousandth 2.7 %.
_LEAST = 0.01


class Match(NamedTuple):
    """Class by column.

    Args:
        evidence: (classes, columns) the mean logarithm of a column's probability over the rows of a class, less the
            column's mean over classes. So a column that is high for all says nothing.
        recall: (classes, columns) the share of a class's rows whose most probable column it is; ties are shared.
        means: (columns,) what was taken off.
        counts: (classes,) rows of each class.
    """

    evidence: Table
    recall: Table
    means: Table
    counts: IntArray

    def balanced_accuracy(self, order: IntArray, among: IntArray | None = None) -> float:
        """Return the mean recall of the classes (`among` them) that have rows, if order[c] answers for class c."""
        seen = np.flatnonzero(self.counts) if among is None else among[self.counts[among] > 0]
        return float(self.recall[seen, order[seen]].mean()) if len(seen) else 0.0


def match(values: FloatArray, labels: IntArray, classes: int) -> Match:
    """Return the evidence in probabilities (samples, columns) and labels (samples,), read in blocks."""
    from scipy.sparse import csr_array

    columns = values.shape[1]
    logs, tops = np.zeros((classes, columns)), np.zeros((classes, columns))
    for rows, scores in _logs(values):
        mine = labels[rows]
        of_class = csr_array((np.ones(len(mine), scores.dtype), (mine, np.arange(len(mine)))), (classes, len(mine)))
        top = (values[rows] == values[rows].max(axis=1, keepdims=True)).astype(scores.dtype)
        logs += of_class @ scores
        tops += of_class @ (top / top.sum(axis=1, keepdims=True))
    counts = np.bincount(labels, minlength=classes)
    rows_each = np.maximum(counts, 1)[:, None]
    logs /= rows_each
    means = logs[counts > 0].mean(axis=0)
    logs[counts > 0] -= means
    return Match(logs, tops / rows_each, means, counts)


def gains(values: FloatArray, labels: IntArray, orders: tuple[IntArray, IntArray], means: Table | None = None) -> Table:
    """Return for each row how much more evidence there is for its label in one order of columns than in another.

    Args:
        values: (samples, columns) probabilities.
        labels: (samples,) class indices.
        orders: the order that is proposed, and the one that it is compared with: for each class a column.
        means: (columns,) to take off the logarithms; nothing where left out.

    Returns:
        (samples,) differences of logarithms.
    """
    index, columns = np.arange(len(labels)), values.shape[1]
    new, old = (order[labels] for order in orders)
    gain = np.asarray(_log(values[index, new], columns) - _log(values[index, old], columns), dtype=np.float64)
    return gain if means is None else gain - means[new] + means[old]


def strength(gain: Table, labels: IntArray, counts: IntArray) -> float:
    """Return how surely gains (samples,) are positive on the mean, each class counting alike: in standard deviations.

    It is sum(w g) / sqrt(sum((w g)^2)) with w = 1 / rows of the class. If gains were as often negative, it would exceed
    z with probability at most exp(-z^2 / 2), however their sizes are distributed: de la Peña 1999, Annals of
    Probability 27 (for gains that are symmetric about zero). One row that is sure of itself cannot carry it.
    """
    weighted = gain / counts[labels]
    size = float(np.sqrt(weighted @ weighted))
    return float(weighted.sum()) / size if size else 0.0


def halves(labels: IntArray) -> IntArray:
    """Return 0 or 1 for each row (samples,), in turns within its class."""
    by_class = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    starts = np.cumsum(counts) - counts
    half = np.empty(len(labels), dtype=np.int64)
    half[by_class] = (np.arange(len(labels)) - starts[labels[by_class]]) % 2
    return half


def told(values: FloatArray, labels: IntArray) -> Table:
    """Return what probabilities (samples, columns) tell of each label, whichever class each column is.

    What half of the rows say of each class, the evidence for each column, is laid on the other half: a row's share is
    evidence[label] . log(p). If the labels were drawn blindly, the sum would be zero but for chance, which makes it
    as large as z with probability of about 1 - Phi(z), as the squares of the shares sum to one.

    Returns:
        (rows of the second half,) shares, in the order of the rows, whose squares sum to one, or zeros.
    """
    half = halves(labels)
    first, second = half == 0, half == 1
    found = match(values[first], labels[first], int(labels.max()) + 1)
    mine, others = labels[second], values[second]
    if not len(mine):
        return np.zeros(0)
    share = np.bincount(mine, minlength=len(found.counts)) / len(mine)
    evidence = found.evidence - share @ found.evidence
    center = np.zeros(values.shape[1])
    for _, scores in _logs(others):
        center += scores.sum(axis=0) / len(others)
    parts = [np.einsum("ij,ij->i", evidence[mine[rows]], scores - center) for rows, scores in _logs(others)]
    shares = np.concatenate(parts)
    size = float(np.sqrt(shares @ shares))
    return np.asarray(shares / size if size else shares, dtype=np.float64)


def _logs(values: FloatArray) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
    for rows in blocks(len(values), values.shape[1], times=8):
        yield rows, _log(values[rows], values.shape[1])


def _log(values: FloatArray, columns: int) -> npt.NDArray[np.float32]:
    clipped = np.maximum(values, np.float32(_LEAST / columns), dtype=np.float32)
    return np.log(clipped, out=clipped)
