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
_LOWEST, _HIGHEST = -34.0, 16.0
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
        >>> round(none_of_fifty.lower(1.96), 3), round(0.025 ** (1 / 50) - 1, 3)
        (-0.071, -0.071)
    """

    def __init__(self, values: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], unseen: float) -> None:
        """Scale the values to between zero and one."""
        whole, self._counts = np.append(values, unseen), np.append(counts, 1.0)
        self._least, self._range = float(whole.min()), float(np.ptp(whole))
        self._values = (whole - self._least) / (self._range or 1.0)
        self._total = float(self._counts.sum())
        self._centre = float(self._counts @ self._values) / self._total
        # For next to normal values the offset is this over the deviate.
        self._spread = float(np.sqrt(self._counts @ (self._values - self._centre) ** 2))

    def lower(self, deviate: float) -> float:
        """Return the lower bound at this standard normal deviate."""
        if self._range == 0:
            return self._least
        offset = _root(lambda at: deviate - self._deviate(at), self._spread / deviate)
        return self._least + self._range * self._mean(offset)

    def deviate_of(self, mean: float) -> float:
        """Return the standard normal deviate at which the lower bound is this mean: infinite below all values."""
        target = (mean - self._least) / (self._range or 1.0)
        if target <= 0:
            return np.inf
        below = self._centre - target
        if below <= 0 or self._range == 0:
            return 0.0
        return self._deviate(_root(lambda at: self._mean(at) - target, self._spread**2 / (self._total * below)))

    def _mean(self, offset: float) -> float:
        """Return the mean under shares in proportion to counts / (values + offset)."""
        return self._total / float(self._counts @ (1 / (self._values + offset))) - offset

    def _deviate(self, offset: float) -> float:
        away = self._values + offset
        tilted = self._total / float(self._counts @ (1 / away)) / away
        ratio = float(np.sqrt(max(0.0, -2 * float(self._counts @ np.log(tilted)))))
        if ratio < _LEAST_DEVIATE:
            return ratio
        wald = float(np.sqrt(self._counts @ (1 - tilted) ** 2))
        return float(ratio + np.log(wald / ratio) / ratio)


def _root(of: Callable[[float], float], guess: float) -> float:
    """Return where a function that rises is zero, or the end that is nearest to it; a guess saves calls."""
    from scipy.optimize import brentq

    def at(logarithm: float) -> float:
        return of(float(np.exp(logarithm)))

    low = high = min(max(float(np.log(guess)), _LOWEST), _HIGHEST)
    step = 0.25
    while low > _LOWEST and at(low) > 0:
        low, step = max(low - step, _LOWEST), 4 * step
    while high < _HIGHEST and at(high) < 0:
        high, step = min(high + step, _HIGHEST), 4 * step
    if at(low) >= 0:
        return float(np.exp(low))
    if at(high) <= 0:
        return float(np.exp(high))
    return float(np.exp(brentq(at, low, high, xtol=1e-8)))
