"""Whether a member's columns are its classes in the order that is assumed, and which order they are in if not."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import hits
from kerasemble.evaluation.match import Match, gains, halves, match, strength
from kerasemble.evaluation.proposals import Hits, held_out

# How often chance alone may be taken for another order. Members that know nothing do not reach what is asked of the
# order below, so this is for the few that do: with 1e-3 two swapped classes stayed unnoticed three times as often (20
# rows a class, members that are right in 65 % to 80 %), and with 1e-2 no member that was read rightly was suspected.
_ALARM = 1e-2
# What moves must speak for the new order in either half of the rows by this many standard deviations.
_STABLE = 1.64
# A network that was never trained answers some classes with some columns too, and the best match of those is no order
# of classes. On real images one in a hundred was right, on the mean over classes, in more than 0.61 to 0.67 of the rows
# of 3 classes, 0.41 to 0.48 of 5, 0.26 to 0.34 of 10, 0.20 to 0.24 of 20 and 0.10 of 100 (benchmarks/untrained.py): in
# about 1.1 / sqrt(classes). What learned little reaches more: a network of ten classes that was right in 31 % was right
# in 45 % in another order, on all rows, and good ones that were fed colours in the wrong order in up to 50 %. Below
# this nobody can tell a member in another order from these.
_UNTRAINED = 1.6
# Where but a few classes move the member must be so much better than that: of 60 members of ten classes that were read
# rightly, one (right in 36 %) really had two classes swapped, and none of those that were right in half or more.
_SOME = 1.25
# A member of two classes that is so often wrong is better reversed, whatever it is; untrained, 0.70 on the X-rays.
_BINARY = 0.7
# One column surely is too many, so there is no prior against any: one error in a hundred.
_BACKGROUND = 2.33


class ClassOrder(NamedTuple):
    """An order of columns that explains the labels better than the one that is assumed.

    Args:
        order: for each class the column that answers for it.
        before: the share of rows that are right as the columns are.
        after: the share that are right in this order.
        moved: how many classes have another column.
    """

    order: tuple[int, ...]
    before: float
    after: float
    moved: int


def find_class_order(values: FloatArray, labels: IntArray) -> ClassOrder | None:
    """Return the order of a member's columns if it surely is another one, else None.

    The order is the most likely one: the match of classes and columns with the greatest sum of evidence. Of its cycles
    (classes that swap columns among themselves) those stay that are beyond chance: a cycle of m among C classes must be
    so strong that chance makes none of the C! / (C - m)! / m such cycles so strong but for one case in a hundred, and
    each half of the rows must agree.

    Args:
        values: (samples, classes) probabilities of one member.
        labels: (samples,) class indices.
    """
    classes = values.shape[1]
    found = match(values, labels, classes)
    order = _sure(values, labels, found, _most_likely(found))
    moved = np.flatnonzero(order != np.arange(classes))
    least = least_accuracy(classes) * (1 if 2 * len(moved) >= classes else _SOME)
    if not len(moved) or found.balanced_accuracy(order) < least:
        return None
    before, after = (float(hits(values, columns).mean()) for columns in (labels, order[labels]))
    return ClassOrder(tuple(map(int, order)), before, after, len(moved)) if after > before else None


def least_accuracy(classes: int) -> float:
    """Return the balanced accuracy below which an order may be that of a network which was never trained."""
    return _BINARY if classes == 2 else min(_BINARY, _UNTRAINED / math.sqrt(classes))


def hits_without_background(values: FloatArray, labels: IntArray, classes: int) -> Hits:
    """Return for each row whether it is right without the column that the other half of the rows says is no class.

    Args:
        values: (samples, classes + 1) probabilities.
        labels: (samples,) class indices.
        classes: how many there are.
    """

    def judge(others: IntArray, rows: IntArray) -> Hits:
        left_out = _backgrounds(match(values[others], labels[others], classes))[0]
        return hits(np.delete(values[rows], left_out, axis=1), labels[rows])

    return held_out(judge, labels)


def _backgrounds(found: Match) -> IntArray:
    """Return the columns, the likeliest to be no class first: left out, the others answer for the classes in order."""
    likelihood = found.evidence + found.means
    index = np.arange(len(likelihood))
    below, above = likelihood[index, index], likelihood[index, index + 1]
    scores = np.append(0.0, np.cumsum(below)) + np.append(np.cumsum(above[::-1])[::-1], 0.0)
    return np.argsort(-scores, kind="stable")


def find_background(values: FloatArray, labels: IntArray, classes: int) -> int | None:
    """Return the column that is no class, of a member that has one more column than there are classes.

    It is the one that, left out, leaves the others in the classes' order with the greatest likelihood; None where
    another one may be meant, or where the classes are in no order with any left out.

    Args:
        values: (samples, classes + 1) probabilities.
        labels: (samples,) class indices.
        classes: how many there are.
    """
    found = match(values, labels, classes)
    index = np.arange(classes)
    best, second = _backgrounds(found)[:2]
    kept, other = (index + (index >= column) for column in (best, second))
    differ = np.flatnonzero((kept != other)[labels])
    sure = strength(gains(values[differ], labels[differ], (kept, other)), labels[differ], found.counts) > _BACKGROUND
    return int(best) if sure and found.balanced_accuracy(kept) >= least_accuracy(classes) else None


def hits_in_order(values: FloatArray, labels: IntArray) -> Hits:
    """Return for each row whether it is right in the order of columns that the other half of the rows speaks for.

    Args:
        values: (samples, columns) probabilities of one member; as many columns as classes, or more.
        labels: (samples,) class indices.
    """

    def judge(others: IntArray, rows: IntArray) -> Hits:
        order = _most_likely(match(values[others], labels[others], values.shape[1]))
        return hits(values[rows], order[labels[rows]])

    return held_out(judge, labels)


def _most_likely(found: Match) -> IntArray:
    from scipy.optimize import linear_sum_assignment

    return np.asarray(linear_sum_assignment(found.evidence, maximize=True)[1], dtype=np.int64)


def _sure(values: FloatArray, labels: IntArray, found: Match, order: IntArray) -> IntArray:
    """Return `order` with the cycles put back that are not sure."""
    identity = np.arange(len(order))
    moved = np.flatnonzero((order != identity)[labels])
    gain = gains(values[moved], labels[moved], (order, identity), found.means)
    mine = labels[moved]
    half = halves(mine)
    cycle_of = _cycles(order)
    sure = np.zeros(len(order), dtype=bool)
    for cycle in np.unique(cycle_of[order != identity]):
        rows = np.flatnonzero(cycle_of[mine] == cycle)
        members = cycle_of == cycle
        parts = (rows, rows[half[rows] == 0], rows[half[rows] == 1])
        whole, *apart = (strength(gain[part], mine[part], found.counts) for part in parts)
        sure |= members & (_beyond_chance(whole, int(members.sum()), len(order)) and min(apart) > _STABLE)
    # Where most classes move, it is another order altogether, and those that are less sure have no claim to stay.
    return order if 2 * sure.sum() >= len(order) else np.where(sure, order, identity)


def _beyond_chance(z: float, length: int, classes: int) -> bool:
    """Say whether chance, in which z is normal, would make none of the cycles of this length as strong as z."""
    from scipy.special import gammaln, log_ndtr

    cycles = gammaln(classes + 1) - gammaln(classes - length + 1) - math.log(length)
    return bool(log_ndtr(-z) + cycles <= math.log(_ALARM))


def _cycles(order: IntArray) -> IntArray:
    """Return for each class the least one of those with which it swaps columns."""
    least = np.full(len(order), -1)
    for start in range(len(order)):
        at = start
        while least[at] < 0:
            least[at], at = start, int(order[at])
    return least
