"""Intervals of skewed differences: Gaffke's bound against exact ones, and how often the truth is below."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from kerasemble.core.arrays import CLIP
from kerasemble.evaluation.bounded_mean import Bound
from kerasemble.evaluation.significance import paired_interval, paired_test

DEVIATE = float(stats.norm.ppf(0.975))
COMMON = {"deadline": None, "derandomize": True, "max_examples": 60}
SEEDS = st.integers(0, 2**32 - 1)


@settings(**COMMON)
@given(st.integers(5, 2000), st.floats(0, 0.5))
def test_15_8_of_errors_the_bound_is_that_of_clopper_and_pearson(rows, share):
    errors = int(share * rows)
    values = -(np.arange(rows) < errors).astype(np.float64)
    bound = -Bound(values, np.ones(rows), -1.0).lower(DEVIATE)
    assert bound == pytest.approx(stats.beta.ppf(0.975, errors + 1, rows - errors), rel=0.03)


def test_15_8_the_bound_is_the_quantile_of_means_under_dirichlet_shares():
    rng = np.random.default_rng(0)
    values = -(rng.exponential(size=60) ** 2)
    drawn = rng.dirichlet(np.ones(61), size=40_000) @ np.append(values, values.min())
    bound = Bound(values, np.ones(60), values.min())
    assert bound.lower(DEVIATE) == pytest.approx(np.quantile(drawn, 0.025), rel=0.02)
    assert stats.norm.cdf(-bound.deviate_of(-4.0)) == pytest.approx((drawn < -4).mean(), abs=0.01)


@settings(**COMMON)
@given(SEEDS, st.floats(1, 4))
def test_15_8_the_deviate_of_a_bound_is_that_of_which_it_is_the_bound(seed, deviate):
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.3, size=int(rng.integers(2, 200)))
    bound = Bound(values, np.ones(len(values)), float(values.min()) - rng.exponential())
    assert bound.deviate_of(bound.lower(deviate)) == pytest.approx(deviate, abs=1e-4)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return skewed differences (rows,), weights, and the differences on wrong rows."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(5, 120))
    difference = rng.normal(0.1, 0.2, rows) - 3 * (rng.random(rows) < 0.05)
    return difference, rng.gamma(2, size=rows), (-rng.gamma(1, 3, rows), rng.gamma(1, 3, rows))


@settings(**COMMON)
@given(SEEDS, st.floats(-5, 5), st.floats(0.01, 100))
def test_15_8_an_interval_follows_shift_and_scale(seed, shift, scale):
    difference, weights, unseen = drawn(seed)
    found = paired_interval(difference, np.zeros_like(difference), weights, unseen=unseen)
    moved = [scale * (each + shift) for each in (difference, *unseen)]
    other = paired_interval(moved[0], np.zeros_like(difference), weights, unseen=(moved[1], moved[2]))
    assert other == pytest.approx([scale * (end + shift) for end in found], abs=1e-5 * scale)


@settings(**COMMON)
@given(SEEDS)
def test_15_8_an_interval_does_not_depend_on_the_order_of_rows_and_changes_its_sign_with_the_two(seed):
    difference, weights, (low, high) = drawn(seed)
    none = np.zeros_like(difference)
    found = paired_test(difference, none, weights, unseen=(low, high))
    order = np.random.default_rng(seed).permutation(len(none))
    other = paired_test(difference[order], none, weights[order], unseen=(low[order], high[order]))
    assert other.interval == pytest.approx(found.interval, abs=1e-6)
    assert (other.p, other.enough) == (pytest.approx(found.p, rel=1e-4), found.enough)
    mean, least, most = paired_test(none, difference, weights, unseen=(-high, -low)).interval
    assert (-mean, -most, -least) == pytest.approx(found.interval, abs=1e-6)


@settings(**COMMON)
@given(SEEDS)
def test_15_8_a_row_in_two_halves_of_one_group_is_that_row(seed):
    difference, weights, unseen = drawn(seed)
    numbers = np.arange(len(difference))
    whole = paired_interval(difference, np.zeros_like(difference), weights, numbers, unseen)
    first, second = np.random.default_rng(seed).dirichlet([2, 2], len(numbers)).T
    twice = [np.concatenate([each, each]) for each in (difference, numbers, *unseen)]
    halves = np.concatenate([weights * first, weights * second])
    split = paired_interval(twice[0], np.zeros_like(twice[0]), halves, twice[1], (twice[2], twice[3]))
    assert split.mean == pytest.approx(whole.mean)
    # The rows themselves tell no more; the most that a row may count in the bound is told by all weights.
    assert split.low >= whole.low - 1e-6
    assert split.high <= whole.high + 1e-6


@settings(**COMMON)
@given(SEEDS, st.floats(0, 0.05))
def test_15_8_zero_is_outside_where_p_is_below_one_in_twenty(seed, added):
    difference, weights, unseen = drawn(seed)
    tested = paired_test(difference, np.zeros_like(difference), weights, added=added, unseen=unseen)
    outside = tested.interval.low > 0 or tested.interval.high < 0
    # The two variances are added as if the bound were normal, so that close by either may be.
    assert outside == (tested.p < 0.05) or abs(tested.p - 0.05) < (0.02 if added else 1e-5)
    alone = paired_interval(difference, np.zeros_like(difference), weights)
    assert tested.interval.high - tested.interval.low >= alone.high - alone.low if not added else True


@pytest.mark.parametrize("rows", [20, 150, 1000])
def test_15_8_two_that_never_differ_have_an_interval_of_accuracy_as_wide_as_a_score_interval(rows):
    none = np.zeros(rows)
    found = paired_interval(none, none, unseen=(-1.0, 1.0))
    assert found.low == -found.high
    # Tango's for paired shares without a discordant pair, and the exact one of no event.
    tango = DEVIATE**2 / (rows + DEVIATE**2)
    exact = stats.beta.ppf(0.975, 1, rows)
    assert min(tango, exact) * 0.95 < found.high < max(tango, exact) * 1.05


def tango(better: int, worse: int, rows: int) -> tuple[float, float]:
    """Return the ends at which Tango's score statistic is the deviate (1998, Statistics in Medicine 17)."""
    from scipy.optimize import brentq

    def score(delta: float) -> float:
        linear = -better - worse + (2 * rows - better + worse) * delta
        share = (np.sqrt(linear**2 + 8 * rows * worse * delta * (1 - delta)) - linear) / (4 * rows)
        return (better - worse - rows * delta) / np.sqrt(max(rows * (2 * share + delta * (1 - delta)), 1e-300))

    middle = (better - worse) / rows
    return (
        brentq(lambda delta: score(delta) - DEVIATE, -0.999, middle - 1e-9),
        brentq(lambda delta: score(delta) + DEVIATE, middle + 1e-9, 0.999),
    )


@pytest.mark.parametrize(("better", "worse", "rows"), [(3, 0, 100), (8, 3, 150), (40, 22, 400), (30, 30, 1000)])
def test_15_8_of_accuracy_the_interval_is_near_tangos_and_never_much_narrower(better, worse, rows):
    difference = np.zeros(rows)
    difference[:better], difference[better : better + worse] = 1, -1
    found = paired_interval(difference, np.zeros(rows), unseen=(-1.0, 1.0))
    low, high = tango(better, worse, rows)
    assert 0.97 < (found.high - found.low) / (high - low) < 1.3


def rare(rows: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return differences (500, rows), what they would be if wrong, and their truth: small gains, rare losses."""
    rng = np.random.default_rng(seed)
    worst = -np.log(CLIP)
    gain = rng.uniform(0.05, 0.2, (500, rows))
    wrong = gain - worst
    return np.where(rng.random((500, rows)) < share, wrong, gain), wrong, 0.125 - share * worst


@pytest.mark.parametrize("rows", [150, 400, 1000])
@pytest.mark.parametrize("share", [0.002, 0.005, 0.01, 0.02])
def test_15_8_the_truth_of_rare_losses_is_below_the_interval_in_few_draws(rows, share):
    shown, wrong, truth = rare(rows, share, seed=1)
    none = np.zeros(rows)
    found = [paired_test(*pair, unseen=(w, w)) for pair, w in zip(((d, none) for d in shown), wrong, strict=True)]
    # Two in a hundred are meant, four allowed; three standard errors of two of 500 draws are two more.
    assert np.mean([each.interval.low > truth for each in found]) <= 0.04
    if truth <= 0:
        assert np.mean([each.interval.low > 0 for each in found]) <= 0.04


def test_15_8_students_interval_of_the_same_is_above_the_truth_in_a_third():
    shown, _, truth = rare(150, 0.005, seed=1)
    assert np.mean([paired_interval(each, np.zeros(150)).low > truth for each in shown]) > 0.3


def test_15_8_a_gain_that_rests_on_few_rows_or_that_one_row_more_would_undo_has_too_few():
    rng = np.random.default_rng(0)
    few, many, none = np.zeros(400), rng.normal(0.1, 0.3, 400), np.zeros(400)
    few[:3] = 2.0
    assert not paired_test(few, none).enough
    assert paired_test(many, none).enough
    assert paired_test(many, none, unseen=(-1.0, 1.0)).enough
    never_wrong = rng.uniform(0.05, 0.15, 60)
    alone, tested = (paired_test(never_wrong, none[:60], unseen=each) for each in (None, (-16.6, 0.1)))
    assert alone.interval.low > 0 >= tested.interval.low
    assert (alone.enough, tested.enough) == (True, False)


def test_15_8_where_two_differ_on_few_rows_the_row_that_was_not_seen_is_like_these():
    difference, wrong, none = np.zeros(1000), np.zeros(1000), np.zeros(1000)
    difference[:8], wrong[:8] = 0.7, -9.0
    # The lower half of what all rows would lose is next to nothing.
    alike = paired_interval(difference, none, unseen=(float(np.sort(wrong)[:500].mean()), 0.7))
    assert alike.low > 0
    assert paired_interval(difference, none, unseen=(wrong, wrong)).low < 0


def test_15_8_a_few_groups_and_selection_widen_the_bound_as_they_widen_students_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 25)
    difference = (np.where(rng.random(40) < 0.1, -3.0, 0.5))[groups]
    none, unseen = np.zeros(1000), (-3.0, 0.5)
    by_group, of_groups = (
        paired_interval(difference, none, groups=groups, unseen=unseen),
        paired_interval(difference[::25], none[:40], unseen=unseen),
    )
    assert by_group == pytest.approx(of_groups, rel=0.03)
    picked = paired_test(difference[::25], none[:40], added=0.1, unseen=unseen).interval
    assert picked.low < of_groups.low - 0.05
    assert picked.high > of_groups.high + 0.05
