"""Newton steps with weights that stay allowed, with the function's own Hessian or one that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize as scipys_minimize
from scipy.optimize import nnls
from scipy.special import expit

from kerasemble.solvers import newton
from kerasemble.solvers.newton import Evaluation, minimise
from kerasemble.solvers.quadratic import free, on_simplex

RNG = np.random.default_rng(0)
MATRIX, TARGET = RNG.normal(size=(20, 6)), RNG.normal(size=20)


def quadratic(matrix, target):
    """Return |matrix @ w - target|**2 / 2, which says of itself that it is never done."""

    def evaluate(weights, _curvature):
        residual = matrix @ weights - target
        return Evaluation(float(residual @ residual) / 2, matrix.T @ residual, matrix.T @ matrix, np.inf)

    return evaluate


class Counted:
    """A smooth convex function that is no quadratic, sum(log(1 + exp(3 matrix @ w))) + |w - 1|**2; counts its calls.

    Its curvature is at least 2, which bounds the distance to the least value over w >= 0; where the Hessian is not
    asked for, what stands in its place is no number.
    """

    def __init__(self):
        self.calls = self.hessians = 0

    def __call__(self, weights, curvature):
        self.calls, self.hessians = self.calls + 1, self.hessians + curvature
        powers = 3 * MATRIX @ weights
        chance = expit(powers)
        gradient = 3 * MATRIX.T @ chance + 2 * (weights - 1)
        curved = 9 * (MATRIX.T * (chance * (1 - chance))) @ MATRIX + 2 * np.eye(6)
        reach = np.maximum(-gradient / 2, -weights)
        bound = -float(gradient @ reach + reach @ reach)
        value = float(np.logaddexp(0, powers).sum() + ((weights - 1) ** 2).sum())
        return Evaluation(value, gradient, curved if curvature else np.full((6, 6), np.nan), bound)


def scipys():
    """Return SciPy's optimum of that function over weights >= 0."""
    function = Counted()
    found = scipys_minimize(
        lambda weights: function(weights, 1)[:2],
        np.ones(6),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * 6,
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    return found.x


@pytest.mark.parametrize("seed", range(5))
def test_a_quadratic_is_solved_as_non_negative_least_squares(seed):
    rng = np.random.default_rng(seed)
    matrix, target = rng.normal(size=(20, 6)), rng.normal(size=20)
    solution = minimise(quadratic(matrix, target), np.ones(6), 1e-8)
    np.testing.assert_allclose(solution.weights, nnls(matrix, target)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("step", "allowed"),
    [(free, lambda weights: weights), (on_simplex, lambda weights: weights.clip(0) / weights.clip(0).sum())],
    ids=["free", "on-simplex"],
)
def test_the_quadratic_that_is_given_says_which_weights_are_allowed(step, allowed):
    weights = minimise(quadratic(MATRIX, TARGET), np.full(6, 1 / 6), 1e-8, step).weights
    np.testing.assert_allclose(weights, allowed(weights), atol=1e-12)
    np.testing.assert_allclose(weights, step(MATRIX.T @ MATRIX, -MATRIX.T @ TARGET, np.zeros(6)), atol=1e-6)


def test_a_function_that_is_no_quadratic_is_solved_to_its_bound():
    solution = minimise(Counted(), np.ones(6), 1e-10)
    assert 0 <= solution.gap <= 1e-10
    np.testing.assert_allclose(solution.weights, scipys(), atol=1e-5)


def test_a_start_that_is_good_enough_is_kept():
    evaluate = quadratic(np.eye(2), np.zeros(2))
    solution = minimise(lambda *asked: evaluate(*asked)._replace(gap=1e-9), np.ones(2), 1e-8)
    assert (solution.weights.tolist(), solution.gap, solution.values) == ([1.0, 1.0], 1e-9, (1.0,))


def test_a_function_that_cannot_fall_further_ends_with_the_gap_it_has():
    solution = minimise(lambda *_: Evaluation(1.0, np.zeros(2), np.eye(2), 0.5), np.ones(2), 1e-8)
    assert (solution.gap, solution.values) == (0.5, (1.0,))


@pytest.mark.parametrize("penalty", [0.0, 0.25])
def test_the_loss_is_the_last_value_less_what_of_it_is_shrinkage(penalty):
    solution = minimise(Counted(), np.ones(6), 1e-10)
    assert (solution.penalty, solution.loss) == (0.0, solution.values[-1])
    assert solution._replace(penalty=penalty).loss == solution.values[-1] - penalty


@pytest.mark.parametrize("most", [1, 3])
def test_where_steps_run_out_the_gap_says_how_far_it_is(monkeypatch, most):
    best = minimise(Counted(), np.ones(6), 0.0).values[-1]
    monkeypatch.setattr(newton, "_MAX_STEPS", most)
    stopped = minimise(Counted(), np.full(6, 5.0), 1e-12)
    assert len(stopped.values) == most + 1
    assert stopped.gap >= stopped.values[-1] - best > 1e-12


HESSIANS = {
    "none": None,
    "right": minimise(Counted(), np.ones(6), 1e-10).hessian,
    "nearly-right": 1.05 * minimise(Counted(), np.ones(6), 1e-10).hessian,
    "too-small": 1e-4 * np.eye(6),
    "too-large": 1e6 * np.eye(6),
    "of-another-function": np.diag(10.0 ** np.arange(-3, 3)),
    "singular": np.ones((6, 6)),
}


@pytest.mark.parametrize("start", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("hessian", HESSIANS.values(), ids=HESSIANS)
def test_any_kept_hessian_gives_the_same_answer_and_values_that_never_rise(hessian, start):
    solution = minimise(Counted(), np.full(6, start), 1e-10, hessian=hessian)
    assert solution.gap <= 1e-10
    assert list(solution.values) == sorted(solution.values, reverse=True)
    np.testing.assert_allclose(solution.weights, scipys(), atol=1e-5)


def test_with_a_right_hessian_the_function_is_never_asked_for_its_own():
    quick, plain = Counted(), Counted()
    best = minimise(plain, np.ones(6), 1e-10)
    assert plain.hessians == plain.calls
    solution = minimise(quick, best.weights + 1e-3, 1e-10, hessian=best.hessian)
    assert len(solution.values) > 1
    assert quick.hessians == 0


def test_a_wrong_hessian_is_soon_replaced_by_the_functions_own_which_is_then_kept():
    function = Counted()
    solution = minimise(function, np.ones(6), 1e-10, hessian=1e6 * np.eye(6))
    plain = minimise(Counted(), np.ones(6), 1e-10)
    assert 1 <= function.hessians <= len(plain.values)
    assert len(solution.values) <= 2 * len(plain.values)
    np.testing.assert_allclose(solution.weights, plain.weights, atol=1e-4)
