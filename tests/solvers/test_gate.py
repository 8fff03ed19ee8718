"""The gate's loss, gradient and minimum against plain loops and SciPy, and the choice of its strength."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize
from scipy.special import softmax

import kerasemble.solvers.gate as gate_module
from kerasemble.core import arrays
from kerasemble.core.arrays import CLIP
from kerasemble.core.predictions import Predictions
from kerasemble.solvers.gate import solve_gate
from kerasemble.solvers.gate_strength import choose_gate_strength, floored


def predictions(values):
    return Predictions.from_arrays({f"m{index}": member for index, member in enumerate(values)}, output="probabilities")


def plain(members=3, samples=30, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    skill = np.linspace(0.5, 3, members)[:, None, None]
    return predictions(
        softmax(skill * np.eye(classes)[labels] + rng.normal(size=(members, samples, classes)), -1)
    ), labels


def regions(samples=600, members=3, seed=0):
    """Each member is sharp about one class, and vague and says so about the others."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, members, samples)
    skill = np.where(labels == np.arange(members)[:, None], 5.0, 0.5)[..., None]
    noise = rng.normal(size=(members, samples, members))
    return predictions(softmax(skill * np.eye(members)[labels] + 0.5 * noise, -1)), labels


def loss(point, seen, labels, shares, start, ridge, drop):
    """The definition, row by row and member by member."""
    members, classes = len(seen.members), len(seen.classes)
    constant, gate = point[:members], point[members:].reshape(members, classes, members)
    values = seen.values.astype(np.float64)
    total = ridge * (np.sum(gate**2) + np.sum((constant - start) ** 2))
    for row, label in enumerate(labels):

        def of(present, row=row, label=label):
            logits = [constant[m] + sum(values[k, row] @ gate[k, :, m] for k in present) for m in present]
            return -np.log(softmax(logits) @ np.maximum(values[list(present), row, label], CLIP))

        everyone = range(members)
        without = [of([k for k in everyone if k != out]) for out in everyone] if members > 1 else [of(everyone)]
        total += shares[row] * ((1 - drop) * of(everyone) + drop * np.mean(without))
    return total


def packed(found):
    return np.concatenate([found.log_weights, found.gate.ravel()])


@pytest.mark.parametrize("drop", [0.0, 0.3, 1.0])
def test_the_gate_is_a_minimum_of_the_loss_as_defined_row_by_row(drop):
    seen, labels = plain()
    weights = np.random.default_rng(1).uniform(0.1, 2, len(labels))
    start = np.log([0.2, 0.5, 0.3])
    given = (seen, labels, weights / weights.sum(), start, 0.05, drop)
    found = solve_gate(seen, labels, weights, start, 0.05, drop)
    assert found.converged
    assert found.values[-1] == pytest.approx(loss(packed(found), *given), abs=1e-12)
    assert found.values[0] == pytest.approx(loss(np.append(start, np.zeros(27)), *given), abs=1e-12)
    assert np.abs(approx_fprime(packed(found), loss, 1e-7, *given)).max() < 1e-5


def test_no_start_of_scipys_finds_a_lower_loss_where_the_ridge_is_not_small():
    seen, labels = plain(members=2, samples=15)
    start = np.log([0.5, 0.5])
    given = (seen, labels, np.full(15, 1 / 15), start, 0.05, 0.1)
    found = solve_gate(seen, labels, np.ones(15), start, 0.05, 0.1).values[-1]
    rng = np.random.default_rng(2)
    for _ in range(3):
        assert minimize(loss, rng.normal(size=14), args=given).fun >= found - 1e-6


def test_the_loss_falls_at_every_step():
    seen, labels = plain(members=4, samples=200, classes=5)
    values = solve_gate(seen, labels, np.ones(200), np.zeros(4), 1e-3, 0.1).values
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(values))


def test_a_ridge_beyond_measure_leaves_the_constant_weights():
    seen, labels = plain()
    found = solve_gate(seen, labels, np.ones(30), np.log([0.2, 0.5, 0.3]), 1e9)
    np.testing.assert_allclose(packed(found), np.append(np.log([0.2, 0.5, 0.3]), np.zeros(27)), atol=1e-8)


def test_a_gate_that_made_the_truth_is_recovered():
    """Rows whose every label is right by one member alone, chosen by a gate, teach that gate's choices."""
    rng = np.random.default_rng(3)
    values = softmax(2 * rng.normal(size=(2, 20_000, 3)), -1)
    gate = rng.normal(size=(2, 3, 2)) * 2
    gate -= gate.mean(axis=2, keepdims=True)
    logits = np.tensordot(values, gate, axes=([0, -1], [0, 1]))
    chosen = (rng.random(20_000) < softmax(logits, -1)[:, 1]).astype(int)
    labels = np.array([rng.choice(3, p=values[m, row]) for row, m in enumerate(chosen)])
    found = solve_gate(predictions(values), labels, np.ones(20_000), np.log([0.5, 0.5]), 1e-6)
    got = found.log_weights + np.tensordot(values, found.gate, axes=([0, -1], [0, 1]))
    error = softmax(got, -1)[:, 1] - softmax(logits, -1)[:, 1]
    assert np.sqrt(np.mean(error**2)) < 0.05


@pytest.mark.parametrize("block", [1, 50, 10_000])
def test_the_answer_is_the_same_for_any_block_and_order_of_rows(monkeypatch, block):
    seen, labels = plain(samples=100)
    order = np.random.default_rng(0).permutation(100)
    whole = solve_gate(seen, labels, np.ones(100), np.zeros(3), 0.01, 0.1)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", block)
    parts = solve_gate(seen.rows(order), labels[order], np.ones(100), np.zeros(3), 0.01, 0.1)
    np.testing.assert_allclose(packed(parts), packed(whole), atol=1e-6)


def test_a_member_without_constant_weight_is_found_by_the_gate_because_weights_have_a_floor():
    seen, labels = regions()
    start = floored(np.array([0.5, 0.5, 0.0]))
    assert np.exp(start[2]) == pytest.approx(0.01 / 3)
    found = solve_gate(seen, labels, np.ones(600), start, 0.1 / 600)
    logits = found.log_weights + np.tensordot(seen.values, found.gate, axes=([0, -1], [0, 1]))
    assert softmax(logits, -1)[labels == 2, 2].mean() > 0.8


def test_one_member_is_alone_whatever_is_dropped():
    seen, labels = plain(members=1)
    found = solve_gate(seen, labels, np.ones(30), np.zeros(1), 0.1, 0.5)
    np.testing.assert_array_equal(packed(found), np.zeros(4))


def test_stopping_short_is_told(monkeypatch):
    monkeypatch.setattr(gate_module, "_MAX_STEPS", 2)
    seen, labels = plain()
    found = solve_gate(seen, labels, np.ones(30), np.zeros(3), 1e-4)
    assert not found.converged
    assert len(found.values) == 3


def test_a_weak_pull_is_chosen_where_members_are_right_in_different_regions():
    seen, labels = regions(300)
    assert choose_gate_strength(seen, labels, np.ones(300), 0.1) <= 1


def test_constant_weights_are_chosen_where_members_answer_all_alike():
    values = np.broadcast_to(plain(1, 100)[0].values, (3, 100, 3))
    assert choose_gate_strength(predictions(values), plain(1, 100)[1], np.ones(100), 0.1) == np.inf


def test_few_rows_are_never_trusted_with_a_weak_pull():
    seen, labels = regions(60)
    assert choose_gate_strength(seen, labels, np.ones(60), 0.1) >= 1
