"""How sure a difference between two paired scores is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.bounded_mean import Bound

# A score of some rows under row weights (samples,).
Weighted: TypeAlias = Callable[[RowWeights], float]

# What the difference would be on each row (samples,), or on any: where `other` is wrong, and where `baseline` is.
Unseen: TypeAlias = tuple[npt.NDArray[np.float64] | float, npt.NDArray[np.float64] | float] | None

# Two-sided 95 %.
_UPPER = 0.975
# The standard normal deviate of the same.
_DEVIATE = 1.959963984540054
# Shares that sum to more than one less this squared are those of one row.
_LEAST_APART = 1e-12
# Two hundred resamples tell a standard error within a twentieth of it.
_RESAMPLES = 200
# A claim that rests on fewer rows than this is none: where members were very sure and sometimes wrong, intervals of
# such differences were above the truth in up to half of the draws (benchmarks/estimates.py).
_DECIDING = 5
# Differences from the mean that are smaller than this, in nats, decide nothing.
_TIE = 1e-6


class Interval(NamedTuple):
    """An estimate and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


class Tested(NamedTuple):
    """An interval of a difference, and the probability of one as large if there were none.

    Args:
        interval: of it.
        p: two-sided.
        enough: whether the rows are enough to tell. They are too few where the difference rests on fewer than five of
            them (on none, where it is the same on all) and goes without these, or where it is sure on these alone and
            one row more, on which the better is wrong, would undo it.
    """

    interval: Interval
    p: float
    enough: bool = True


def standard_error(difference: npt.NDArray[np.float64], weights: RowWeights, groups: IntArray | None = None) -> float:
    """Return the standard error of the weighted mean of differences (samples,), of which groups may be what varies."""
    parts, units = _units(difference, weights / weights.sum(), groups)
    return math.sqrt(_variance(parts, float(units @ units)))


def _units(
    difference: npt.NDArray[np.float64], shares: RowWeights, groups: IntArray | None
) -> tuple[npt.NDArray[np.float64], RowWeights]:
    """Return how far each row, or group, takes the mean from where it is, and its share of the weight."""
    parts = shares * (difference - float(shares @ difference))
    if groups is None:
        return parts, shares
    of_groups, shares_of_groups = (np.bincount(groups, each).astype(np.float64) for each in (parts, shares))
    return of_groups, shares_of_groups


def _variance(parts: npt.NDArray[np.float64], squares: float) -> float:
    """Return the variance of a mean: of equal weights the usual one, n - 1 in the denominator."""
    # One row that has next to all the weight leaves next to nothing to divide by.
    return float(parts @ parts) / max(1 - squares, _LEAST_APART)


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
    asymptotically valid: Bayle, Bayle, Janson and Mackey 2020, NeurIPS. Where it is known what a row could show that
    these, being few, do not, each end is the further of that and of Gaffke's bound (see `bounded_mean`), which holds
    for skewed differences too.

    Args:
        baseline: (samples,) losses; at least two rows.
        other: (samples,) losses on the same rows.
        weights: (samples,) how much each row counts; alike by default. The interval is that of as many rows as
            count.
        groups: (samples,) the group of each row, from 0 without gaps, where rows of one group tell of each other;
            then the groups are what varies. At least two.
        added: variance of the mean that does not show in the differences, because what is compared was picked by
            other rows of the same data: see `Picks`.
        unseen: the difference on each row (samples,) if `other` were wrong there, and if `baseline` were; or one number
            for all rows. What counts as unseen is the mean of the lower (the upper) half of these, or that over
            the rows as the difference rests on them, whichever is further.

    Example:
        >>> import numpy as np
        >>> right = np.zeros(50)  # two that made no mistake on 50 rows
        >>> round(paired_interval(right, right, unseen=(-1.0, 1.0)).high, 3)
        0.071
    """
    from scipy.special import ndtr

    difference = baseline - other
    shares = np.full(len(difference), 1 / len(difference)) if weights is None else weights / weights.sum()
    mean = float(shares @ difference)
    parts, units = _units(difference, shares, groups)
    squares = float(units @ units)
    variance = _variance(parts, squares)
    alone = _student(mean, variance + added, squares)
    deciding = _deciding(parts / units.mean()) >= _DECIDING or _stays(parts, units, mean)
    if unseen is None:
        return alone._replace(enough=deciding)
    counts = shares * _effective(difference - mean, shares, variance)
    influence = shares * np.abs(difference - mean)
    below, above = (
        Bound(
            sign * difference,
            counts,
            min(sign * mean, _pseudo_observation(sign * np.asarray(row), shares, influence)),
        )
        for sign, row in zip((1, -1), unseen, strict=True)
    )
    # The two variances add, as if both were normal.
    picking = _DEVIATE * math.sqrt(added)
    low = min(alone.interval.low, mean - math.hypot(mean - below.lower(_DEVIATE), picking))
    high = max(alone.interval.high, mean + math.hypot(mean + above.lower(_DEVIATE), picking))
    deviate = (below if mean > 0 else above).deviate_of(0.0)
    if added:
        deviate = abs(mean) / math.hypot(abs(mean) / deviate if deviate else math.inf, math.sqrt(added))
    undone = (alone.interval.low > 0 >= low) or (alone.interval.high < 0 <= high)
    p = max(alone.p, min(1.0, 2 * float(ndtr(-deviate))))
    return Tested(Interval(mean, low, high), p, deciding and not undone)


def _student(mean: float, variance: float, squares: float) -> Tested:
    """Return Student's interval and test of a mean of this variance, from shares whose squares sum to this."""
    from scipy.special import stdtr, stdtrit

    error, freedom = math.sqrt(variance), _freedom(squares)
    p = 1.0 if mean == 0 else 0.0 if error == 0 else 2 * float(stdtr(freedom, -abs(mean) / error))
    half = float(stdtrit(freedom, _UPPER)) * error
    return Tested(Interval(mean, mean - half, mean + half), p)


def _deciding(parts: npt.NDArray[np.float64]) -> float:
    """Return how many units would tell as much if each of them told alike, from their parts (units,) in a mean's error.

    Of k rows that differ among many that do not it is k; of normal differences a third of their number.
    """
    squares = np.where(np.abs(parts) < _TIE, 0.0, parts) ** 2
    return float(squares.sum() ** 2 / max(float(squares @ squares), np.finfo(np.float64).tiny))


def _stays(parts: npt.NDArray[np.float64], units: RowWeights, mean: float) -> bool:
    """Return whether most of a mean stays, and surely so, without the five units that speak for it most.

    Then a few that speak against it decide nothing: of 400 rows 399 may gain and one lose.
    """
    own = math.copysign(1.0, mean) * (parts + units * mean)
    rest = np.argsort(own, kind="stable")[:-_DECIDING]
    if len(rest) < 2 * _DECIDING:
        return False
    shares = units[rest] / units[rest].sum()
    values = own[rest] / units[rest]
    left = float(shares @ values)
    squares = float(shares @ shares)
    low = _student(left, _variance(shares * (values - left), squares), squares).interval.low
    return bool(np.ptp(values) > _TIE and low > 0 and left > abs(mean) / 2)


def _effective(residuals: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], variance: float) -> float:
    """Return how many rows alike in weight and independent of each other would have this variance of their mean."""
    rows = 1 / float(shares @ shares)
    of_a_row = float(shares @ residuals**2)
    return rows if variance == 0 else min(rows, of_a_row / variance)


def _pseudo_observation(
    values: npt.NDArray[np.float64], shares: npt.NDArray[np.float64], influence: npt.NDArray[np.float64]
) -> float:
    """Return a low value of a row that was not seen, from what each row would have, (samples,) or one for all.

    It is the mean of the lower half of them, or the mean over the rows as each has a part in the spread, whichever is
    lower: where two differ on few rows only, the next that differs is like these.
    """
    if values.ndim == 0:
        return float(values)
    order = np.argsort(values, kind="stable")
    # The row that the half ends in counts by its part of it.
    lower = np.diff(np.minimum(np.cumsum(shares[order]), 0.5), prepend=0.0)
    means = [float(lower @ values[order]) / float(lower.sum())]
    if influence.any():
        means.append(float(influence @ values) / float(influence.sum()))
    return min(means)


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
    squares = float(shares @ shares)
    if len(drawn) < _RESAMPLES / 2:
        return Tested(Interval(mean, -math.inf, math.inf), 1.0)
    # Resamples of few vary less than new draws of them.
    variance = float(np.var(drawn, ddof=1)) * units / (units - 1)
    return _student(mean, variance, squares)
