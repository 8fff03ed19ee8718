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

# Two-sided 95 %.
_UPPER = 0.975
# Five hundred resamples leave an end of an interval uncertain by a seventh of its standard error. Of many rows there
# are fewer, so that all take a second or two, but not below two hundred.
_MOST_RESAMPLES, _FEWEST_RESAMPLES, _RESAMPLED_ROWS = 500, 200, 4_000_000


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
) -> Interval:
    """Return the mean of baseline - other over rows (samples,), with its 95 % interval: see `paired_test`."""
    return paired_test(baseline, other, weights, groups).interval


def paired_test(
    baseline: npt.NDArray[np.float64],
    other: npt.NDArray[np.float64],
    weights: RowWeights | None = None,
    groups: IntArray | None = None,
    added: float = 0.0,
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
    """
    difference = baseline - other
    shares = np.full(len(difference), 1 / len(difference)) if weights is None else weights / weights.sum()
    mean = float(shares @ difference)
    parts = shares * (difference - mean)
    if groups is not None:
        parts, shares = np.bincount(groups, parts), np.bincount(groups, shares)
    # With equal weights it is the usual variance of a mean, n - 1 in the denominator.
    squares = float(shares @ shares)
    error = math.sqrt(float(parts @ parts) / (1 - squares) + added)

    from scipy.special import stdtr, stdtrit

    freedom = 1 / squares - 1
    half = float(stdtrit(freedom, _UPPER)) * error
    p = 1.0 if mean == 0 else 0.0 if error == 0 else 2 * float(stdtr(freedom, -abs(mean) / error))
    return Tested(Interval(mean, mean - half, mean + half), p)


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
    """Return a difference of two scores with its percentile interval, where scores are no means over rows.

    Args:
        difference: of the two scores under row weights.
        weights: (samples,) how much each row counts.
        groups: (samples,) the group of each row, from 0; groups are drawn instead of rows.
        seed: of the resampling.

    Reference:
        Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    rng = np.random.default_rng(seed)
    units = len(weights) if groups is None else int(groups.max()) + 1
    replicates = int(np.clip(_RESAMPLED_ROWS / len(weights), _FEWEST_RESAMPLES, _MOST_RESAMPLES))
    drawn = np.empty(replicates)
    for index in range(replicates):
        counts = np.bincount(rng.integers(0, units, units), minlength=units)
        drawn[index] = difference(weights * (counts if groups is None else counts[groups]))
    # A resample may lack a class, for which a score is undefined.
    drawn = drawn[np.isfinite(drawn)]
    mean = difference(weights)
    if not len(drawn):
        return Tested(Interval(mean, -math.inf, math.inf), 1.0)
    low, high = np.quantile(drawn, (1 - _UPPER, _UPPER))
    tail = (min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0)) + 1) / (len(drawn) + 1)
    return Tested(Interval(mean, float(low), float(high)), min(1.0, 2 * float(tail)))
