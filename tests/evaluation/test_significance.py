"""The interval of a paired difference: SciPy's, and one that holds the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kerasemble.combiners.average import Average
from kerasemble.core.metrics import log_losses
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.significance import bootstrap, holm, mcnemar, paired_interval, paired_test


@pytest.mark.parametrize("samples", [2, 10, 1000])
def test_interval_and_p_are_those_of_scipys_paired_test(samples):
    baseline, other = np.random.default_rng(0).gamma(2, size=(2, samples))
    found = paired_test(baseline, other)
    expected = stats.ttest_rel(baseline, other)
    assert found.interval.mean == pytest.approx((baseline - other).mean())
    assert found.interval[1:] == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p == pytest.approx(expected.pvalue)


def test_of_many_rows_the_interval_is_the_normal_one():
    baseline, other = np.random.default_rng(0).gamma(2, size=(2, 20_000))
    difference = baseline - other
    expected = stats.norm.interval(0.95, difference.mean(), stats.sem(difference))
    assert paired_interval(baseline, other)[1:] == pytest.approx(expected, rel=2e-4)


def test_the_interval_of_groups_is_that_of_their_means_where_they_are_of_one_size():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 10)
    baseline = rng.normal(size=300) + rng.normal(size=30)[groups]
    other = rng.normal(size=300)
    found = paired_test(baseline, other, groups=rng.permutation(30)[groups])
    means = (baseline - other).reshape(30, 10).mean(axis=1)
    expected = stats.ttest_1samp(means, 0)
    assert found.interval[1:] == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p == pytest.approx(expected.pvalue)


def test_groups_of_one_row_each_change_nothing():
    baseline, other = np.random.default_rng(0).gamma(2, size=(2, 40))
    grouped, plain = paired_test(baseline, other, groups=np.arange(40)), paired_test(baseline, other)
    assert grouped.interval == pytest.approx(plain.interval)
    assert grouped.p == pytest.approx(plain.p)


def test_rows_that_tell_of_each_other_make_a_wider_interval_than_rows_that_do_not():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    difference = rng.normal(size=40)[groups] + 0.1 * rng.normal(size=1000)
    narrow = paired_interval(difference, np.zeros(1000))
    wide = paired_interval(difference, np.zeros(1000), groups=groups)
    assert wide.mean == pytest.approx(narrow.mean)
    assert wide.high - wide.low > 4 * (narrow.high - narrow.low)


def test_no_difference_at_all_is_no_surprise_and_a_constant_one_is_certain():
    same = np.ones(10)
    assert paired_test(same, same) == ((0.0, 0.0, 0.0), 1.0, False)
    assert paired_test(same, same - 0.5).p < 1e-100


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 200))
def test_mcnemars_p_is_statsmodels(seed, rows):
    from statsmodels.stats.contingency_tables import mcnemar as expected

    one, other = np.random.default_rng(seed).integers(0, 2, (2, rows)).astype(np.float64)
    table = [[np.sum((one == a) & (other == b)) for b in (0, 1)] for a in (0, 1)]
    assert mcnemar(one, other) == pytest.approx(expected(table, exact=True).pvalue)


# Few, since statsmodels collects garbage in each call.
@settings(deadline=None, derandomize=True, max_examples=10)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holms_p_is_statsmodels(p):
    from statsmodels.stats.multitest import multipletests

    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_the_bootstrap_of_a_mean_is_near_its_normal_interval():
    difference = np.random.default_rng(0).gamma(2, size=400) - 1.9
    found = bootstrap(lambda weights: float(weights @ difference / weights.sum()), np.ones(400))
    expected = paired_test(difference, np.zeros(400))
    assert found.interval.mean == pytest.approx(expected.interval.mean)
    width = expected.interval.high - expected.interval.low
    assert found.interval[1:] == pytest.approx(expected.interval[1:], abs=0.06 * width)
    assert found.p == pytest.approx(expected.p, abs=0.05)


def test_the_bootstrap_draws_whole_groups():
    groups = np.repeat(np.arange(20), 10)
    difference = np.random.default_rng(0).normal(size=20)[groups]
    by_row, by_group = (
        bootstrap(lambda weights: float(weights @ difference / weights.sum()), np.ones(200), each).interval
        for each in (None, groups)
    )
    assert by_group.high - by_group.low > 2 * (by_row.high - by_row.low)


def test_resamples_in_which_a_score_is_undefined_are_left_out_and_none_at_all_leave_nothing_known():
    calls = iter(range(10**6))
    some = bootstrap(lambda _: float("nan") if next(calls) % 2 else 0.5, np.ones(10))
    assert some.interval == (0.5, 0.5, 0.5)
    none = bootstrap(lambda weights: 0.5 if np.all(weights == 1) else float("nan"), np.ones(100))
    assert none.interval == (0.5, -np.inf, np.inf)
    assert none.p == 1


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
    repetitions, held = 120, 0
    for start in range(0, 200 * repetitions, 200):
        rows = slice(start, start + 200)
        _, low, high = compare(many.rows(rows), labels[rows], [Average()], repeats=1, metrics=["log loss"])[
            "average"
        ].gain
        held += low <= truth <= high
    # Three standard errors of a share of 0.95 in 120 are 0.06.
    assert held / repetitions == pytest.approx(0.95, abs=0.06)
