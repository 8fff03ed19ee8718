"""A confidence bound of a mean whose lowest values may not have been seen.

Gaffke's bound draws the share of each value, and of one more that is as low as values may be, from a Dirichlet
distribution, and is a quantile of the mean under such shares. Of zeros and ones it is the bound of Clopper and Pearson,
and for skewed values no case is known in which it holds less often than it says. Here the quantile is found by a
saddlepoint, without draws: the tilted shares are those of empirical likelihood.

References:
    Gaffke 2005, Mathematical Methods of Statistics 14(2); Learned-Miller and Thomas 2019, arXiv:1905.06208; Owen 2001,
    Empirical Likelihood; Lugannani and Rice 1980, Advances in Applied Probability 12(2), in the form of
    Barndorff-Nielsen 1991, Biometrika 78(3).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

# Logarithms between which the offset of the tilt lies, in units of the range of the values.
_OFFSETS = (-34.0, 16.0)
# Below this the correction of the normal deviate is noise, and next to nothing.
_LEAST_DEVIATE = 0.1


class Bound:
    """The distribution of a mean from values (samples,), each counting as so many rows, and one unseen value.

    Args:
        values: (samples,) what was seen.
        counts: (samples,) how many rows each stands for.
        unseen: the value of one row more.

    Example:
        >>> import numpy as np
        >>> none_of_fifty = Bound(np.zeros(50), np.ones(50), -1.0)
        >>> round(none_of_fifty.lower(1.959964), 3), round(0.025 ** (1 / 50) - 1, 3)
        (-0.071, -0.071)
    """

    def __init__(self, values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], unseen: float) -> None:
        whole, self._counts = np.append(values, unseen), np.append(counts, 1.0)
        self._least, self._range = float(whole.min()), float(np.ptp(whole))
        # A range next to nothing is that of rounding.
        self._values = (whole - self._least) / (self._range or 1.0)
        self._total = float(self._counts.sum())

    def lower(self, deviate: float) -> float:
        """Return the lower bound at this standard normal deviate."""
        if self._range == 0:
            return self._least
        offset = _root(lambda log: deviate - self._deviate(np.exp(log)))
        return self._least + self._range * self._mean(offset)

    def deviate_of(self, mean: float) -> float:
        """Return the standard normal deviate at which the lower bound is this mean: infinite below all values."""
        target = (mean - self._least) / (self._range or 1.0)
        if target <= 0:
            return np.inf
        if self._range == 0 or target >= float(self._counts @ self._values) / self._total:
            return 0.0
        return self._deviate(_root(lambda log: self._mean(np.exp(log)) - target))

    def _mean(self, offset: float) -> float:
        """Return the mean under shares in proportion to counts / (values + offset)."""
        return self._total / float((self._counts / (self._values + offset)).sum()) - offset

    def _deviate(self, offset: float) -> float:
        tilted = (self._mean(offset) + offset) / (self._values + offset)
        ratio = np.sqrt(max(0.0, -2 * float(self._counts @ np.log(tilted))))
        if ratio < _LEAST_DEVIATE:
            return float(ratio)
        wald = np.sqrt(float(self._counts @ (1 - tilted) ** 2))
        return float(ratio + np.log(wald / ratio) / ratio)


def _root(of: Callable[[float], float]) -> float:
    """Return the offset at which a function of its logarithm, which rises, is zero; the nearest where there is none."""
    from scipy.optimize import brentq

    low, high = _OFFSETS
    if of(low) >= 0:
        return float(np.exp(low))
    if of(high) <= 0:
        return float(np.exp(high))
    return float(np.exp(brentq(of, low, high, xtol=1e-10)))
