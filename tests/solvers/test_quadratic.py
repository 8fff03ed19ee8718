"""Quadratics of a few weights against a search through every set of weights that may be above zero."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.optimize import minimize

from kerasemble.solvers.quadratic import free, nonnegative, on_simplex


def value(weights, hessian, gradient, at):
    """Return the quadratic of which `gradient` is the gradient `at` some weights, zero there."""
    step = weights - at
    return float(gradient @ step + step @ hessian @ step / 2)


def search(hessian, gradient, at, total=None):
    """Return the least value over weights >= 0, of sum `total` where that is given.

    Some optimum has a support on which it is the only one: each support is tried, and what is not allowed left out.
    """
    size, best = len(at), np.inf
    linear = gradient - hessian @ at
    supports = chain.from_iterable(combinations(range(size), count) for count in range(size + 1))
    for support in map(list, supports):
        if total is not None and not support:
            continue
        ones = np.ones((len(support), 0 if total is None else 1))
        system = np.block([[hessian[np.ix_(support, support)], ones], [ones.T, np.zeros((ones.shape[1],) * 2)]])
        found = np.linalg.lstsq(system, np.append(-linear[support], [total] * ones.shape[1]))[0]
        weights = np.zeros(size)
        weights[support] = found[: len(support)]
        if weights.min() >= -1e-12 and (total is None or abs(weights.sum() - total) < 1e-9):
            best = min(best, value(weights, hessian, gradient, at))
    return best


def least_squares(matrix, target, at):
    """Return the Hessian and the gradient `at` some weights of |matrix @ w - target|**2 / 2."""
    return matrix.T @ matrix, matrix.T @ (matrix @ at - target), at


@st.composite
def problems(draw):
    """Draw small whole numbers, of which many matrices are singular, and a point at which the gradient is taken."""
    members, rows = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    numbers = st.integers(-3, 3).map(float)
    matrix = draw(arrays.arrays(np.float64, (rows, members), elements=numbers))
    target = draw(arrays.arrays(np.float64, rows, elements=numbers))
    at = draw(arrays.arrays(np.float64, members, elements=st.sampled_from([0.0, 0.25, 1.0])))
    return least_squares(matrix, target, at)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(problems())
def test_free_weights_leave_no_slope(problem):
    hessian, gradient, at = problem
    weights = free(*problem)
    np.testing.assert_allclose(gradient + hessian @ (weights - at), 0, atol=1e-6)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(problems())
def test_nonnegative_weights_have_the_least_value_that_a_search_finds(problem):
    weights = nonnegative(*problem)
    assert weights.min() >= 0
    assert value(weights, *problem) == pytest.approx(search(*problem), abs=1e-6)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(problems())
def test_weights_on_the_simplex_have_the_least_value_that_a_search_finds(problem):
    weights = on_simplex(*problem)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    assert value(weights, *problem) == pytest.approx(search(*problem, total=1.0), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_twenty_weights_on_the_simplex_are_scipys(seed):
    rng = np.random.default_rng(seed)
    problem = least_squares(rng.normal(size=(60, 20)), rng.normal(size=60), np.zeros(20))
    hessian, gradient, _ = problem
    found = minimize(
        lambda weights: (value(weights, *problem), gradient + hessian @ weights),
        np.full(20, 1 / 20),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * 20,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    np.testing.assert_allclose(on_simplex(*problem), found.x, atol=1e-5)


@pytest.mark.parametrize("solve", [free, nonnegative, on_simplex])
def test_copies_share_equally_and_as_much_as_one(solve):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(30, 3))
    target = matrix @ [0.6, 0.3, 0.1]
    alone = solve(*least_squares(matrix, target, np.zeros(3)))
    copied = solve(*least_squares(matrix[:, [0, 1, 1, 1, 2]], target, np.zeros(5)))
    # 1e-5: the ridge that makes the shares equal is 1e-10 of the Hessian, which float64 then holds to six digits.
    np.testing.assert_allclose(copied, [alone[0], *[alone[1] / 3] * 3, alone[2]], atol=1e-5)


@pytest.mark.parametrize("solve", [free, nonnegative, on_simplex])
def test_a_perfect_fit_is_found(solve):
    matrix = np.random.default_rng(0).normal(size=(30, 3))
    weights = solve(*least_squares(matrix, matrix @ [0.7, 0.0, 0.3], np.zeros(3)))
    np.testing.assert_allclose(weights, [0.7, 0.0, 0.3], atol=1e-8)


@pytest.mark.parametrize(("solve", "expected"), [(free, -2.0), (nonnegative, 0.0), (on_simplex, 1.0)])
def test_one_weight_is_where_it_may_be(solve, expected):
    # (w + 2)**2, of which the slope at 1 is 6.
    assert solve(np.array([[2.0]]), np.array([6.0]), np.ones(1)) == pytest.approx([expected], abs=1e-8)


@pytest.mark.parametrize("solve", [nonnegative, on_simplex])
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6])
def test_the_scale_of_a_quadratic_is_irrelevant(solve, scale):
    rng = np.random.default_rng(0)
    hessian, gradient, at = least_squares(rng.normal(size=(30, 4)), rng.normal(size=30), np.full(4, 0.25))
    np.testing.assert_allclose(solve(scale * hessian, scale * gradient, at), solve(hessian, gradient, at), atol=1e-6)


def test_a_hundred_members_that_are_nearly_copies_are_solved():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(200, 1)) + 1e-7 * rng.normal(size=(200, 100))
    weights = on_simplex(*least_squares(matrix, matrix.mean(axis=1), np.zeros(100)))
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
