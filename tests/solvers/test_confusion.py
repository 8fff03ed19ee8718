"""Confusion counts, the power of votes and Dawid and Skene's EM, each against plain loops that hold all rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from kerasemble.core import arrays
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import effective_rows
from kerasemble.solvers.confusion import confusion, count, smoothed
from kerasemble.solvers.dawid_skene import solve_dawid_skene
from kerasemble.solvers.vote_power import power_of_design, solve_power
from kerasemble.solvers.votes import Ballots

SMOOTHING = 2.5


def votes_by_hand(seen):
    """Return shares of votes (members, samples, classes) as lists."""
    values = seen.block(slice(None)).tolist()
    found = []
    for member in values:
        rows = []
        for row in member:
            top = [value >= max(row) - 1e-6 for value in row]
            rows.append([each / sum(top) for each in top])
        found.append(rows)
    return found


def counted(votes, truth, skip=None):
    """Return votes by (member, voted, true) and rows by true class, for truth (samples, classes), without a row."""
    members, samples, classes = len(votes), len(truth), len(truth[0])
    table, rows = np.zeros((members, classes, classes)), np.zeros(classes)
    for row in range(samples):
        if row == skip:
            continue
        for true in range(classes):
            rows[true] += truth[row][true]
            for member in range(members):
                for voted in range(classes):
                    table[member, voted, true] += votes[member][row][voted] * truth[row][true]
    return table, rows


def smooth_by_hand(table, rows, coins=None):
    """Return the log prior and log confusion (members, voted, true), and the coins."""
    members, classes, _ = table.shape
    if coins is None:
        coins = [(sum(table[m, c, c] for c in range(classes)) + 1) / (rows.sum() + 2) for m in range(members)]
    log_votes = np.empty_like(table)
    for member in range(members):
        for voted in range(classes):
            for true in range(classes):
                coin = coins[member] if voted == true else (1 - coins[member]) / (classes - 1)
                seen = table[member, voted, true] + SMOOTHING * coin
                log_votes[member, voted, true] = math.log(seen / (rows[true] + SMOOTHING))
    return np.log((rows + 1) / (rows.sum() + classes)), log_votes, coins


def truth_of(seen, labels, weights):
    shares = weights / weights.sum() * effective_rows(weights)
    return shares[:, None] * np.eye(len(seen.classes))[labels]


def solved(seen, labels, weights, gap=1e-9):
    ballots = Ballots(seen)
    return solve_power(ballots, labels, weights, smoothed(count(ballots, labels, weights), SMOOTHING), gap=gap)


def test_counts_and_their_smoothing_are_those_of_plain_loops(case, weights):
    seen, labels = case
    found = confusion(smoothed(count(Ballots(seen), labels, weights), SMOOTHING))
    log_prior, log_votes, _ = smooth_by_hand(*counted(votes_by_hand(seen), truth_of(seen, labels, weights)))
    np.testing.assert_allclose(found.log_prior, log_prior, atol=1e-12)
    np.testing.assert_allclose(found.log_votes.reshape(log_votes.shape), log_votes, atol=1e-11)


def test_a_members_votes_sum_to_one_for_each_true_class(case, weights):
    seen, labels = case
    found = confusion(smoothed(count(Ballots(seen), labels, weights), SMOOTHING))
    table = np.exp(found.log_votes).reshape(len(seen.members), len(seen.classes), -1)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-12)
    assert np.exp(found.log_prior).sum() == pytest.approx(1, abs=1e-12)


def test_the_power_is_that_of_least_log_loss_of_rows_left_out_of_the_counts(case, weights):
    seen, labels = case
    votes, truth = np.array(votes_by_hand(seen)), truth_of(seen, labels, weights)
    table, rows = counted(votes, truth)
    _, _, coins = smooth_by_hand(table, rows)
    priors, evidences = [], []
    for row in range(seen.samples):
        # Counted anew without the row, in arrays: loops over loops would take minutes.
        others = np.delete(truth, row, axis=0)
        left = np.einsum("mrv,rt->mvt", np.delete(votes, row, axis=1), others), others.sum(axis=0)
        prior, log_votes, _ = smooth_by_hand(*left, coins)
        priors.append(prior)
        evidences.append(np.einsum("mv,mvt->t", votes[:, row], log_votes))
    priors, evidences, index = np.array(priors), np.array(evidences), np.arange(seen.samples)

    def objective(power):
        scores = priors + power * evidences
        scores -= np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)) + scores.max(
            axis=1, keepdims=True
        )
        loss = -weights @ scores[index, labels] / weights.sum()
        return loss + (len(seen.members) * power - math.log(power)) / effective_rows(weights)

    best = minimize_scalar(objective, bounds=(1e-6, 10), method="bounded", options={"xatol": 1e-10})
    solution = solved(seen, labels, weights)
    assert 0 <= solution.gap <= 1e-9
    assert objective(float(solution.weights[0])) == pytest.approx(solution.values[-1], abs=1e-10)
    assert solution.values[-1] - best.fun <= solution.gap + 1e-12


def test_every_stop_keeps_its_certificate(case, weights):
    best = solved(*case, weights, gap=1e-13).values[-1]
    for gap in (1e-1, 1e-3, 1e-6):
        found = solved(*case, weights, gap=gap)
        assert found.values[-1] - best - 1e-13 <= found.gap <= gap


@pytest.mark.parametrize("size", [100, 3000])
def test_neither_blocks_nor_the_order_of_rows_matter(monkeypatch, case, size):
    seen, labels = case
    weights = np.random.default_rng(0).gamma(1, size=seen.samples)
    order = np.random.default_rng(1).permutation(seen.samples)

    def found(rows):
        some, ballots = seen.rows(rows), Ballots(seen.rows(rows))
        unlabelled = solve_dawid_skene(ballots, SMOOTHING, most_passes=10).confusion
        return solved(some, labels[rows], weights[rows]).weights, unlabelled.log_votes

    straight = found(np.arange(seen.samples))
    monkeypatch.setattr(arrays, "BLOCK_VALUES", size)
    for one, other in zip(straight, found(order), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_votes_are_the_same_when_gone_through_again(case):
    seen, _ = case
    ballots, wanted = Ballots(seen), np.array(votes_by_hand(seen))
    for _ in range(2):
        for rows, votes in ballots:
            shares = np.zeros((votes.shares.shape[0], wanted.shape[0] * wanted.shape[2]))
            shares[:, votes.cells] = votes.shares.toarray()
            block = shares.reshape(len(shares), len(wanted), -1).transpose(1, 0, 2)
            np.testing.assert_allclose(block, wanted[:, rows], atol=1e-12)


def test_expectation_and_maximisation_are_those_of_plain_loops(case):
    seen, _ = case
    votes, passes = np.array(votes_by_hand(seen)), 4
    truth, values = votes.mean(axis=0), []
    for turn in range(passes + 1):
        log_prior, log_votes, _ = smooth_by_hand(
            np.einsum("mrv,rt->mvt", votes, truth),
            truth.sum(axis=0),
        )
        if turn == passes:
            break
        value = 0.0
        for row in range(seen.samples):
            scores = [
                log_prior[true] + sum(votes[member, row] @ log_votes[member, :, true] for member in range(len(votes)))
                for true in range(len(log_prior))
            ]
            total = math.log(sum(math.exp(each - max(scores)) for each in scores)) + max(scores)
            truth[row] = [math.exp(each - total) for each in scores]
            value += total / seen.samples
        values.append(value)
    found = solve_dawid_skene(Ballots(seen), SMOOTHING, change=-1, most_passes=passes)
    assert not found.converged
    np.testing.assert_allclose(found.values, values, atol=1e-10)
    np.testing.assert_allclose(found.confusion.log_prior, log_prior, atol=1e-9)
    np.testing.assert_allclose(found.confusion.log_votes.reshape(log_votes.shape), log_votes, atol=1e-8)


def drawn(members, samples, classes, copies=1, seed=0):
    """Return predictions of members that err independently, each `copies` times, their confusion, and the truth."""
    rng = np.random.default_rng(seed)
    table = 2.5 * np.eye(classes)[:, :, None] + rng.gamma(1, size=(classes, classes, members))
    table = (table / table.sum(axis=0)).transpose(2, 0, 1)
    truth = rng.integers(0, classes, samples)
    votes = [(each.T[truth].cumsum(axis=1) < rng.random((samples, 1))).sum(axis=1) for each in table]
    names = {f"{name}-{copy}": vote for name, vote in enumerate(votes) for copy in range(copies)}
    return Predictions.from_labels(names, classes=classes), table, truth


def test_confusion_is_recovered_with_and_without_labels():
    seen, table, truth = drawn(7, 20_000, 3)
    ballots = Ballots(seen)
    with_labels = confusion(smoothed(count(ballots, truth, np.ones(len(truth))), SMOOTHING))
    without = solve_dawid_skene(ballots, SMOOTHING)
    assert without.converged
    for found in (with_labels, without.confusion):
        np.testing.assert_allclose(np.exp(found.log_votes).reshape(table.shape), table, atol=0.03)
        np.testing.assert_allclose(np.exp(found.log_prior), 1 / 3, atol=0.02)


@pytest.mark.parametrize(("copies", "power"), [(1, 1), (4, 0.25)])
def test_the_power_of_members_that_come_more_than_once_is_divided_among_them(copies, power):
    seen, _, truth = drawn(5, 5_000, 3, copies)
    assert solved(seen, truth, np.ones(len(truth))).weights[0] == pytest.approx(power, rel=0.1)


def test_the_power_is_finite_where_no_member_is_ever_wrong():
    truth = np.arange(60) % 3
    seen = Predictions.from_labels(dict.fromkeys("abc", truth), classes=3)
    solution = solved(seen, truth, np.ones(60))
    assert solution.gap <= 1e-9
    assert 0.1 < solution.weights[0] < 2


def test_the_design_effect_is_the_variance_of_wrong_votes_over_that_of_independent_ones(case):
    seen, labels = case
    found = confusion(smoothed(count(Ballots(seen), labels, np.ones(len(labels))), SMOOTHING))
    votes = np.array(votes_by_hand(seen))
    scores = found.log_prior + np.einsum("mrv,mvt->rt", votes, found.log_votes.reshape(len(votes), votes.shape[2], -1))
    truth = np.exp(scores - scores.max(axis=1, keepdims=True))
    truth /= truth.sum(axis=1, keepdims=True)
    wrong = 1 - np.einsum("mrv,rv->mr", votes, truth)
    together = wrong.sum(axis=0).var()
    power = min(1, wrong.var(axis=1).sum() / together) if together > 1e-12 else 1 / len(votes)
    assert power_of_design(Ballots(seen), found) == pytest.approx(power, rel=1e-6)
