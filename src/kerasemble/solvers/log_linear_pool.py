"""The weights of a log-linear pool that minimise log loss, shrunk toward equal weights."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray, blocks, clipped_log, softmax
from kerasemble.solvers.newton import Evaluation, Solution, Vector, minimise


def solve_log_linear_pool(values: FloatArray, labels: IntArray, ridge: float, gap: float = 1e-8) -> Solution:
    """Return the weights w >= 0 that minimise the ridged log loss of softmax(sum_m w_m log p_m).

    f(w) = mean(-log pool_true) + ridge * sum((w - 1/members)**2). f is convex, and strongly so by the ridge, which
    gives the certificate: over w' >= 0, f(w) - f* is at most -min(g (w' - w) + ridge (w' - w)**2).

    Args:
        values: (members, samples, classes) probabilities; read in blocks of samples.
        labels: (samples,) class indices.
        ridge: strength of the shrinkage, above zero.
        gap: the bound on f(w) - f*, in nats, at which to stop.

    Returns:
        Weights (members,), the certified gap, the number of steps.

    Reference:
        Genest and Zidek 1986, Statistical Science 1(1).
    """
    members, samples, classes = values.shape
    center = 1 / members

    def evaluate(weights: Vector) -> Evaluation:
        loss, gradient, hessian = 0.0, np.zeros(members), np.zeros((members, members))
        for rows in blocks(samples, members * classes):
            logs = clipped_log(values[:, rows].astype(np.float64), np)
            pool = softmax(np.tensordot(weights, logs, axes=1), np)
            index = np.arange(len(pool))
            true = labels[rows]
            loss -= float(np.log(np.maximum(pool[index, true], np.finfo(np.float64).tiny)).sum())
            expected = (logs * pool).sum(axis=-1)
            gradient += (expected - logs[:, index, true]).sum(axis=-1)
            centered = (logs - expected[..., None]) * np.sqrt(pool)
            flat = centered.reshape(members, -1)
            hessian += flat @ flat.T
        offset = weights - center
        value = loss / samples + ridge * float(offset @ offset)
        slope = gradient / samples + 2 * ridge * offset
        reach = np.maximum(weights - slope / (2 * ridge), 0) - weights
        bound = -float(slope @ reach + ridge * reach @ reach)
        return Evaluation(value, slope, hessian / samples + 2 * ridge * np.eye(members), bound)

    return minimise(evaluate, np.full(members, center), gap)
