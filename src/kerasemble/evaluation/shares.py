"""How often something happens, with an interval that has a width even where it always or never does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.evaluation.significance import Interval


def share_of(
    values: npt.NDArray[np.float64], weights: RowWeights, groups: IntArray | None = None, level: float = 0.95
) -> Interval:
    """Return the weighted mean of shares, with its score interval.

    Args:
        values: (samples,) of each row, 0 to 1.
        weights: (samples,) how much each row counts, not all zero. They count as effective rows.
        groups: (samples,) group numbers; where the rows of a group are alike, they count as fewer rows. None where
            each row stands for itself.
        level: how often the interval holds the true mean.

    Example:
        >>> [round(end, 3) for end in share_of(np.ones(20), np.ones(20))]
        [1.0, 0.839, 1.0]

    Reference:
        Wilson 1927, JASA 22; Kish 1965, Survey Sampling, for how many rows grouped ones count as.
    """
    from scipy.special import ndtri

    mean = float(weights @ values / weights.sum())
    rows = effective_rows(weights) / _alike(values - mean, weights, groups)
    squared = float(ndtri(0.5 + level / 2)) ** 2
    middle = (mean + squared / (2 * rows)) / (1 + squared / rows)
    half = np.sqrt(squared * (mean * (1 - mean) / rows + squared / (4 * rows**2))) / (1 + squared / rows)
    # At the ends of 0 and 1 rounding would leave the interval without its mean.
    return Interval(mean, max(0.0, min(mean, float(middle - half))), min(1.0, max(mean, float(middle + half))))


def _alike(centred: npt.NDArray[np.float64], weights: RowWeights, groups: IntArray | None) -> float:
    """Return how many rows of a group tell as much as one: the variance of groups' sums by that of rows, at least 1."""
    if groups is None:
        return 1.0
    sums = np.bincount(groups, weights * centred)
    rows = float((weights * centred) @ (weights * centred))
    if rows > 0:
        return max(1.0, float(sums @ sums) / rows)
    # All rows are equal, so nothing says that those of a group are not.
    of_groups: RowWeights = np.bincount(groups, weights).astype(np.float64)
    return max(1.0, effective_rows(weights) / effective_rows(of_groups))
