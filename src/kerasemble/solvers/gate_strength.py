"""How hard to shrink a gate toward constant weights, by what it makes of rows that it did not see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, IntArray, blocks, softmax
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.folds import content_folds
from kerasemble.solvers.gate import Gate, solve_gate
from kerasemble.solvers.linear_pool import solve_linear_pool
from kerasemble.solvers.quadratic import Vector

_FOLDS = 5
# In rows; infinity is for constant weights.
_STRENGTHS = (np.inf, 10.0, 3.0, 1.0, 0.3, 0.1)
# With fewer rows the weakest lost up to .03 to constant weights where there is nothing for a gate to find.
_FEW_ROWS, _STRONG_ENOUGH = 200, 1.0
# Held-out losses that are compared differ by far more than what this leaves to gain.
_STEEPEST = 1e-5
# What no score shows, in nats: where nothing is gained the weights stay constant, whatever rounding says.
_GAIN = 1e-6
# The least constant weight, times the number of members, that a gate starts from. A weight of zero has no gradient: a
# member that is useless in the mean, and right where others are not, would never be found.
_FLOOR = 0.01


def floored(weights: Vector) -> Vector:
    """Return the logarithms of constant weights (members,), none so small that a gate could not move it."""
    return np.log(np.maximum(weights, _FLOOR / len(weights)))


def choose_gate_strength(predictions: Predictions, labels: IntArray, weights: RowWeights, drop: float) -> float:
    """Return the strength whose held-out loss is least, infinity for constant weights.

    On digits, MNIST, X-rays, votes on CIFAR-10.1 and synthetic pools, 50 to 1,400 rows, that lost at most .007 to
    constant weights in any draw and .002 in the mean of a size. The strongest within one standard error of the least
    lost at most .001, and gained about half as much: .002 for .009 on 200 X-rays, .07 for .21 on 100 votes.

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        drop: as `solve_gate` has it.
    """
    fold = content_folds(predictions, labels, weights, _FOLDS)
    few = effective_rows(weights) < _FEW_ROWS
    strengths = [strength for strength in _STRENGTHS if not few or strength >= _STRONG_ENOUGH]
    losses = np.zeros(len(strengths))
    for number in range(_FOLDS):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if not (len(inside) and len(outside)):
            continue
        seen, true, shares = predictions.rows(outside), labels[outside], weights[outside]
        columns = np.maximum(seen.of_true_class(true), CLIP)
        constant = solve_linear_pool(columns, shares).weights
        unseen = predictions.rows(inside)
        for index, strength in enumerate(strengths):
            if strength == np.inf:
                no_gate = np.zeros((len(constant), len(predictions.classes), len(constant)))
                found = Gate(np.log(np.maximum(constant, 1e-12)), no_gate, (), converged=True)
            else:
                ridge = strength / effective_rows(shares)
                found = solve_gate(seen, true, shares, floored(constant), ridge, drop, _STEEPEST)
            losses[index] += weights[inside] @ _losses(found, unseen, labels[inside])
    losses /= weights.sum()
    best = int(np.argmin(losses))
    return strengths[best] if losses[best] < losses[0] - _GAIN else np.inf


def _losses(found: Gate, predictions: Predictions, labels: IntArray) -> npt.NDArray[np.float64]:
    """Return the log loss (samples,) of each row."""
    members, classes = found.gate.shape[:2]
    losses = np.empty(len(labels))
    for rows in blocks(len(labels), members * max(members, classes)):
        block = predictions.block(rows)
        true = block[:, np.arange(block.shape[1]), labels[rows]]
        gates = softmax(found.log_weights + (block @ found.gate).sum(axis=0), np)
        losses[rows] = -np.log(np.maximum(np.einsum("sm,ms->s", gates, true), CLIP))
    return losses
