"""How much surer a mean over rows looks than it is, where what is averaged was picked by rows of the same data."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.row_weights import RowWeights

# Enough for the shares of picks to be known within a few percent.
DRAWS = 1000
# What is added to variances, as a share of all of them.
_LEAST = 1e-10


class Picks(NamedTuple):
    """Which of several would be picked for each fold by another sample of the rows of the other folds.

    Where several are about equally good, it is chance which of them the other folds pick. A row then has a part in
    what is picked for other folds, and these have a part in what is picked for its own; each pair of rows tells twice
    of the same chance, and a mean over rows varies more than the rows themselves show. With four members that are
    equally good an interval without this held the truth 82 times in 100, and with it 95 times
    (benchmarks/estimates.py).

    Args:
        folds: (repeats, samples) the fold of each row.
        shares: (repeats, folds, options) how often each would be picked.
    """

    folds: IntArray
    shares: FloatArray

    def variance(
        self, contributions: npt.NDArray[np.float64], weights: RowWeights, groups: IntArray | None = None
    ) -> float:
        """Return what is to be added to the variance of a weighted mean over rows, for one division the mean of all.

        It is the variance among the options, as often as what other folds pick for two folds tells of both. For two
        options that are equally good, normal sums of rows, and K folds the covariance of all pairs of folds is
        (K - 1) 2 / (pi sqrt(2 K - 3)) times what the rows show: 0.96 for five folds, 1.4 for ten. Of more options it is
        a few hundredths more.

        Args:
            contributions: (options, samples) what the mean would be of, had each option been picked.
            weights: (samples,) how much each row counts.
            groups: (samples,) group numbers, where groups are what varies.
        """
        found = []
        shared = weights / weights.sum()
        for division, shares in zip(self.folds, self.shares, strict=True):
            if (shares.max(axis=1) == 1).all():
                found.append(0.0)
                continue
            of_row = shares[division].T
            centred = (contributions - (of_row * contributions).sum(axis=0)) * shared
            if groups is not None:
                # No two folds share a group, so all its rows have the same shares.
                first = np.unique(groups, return_index=True)[1]
                centred, of_row = _by_group(centred, groups), of_row[:, first]
            found.append(float((of_row * centred**2).sum()))
        return float(np.mean(found)) * self._pairs()

    def _pairs(self) -> float:
        """Return how much pairs of folds tell twice of the same chance, in units of what the rows show."""
        count = self.shares.shape[1]
        return 0.0 if count < 2 else (count - 1) * 2 / (math.pi * math.sqrt(2 * count - 3))


def picks_of(
    losses: npt.NDArray[np.float64],
    weights: RowWeights,
    folds: IntArray,
    groups: IntArray | None = None,
    seed: int = 0,
) -> Picks:
    """Return how often each of several would be picked, by its mean loss on the other folds of another sample.

    Two samples differ by twice the variance of one.

    Args:
        losses: (options, samples) of each.
        weights: (samples,) how much each row counts.
        folds: (repeats, samples) the fold of each row.
        groups: (samples,) group numbers from 0, where groups are what varies.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    count = int(folds.max()) + 1
    shares = np.zeros((len(folds), count, len(losses)))
    for index, division in enumerate(folds):
        for fold in range(count):
            others = division != fold
            inside = None if groups is None else np.unique(groups[others], return_inverse=True)[1]
            drawn = draw_means(losses[:, others], weights[others], inside, rng)
            shares[index, fold] = np.bincount(drawn.argmin(axis=1), minlength=len(losses)) / DRAWS
    return Picks(folds, shares)


def draw_means(
    losses: npt.NDArray[np.float64], weights: RowWeights, groups: IntArray | None, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return weighted mean losses (DRAWS, options) of other samples, normal with twice the variance of these rows.

    Args:
        losses: (options, samples) of each.
        weights: (samples,) how much each row counts.
        groups: (samples,) group numbers from 0, where groups are what varies.
        rng: draws them.
    """
    shared = weights / weights.sum()
    means = losses @ shared
    parts = (losses - means[:, None]) * shared
    if groups is not None:
        parts = _by_group(parts, groups)
    spread = 2 * parts @ parts.T
    # Options that answer alike have no inverse. A factor that is a continuous function of the losses, which
    # eigenvectors are not, gives the same draws on any processor.
    least = max(_LEAST * float(np.trace(spread)), np.finfo(np.float64).tiny)
    factor = np.linalg.cholesky(spread + least * np.eye(len(means)))
    return np.asarray(means + rng.normal(size=(DRAWS, len(means))) @ factor.T)


def _by_group(values: npt.NDArray[np.float64], groups: IntArray) -> npt.NDArray[np.float64]:
    """Return sums over the rows of each group (options, groups)."""
    return np.stack([np.bincount(groups, each) for each in values])
