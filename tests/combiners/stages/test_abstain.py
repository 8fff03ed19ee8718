"""Abstaining: the risk holds, and the tests are the binomial ones."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from kerasemble import Abstain, KerasembleError
from kerasemble.combiners.stages.abstain import _chance_of, _rows_needed
from kerasemble.core.codes import Code


def drawn(rows, seed):
    """Return binary probabilities that are true: the most probable class is wrong as often as they say."""
    rng = np.random.default_rng(seed)
    first = rng.beta(0.5, 0.5, rows)
    return np.stack([first, 1 - first], axis=1), (rng.uniform(size=rows) > first).astype(np.int64)


@given(rows=st.integers(1, 2000), share=st.floats(0, 1), risk=st.floats(0.001, 0.999))
def test_15_10_the_chance_is_the_binomial_one(rows, share, risk):
    errors = int(share * rows)
    found = _chance_of(np.array([errors], dtype=float), np.array([rows], dtype=float), risk)
    assert found[0] == pytest.approx(binom.cdf(errors, rows, risk), rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("errors", [0, 1])
@given(risk=st.floats(0.001, 0.99), chance=st.floats(1e-8, 0.49))
def test_15_10_with_fewer_rows_than_are_needed_so_few_errors_show_nothing(errors, risk, chance):
    needed = _rows_needed(errors, risk, chance)
    assert binom.cdf(errors, np.ceil(needed * (1 + 1e-9)), risk) <= chance * (1 + 1e-6)
    fewer = np.ceil(needed) - 1
    assert fewer <= errors or binom.cdf(errors, fewer, risk) > chance * (1 - 1e-6)


def by_hand(doubt, wrong, risk, confidence):
    """The threshold's number of answered rows by the tests, one row after the other; no two rows are of equal doubt."""
    wrong, chance = wrong[np.argsort(doubt)], 1 - confidence
    first = next(rows for rows in range(2, 10**6) if binom.cdf(1, rows, risk) <= chance / 2)
    assert first <= len(wrong)
    starts = [first]
    begin = _rows_needed(1, risk, chance / 2)
    while begin * 2 < len(wrong):
        begin *= 2
        starts.append(int(np.ceil(begin)))
    level, best = 0.0, 0
    for rows in range(1, len(wrong) + 1):
        if rows in starts:
            level += chance / 2 * (1 + (len(starts) == 1)) if rows == first else chance / 2 / (len(starts) - 1)
        level = level if binom.cdf(wrong[:rows].sum(), rows, risk) <= level else 0.0
        best = rows if level else best
    return best


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("rows", "risk"), [(400, 0.05), (400, 0.2), (900, 0.1), (60, 0.1)])
def test_15_10_the_threshold_is_that_of_the_tests_one_after_the_other(seed, rows, risk):
    seen, labels = drawn(rows, seed)
    doubt, wrong = seen.min(axis=1), seen.argmax(axis=1) != labels
    stage = Abstain(risk)
    kept = ~stage.apply(seen, stage.learn(seen, labels, np.ones(rows)).learned, np)
    assert kept.sum() == by_hand(doubt, wrong, risk, 0.95)


def test_15_10_some_mistakes_of_the_surest_rows_do_not_end_it_all():
    # Of 1,500 rows that are all alike but for their order 2.7 % are wrong, among them the three surest.
    doubt = np.linspace(0.001, 0.4, 1500)
    seen = np.stack([1 - doubt, doubt], axis=1)
    labels = (np.arange(1500) % 37 == 0) | (np.arange(1500) < 3)
    found = Abstain(0.05).learn(seen, labels.astype(np.int64), np.ones(1500))
    assert not found.warnings
    assert not Abstain(0.05).apply(seen, found.learned, np).any()


@pytest.mark.parametrize(("a", "turned", "risk"), [(0.5, 0.0, 0.05), (0.5, 0.0, 0.2), (0.3, 0.03, 0.1)])
def test_15_10_the_true_risk_is_above_the_stated_one_no_more_often_than_stated(a, turned, risk):
    """The true risk at any threshold is known: it is the mean chance to be wrong below it."""
    first = np.random.default_rng(1).beta(a, a, 10**6)
    doubt = np.sort(np.minimum(first, 1 - first))
    true = np.cumsum(doubt * (1 - 2 * turned) + turned) / np.arange(1, len(doubt) + 1)
    stage, broken = Abstain(risk, confidence=0.9), 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        chance = rng.beta(a, a, 500)
        labels = ((rng.random(500) > chance) ^ (rng.random(500) < turned)).astype(np.int64)
        threshold = stage.learn(np.stack([chance, 1 - chance], axis=1), labels, np.ones(500)).learned["threshold"][0]
        answered = int(np.searchsorted(doubt, threshold, side="right"))
        broken += answered > 0 and true[answered - 1] > risk
    # Three standard errors of a share of 400 above one in ten.
    assert broken <= 400 * (0.1 + 3 * 0.015)


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
    assert [each.code for each in found.warnings] == [Code.NOTHING_ANSWERED]
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
