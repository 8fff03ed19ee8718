"""The Brier score's weights against SciPy's optimum of the same objective, and the certificate against the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from kerasemble.core import arrays
from kerasemble.solvers.brier_pool import gram, solve_brier_pool

# float32 holds no more of a probability.
ROUNDING = 1e-9


def probabilities(seen):
    return np.eye(len(seen.classes))[seen.values] if seen.labels_only else seen.values.astype(np.float64)


def loss(mixing, seen, labels, weights):
    """The Brier score, written a second time: the mean squared distance of the pool to the one-hot truth."""
    pool = np.einsum("m,msc->sc", mixing, probabilities(seen))
    distances = ((pool - np.eye(len(seen.classes))[labels]) ** 2).sum(axis=-1)
    # Members of float32 miss a sum of one by its rounding, which the score does not see.
    return float(weights @ distances) / weights.sum()


def reference(seen, labels, weights):
    """SciPy's SLSQP over the simplex, from equal weights."""
    members = len(seen.members)
    found = minimize(
        lambda mixing: loss(mixing, seen, labels, weights),
        np.full(members, 1 / members),
        method="SLSQP",
        bounds=[(0, 1)] * members,
        constraints={"type": "eq", "fun": lambda mixing: mixing.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-12, "maxiter": 500},
    )
    mixing = np.maximum(found.x, 0)
    return mixing / mixing.sum()


def solved(seen, labels, weights):
    return solve_brier_pool(*gram(seen, labels, weights))


def test_the_products_are_numpys(case, weights):
    seen, labels = case
    values, shares = probabilities(seen), weights / weights.sum()
    products, true = gram(seen, labels, weights)
    np.testing.assert_allclose(products, np.einsum("msc,ksc,s->mk", values, values, shares), atol=ROUNDING)
    expected = np.einsum("ms,s->m", values[:, np.arange(len(labels)), labels], shares)
    np.testing.assert_allclose(true, expected, atol=ROUNDING)


def test_the_loss_is_scipys_optimum(case, weights):
    ours = loss(solved(*case, weights).weights, *case, weights)
    theirs = loss(reference(*case, weights), *case, weights)
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours <= theirs + 1e-9


def test_the_value_is_the_brier_score(case, weights):
    solution = solved(*case, weights)
    assert solution.values == pytest.approx((loss(solution.weights, *case, weights),), abs=1e-6)


def test_weights_lie_on_the_simplex_within_a_bound_that_no_score_shows(case, weights):
    solution = solved(*case, weights)
    assert solution.weights.min() >= 0
    assert solution.weights.sum() == pytest.approx(1, abs=1e-12)
    assert 0 <= solution.gap <= 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_the_certificate_bounds_the_distance_of_any_weights(case, uneven, monkeypatch, seed):
    best = loss(solved(*case, uneven).weights, *case, uneven)
    drawn = np.random.default_rng(seed).dirichlet(np.ones(len(case[0].members)))
    monkeypatch.setattr("kerasemble.solvers.brier_pool.on_simplex", lambda *_: drawn)
    stopped = solved(*case, uneven)
    assert loss(drawn, *case, uneven) - best <= stopped.gap + ROUNDING


@pytest.mark.parametrize("rows", [1, 7, 10**6])
def test_blocks_of_any_size_give_the_same_weights(case, weights, monkeypatch, rows):
    whole = solved(*case, weights).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", rows * len(case[0].members) * len(case[0].classes))
    # Copies' shares are where the rounding of sums over other blocks meets a ridge of 1e-10.
    np.testing.assert_allclose(solved(*case, weights).weights, whole, rtol=0, atol=1e-5)
    values = probabilities(case[0])
    pools = (np.einsum("m,msc->sc", each, values) for each in (solved(*case, weights).weights, whole))
    np.testing.assert_allclose(*pools, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_any_order_give_the_same_weights(many, seed):
    seen, labels = many
    order = np.random.default_rng(seed).permutation(seen.samples)
    weights = np.random.default_rng(1).gamma(1, size=seen.samples)
    moved = solved(seen.rows(order), labels[order], weights[order]).weights
    np.testing.assert_allclose(moved, solved(seen, labels, weights).weights, rtol=0, atol=1e-9)


def test_whole_weights_are_repeated_rows(case):
    seen, labels = case
    times = np.random.default_rng(2).integers(0, 4, seen.samples)
    times[0] = 2
    rows = np.repeat(np.arange(seen.samples), times)
    weighted = gram(seen, labels, times.astype(np.float64))
    for ours, theirs in zip(weighted, gram(seen.rows(rows), labels[rows], np.ones(len(rows))), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_a_member_that_is_right_everywhere_takes_all():
    products, true = np.array([[1.0, 0.5], [0.5, 0.6]]), np.array([1.0, 0.5])
    solution = solve_brier_pool(products, true)
    np.testing.assert_allclose(solution.weights, [1, 0], atol=1e-8)
    assert solution.values == pytest.approx((0.0,), abs=1e-8)


def test_copies_of_a_member_share_its_weight(many):
    seen, labels = many
    products, true = gram(seen, labels, np.ones(seen.samples))
    alone = solve_brier_pool(products, true).weights
    twice = [0, 1, 2, 3, 0, 1, 2, 3]
    copied = solve_brier_pool(products[np.ix_(twice, twice)], true[twice]).weights
    np.testing.assert_allclose(copied, np.tile(alone / 2, 2), atol=1e-5)
