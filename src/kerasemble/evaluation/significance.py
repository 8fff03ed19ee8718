"""How sure a difference between two paired scores is."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.row_weights import RowWeights

# The 97.5 % quantile of the normal distribution: two-sided 95 %.
_QUANTILE = 1.959963984540054


class Interval(NamedTuple):
    """An estimate and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_interval(
    baseline: npt.NDArray[np.float64], other: npt.NDArray[np.float64], weights: RowWeights | None = None
) -> Interval:
    """Return the mean of baseline - other over rows (samples,), with its normal 95 % interval.

    `weights` (samples,) says how much each row counts; alike where left out.

    For cross-fitted losses the normal interval of the row-wise differences is asymptotically valid: Bayle, Bayle,
    Janson and Mackey 2020, NeurIPS. At least two rows.
    """
    difference = baseline - other
    shares = np.full(len(difference), 1 / len(difference)) if weights is None else weights / weights.sum()
    mean = float(shares @ difference)
    # With equal weights it is the usual variance of a mean, n - 1 in the denominator.
    squares = float(shares @ shares)
    variance = float(shares**2 @ (difference - mean) ** 2) / (1 - squares)
    quantile = _QUANTILE
    if weights is not None and np.ptp(weights) > 0:
        # Few rows may hold most of the weight: Student's t for as many rows as count.
        from scipy.special import stdtrit

        quantile = float(stdtrit(1 / squares - 1, 0.975))
    half = quantile * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)
