"""How sure a difference between two paired scores is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# The 97.5 % quantile of the normal distribution: two-sided 95 %.
_QUANTILE = 1.959963984540054


class Interval(NamedTuple):
    """An estimate and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_interval(baseline: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> Interval:
    """Return the mean of baseline - other over rows (samples,), with its normal 95 % interval.

    For cross-fitted losses the normal interval of the row-wise differences is asymptotically valid: Bayle, Bayle,
    Janson and Mackey 2020, NeurIPS. At least two rows.
    """
    difference = baseline - other
    mean = float(difference.mean())
    half = _QUANTILE * float(difference.std(ddof=1)) / float(np.sqrt(len(difference)))
    return Interval(mean, mean - half, mean + half)
