"""The error of the mean of selected members and one more: by the Brier score, and by any function of the mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.solvers.greedy import Errors
from kerasemble.solvers.quadratic import Matrix, Vector

# Below this an error is the rounding of the Gram matrix: a perfect member's is zero, and its copy's too.
_DECIMALS = 14


def brier_errors(products: Matrix, true: Vector) -> Errors:
    """Return what gives the Brier score of the selected and each candidate, from what `gram` read: no rows a step.

    Args:
        products: (members, members) mean products of the members' probabilities.
        true: (members,) mean probabilities of the true class.
    """

    def errors(counts: IntArray, candidates: IntArray) -> Vector:
        size, crossed = float(counts.sum() + 1), products @ counts
        squares = counts @ crossed + 2 * crossed[candidates] + products[candidates, candidates]
        scores = squares / size**2 - 2 * (counts @ true + true[candidates]) / size + 1
        return np.asarray(scores.round(_DECIMALS))

    return errors


def metric_errors(predictions: Predictions, metric: Callable[[FloatArray], float]) -> Errors:
    """Return what gives minus the metric of the mean of the selected and each candidate, all rows and classes a step.

    Args:
        predictions: read in blocks of samples, and a member at a time.
        metric: of float64 probabilities (samples, classes) whose rows sum to one; higher is better.
    """
    samples, classes = predictions.samples, len(predictions.classes)

    def errors(counts: IntArray, candidates: IntArray) -> Vector:
        selected = np.zeros((samples, classes))
        if counts.any():
            for rows in blocks(samples, len(counts) * classes):
                selected[rows] = np.tensordot(counts.astype(np.float64), predictions.block(rows), axes=1)
        found = np.zeros(len(counts))
        for index, member in enumerate(predictions.each()):
            if index in candidates:
                mean = selected + member
                # Rows of float32 miss a sum of one by 1e-7, which scikit-learn's log_loss warns of.
                mean /= mean.sum(axis=-1, keepdims=True)
                found[index] = -metric(mean)
        return found[candidates]

    return errors
