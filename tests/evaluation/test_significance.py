"""The interval of a paired difference: SciPy's, and one that holds the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from kerasemble.combiners.average import Average
from kerasemble.core.metrics import log_losses
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.significance import paired_interval


@pytest.mark.parametrize("samples", [2, 10, 1000])
def test_the_interval_is_scipys_normal_interval_of_the_paired_difference(samples):
    baseline, other = np.random.default_rng(0).gamma(2, size=(2, samples))
    difference = baseline - other
    found = paired_interval(baseline, other)
    assert found.mean == pytest.approx(difference.mean())
    assert found[1:] == pytest.approx(stats.norm.interval(0.95, difference.mean(), stats.sem(difference)))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 7.0])
def test_rows_that_count_alike_give_the_interval_of_rows_without_weights(scale):
    baseline, other = np.random.default_rng(0).gamma(2, size=(2, 50))
    assert paired_interval(baseline, other, np.full(50, scale)) == pytest.approx(paired_interval(baseline, other))


def test_whole_weights_have_the_mean_of_repeated_rows():
    rng = np.random.default_rng(0)
    baseline, other = rng.gamma(2, size=(2, 50))
    times = rng.integers(0, 5, 50)
    found = paired_interval(baseline, other, times.astype(np.float64))
    assert found.mean == pytest.approx(paired_interval(np.repeat(baseline, times), np.repeat(other, times)).mean)
    # A row given twice is no second row: the interval is that of the rows there are.
    assert found.high - found.low > np.diff(paired_interval(np.repeat(baseline, times), np.repeat(other, times))[1:])[0]


def test_the_interval_of_weighted_rows_holds_the_truth_nineteen_times_in_twenty():
    rng = np.random.default_rng(0)
    repetitions, held = 1000, 0
    for _ in range(repetitions):
        difference, weights = rng.normal(0.3, 1, size=200), rng.gamma(1, size=200)
        _, low, high = paired_interval(difference, np.zeros(200), weights)
        held += low <= 0.3 <= high
    # Three standard errors of a share of 0.95 in 1,000 are 0.021.
    assert held / repetitions == pytest.approx(0.95, abs=0.021)


def test_pairing_counts_a_constant_difference_as_certain():
    baseline = np.random.default_rng(0).gamma(2, size=100)
    assert paired_interval(baseline, baseline - 0.25) == pytest.approx((0.25, 0.25, 0.25))


def test_the_sign_says_which_is_better():
    worse, better = np.array([2.0, 3.0, 4.0]), np.array([1.0, 1.0, 1.0])
    assert paired_interval(worse, better).mean == 2
    assert paired_interval(better, worse).mean == -2


def test_the_interval_of_a_fixed_rule_holds_the_truth_nineteen_times_in_twenty(make_members):
    many, labels = make_members(60_000, skills=(2.0, 1.0), seed=1)
    truth = (log_losses(many.values[0], labels) - log_losses(many.values.mean(axis=0), labels)).mean()
    repetitions, held = 300, 0
    for start in range(0, 200 * repetitions, 200):
        rows = slice(start, start + 200)
        _, low, high = compare(many.rows(rows), labels[rows], [Average()])["average"].gain
        held += low <= truth <= high
    # Three standard errors of a share of 0.95 in 300 are 0.038.
    assert held / repetitions == pytest.approx(0.95, abs=0.038)
