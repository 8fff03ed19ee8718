"""The weights of a linear opinion pool that minimise log loss: the mixture-proportions problem."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import FloatArray, blocks
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.newton import Evaluation, Solution, minimise
from kerasemble.solvers.quadratic import Vector
from kerasemble.solvers.subsample import subsample

# The gap to which a part of the rows is solved: its own optimum is further than that from that of all.
_START_GAP = 1e-5
# Below this many rows a part of them is not worth its own steps.
_ENOUGH = 10_000


def solve_linear_pool(
    true: FloatArray, weights: RowWeights, gap: float = 1e-8, start: Solution | None = None
) -> Solution:
    """Return the w on the simplex that minimise f(w) = -mean log(w @ true), the rows weighted.

    f(w) + sum(w) over w >= 0 has its minimum where sum(w) = 1, so the simplex needs no constraint of its own.
    The certificate is f(w) - f* <= log max_m mean(true_m / (w @ true)).

    Args:
        true: (members, samples) probability that each member gave to the true class, all above zero.
        weights: (samples,) how much each row counts.
        gap: the bound on f(w) - f*, in nats, at which to stop.
        start: the solution for nearly the same rows, if there is one.

    Reference:
        Kim, Carbonetto, Stephens and Anitescu 2020, J. Comput. Graph. Statist. 29(2).
    """
    members, samples = true.shape
    total_weight = weights.sum()

    def evaluate(mixing: Vector, curvature: bool) -> Evaluation:  # noqa: FBT001 - as newton.Function has it
        logs, means, hessian = 0.0, np.zeros(members), np.zeros((members, members))
        for rows in blocks(samples, members):
            block = true[:, rows].astype(np.float64)
            mixture = mixing @ block
            if mixture.min() <= 0:
                return Evaluation(np.inf, mixing, hessian, np.inf)
            share = weights[rows] / total_weight
            logs += float(share @ np.log(mixture))
            block /= mixture
            means += block @ share
            if curvature:
                block *= np.sqrt(share)
                hessian += block @ block.T
        total = float(mixing.sum())
        # Scaling w to the simplex multiplies the ratios by its sum.
        bound = float(np.log(max(1.0, total * means.max())))
        return Evaluation(total - logs, 1 - means, hessian, bound)

    part = subsample(true, _ENOUGH) if start is None else None
    if part is not None and weights[part].any():
        start = solve_linear_pool(true[:, part], weights[part], _START_GAP)
    if start is None:
        solution = minimise(evaluate, np.full(members, 1 / members), gap)
    else:
        solution = minimise(evaluate, start.weights, gap, hessian=start.hessian)
    return solution._replace(weights=solution.weights / solution.weights.sum())
