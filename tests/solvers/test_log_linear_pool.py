"""The log-linear pool's weights against SciPy's optimum of the same objective, and the certificate against it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from kerasemble.core import arrays
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool

RIDGES = [1.0, 0.05, 1e-4]


def loss(weights, values, labels, ridge):
    """The objective, written a second time: with SciPy's softmax and no blocks."""
    logs = np.log(np.maximum(values.astype(np.float64), 2.0**-24))
    pool = log_softmax(np.einsum("m,msc->sc", weights, logs), axis=-1)
    spread = weights - 1 / len(weights)
    return -pool[np.arange(len(labels)), labels].mean() + ridge * (spread**2).sum()


def reference(values, labels, ridge):
    """SciPy's L-BFGS-B over weights >= 0, gradients by differences, from equal weights."""
    members = len(values)
    found = minimize(
        loss,
        np.full(members, 1 / members),
        args=(values, labels, ridge),
        method="L-BFGS-B",
        bounds=[(0, None)] * members,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxfun": 100_000},
    )
    return found.x


@pytest.mark.parametrize("ridge", RIDGES)
def test_the_loss_is_scipys_optimum(case, ridge):
    values, labels = case
    ours = loss(solve_log_linear_pool(values, labels, ridge).weights, values, labels, ridge)
    theirs = loss(reference(values, labels, ridge), values, labels, ridge)
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours <= theirs + 1e-8


@pytest.mark.parametrize("gap", [np.inf, 1.0, 1e-1, 1e-2, 1e-4, 1e-8])
def test_the_certificate_bounds_the_distance_to_the_optimum_wherever_it_stops(case, gap):
    values, labels = case
    stopped = solve_log_linear_pool(values, labels, 0.05, gap)
    best = solve_log_linear_pool(values, labels, 0.05, 0.0)
    assert stopped.gap <= gap
    assert stopped.weights.min() >= 0
    # 1e-12: the rounding of a mean of logarithms.
    distance = loss(stopped.weights, values, labels, 0.05) - loss(best.weights, values, labels, 0.05)
    assert distance <= stopped.gap + 1e-12


def test_many_blocks_give_the_weights_of_one(case, monkeypatch):
    values, labels = case
    whole = solve_log_linear_pool(values, labels, 0.05).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", 7 * values[:, :1].size)
    np.testing.assert_allclose(solve_log_linear_pool(values, labels, 0.05).weights, whole, atol=1e-10)


def test_a_stronger_ridge_ends_nearer_to_equal_weights(case):
    values, labels = case
    ridges = (1e-4, 1e-2, 1.0, 100.0, 1e6)
    far = [np.linalg.norm(solve_log_linear_pool(values, labels, each).weights - 1 / len(values)) for each in ridges]
    assert far[-1] < 1e-4
    assert far == sorted(far, reverse=True)
