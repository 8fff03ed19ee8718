"""Weights of a linear pool that depend on the sample: a gate of least shrunk log loss, by L-BFGS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.lbfgs import Options, minimise_lbfgs
from kerasemble.solvers.quadratic import Vector

# The gradient's largest entry at which to stop. Arrays learned from rows in another order then agree to 1e-6.
_STEEPEST = 1e-9
# And the one up to which it counts as converged: rounding may end the line search before.
_STEEPEST_WORTH_SAYING = 1e-6
_MAX_STEPS = 1000
# Pairs of steps that L-BFGS remembers: 40 took a third fewer steps on MNIST than its default of 10; of a large gate,
# where they would take more than 64 MB, fewer.
_REMEMBERED, _LEAST_REMEMBERED, _MOST_NUMBERS = 40, 10, 4_000_000


class Gate(NamedTuple):
    """What was found.

    Args:
        log_weights: (members,) the constant part of the logits of the members' weights.
        gate: (members, classes, members) what each probability adds to the logits of the members' weights.
        values: the shrunk loss at the start and after each step.
        converged: whether the gradient is zero but for rounding. It may be so at a minimum that is not the least.
    """

    log_weights: Vector
    gate: npt.NDArray[np.float64]
    values: tuple[float, ...]
    converged: bool


def solve_gate(
    predictions: Predictions,
    labels: IntArray,
    weights: RowWeights,
    start: Vector,
    ridge: float,
    drop: float = 0.0,
    steepest: float = _STEEPEST,
) -> Gate:
    """Return the gate of least shrunk log loss that is found from constant weights, the rows weighted.

    f(v, U) = (1 - drop) mean(loss of all members) + drop mean(loss without one member, averaged over which)
    + ridge (sum U**2 + sum (v - start)**2), where a row's loss is -log sum_m g_m p_m(true class) and
    g = softmax(v + sum_kc p_kc U_kc). Of a member that a row is without, g is zero and so are its p in the logits.
    That is the mean over all that might be dropped at random, not a sample of it, so nothing is drawn.

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        start: (members,) logarithms of the constant weights to start from and shrink toward.
        ridge: strength of the shrinkage, above zero; it also keeps the minimum finite.
        drop: how probable it is that a row is without a member.
        steepest: the gradient's largest entry at which to stop.

    Reference:
        Jacobs, Jordan, Nowlan and Hinton 1991, Neural Computation 3(1).
    """
    members, classes = len(predictions.members), len(predictions.classes)
    origin = np.concatenate([start, np.zeros(members * classes * members)])
    shares = weights / weights.sum()
    # Of one member nothing can be dropped.
    drop = drop if members > 1 else 0.0

    def evaluate(point: Vector) -> tuple[float, Vector]:
        constant, gate = point[:members], point[members:].reshape(members, classes, members)
        offset = point - origin
        loss, gradient = ridge * float(offset @ offset), 2 * ridge * offset
        slope = gradient[members:].reshape(gate.shape)
        for rows in blocks(predictions.samples, members * max(members, classes)):
            block, share = predictions.block(rows), shares[rows]
            true = np.maximum(block[:, np.arange(len(share)), labels[rows]], CLIP).T
            # What each member adds to the logits: (members, rows, members).
            parts = block @ gate
            logits = constant + parts.sum(axis=0)
            whole = logits - parts if drop else None
            losses, pull = _losses(logits, true)
            loss += (1 - drop) * float(share @ losses)
            pull *= (1 - drop) * share[:, None]
            if whole is None:
                slope += block.swapaxes(1, 2) @ pull
            else:
                loss += drop * float(share @ _without_each(whole, true, drop * share))
                pull += whole.sum(axis=0)
                slope += block.swapaxes(1, 2) @ np.subtract(pull, whole, out=whole)
            gradient[:members] += pull.sum(axis=0)
        return loss, gradient

    values = [evaluate(origin)[0]]
    remembered = max(_LEAST_REMEMBERED, min(_REMEMBERED, _MOST_NUMBERS // len(origin)))
    found = minimise_lbfgs(
        evaluate,
        origin,
        Options(_MAX_STEPS, 2 * _MAX_STEPS, remembered, steepest),
        callback=lambda intermediate_result: values.append(float(intermediate_result.fun)),
        numbers=members * predictions.samples * classes,
    )
    converged = bool(np.abs(found.jac).max() <= max(steepest, _STEEPEST_WORTH_SAYING))
    gate = found.x[members:].reshape(members, classes, members)
    return Gate(found.x[:members], gate, tuple(values), converged)


def _without_each(logits: FloatArray, true: FloatArray, share: Vector) -> Vector:
    """Return the mean loss (rows,) without one member, and leave its gradient, times `share`, in the logits.

    Args:
        logits: (members, rows, members); the first axis says which member is dropped.
        true: (rows, members) probability of the true class.
        share: (rows,) how much each row counts.
    """
    members = len(logits)
    index = np.arange(members)
    logits[index, :, index] = -np.inf
    losses, pull = _losses(logits, true)
    pull *= share[:, None] / members
    return np.asarray(losses.mean(axis=0))


def _losses(logits: FloatArray, true: FloatArray) -> tuple[Vector, FloatArray]:
    """Return the loss (..., rows) of gated pools, and in place of the logits its gradient (..., rows, members)."""
    ones = np.ones(logits.shape[-1])
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    totals = logits @ ones
    mixture = np.einsum("...m,...m->...", logits, true)
    # The gradient is g (1 - true / pool): g the gate's weights, whose total cancels in the second term.
    losses = np.log(totals / mixture)
    ratios = true / mixture[..., None]
    logits *= np.subtract((1 / totals)[..., None], ratios, out=ratios)
    return losses, logits
