"""The linear pool's weights against SciPy's optimum of the same objective, and the certificate against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from kerasemble.core.arrays import CLIP
from kerasemble.solvers.linear_pool import solve_linear_pool


@pytest.fixture
def true(case):
    values, labels = case
    return np.maximum(values[:, np.arange(len(labels)), labels].T.astype(np.float64), CLIP)


def loss(weights, true):
    return -np.log(true @ weights).mean()


def reference(true):
    """SciPy's SLSQP over the simplex, from equal weights."""
    members = true.shape[1]
    found = minimize(
        lambda w: (loss(w, true), -(true / (true @ w)[:, None]).mean(axis=0)),
        np.full(members, 1 / members),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    weights = np.maximum(found.x, 0)
    return weights / weights.sum()


def test_the_loss_is_scipys_optimum(true):
    solution = solve_linear_pool(true)
    assert loss(solution.weights, true) == pytest.approx(loss(reference(true), true), abs=1e-6)
    assert loss(solution.weights, true) <= loss(reference(true), true) + 1e-8


def test_weights_lie_on_the_simplex(true):
    weights = solve_linear_pool(true).weights
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("gap", [np.inf, 1.0, 1e-1, 1e-2, 1e-4, 1e-8])
def test_the_certificate_bounds_the_distance_to_the_optimum_wherever_it_stops(true, gap):
    stopped = solve_linear_pool(true, gap)
    best = solve_linear_pool(true, 0.0)
    assert stopped.gap <= gap
    # 1e-12: the rounding of a mean of logarithms.
    assert loss(stopped.weights, true) - loss(best.weights, true) <= stopped.gap + 1e-12


def test_copies_of_a_member_share_its_weight():
    rng = np.random.default_rng(0)
    true = rng.uniform(0.05, 1, size=(100, 3))
    alone = solve_linear_pool(true).weights
    copied = solve_linear_pool(np.column_stack([true, true[:, 1]])).weights
    np.testing.assert_allclose(copied, [alone[0], alone[1] / 2, alone[2], alone[1] / 2], atol=1e-4)


def test_a_member_that_is_better_on_every_row_takes_all():
    true = np.array([[0.9, 0.5], [0.8, 0.1], [0.7, 0.69]])
    np.testing.assert_allclose(solve_linear_pool(true).weights, [1, 0], atol=1e-8)
