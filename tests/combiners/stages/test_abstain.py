"""Abstaining: the risk holds, and the bound is the binomial one."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import binom

from kerasemble import Abstain, KerasembleError
from kerasemble.combiners.stages.abstain import _upper_bound


def drawn(rows, seed):
    """Return binary probabilities that are true: the most probable class is wrong as often as they say."""
    rng = np.random.default_rng(seed)
    first = rng.beta(0.5, 0.5, rows)
    return np.stack([first, 1 - first], axis=1), (rng.uniform(size=rows) > first).astype(np.int64)


@pytest.mark.parametrize(("errors", "rows"), [(0, 10), (3, 50), (20, 400)])
def test_the_bound_is_the_rate_at_which_so_few_errors_have_that_chance(errors, rows):
    bound = _upper_bound(errors, rows, 0.01)
    assert binom.cdf(errors, rows, bound) == pytest.approx(0.01, rel=1e-9)


def test_the_risk_holds_in_as_many_draws_as_stated_and_most_rows_are_answered():
    stage, broken, share = Abstain(0.1, confidence=0.8), [], []
    tested, true = drawn(50_000, 10**6)
    for seed in range(200):
        seen, labels = drawn(500, seed)
        kept = ~stage.apply(tested, stage.learn(seen, labels, np.ones(500)).learned, np)
        broken.append((tested.argmax(axis=1) != true)[kept].mean() > 0.1)
        share.append(kept.mean())
    assert np.mean(broken) <= 0.2
    assert np.mean(share) > 0.5


def test_80_where_no_threshold_keeps_the_risk_every_row_is_abstained_from_and_that_is_said():
    seen, labels = drawn(30, 0)
    found = Abstain(0.01).learn(seen, labels, np.ones(30))
    assert "every row is abstained from" in found.warnings[0]
    assert Abstain(0.01).apply(seen, found.learned, np).all()


def test_a_model_that_is_always_right_answers_every_row():
    seen = np.repeat(np.eye(2), 500, axis=0)
    found = Abstain(0.02).learn(seen, np.repeat([0, 1], 500), np.ones(1000))
    assert not found.warnings
    assert not Abstain(0.02).apply(seen, found.learned, np).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_rows_that_it_learned_from_are_answered_alike_in_both_precisions(dtype):
    seen, labels = drawn(400, 2)
    stage = Abstain(0.1)
    learned = stage.learn(seen, labels, np.ones(400)).learned
    answer = stage.apply(seen.astype(dtype), {name: array.astype(dtype) for name, array in learned.items()}, np)
    np.testing.assert_array_equal(answer, stage.apply(seen, learned, np))


def test_the_order_of_rows_and_the_scale_of_weights_are_irrelevant():
    seen, labels = drawn(300, 4)
    weights = np.random.default_rng(0).uniform(0.5, 2, 300)
    order = np.random.default_rng(1).permutation(300)
    wanted = Abstain(0.1).learn(seen, labels, weights).learned["threshold"]
    again = Abstain(0.1).learn(seen[order], labels[order], 50 * weights[order]).learned["threshold"]
    np.testing.assert_allclose(again, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{"risk": 0}, {"risk": 2}, {"confidence": 1.0}, {"confidence": None}], ids=repr)
def test_options_out_of_range_are_refused(options):
    ((name, value),) = options.items()
    says = f"{name} must be a number between 0 and 1, both excluded. Received: {name}={value!r}."
    with pytest.raises(KerasembleError, match=re.escape(says)):
        Abstain(**options)
