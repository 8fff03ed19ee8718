"""The monotone step curve of least squares, as the corners of a piecewise linear one."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.row_weights import RowWeights

# Where the corners are, ascending (corners,), and the curve's values there.
Corners: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

# Probabilities that are equal to so many decimals are one place: the sums that they come from round differently.
_DECIMALS = 10


def solve_isotonic(said: npt.NDArray[np.float64], true: npt.NDArray[np.float64], weights: RowWeights) -> Corners:
    """Return the corners of the isotonic regression of `true` on `said`: the two ends of each of its levels.

    Args:
        said: (samples,) probabilities.
        true: (samples,) zeros and ones.
        weights: (samples,) how much each row counts.

    Reference:
        Busing 2022, Journal of Statistical Software 102(1), as SciPy has it.
    """
    from scipy.optimize import isotonic_regression

    places, at = np.unique(np.round(said, _DECIMALS), return_inverse=True)
    mass = np.bincount(at, weights=weights)
    means = np.bincount(at, weights=weights * true) / mass
    values = np.asarray(isotonic_regression(means, weights=mass).x)
    ends = np.ones(len(values), dtype=bool)
    ends[1:-1] = (values[1:-1] != values[:-2]) | (values[1:-1] != values[2:])
    return places[ends], values[ends]
