"""The scale and shift of each class's log-probability that minimise log loss, shrunk toward one and zero."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, blocks, clipped_log, softmax
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.newton import Evaluation, Solution, minimise
from kerasemble.solvers.quadratic import Vector, free

Rows = npt.NDArray[np.float64]


def solve_vector_scaling(
    probabilities: Rows, labels: IntArray, weights: RowWeights, ridge: float, *, gap: float = 1e-10
) -> Solution:
    """Return scales and shifts, one after the other (2 * classes,), of least ridged log loss.

    f(a, b) = mean(-log softmax(a log p + b)_true) + ridge * (sum((a - 1)**2) + sum(b**2)), the rows weighted. By the
    ridge f is strongly convex, which gives the certificate: f - f* is at most |gradient|**2 / (4 ridge).

    Args:
        probabilities: (samples, classes).
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        ridge: strength of the shrinkage, above zero.
        gap: the bound on f - f*, in nats, at which to stop.
    """
    classes = probabilities.shape[1]
    center = np.repeat([1.0, 0.0], classes)
    shares = weights / weights.sum()

    def evaluate(at: Vector, curvature: bool) -> Evaluation:  # noqa: FBT001 - as newton.Function
        loss, gradient, hessian = 0.0, np.zeros(2 * classes), np.zeros((2 * classes, 2 * classes))
        for rows in blocks(len(labels), classes):
            logs, share = clipped_log(probabilities[rows], np), shares[rows]
            answers = softmax(at[:classes] * logs + at[classes:], np)
            index = (np.arange(len(share)), labels[rows])
            # Of what underflowed, the least float above zero: the step that leads there is refused by its loss.
            loss -= float(share @ np.log(np.maximum(answers[index], np.finfo(np.float64).tiny)))
            errors = answers * share[:, None]
            if curvature:
                hessian += _curvature(logs, answers, share)
            errors[index] -= share
            gradient += np.concatenate([(errors * logs).sum(axis=0), errors.sum(axis=0)])
        offset = at - center
        slope = gradient + 2 * ridge * offset
        bound = float(slope @ slope) / (4 * ridge)
        return Evaluation(
            loss + ridge * float(offset @ offset), slope, hessian + 2 * ridge * np.eye(2 * classes), bound
        )

    return minimise(evaluate, center, gap, free)


def _curvature(logs: Rows, answers: Rows, share: RowWeights) -> Rows:
    """Return the log loss's Hessian (2 * classes, 2 * classes) of some rows."""
    slopes = np.concatenate([answers * logs, answers], axis=1)
    spread = answers * share[:, None]
    own, mixed = (np.diag((spread * logs**power).sum(axis=0)) for power in (2, 1))
    shifted = np.diag(spread.sum(axis=0))
    return np.asarray(np.block([[own, mixed], [mixed, shifted]]) - (slopes * share[:, None]).T @ slopes)
