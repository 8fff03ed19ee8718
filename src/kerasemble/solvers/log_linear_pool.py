"""The weights of a log-linear pool that minimise log loss, shrunk toward equal weights."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.newton import Evaluation, Solution, minimise
from kerasemble.solvers.quadratic import Matrix, Vector, free, nonnegative
from kerasemble.solvers.subsample import subsample

Dtype: TypeAlias = type[np.float32] | type[np.float64]

# The gap to which a part of the rows is solved: its own optimum is further than that from that of all.
_START_GAP = 1e-5
# Below this many rows a tenth of them tells too little of the Hessian to be worth its own steps.
_ENOUGH, _ENOUGH_PER_MEMBER = 1_000, 100
# How many values the part may hold, 8 MB of them, so that it fits wherever the predictions themselves do not.
_PART_VALUES = 2_000_000
# The exponential of this is finite, and so is that of its negative.
_EXPONENT = {np.float32: 80.0, np.float64: 600.0}
# From so many values on, float32 takes the steps before the last ones: twice as fast, and its gradients err by 3e-7.
_LARGE, _COARSE_GAP = 2_000_000, 5e-9
# How much less a common factor of the weights is shrunk, where it is to be free.
_LOOSE = 0.01


def solve_log_linear_pool(
    predictions: Predictions,
    labels: IntArray,
    weights: RowWeights,
    ridge: float,
    *,
    loose_scale: bool = False,
    free_sign: bool = False,
    kept: IntArray | None = None,
    gap: float = 1e-8,
    start: Solution | None = None,
) -> Solution:
    """Return the w >= 0 that minimise the ridged log loss of softmax(sum_m w_m log p_m), the rows weighted.

    f(w) = mean(-log pool_true) + ridge * sum((w - 1/members)**2). f is convex, and strongly so by the ridge, which
    gives the certificate: over allowed w', f(w) - f* is at most -min(g (w' - w) + ridge (w' - w)**2).

    Args:
        predictions: read in blocks of samples.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        ridge: strength of the shrinkage, above zero.
        loose_scale: shrink a common factor of the weights, a temperature, a hundred times less than their ratios.
        free_sign: allow weights below zero.
        kept: the indices of the members in the pool; all where left out.
        gap: the bound on f(w) - f*, in nats, at which to stop.
        start: the solution for nearly the same rows, if there is one.

    Reference:
        Genest and Zidek 1986, Statistical Science 1(1).
    """
    kept = np.arange(len(predictions.members)) if kept is None else kept
    members, samples, classes = len(kept), predictions.samples, len(predictions.classes)
    center = np.full(members, 1 / members)
    shares = weights / weights.sum()
    shrinkage = ridge * (np.eye(members) - (1 - _LOOSE) / members) if loose_scale else ridge * np.eye(members)
    modulus = ridge * (_LOOSE if loose_scale else 1.0)

    def evaluate(dtype: Dtype, powers: Vector, curvature: bool) -> Evaluation:  # noqa: FBT001 - as newton.Function
        loss, gradient, hessian = 0.0, np.zeros(members), np.zeros((members, members))
        # Between these bounds no exponential overflows, and the maximum over classes need not be taken out.
        tame = -np.log(CLIP) * float(np.abs(powers).sum()) < _EXPONENT[dtype]
        rounded: npt.NDArray[Any] = powers.astype(dtype)
        ones: npt.NDArray[Any] = np.ones(classes, dtype=dtype)
        for rows in blocks(samples, members * classes):
            logs = _logs(predictions, rows, kept, dtype)
            true, share = labels[rows], shares[rows].astype(dtype)
            index = np.arange(len(true))
            pool = (rounded @ logs).reshape(-1, classes)
            if not tame:
                pool -= pool.max(axis=-1, keepdims=True)
            loss -= float(shares[rows] @ pool[index, true])
            np.exp(pool, out=pool)
            totals = pool @ ones
            loss += float(shares[rows] @ np.log(totals))
            pool *= (share / totals)[:, None]
            if curvature:
                hessian += _covariance(logs, pool, share)
            pool[index, true] -= share
            gradient += logs @ pool.reshape(-1)
        offset = powers - center
        slope = gradient + 2 * shrinkage @ offset
        reach = -slope / (2 * modulus)
        if not free_sign:
            reach = np.maximum(reach, -powers)
        bound = -float(slope @ reach + modulus * reach @ reach)
        return Evaluation(loss + float(offset @ shrinkage @ offset), slope, hessian + 2 * shrinkage, bound)

    if start is None and not predictions.labels_only:
        most = _PART_VALUES // (len(predictions.members) * classes)
        part = subsample(predictions.of_true_class(labels), max(_ENOUGH, _ENOUGH_PER_MEMBER * members), most)
        if part is not None and weights[part].any():
            start = solve_log_linear_pool(
                predictions.rows(part),
                labels[part],
                weights[part],
                ridge,
                loose_scale=loose_scale,
                free_sign=free_sign,
                kept=kept,
                gap=_START_GAP,
            )
    precise = partial(evaluate, np.float64)
    quadratic = free if free_sign else nonnegative
    if start is not None and samples * members * classes >= _LARGE:
        start = minimise(partial(evaluate, np.float32), start.weights, _COARSE_GAP, quadratic, start.hessian)
    if start is None:
        solution = minimise(precise, center, gap, quadratic)
    else:
        solution = minimise(precise, start.weights, gap, quadratic, start.hessian)
    offset = solution.weights - center
    return solution._replace(penalty=float(offset @ shrinkage @ offset))


def _logs(predictions: Predictions, rows: slice, kept: IntArray, dtype: Dtype) -> npt.NDArray[np.floating[Any]]:
    """Return clipped log-probabilities (members, rows * classes)."""
    block = predictions.block(rows, dtype, kept)
    if block.min() < CLIP:
        np.maximum(block, dtype(CLIP), out=block)
    return np.log(block, out=block).reshape(len(block), -1)


def _covariance(
    logs: npt.NDArray[np.floating[Any]], pool: npt.NDArray[np.floating[Any]], share: npt.NDArray[np.floating[Any]]
) -> Matrix:
    """Return the mean over rows of the members' covariance (members, members) under the pool (rows, classes)."""
    weighted = logs * pool.reshape(-1)
    expected = (weighted.reshape(-1, pool.shape[1]) @ np.ones(pool.shape[1])).reshape(len(logs), -1)
    return np.asarray(weighted @ logs.T - (expected / np.maximum(share, np.finfo(share.dtype).tiny)) @ expected.T)
