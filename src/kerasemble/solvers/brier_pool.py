"""The weights of a linear opinion pool that minimise the Brier score: a quadratic program on the Gram matrix."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.quadratic import Matrix, Vector, on_simplex


def gram(predictions: Predictions, labels: IntArray, weights: RowWeights) -> tuple[Matrix, Vector]:
    """Return the weighted means over rows of p_m . p_k (members, members) and of p_m of the true class (members,).

    They are all that the Brier score of a linear pool depends on.

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
    """
    members, classes = len(predictions.members), len(predictions.classes)
    roots = np.sqrt(weights / weights.sum())
    products, true = np.zeros((members, members)), np.zeros(members)
    for rows in blocks(predictions.samples, members * classes, times=4):
        block = predictions.block(rows)
        block *= roots[rows, None]
        index = np.arange(block.shape[1])
        true += block[:, index, labels[rows]] @ roots[rows]
        flat = block.reshape(members, -1)
        products += flat @ flat.T
    return products, true


def solve_brier_pool(products: Matrix, true: Vector) -> Solution:
    """Return the w on the simplex that minimise the Brier score w' products w - 2 true . w + 1.

    The certificate is the residual of the optimality (KKT) conditions: f(w) - f* <= g . w - min(g), g the gradient.

    Args:
        products: (members, members) and
        true: (members,), of `gram`.

    Reference:
        Lawson and Hanson 1974, Solving Least Squares Problems, chapter 23.
    """
    members = len(true)
    weights = on_simplex(2 * products, -2 * true, np.zeros(members))
    gradient = 2 * (products @ weights - true)
    value = float(weights @ products @ weights - 2 * true @ weights + 1)
    # Rounding can leave a residual just below zero.
    gap = max(0.0, float(gradient @ weights - gradient.min()))
    return Solution(weights, gap, (value,), 2 * products)
