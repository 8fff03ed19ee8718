"""Whether rows tell of their neighbours, as they do in a series: then there are fewer of them than it seems."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.codes import Code
from kerasemble.evaluation.finding import Finding

# Fewer units show no dependence that is worth a word.
_FEWEST = 30
# Neighbours are looked at up to these distances: the nearest show a short memory best, several a long one.
_REACHES = (1, 5, 20)
# How often independent rows may be called dependent, and from which growth of the variance of a mean on it is said.
_FALSE_ALARM, _GROWTH = 1e-3, 1.2


def dependence(losses: npt.NDArray[np.float64], labels: IntArray, units: IntArray | None = None) -> list[Finding]:
    """Return a warning where losses of neighbours in the order of the rows are correlated.

    Losses are replaced by their ranks among the rows of the same class: so rows that are sorted by class raise no
    alarm, and no single loss decides. Products of neighbours' ranks are then summed over several distances and divided
    by the root of the sum of their squares.

    Args:
        losses: (series, samples) of what is scored, or differences of them; each is tested, the alarm is shared.
        labels: (samples,) class indices.
        units: (samples,) of rows that are known to tell of each other, from 0; only units are then compared, in the
            order of their first rows. None where each row is one.

    Example:
        >>> walk = np.cumsum(np.random.default_rng(0).normal(size=(1, 200)), axis=1)
        >>> [finding.code for finding in dependence(walk, np.zeros(200, dtype=int))]
        [<Code.DEPENDENT: 'dependent-rows'>]
    """
    count = losses.shape[1] if units is None else int(units.max()) + 1
    if count < _FEWEST:
        return []
    reaches = [reach for reach in _REACHES if 3 * reach < count]
    needed = {reach: _needed(_FALSE_ALARM / (len(losses) * len(reaches)), reach, count) for reach in reaches}
    most = 0.0
    for series in losses:
        if np.ptp(series) == 0:
            continue
        values = _unit_means(_scores(series, labels), units)
        for reach in reaches:
            surprise, growth = _summed(values, reach)
            if surprise > needed[reach]:
                most = max(most, growth)
    if most < _GROWTH:
        return []
    evidence = (
        f"Losses of rows that are neighbours are alike: the variance of their mean is about {most:.1f} times that of "
        "as many independent rows, so intervals that take rows as independent are too narrow."
    )
    remedy = (
        "Name the series, patient or site of each row with groups= (--groups); of one series in the order of time, "
        'take cv="blocks" (--cv blocks).'
    )
    return [Finding(Code.DEPENDENT, evidence, remedy)]


def _needed(chance: float, reach: int, count: int) -> float:
    """Return what the sum of products of independent values exceeds with this chance, in standard errors.

    A sum over several distances is nearly a sum of squares of running means, and as skewed: Pearson's type III
    distribution has its mean, variance and skewness.

    Args:
        chance: of a false alarm.
        reach: the greatest distance.
        count: how many values there are.
    """
    from scipy.special import gammaincinv, ndtri

    skewness = 3 * (reach - 1) / (reach * count) ** 0.5
    if skewness == 0:
        return -float(ndtri(chance))
    shape = 4 / skewness**2
    return float((gammaincinv(shape, 1 - chance) - shape) / shape**0.5)


def _scores(losses: npt.NDArray[np.float64], labels: IntArray) -> npt.NDArray[np.float64]:
    """Return the rank (samples,) of each row among those of its class, of mean zero and variance one in each."""
    from scipy.stats import rankdata

    result = np.zeros(len(losses))
    for label in np.unique(labels):
        inside = labels == label
        ranks = rankdata(losses[inside])
        spread = ranks.std()
        if spread > 0:
            result[inside] = (ranks - ranks.mean()) / spread
    return result


def _unit_means(values: npt.NDArray[np.float64], units: IntArray | None) -> npt.NDArray[np.float64]:
    """Return the mean of each unit, in the order in which units begin."""
    if units is None:
        return values
    means = np.bincount(units, values) / np.bincount(units)
    return np.asarray(means[np.argsort(np.unique(units, return_index=True)[1])])


def _summed(values: npt.NDArray[np.float64], reach: int) -> tuple[float, float]:
    """Return how surprising products up to a distance are, in standard errors, and how the variance of a mean grows."""
    products = [values[:-lag] * values[lag:] for lag in range(1, reach + 1)]
    every = np.concatenate(products)
    squares = float(every @ every)
    if squares == 0:
        return 0.0, 1.0
    variance = float(values @ values) / len(values)
    growth = 1 + 2 * sum(float(each.sum()) for each in products) / len(values) / variance
    return float(every.sum()) / squares**0.5, growth
