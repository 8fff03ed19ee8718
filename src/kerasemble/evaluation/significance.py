"""How sure a difference between two paired scores is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights

# A score of some rows under row weights (samples,).
Weighted: TypeAlias = Callable[[RowWeights], float]

# The differences that a row may have which few rows do not show, below and above theirs; None of what has none.
Unseen: TypeAlias = tuple[float, float] | None

# Two-sided 95 %.
_UPPER = 0.975
# Shares that sum to more than one less this squared are those of one row.
_LEAST_APART = 1e-12
# Two hundred resamples tell a standard error within a twentieth of it.
_RESAMPLES = 200


class Interval(NamedTuple):
    """An estimate and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


class Tested(NamedTuple):
    """An interval of a difference, and the probability of one as large if there were none."""

    interval: Interval
    p: float


def paired_interval(
    baseline: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    weights: RowWeights | None = None,
    groups: IntArray | None = None,
    unseen: Unseen = None,
) -> Interval:
    """Return the mean of baseline - other over rows (samples,), with its 95 % interval: see `paired_test`."""
    return paired_test(baseline, other, weights, groups, unseen=unseen).interval


def paired_test(
    baseline: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    weights: RowWeights | None = None,
    groups: IntArray | None = None,
    added: float = 0.0,
    unseen: Unseen = None,
) -> Tested:
    """Return the mean of baseline - other over rows (samples,), how sure it is, and how surprising if it were zero.

    It is Student's interval of the differences, normal where rows are many. For cross-fitted losses it is
    asymptotically valid: Bayle, Bayle, Janson and Mackey 2020, NeurIPS.

    Args:
        baseline: (samples,) losses; at least two rows.
        other: (samples,) losses on the same rows.
        weights: (samples,) how much each row counts; alike where left out. The interval is that of as many rows as
            count.
        groups: (samples,) the group of each row, from 0 without gaps, where rows of one group tell of each other;
            then the groups are what varies. At least two.
        added: variance of the mean that does not show in the differences, because what is compared was picked by
            other rows of the same data: see `Picks`.
        unseen: the difference on a row on which `other` is wrong, and on which `baseline` is, which these rows, being
            few, may not show. Where one is beyond all differences, the interval's end on that side is also that of one
            row more, which has it. Three voters that agreed and were right on 40 rows lost nothing on them; without
            this their gain was called real in half of the draws, and on other rows they lost three times what a member
            did (benchmarks/estimates.py).
    """
    difference = baseline - other
    found = _of_differences(difference, weights, groups, added)
    if unseen is None:
        return found
    (mean, low, high), p = found
    if unseen[0] < difference.min():
        (_, end, _), surprise = _with_one_more(difference, unseen[0], weights, groups, added)
        low, p = min(low, end), max(p, surprise)
    if unseen[1] > difference.max():
        (_, _, end), surprise = _with_one_more(difference, unseen[1], weights, groups, added)
        high, p = max(high, end), max(p, surprise)
    return Tested(Interval(mean, low, high), p)


def _with_one_more(
    difference: npt.NDArray[np.float64], one: float, weights: RowWeights | None, groups: IntArray | None, added: float
) -> Tested:
    """Return the same with a row more, of its own group and of average weight."""
    more = np.ones(len(difference)) if weights is None else weights
    own = None if groups is None else np.append(groups, groups.max() + 1)
    return _of_differences(np.append(difference, one), np.append(more, more.mean()), own, added)


def _of_differences(
    difference: npt.NDArray[np.float64], weights: RowWeights | None, groups: IntArray | None, added: float
) -> Tested:
    """Return the weighted mean of differences (samples,), and how sure it is."""
    shares = np.full(len(difference), 1 / len(difference)) if weights is None else weights / weights.sum()
    mean = float(shares @ difference)
    parts = shares * (difference - mean)
    if groups is not None:
        parts, shares = np.bincount(groups, parts), np.bincount(groups, shares)
    # With equal weights it is the usual variance of a mean, n - 1 in the denominator.
    squares = float(shares @ shares)
    # One row that has next to all the weight leaves next to nothing to divide by.
    error = math.sqrt(float(parts @ parts) / max(1 - squares, _LEAST_APART) + added)

    from scipy.special import stdtr, stdtrit

    p = 1.0 if mean == 0 else 0.0 if error == 0 else 2 * float(stdtr(_freedom(squares), -abs(mean) / error))
    half = float(stdtrit(_freedom(squares), _UPPER)) * error
    return Tested(Interval(mean, mean - half, mean + half), p)


def _freedom(squares: float) -> float:
    """Return Student's degrees of freedom for shares whose squares sum to this: of equal shares their number less one.

    Of two groups of which one has nearly all rows it would be next to zero, and an interval has no end.
    """
    return max(1.0, 1 / squares - 1)


def mcnemar(baseline: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return the exact p of McNemar's test that two classifiers err equally often.

    Args:
        baseline: (samples,) one where it errs, zero where it is right; between them where it ties.
        other: (samples,) the same of the other.

    Reference:
        McNemar 1947, Psychometrika 12(2); exact, so that few rows on which they differ do no harm.
    """
    from scipy.special import bdtr

    better, worse = int(np.count_nonzero(other < baseline)), int(np.count_nonzero(other > baseline))
    return min(1.0, 2 * float(bdtr(min(better, worse), better + worse, 0.5)))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Return each p adjusted for how many there are, such that one below .05 by chance among all has 5 %.

    Reference:
        Holm 1979, Scandinavian Journal of Statistics 6(2).
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1)
    return tuple(adjusted.tolist())


def bootstrap(difference: Weighted, weights: RowWeights, groups: IntArray | None = None, seed: int = 0) -> Tested:
    """Return a difference of two scores with its interval, where scores are no means over rows.

    It is Student's interval with the standard error of resamples. Percentiles of resamples are too narrow where groups
    are few: of five groups they left out zero in 18 of 100 where there was no difference (benchmarks/estimates.py).

    Args:
        difference: of the two scores under row weights; NaN where it is undefined.
        weights: (samples,) how much each row counts.
        groups: (samples,) the group of each row, from 0; groups are drawn instead of rows.
        seed: of the resampling.

    Reference:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapters 6 and 12.
    """
    from scipy.special import stdtr, stdtrit

    rng = np.random.default_rng(seed)
    shares = weights / weights.sum() if groups is None else np.bincount(groups, weights / weights.sum())
    units = len(shares)
    drawn = np.empty(_RESAMPLES)
    for index in range(_RESAMPLES):
        counts = np.bincount(rng.integers(0, units, units), minlength=units)
        drawn[index] = difference(weights * (counts if groups is None else counts[groups]))
    # A resample may lack a class, for which a score is undefined.
    drawn = drawn[np.isfinite(drawn)]
    mean = difference(weights)
    if len(drawn) < _RESAMPLES / 2:
        return Tested(Interval(mean, -math.inf, math.inf), 1.0)
    # Resamples of few vary less than new draws of them.
    error = float(np.std(drawn, ddof=1)) * math.sqrt(units / (units - 1))
    freedom = _freedom(float(shares @ shares))
    half = float(stdtrit(freedom, _UPPER)) * error
    p = 1.0 if mean == 0 else 0.0 if error == 0 else 2 * float(stdtr(freedom, -abs(mean) / error))
    return Tested(Interval(mean, mean - half, mean + half), p)
