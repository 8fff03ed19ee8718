"""Whether members' answers can be told from a blind guess, and how right they may be at most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import hits
from kerasemble.evaluation.class_order import hits_in_order
from kerasemble.evaluation.match import strength, told
from kerasemble.evaluation.proposals import Hits, balanced

# Of the bounds: each is missed by one honest member of forty.
_TAIL = 0.025


class Chance(NamedTuple):
    """How one member or the mean of several compares with a blind guess.

    Args:
        accuracy: the mean over classes of the share that is right.
        low: its lower 97.5 % bound.
        high: its upper 97.5 % bound.
        highest: that of the best of them, in this order of the columns or in the one that the labels speak for.
        blind: the accuracy of the same answers on rows in any order.
        above: by how many standard deviations the answers are right more often than blindly.
        informed: by how many they tell of the labels, in whatever order the columns are.
    """

    accuracy: float
    low: float
    high: float
    highest: float
    blind: float
    above: float
    informed: float

    @property
    def told(self) -> float:
        """How surely the member is told from chance, one way or the other: in standard deviations."""
        return max(self.above, self.informed)


class Answers(NamedTuple):
    """What is kept of a member's answers: (samples,) arrays, and what `told` gives."""

    hits: Hits
    reordered: Hits  # in the order that the other half of the rows speaks for
    blind: Hits  # the share of all rows for which the member answers the row's label
    told: Hits


def look(values: FloatArray, labels: IntArray) -> Answers:
    """Return what `compared` needs of a member's probabilities (samples, classes)."""
    top = values == values.max(axis=1, keepdims=True)
    shares = 1 / top.sum(axis=1)
    named = shares @ top / len(values)
    return Answers(hits(values, labels), hits_in_order(values, labels), named[labels], told(values, labels))


def compared(members: Sequence[Answers], labels: IntArray) -> Chance:
    """Return how members, taken together, compare with a blind guess.

    The mean of their hits is judged: where they err alike it says no more than one of them, else it says more.
    """
    right = np.mean([each.hits for each in members], axis=0)
    blind = np.mean([each.blind for each in members], axis=0)
    most = max(balanced(hit, labels) for each in members for hit in (each.hits, each.reordered))
    low, high = bounds(balanced(right, labels), labels)
    said = np.mean([each.told for each in members], axis=0)
    size = float(np.sqrt(said @ said))
    return Chance(
        accuracy=balanced(right, labels),
        low=low,
        high=high,
        highest=bounds(most, labels)[1],
        blind=balanced(blind, labels),
        above=strength(right - blind, labels, np.bincount(labels)),
        informed=float(said.sum()) / size if size else 0.0,
    )


def bounds(accuracy: float, labels: IntArray) -> tuple[float, float]:
    """Return the lower and upper 97.5 % bound of a balanced accuracy.

    They are those of Clopper and Pearson 1934 (Biometrika 26) for the number of rows that would give a plain accuracy
    this standard error: see `balanced_rows`. They are rather too wide, the more so where classes differ.
    """
    from scipy.special import betaincinv

    rows = balanced_rows(labels)
    right = min(accuracy, 1.0) * rows
    low = float(betaincinv(right, rows - right + 1, _TAIL)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, rows - right, 1 - _TAIL)) if right < rows else 1.0
    return low, high


def balanced_rows(labels: IntArray) -> float:
    """Return how many rows would tell a plain accuracy as well as these tell a balanced one.

    It is C^2 / sum(1 / rows of a class) of the C classes that occur: three rows of a class tell little, however many
    there are of the others.

    Example:
        >>> round(balanced_rows(np.array([0] * 50 + [1] * 50))), round(balanced_rows(np.array([0] * 137 + [1] * 3)), 1)
        (100, 11.7)
    """
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    return float(len(counts) ** 2 / (1 / counts).sum())
