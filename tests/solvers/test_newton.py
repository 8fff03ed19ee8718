"""Newton steps with weights that stay non-negative."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from kerasemble.solvers.newton import Evaluation, minimise


def quadratic(matrix, target):
    """Return |matrix @ w - target|**2 / 2, which says of itself that it is never done."""

    def evaluate(weights):
        residual = matrix @ weights - target
        return Evaluation(float(residual @ residual) / 2, matrix.T @ residual, matrix.T @ matrix, np.inf)

    return evaluate


@pytest.mark.parametrize("seed", range(5))
def test_a_quadratic_is_solved_as_non_negative_least_squares(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(20, 6)), rng.normal(size=20)
    solution = minimise(quadratic(matrix, target), np.ones(6), 1e-8)
    np.testing.assert_allclose(solution.weights, nnls(matrix, target)[0], atol=1e-6)


def test_a_start_that_is_good_enough_is_kept():
    evaluate = quadratic(np.eye(2), np.zeros(2))
    solution = minimise(lambda weights: evaluate(weights)._replace(gap=1e-9), np.ones(2), 1e-8)
    assert (solution.weights.tolist(), solution.gap, solution.steps) == ([1.0, 1.0], 1e-9, 0)


def test_a_function_that_cannot_fall_further_ends_with_the_gap_it_has():
    solution = minimise(lambda _: Evaluation(1.0, np.zeros(2), np.eye(2), 0.5), np.ones(2), 1e-8)
    assert solution.gap == 0.5
    assert solution.steps == 0
