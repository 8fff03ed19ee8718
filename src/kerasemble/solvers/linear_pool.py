"""The weights of a linear opinion pool that minimise log loss: the mixture-proportions problem."""

from __future__ import annotations

import numpy as np

from kerasemble.solvers.newton import Evaluation, Matrix, Solution, Vector, minimise


def solve_linear_pool(true: Matrix, gap: float = 1e-8) -> Solution:
    """Return the weights w on the simplex that minimise f(w) = -mean log(true @ w).

    f(w) + sum(w) over w >= 0 has its minimum where sum(w) = 1, so the simplex needs no constraint of its own.
    The certificate is f(w) - f* <= log max_m mean(true_m / (true @ w)).

    Args:
        true: (samples, members) probability that each member gave to the true class, all above zero.
        gap: the bound on f(w) - f*, in nats, at which to stop.

    Returns:
        Weights (members,) that sum to one, the certified gap, the number of steps.

    Reference:
        Kim, Carbonetto, Stephens and Anitescu 2020, J. Comput. Graph. Statist. 29(2).
    """
    samples, members = true.shape

    def evaluate(weights: Vector) -> Evaluation:
        mixture = true @ weights
        if mixture.min() <= 0:
            return Evaluation(np.inf, weights, np.eye(members), np.inf)
        ratios = true / mixture[:, None]
        means = ratios.mean(axis=0)
        total = float(weights.sum())
        # Scaling w to the simplex multiplies the ratios by its sum.
        bound = float(np.log(max(1.0, total * means.max())))
        value = -float(np.log(mixture).mean()) + total
        return Evaluation(value, 1 - means, ratios.T @ ratios / samples, bound)

    solution = minimise(evaluate, np.full(members, 1 / members), gap)
    return solution._replace(weights=solution.weights / solution.weights.sum())
