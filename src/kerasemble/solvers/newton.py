"""Minimise a smooth convex function of a few non-negative weights, by Newton steps that keep them so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_MAX_STEPS = 100
_SUFFICIENT_DECREASE = 1e-4
_SHORTEST_STEP = 1e-12


class Evaluation(NamedTuple):
    """A function's value, gradient (members,), Hessian (members, members) and a bound on value - minimum."""

    value: float
    gradient: Vector
    hessian: Matrix
    gap: float


class Solution(NamedTuple):
    """Weights (members,), the certified bound on how far their value is above the minimum, and the steps taken."""

    weights: Vector
    gap: float
    steps: int


def minimise(function: Callable[[Vector], Evaluation], start: Vector, gap: float) -> Solution:
    """Return the weights >= 0 that minimise a convex `function`, from `start`, to the certified `gap`.

    Each step minimises the quadratic model over weights >= 0, which is a non-negative least squares problem in
    the Cholesky factor of the Hessian, and then halves the step until the value falls: the sequential quadratic
    programming of Kim, Carbonetto, Stephens and Anitescu 2020, J. Comput. Graph. Statist. 29(2). It stops early
    where no step falls further, at the precision of float64; the returned gap says where that is.
    """
    best, weights = function(start), start
    for step in range(_MAX_STEPS):
        if best.gap <= gap:
            return Solution(weights, best.gap, step)
        direction = _model_minimum(best, weights) - weights
        slope = float(best.gradient @ direction)
        length, trial = 1.0, best
        while length >= _SHORTEST_STEP:
            trial = function(weights + length * direction)
            if trial.value <= best.value + _SUFFICIENT_DECREASE * length * slope:
                break
            length /= 2
        if length < _SHORTEST_STEP or slope >= 0:
            return Solution(weights, best.gap, step)
        best, weights = trial, weights + length * direction
    return Solution(weights, best.gap, _MAX_STEPS)


def _model_minimum(at: Evaluation, weights: Vector) -> Vector:
    """Return the weights >= 0 at which the quadratic model of the function is least."""
    from scipy.linalg import cholesky, solve_triangular
    from scipy.optimize import nnls

    # Copies of one member make the Hessian singular; this much of its own size makes the answer unique (equal
    # shares) and costs no digit that float64 has.
    ridge = 1e-10 * max(float(np.trace(at.hessian)) / len(weights), 1e-10)
    hessian = at.hessian + ridge * np.eye(len(weights))
    factor = cholesky(hessian, lower=True)
    target = solve_triangular(factor, hessian @ weights - at.gradient, lower=True)
    return np.asarray(nnls(factor.T, target)[0], dtype=np.float64)
