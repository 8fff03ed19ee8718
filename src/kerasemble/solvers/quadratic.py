"""Minimise a convex quadratic function of a few weights, exactly: free, none below zero, or on the simplex."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Vector: TypeAlias = npt.NDArray[np.float64]
Matrix: TypeAlias = npt.NDArray[np.float64]
# Takes a Hessian (members, members), a gradient (members,) and the weights at which it is one.
Quadratic: TypeAlias = Callable[[Matrix, Vector, Vector], Vector]

# Copies of one member make the Hessian singular; this much of its own size makes the answer unique (equal shares)
# and costs no digit that float64 has.
_RIDGE = 1e-10
# SciPy's own bound of 3 steps a weight is met by members that are nearly copies.
_STEPS_PER_WEIGHT = 100


def free(hessian: Matrix, gradient: Vector, at: Vector) -> Vector:
    """Return the weights, of any sign, at which the quadratic with this gradient `at` some weights is least."""
    factor, target = _least_squares(hessian, gradient, at)
    from scipy.linalg import solve_triangular

    return np.asarray(solve_triangular(factor, target))


def nonnegative(hessian: Matrix, gradient: Vector, at: Vector) -> Vector:
    """Return the weights >= 0 at which the quadratic with this gradient `at` some weights is least."""
    return _nnls(*_least_squares(hessian, gradient, at))


def on_simplex(hessian: Matrix, gradient: Vector, at: Vector) -> Vector:
    """Return the weights >= 0 of sum one at which the quadratic with this gradient `at` some weights is least.

    With sum(w) = 1 the residual factor @ w - target is (factor - target 1') @ w, which is linear. Its smallest norm
    over the simplex has the direction of the u >= 0 that minimises the squares of that and of scale (sum(u) - 1):
    over the length of u the two trade off, and the trade is best where the direction is.
    """
    factor, target = _least_squares(hessian, gradient, at)
    residual = factor - target[:, None]
    scale = max(float(np.linalg.norm(residual, axis=0).min()), 1e-150)
    stacked = np.vstack([residual / scale, np.ones(len(at))])
    direction = _nnls(stacked, np.append(np.zeros(len(at)), 1.0))
    return np.asarray(direction / direction.sum())


def _least_squares(hessian: Matrix, gradient: Vector, at: Vector) -> tuple[Matrix, Vector]:
    """Return the upper triangular A and the b for which the quadratic is |A w - b|**2 / 2 and a constant."""
    from scipy.linalg import cholesky, solve_triangular

    ridge = _RIDGE * max(float(np.trace(hessian)) / len(at), _RIDGE)
    ridged = hessian + ridge * np.eye(len(at))
    factor = cholesky(ridged, lower=True)
    return factor.T, np.asarray(solve_triangular(factor, ridged @ at - gradient, lower=True))


def _nnls(matrix: Matrix, target: Vector) -> Vector:
    from scipy.optimize import nnls

    return np.asarray(nnls(matrix, target, maxiter=_STEPS_PER_WEIGHT * len(matrix[0]))[0], dtype=np.float64)
