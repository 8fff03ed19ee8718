"""The shrunk multinomial regression against SciPy's optimum of the same objective, and the certificate against it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import log_softmax

from kerasemble.core import arrays
from kerasemble.solvers import multinomial
from kerasemble.solvers.multinomial import (
    CONSTANT,
    Features,
    loss_basis,
    pool_coefficients,
    row_losses,
    solve_multinomial,
)

RIDGES = [1.0, 0.05, 1e-3]


def stacked(seen):
    """Return the features, written a second time: member after member, in no blocks."""
    logs = np.log(np.maximum(seen.block(slice(None)), 2.0**-24))
    centred = [each - each.mean(axis=1, keepdims=True) for each in logs]
    return np.hstack([*centred, np.full((seen.samples, 1), CONSTANT)])


def center_of(seen):
    return pool_coefficients(np.linspace(0.1, 0.5, len(seen.members)), len(seen.classes))


def objective(at, seen, labels, weights, center, ridge):
    losses = -log_softmax(stacked(seen) @ at, axis=1)[np.arange(len(labels)), labels]
    return (weights / weights.sum()) @ losses + ridge * ((at - center) ** 2).sum()


def reference(seen, labels, weights, center, ridge):
    """SciPy's BFGS, which keeps the whole Hessian, from the pool."""
    features, one_hot, shares = stacked(seen), np.eye(len(seen.classes))[labels], weights / weights.sum()

    def slope(flat):
        at = flat.reshape(center.shape)
        errors = np.exp(log_softmax(features @ at, axis=1)) - one_hot
        return (features.T @ (errors * shares[:, None]) + 2 * ridge * (at - center)).ravel()

    def value(flat):
        return objective(flat.reshape(center.shape), seen, labels, weights, center, ridge)

    found = minimize(value, center.ravel(), jac=slope, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    return found.x.reshape(center.shape)


def solve(seen, labels, weights, ridge, **options):
    features, center = Features(seen), center_of(seen)
    basis = loss_basis(features, labels, weights, center)
    return solve_multinomial(features, labels, weights, center, ridge, basis=basis, **options)


@pytest.mark.parametrize("ridge", RIDGES)
def test_the_loss_is_scipys_optimum(case, weights, ridge):
    seen, labels = case
    if len(seen.members) > 10:
        return  # 404 coefficients are too many for the reference
    center = center_of(seen)
    solution = solve(seen, labels, weights, ridge)
    ours = objective(solution.weights, seen, labels, weights, center, ridge)
    theirs = objective(reference(seen, labels, weights, center, ridge), seen, labels, weights, center, ridge)
    assert ours == pytest.approx(solution.values[-1], abs=1e-10)
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours <= theirs + 1e-10


def test_the_slope_at_the_solution_is_zero_by_differences(planted):
    seen, labels = planted
    solution = solve(seen, labels, np.ones(len(labels)), 0.05)
    shape, center = solution.weights.shape, center_of(seen)

    def value(flat):
        return objective(flat.reshape(shape), seen, labels, np.ones(len(labels)), center, 0.05)

    assert np.abs(approx_fprime(solution.weights.ravel(), value)).max() < 1e-6


@pytest.mark.parametrize("gap", [1.0, 1e-1, 1e-3, 1e-6])
def test_the_certificate_bounds_the_distance_to_the_optimum_wherever_it_stops(case, gap):
    seen, labels = case
    even = np.ones(len(labels))
    stopped, best = solve(seen, labels, even, 0.05, gap=gap), solve(seen, labels, even, 0.05)
    assert best.gap <= multinomial.GAP
    assert stopped.gap <= gap
    assert stopped.values[-1] - best.values[-1] <= stopped.gap + 1e-12


@pytest.mark.parametrize("ridge", [0.05, 1e-3])
def test_blocks_and_what_is_kept_of_them_make_no_difference(case, ridge, monkeypatch):
    seen, labels = case
    even = np.ones(len(labels))
    whole = solve(seen, labels, even, ridge).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", 7 * seen.values[:, :1].size)
    monkeypatch.setattr(multinomial, "_KEPT_VALUES", 0)
    np.testing.assert_allclose(solve(seen, labels, even, ridge).weights, whole, atol=1e-6)


def test_rows_without_weight_are_as_if_absent(case, uneven):
    seen, labels = case
    rows = np.flatnonzero(uneven)
    alone = solve(seen.rows(rows), labels[rows], uneven[rows], 0.05).weights
    np.testing.assert_allclose(solve(seen, labels, uneven, 0.05).weights, alone, atol=1e-6)


def test_it_ends_at_the_same_place_from_anywhere_and_without_directions(planted, monkeypatch):
    seen, labels = planted
    even = np.ones(len(labels))
    best = solve(seen, labels, even, 0.01).weights
    elsewhere = np.random.default_rng(0).normal(size=best.shape)
    np.testing.assert_allclose(solve(seen, labels, even, 0.01, start=elsewhere).weights, best, atol=1e-5)
    monkeypatch.setattr(multinomial, "_MOST_ROTATED", 0)
    np.testing.assert_allclose(solve(seen, labels, even, 0.01).weights, best, atol=1e-5)


def test_a_stronger_ridge_ends_nearer_to_the_center(planted):
    seen, labels = planted
    center = center_of(seen)
    found = [solve(seen, labels, np.ones(len(labels)), ridge).weights for ridge in (1e-4, 1e-2, 1.0, 100.0, 1e6)]
    far = [np.linalg.norm(each - center) for each in found]
    assert far == sorted(far, reverse=True)
    assert far[-1] < 1e-4


def test_departures_lie_where_a_softmax_sees_them(planted):
    seen, labels = planted
    moved = solve(seen, labels, np.ones(len(labels)), 0.01).weights - center_of(seen)
    np.testing.assert_allclose(moved.sum(axis=1), 0, atol=1e-9)
    by_member = moved[:-1].reshape(len(seen.members), len(seen.classes), -1)
    np.testing.assert_allclose(by_member.sum(axis=1), 0, atol=1e-9)


def test_row_losses_are_those_of_the_softmax(case):
    seen, labels = case
    at = np.random.default_rng(0).normal(size=center_of(seen).shape)
    wanted = -log_softmax(stacked(seen) @ at, axis=1)[np.arange(len(labels)), labels]
    np.testing.assert_allclose(row_losses(Features(seen), labels, at), wanted, atol=1e-10)
