"""The log-linear pool's weights against SciPy's optimum of the same objective, and the certificate against it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from kerasemble.core import arrays
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task
from kerasemble.solvers import log_linear_pool, newton
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool

RIDGES = [1.0, 0.05, 1e-4]
OPTIONS = {
    "plain": {},
    "loose-scale": {"loose_scale": True},
    "free-sign": {"free_sign": True},
    "both": {"loose_scale": True, "free_sign": True},
}
# The rounding of a mean of logarithms.
ROUNDING = 1e-12


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS)
def options(request):
    """Each pair of ways in which the weights are shrunk and allowed."""
    return request.param


def loss(powers, seen, labels, weights, ridge, **options):
    """The objective, written a second time: with SciPy's softmax and no blocks."""
    probabilities = np.eye(len(seen.classes))[seen.values] if seen.labels_only else seen.values.astype(np.float64)
    logs = np.log(np.maximum(probabilities, 2.0**-24))
    pool = log_softmax(np.einsum("m,msc->sc", powers, logs), axis=-1)
    offset = powers - 1 / len(powers)
    pull = (offset**2).sum()
    if options.get("loose_scale"):
        # A common change of all is pulled back a hundred times less than what is left of the offset.
        common = offset.mean()
        pull = ((offset - common) ** 2).sum() + 0.01 * len(powers) * common**2
    return -(weights @ pool[np.arange(len(labels)), labels]) / weights.sum() + ridge * pull


def reference(seen, labels, weights, ridge, **options):
    """SciPy's L-BFGS-B, gradients by differences, from equal weights."""
    members = len(seen.members)
    found = minimize(
        lambda powers: loss(powers, seen, labels, weights, ridge, **options),
        np.full(members, 1 / members),
        method="L-BFGS-B",
        bounds=[(None if options.get("free_sign") else 0, None)] * members,
        options={"ftol": 1e-14, "gtol": 1e-9, "maxfun": 100_000},
    )
    return found.x


@pytest.mark.parametrize("ridge", RIDGES)
def test_the_loss_is_scipys_optimum(case, weights, ridge):
    ours = loss(solve_log_linear_pool(*case, weights, ridge).weights, *case, weights, ridge)
    theirs = loss(reference(*case, weights, ridge), *case, weights, ridge)
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours <= theirs + 1e-8


def test_the_loss_is_scipys_optimum_however_weights_are_shrunk_and_allowed(case, uneven, options):
    ours = loss(solve_log_linear_pool(*case, uneven, 0.05, **options).weights, *case, uneven, 0.05, **options)
    theirs = loss(reference(*case, uneven, 0.05, **options), *case, uneven, 0.05, **options)
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert ours <= theirs + 1e-8


@pytest.mark.parametrize("gap", [np.inf, 1e-2, 1e-8])
def test_the_certificate_bounds_the_distance_to_the_optimum_wherever_it_stops(case, uneven, options, gap):
    stopped = solve_log_linear_pool(*case, uneven, 0.05, **options, gap=gap)
    best = solve_log_linear_pool(*case, uneven, 0.05, **options, gap=0.0)
    assert stopped.gap <= gap
    assert options.get("free_sign") or stopped.weights.min() >= 0
    distance = np.subtract(*(loss(each.weights, *case, uneven, 0.05, **options) for each in (stopped, best)))
    assert distance <= stopped.gap + ROUNDING


@pytest.mark.parametrize("most", [1, 3])
def test_the_certificate_holds_where_steps_run_out(case, uneven, monkeypatch, most):
    best = loss(solve_log_linear_pool(*case, uneven, 1e-4, gap=0.0).weights, *case, uneven, 1e-4)
    monkeypatch.setattr(newton, "_MAX_STEPS", most)
    stopped = solve_log_linear_pool(*case, uneven, 1e-4, gap=0.0)
    assert len(stopped.values) <= most + 1
    assert loss(stopped.weights, *case, uneven, 1e-4) - best <= stopped.gap + ROUNDING


def test_whole_weights_are_repeated_rows(case):
    seen, labels = case
    times = np.random.default_rng(2).integers(0, 4, seen.samples)
    times[0] = 2
    rows = np.repeat(np.arange(seen.samples), times)
    weighted = solve_log_linear_pool(seen, labels, times.astype(np.float64), 0.05)
    repeated = solve_log_linear_pool(seen.rows(rows), labels[rows], np.ones(len(rows)), 0.05)
    np.testing.assert_allclose(weighted.weights, repeated.weights, rtol=0, atol=1e-9)
    assert weighted.values == pytest.approx(repeated.values, abs=ROUNDING)


def test_only_the_ratios_of_weights_matter(case, weights):
    straight, scaled = (solve_log_linear_pool(*case, factor * weights, 0.05).weights for factor in (1.0, 1e6))
    np.testing.assert_allclose(scaled, straight, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rows", [7, 10**6])
def test_blocks_of_any_size_give_the_same_weights(case, uneven, options, monkeypatch, rows):
    whole = solve_log_linear_pool(*case, uneven, 0.05, **options).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", rows * len(case[0].members) * len(case[0].classes))
    blocked = solve_log_linear_pool(*case, uneven, 0.05, **options).weights
    np.testing.assert_allclose(blocked, whole, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def large(many):
    """Predictions (4, 3 000, 3), of which the solver begins with a tenth, labels, and weights of the rows."""
    seen, labels = many
    return seen.rows(slice(3000)), labels[:3000], np.random.default_rng(1).integers(0, 4, 3000).astype(np.float64)


def test_many_rows_are_solved_as_well_as_few(large, options):
    solution = solve_log_linear_pool(*large, 0.01, **options)
    assert solution.gap <= 1e-8
    best = loss(reference(*large, 0.01, **options), *large, 0.01, **options)
    assert loss(solution.weights, *large, 0.01, **options) == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("rows", [257, 10**6])
def test_blocks_of_any_size_give_many_rows_the_same_weights(large, monkeypatch, rows):
    whole = solve_log_linear_pool(*large, 0.01).weights
    monkeypatch.setattr(arrays, "BLOCK_VALUES", rows * 12)
    np.testing.assert_allclose(solve_log_linear_pool(*large, 0.01).weights, whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_rows_in_any_order_give_many_rows_the_same_weights(large, seed):
    seen, labels, weights = large
    order = np.random.default_rng(seed).permutation(seen.samples)
    straight = solve_log_linear_pool(seen, labels, weights, 0.01).weights
    moved = solve_log_linear_pool(seen.rows(order), labels[order], weights[order], 0.01).weights
    np.testing.assert_allclose(moved, straight, rtol=0, atol=1e-9)


def test_rows_of_weight_zero_are_as_if_absent(large):
    seen, labels, weights = large
    kept = np.flatnonzero(weights)
    alone = solve_log_linear_pool(seen.rows(kept), labels[kept], weights[kept], 0.01).weights
    there = solve_log_linear_pool(*large, 0.01).weights
    assert loss(there, *large, 0.01) == pytest.approx(loss(alone, *large, 0.01), abs=2e-8)


def test_many_rows_are_solved_from_a_part_in_fewer_steps(large):
    seen, labels, _ = large
    few = solve_log_linear_pool(seen.rows(slice(999)), labels[:999], np.ones(999), 0.01)
    assert len(solve_log_linear_pool(seen, labels, np.ones(3000), 0.01).values) < len(few.values)


@pytest.mark.parametrize("most", [1_000, 3_000, 10**6])
def test_the_part_that_a_solution_starts_from_holds_no_more_values_than_it_may(large, monkeypatch, most):
    seen, labels, weights = large
    sizes, rows_of = [], type(seen).rows

    def remembered(self, rows):
        found = rows_of(self, rows)
        sizes.append(found.values.size)
        return found

    monkeypatch.setattr(type(seen), "rows", remembered)
    monkeypatch.setattr(log_linear_pool, "_PART_VALUES", most)
    found = solve_log_linear_pool(seen, labels, weights, 0.01)
    # A tenth of 3,000 rows of 12 values, or as many as there may be where these are fewer. A hash takes what it
    # takes, and 1,000 values are 83 rows.
    (size,) = sizes
    assert size == pytest.approx(min(most, 3_600), rel=0.3)
    assert found.gap <= 1e-8


def test_where_the_part_would_hold_too_few_rows_to_tell_anything_there_is_none(large, monkeypatch):
    seen, labels, weights = large
    wanted = solve_log_linear_pool(seen, labels, weights, 0.01).weights
    monkeypatch.setattr(log_linear_pool, "_PART_VALUES", 49 * 12)
    monkeypatch.setattr(type(seen), "rows", None)  # which would take the part
    np.testing.assert_allclose(solve_log_linear_pool(seen, labels, weights, 0.01).weights, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("ridge", [1e-4, 0.05, 1.0])
def test_the_loss_of_a_solution_is_its_value_without_the_pull(case, uneven, options, ridge):
    solution = solve_log_linear_pool(*case, uneven, ridge, **options)
    assert solution.loss == pytest.approx(loss(solution.weights, *case, uneven, 0.0), abs=ROUNDING)
    whole = loss(solution.weights, *case, uneven, ridge, **options)
    assert solution.loss + solution.penalty == pytest.approx(whole, abs=ROUNDING)
    assert solution.penalty >= 0


@pytest.mark.parametrize("kept", [[0], [0, 2], [1, 2, 3]], ids=str)
def test_a_pool_of_the_members_that_are_kept_is_the_pool_of_these_alone(large, options, kept):
    seen, labels, weights = large
    alone = solve_log_linear_pool(
        seen.only([seen.members[index] for index in kept]), labels, weights, 0.05, **options, gap=1e-14
    )
    among = solve_log_linear_pool(seen, labels, weights, 0.05, **options, kept=np.array(kept), gap=1e-14)
    assert among.weights.shape == (len(kept),)
    # Each begins with a part of the rows that is chosen by all members it is given.
    np.testing.assert_allclose(among.weights, alone.weights, rtol=0, atol=1e-6)
    assert among.values[-1] == pytest.approx(alone.values[-1], abs=ROUNDING)


def test_a_start_from_other_rows_ends_within_the_same_bound(case, uneven, options):
    best = loss(solve_log_linear_pool(*case, uneven, 0.05, **options, gap=0.0).weights, *case, uneven, 0.05, **options)
    start = solve_log_linear_pool(*case, np.random.default_rng(3).gamma(1, size=len(uneven)), 0.05, **options)
    solution = solve_log_linear_pool(*case, uneven, 0.05, **options, start=start)
    assert solution.gap <= 1e-8
    assert loss(solution.weights, *case, uneven, 0.05, **options) <= best + 1e-8


def test_a_stronger_ridge_ends_nearer_to_equal_weights(case, weights):
    ridges = (1e-4, 1e-2, 1.0, 100.0, 1e6)
    found = [solve_log_linear_pool(*case, weights, each).weights for each in ridges]
    far = [np.linalg.norm(each - 1 / len(each)) for each in found]
    assert far[-1] < 1e-4
    assert far == sorted(far, reverse=True)


def test_a_loose_scale_leaves_the_temperature_free_and_the_ratios_pulled(many):
    seen, labels = many[0].rows(slice(300)), many[1][:300]
    timid = dataclasses.replace(seen, values=(0.8 / 3 + 0.2 * seen.values).astype(np.float32))
    pulled, loose = (
        solve_log_linear_pool(timid, labels, np.ones(300), 10.0, loose_scale=each).weights for each in (False, True)
    )
    assert pulled.sum() < 1.2
    assert loose.sum() > 2
    np.testing.assert_allclose(loose, loose.mean(), rtol=0.1)


def test_a_free_sign_gives_a_member_and_its_opposite_what_one_alone_would_have(many):
    seen, labels = many[0].rows(slice(300)), many[1][:300]
    reverse = 1 / seen.values[0]
    both = dataclasses.replace(
        seen,
        values=np.stack([seen.values[0], reverse / reverse.sum(axis=-1, keepdims=True)]),
        members=("one", "its-opposite"),
    )
    found = solve_log_linear_pool(both, labels, np.ones(300), 1e-4, free_sign=True).weights
    (alone,) = solve_log_linear_pool(seen.only(["0"]), labels, np.ones(300), 1e-4, free_sign=True).weights
    # Only their difference is felt, and both are pulled toward 1/2: each goes as far from there.
    np.testing.assert_allclose(found, [0.5 + alone / 2, 0.5 - alone / 2], atol=1e-2)


@pytest.mark.parametrize("ridge", [1e-6, 1e-4])
def test_copies_of_a_member_share_its_weight(case, uneven, ridge):
    seen, labels = case
    copied = dataclasses.replace(
        seen, values=np.concatenate([seen.values, seen.values]), members=tuple(map(str, range(2 * len(seen.members))))
    )
    found = solve_log_linear_pool(copied, labels, uneven, ridge).weights
    one, other = found[: len(seen.members)], found[len(seen.members) :]
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


@pytest.mark.parametrize("skewed", [False, True], ids=["even-rows", "rows-without-weight"])
def test_steps_in_single_precision_lead_to_the_same_weights(monkeypatch, skewed):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 3000)
    skill = np.array([0.5, 1.0, 2.0])[:, None, None]
    odds = np.exp(skill * np.eye(4)[labels] + rng.normal(size=(3, 3000, 4)))
    values = (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)
    seen = Predictions(values, ("a", "b", "c"), tuple("wxyz"), Task.MULTICLASS)
    weights = np.where(np.arange(3000) % 3 == 0, 0.0, 1.0) if skewed else np.ones(3000)
    exact = solve_log_linear_pool(seen, labels, weights, 1e-3)
    monkeypatch.setattr(log_linear_pool, "_LARGE", 0)
    read, original = [], log_linear_pool._logs  # noqa: SLF001 - what it is called with is looked at
    monkeypatch.setattr(log_linear_pool, "_logs", lambda *given: read.append(given[-1]) or original(*given))
    coarse_first = solve_log_linear_pool(seen, labels, weights, 1e-3)
    assert coarse_first.gap <= 1e-8
    assert np.float32 in read
    assert read[-1] is np.float64, "the certificate is computed in double precision"
    # Both are within 1e-8 of a minimum whose curvature is at least the ridge's.
    np.testing.assert_allclose(coarse_first.weights, exact.weights, atol=2e-4)
