"""The weights of one class against SciPy's optimum of the same objective, and the certificate against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from kerasemble.core import arrays
from kerasemble.core.arrays import CLIP
from kerasemble.solvers.class_pool import class_means, solve_class_pool

PULLS = [
    pytest.param({"entropy": 0.05}, id="entropy"),
    pytest.param({"ridge": 0.05}, id="squares"),
    pytest.param({"entropy": 1e-4}, id="hardly"),
    pytest.param({"entropy": 0.02, "ridge": 0.3}, id="both"),
]


@pytest.fixture
def problem(case, weights):
    """What solve_class_pool takes for the class of the first row: true, shares, mean, center."""
    seen, labels = case
    values = np.maximum(seen.block(slice(None)), CLIP)
    shares = weights / weights.sum()
    mine = labels == labels[0]
    center = np.random.default_rng(0).dirichlet(np.ones(len(values)))
    return values[:, mine, labels[0]].astype(np.float32), shares[mine], values[:, :, labels[0]] @ shares, center


def objective(weights, true, shares, mean, center, entropy=0.0, ridge=0.0):
    value = (
        -(shares * np.log(weights @ true.astype(np.float64))).sum()
        + weights @ mean
        + ridge * ((weights - center) ** 2).sum()
    )
    return value + entropy * (center * np.log(center / weights)).sum()


def reference(problem, entropy=0.0, ridge=0.0):
    """SciPy's SLSQP over the simplex, from the center: the least value it finds."""
    true, shares, mean, center = problem
    true = true.astype(np.float64)

    def slope(weights):
        own = mean - true @ (shares / (weights @ true))
        return own + 2 * ridge * (weights - center) - entropy * center / weights

    found = minimize(
        objective,
        center,
        args=(*problem, entropy, ridge),
        jac=lambda weights, *_: slope(weights),
        method="SLSQP",
        bounds=[(1e-9, 1)] * len(center),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 100},
    )
    weights = np.maximum(found.x, 1e-9)
    return objective(weights / weights.sum(), *problem, entropy=entropy, ridge=ridge)


@pytest.mark.parametrize("pull", PULLS)
def test_the_weights_are_scipys_optimum(problem, pull):
    solution = solve_class_pool(*problem, **pull)
    value = objective(np.maximum(solution.weights, 1e-300), *problem, **pull)
    assert solution.gap <= 1e-8
    assert solution.values[-1] == pytest.approx(value, abs=1e-9)
    best = reference(problem, **pull)
    assert value <= best + 2e-8
    # SLSQP stops .00002 above it with certain members, and .0004 with 25 members and hardly a pull in 300 steps.
    assert value == pytest.approx(best, abs=1e-3 if len(problem[0]) > 10 else 1e-4)
    assert solution.weights.min() >= 0
    assert solution.weights.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("gap", [np.inf, 1e-1, 1e-3, 1e-8])
@pytest.mark.parametrize("pull", PULLS)
def test_the_certificate_bounds_the_distance_to_the_optimum_wherever_it_stops(problem, pull, gap):
    stopped = solve_class_pool(*problem, **pull, gap=gap)
    best = solve_class_pool(*problem, **pull, gap=1e-13)
    assert stopped.gap <= gap
    # 1e-12: the rounding of a sum of logarithms.
    assert stopped.values[-1] - best.values[-1] <= stopped.gap + 1e-12


@pytest.mark.parametrize("pull", PULLS)
def test_the_value_never_rises_from_the_center(problem, pull):
    values = np.array(solve_class_pool(*problem, **pull).values)
    assert np.diff(values, append=values[-1]).max() <= 1e-14


def test_a_strong_pull_leaves_the_center(problem):
    for pull in ({"entropy": 1e6}, {"ridge": 1e6}):
        np.testing.assert_allclose(solve_class_pool(*problem, **pull).weights, problem[3], atol=1e-5)


def test_entropy_leaves_weight_where_the_center_has_some_and_needs_none_elsewhere():
    true, center = np.array([[0.9, 0.9], [0.1, 0.1], [0.1, 0.1]]), np.array([0.4, 0.6, 0.0])
    weights = solve_class_pool(true, np.full(2, 0.5), true.mean(axis=1), center, entropy=0.01).weights
    assert weights[1] > 1e-4
    assert weights[2] == 0


@pytest.mark.parametrize("pull", PULLS)
def test_the_size_of_blocks_does_not_matter(problem, pull, monkeypatch):
    whole = solve_class_pool(*problem, **pull).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", 7)
    np.testing.assert_allclose(solve_class_pool(*problem, **pull).weights, whole, atol=1e-9)


@pytest.mark.parametrize("size", [1, 50, 2**18])
def test_means_are_numpys_for_each_weighting_and_any_size_of_blocks(case, uneven, monkeypatch, size):
    seen, labels = case
    values = np.maximum(seen.block(slice(None)), CLIP)
    both = [np.ones(len(labels)), 1e3 * uneven]
    monkeypatch.setattr(arrays, "BLOCK_VALUES", size)
    found = class_means(seen, both)
    np.testing.assert_allclose(found, [np.average(values, axis=1, weights=each) for each in both], atol=1e-12)
