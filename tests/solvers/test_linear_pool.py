"""The linear pool's weights against SciPy's optimum of the same objective, and the certificate against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from kerasemble.core import arrays
from kerasemble.core.arrays import CLIP
from kerasemble.solvers import newton
from kerasemble.solvers.linear_pool import solve_linear_pool

# The rounding of a mean of logarithms.
ROUNDING = 1e-12


def clipped(seen, labels):
    return np.maximum(seen.of_true_class(labels), np.float32(CLIP))


@pytest.fixture
def true(case):
    return clipped(*case)


@pytest.fixture(scope="module")
def large(many):
    """The true class's probabilities (4, 12 000), of which the solver begins with a tenth, and weights of the rows."""
    return clipped(*many), np.random.default_rng(1).integers(0, 4, 12_000).astype(np.float64)


def loss(mixing, true, weights):
    """The objective, written a second time."""
    return -float(weights @ np.log(mixing @ true.astype(np.float64))) / weights.sum()


def pooled(solution, true):
    """Return the answer (samples,), which is what must not change: copies may divide their weight otherwise."""
    return solution.weights @ true.astype(np.float64)


def reference(true, weights):
    """SciPy's SLSQP over the simplex, from equal weights."""
    members, exact = len(true), true.astype(np.float64)
    found = minimize(
        lambda w: (loss(w, true, weights), -(exact / (w @ exact)) @ weights / weights.sum()),
        np.full(members, 1 / members),
        jac=True,
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    mixing = np.maximum(found.x, 0)
    return mixing / mixing.sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_is_scipys_optimum(true, weights, dtype):
    ours = loss(solve_linear_pool(true.astype(dtype), weights).weights, true, weights)
    theirs = loss(reference(true, weights), true, weights)
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours <= theirs + 1e-8


def test_weights_lie_on_the_simplex(true, weights):
    mixing = solve_linear_pool(true, weights).weights
    assert mixing.min() >= 0
    assert mixing.sum() == pytest.approx(1, abs=ROUNDING)


@pytest.mark.parametrize("gap", [np.inf, 1.0, 1e-1, 1e-2, 1e-4, 1e-8])
def test_the_certificate_bounds_the_distance_to_the_optimum_wherever_it_stops(true, weights, gap):
    stopped = solve_linear_pool(true, weights, gap)
    best = solve_linear_pool(true, weights, 0.0)
    assert stopped.gap <= gap
    assert loss(stopped.weights, true, weights) - loss(best.weights, true, weights) <= stopped.gap + ROUNDING


@pytest.mark.parametrize("most", [1, 2, 4])
def test_the_certificate_holds_where_steps_run_out(true, weights, monkeypatch, most):
    best = loss(solve_linear_pool(true, weights, 0.0).weights, true, weights)
    monkeypatch.setattr(newton, "_MAX_STEPS", most)
    stopped = solve_linear_pool(true, weights, 0.0)
    assert len(stopped.values) <= most + 1
    assert loss(stopped.weights, true, weights) - best <= stopped.gap + ROUNDING


def test_whole_weights_are_repeated_rows(true):
    times = np.random.default_rng(2).integers(0, 4, true.shape[1])
    times[0] = 2
    weighted = solve_linear_pool(true, times.astype(np.float64))
    repeated = solve_linear_pool(np.repeat(true, times, axis=1), np.ones(times.sum()))
    # Sums over other numbers of rows round otherwise, which the steepness near the clip enlarges.
    np.testing.assert_allclose(pooled(weighted, true), pooled(repeated, true), rtol=0, atol=1e-8)
    assert weighted.values == pytest.approx(repeated.values, abs=ROUNDING)


def test_rows_of_weight_zero_are_as_if_absent(large):
    true, weights = large
    kept = np.flatnonzero(weights)
    absent = loss(solve_linear_pool(true[:, kept], weights[kept]).weights, true, weights)
    assert loss(solve_linear_pool(true, weights).weights, true, weights) == pytest.approx(absent, abs=2e-8)


def test_only_the_ratios_of_weights_matter(true, weights):
    straight, scaled = (pooled(solve_linear_pool(true, factor * weights), true) for factor in (1.0, 1e6))
    np.testing.assert_allclose(scaled, straight, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_blocks_of_any_size_give_the_same_answer(true, weights, monkeypatch, rows):
    whole = solve_linear_pool(true, weights)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", rows * len(true))
    blocked = solve_linear_pool(true, weights)
    np.testing.assert_allclose(pooled(blocked, true), pooled(whole, true), rtol=0, atol=1e-9)
    # Copies' shares are where the rounding of sums over other blocks meets a ridge of 1e-10.
    np.testing.assert_allclose(blocked.weights, whole.weights, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", [257, 1000, 10**6])
def test_blocks_of_any_size_give_many_rows_the_same_weights(large, monkeypatch, rows):
    whole = solve_linear_pool(*large).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", rows * len(large[0]))
    np.testing.assert_allclose(solve_linear_pool(*large).weights, whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_any_order_give_many_rows_the_same_weights(large, seed):
    true, weights = large
    order = np.random.default_rng(seed).permutation(len(weights))
    straight, moved = solve_linear_pool(true, weights), solve_linear_pool(true[:, order], weights[order])
    np.testing.assert_allclose(moved.weights, straight.weights, rtol=0, atol=1e-9)


def test_many_rows_are_solved_as_well_as_few(large):
    true, weights = large
    solution = solve_linear_pool(true, weights)
    assert solution.gap <= 1e-8
    best = loss(reference(true, weights), true, weights)
    assert loss(solution.weights, true, weights) == pytest.approx(best, abs=1e-7)


def test_many_rows_are_solved_from_a_part_in_fewer_steps(large):
    true, weights = large
    alike = np.ones(len(weights))
    plain = solve_linear_pool(true[:, :9_999], alike[:9_999])
    assert len(solve_linear_pool(true, weights).values) < len(plain.values)


def test_a_start_from_other_rows_ends_within_the_same_bound(true, weights):
    best = loss(solve_linear_pool(true, weights, 0.0).weights, true, weights)
    start = solve_linear_pool(true, np.random.default_rng(3).gamma(1, size=len(weights)))
    solution = solve_linear_pool(true, weights, start=start)
    assert solution.gap <= 1e-8
    assert loss(solution.weights, true, weights) <= best + 1e-8


def test_copies_of_a_member_share_its_weight():
    rng = np.random.default_rng(0)
    true, weights = rng.uniform(0.05, 1, size=(3, 100)), np.ones(100)
    alone = solve_linear_pool(true, weights).weights
    copied = solve_linear_pool(np.vstack([true, true[1]]), weights).weights
    np.testing.assert_allclose(copied, [alone[0], alone[1] / 2, alone[2], alone[1] / 2], atol=1e-4)


def test_a_member_that_is_better_on_every_row_takes_all():
    true = np.array([[0.9, 0.8, 0.7], [0.5, 0.1, 0.69]])
    np.testing.assert_allclose(solve_linear_pool(true, np.ones(3)).weights, [1, 0], atol=1e-8)


def test_a_row_that_counts_enough_decides_alone():
    true = np.array([[0.9, 0.1], [0.2, 0.8]])
    np.testing.assert_allclose(solve_linear_pool(true, np.array([1e9, 1.0])).weights, [1, 0], atol=1e-6)


def test_members_of_which_none_gives_the_truth_anything_are_weighted_alike():
    weights = solve_linear_pool(np.full((3, 10), CLIP), np.ones(10)).weights
    np.testing.assert_allclose(weights, 1 / 3, rtol=0, atol=1e-9)
