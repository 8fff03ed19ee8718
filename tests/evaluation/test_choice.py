"""What is compared, which of it is taken, and what the best member loses on rows that did not pick it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasemble as ke
from kerasemble.combiners.recipes import name_of
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.candidates import default_among, default_combiners, with_mean
from kerasemble.evaluation.choice import Evidence, Taken, take
from kerasemble.evaluation.scored import Scored, best_on_others
from kerasemble.evaluation.significance import paired_interval


def even(members, classes):
    values = np.full((3, classes), 1 / classes)
    return Predictions.from_arrays({str(index): values for index in range(members)})


def names_of(predictions):
    return [name_of(each) for each in default_combiners(predictions)]


def test_where_members_give_labels_bayesian_vote_is_compared_and_stacking_is_not():
    votes = Predictions.from_labels({"a": [0, 1], "b": [1, 1]}, classes=2)
    assert "bayesian-vote" in names_of(votes)
    assert "stacking" not in names_of(votes)
    assert "bayesian-vote" not in names_of(even(2, 2))


@pytest.mark.parametrize(
    ("members", "classes", "stacked"),
    [
        pytest.param(2, 100, True, id="20,000"),
        pytest.param(1, 142, False, id="20,164"),
        pytest.param(2, 101, False, id="20,402"),
        pytest.param(5000, 2, True, id="many-members"),
        pytest.param(5001, 2, False, id="too-many-members"),
    ],
)
def test_stacking_is_compared_where_it_has_at_most_20000_numbers_to_learn(members, classes, stacked):
    assert ("stacking" in names_of(even(members, classes))) == stacked


@settings(deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 5), st.booleans())
def test_the_best_of_the_other_folds_is_a_plain_loops(seed, members, count, weighted):
    rng = np.random.default_rng(seed)
    folds = np.append(np.arange(count), rng.integers(0, count, 20))
    answers = rng.dirichlet(np.ones(3), size=(members, len(folds)))
    losses = -np.log(answers[:, :, 0])
    weights = rng.gamma(1, size=len(folds)) if weighted else np.ones(len(folds))
    entries = [Scored(str(index), "member", (each,)) for index, each in enumerate(answers)]
    found = best_on_others(entries, losses, weights, folds[None])
    for row in range(len(folds)):
        totals = [
            sum(weights[other] * loss[other] for other in range(len(folds)) if folds[other] != folds[row])
            for loss in losses
        ]
        np.testing.assert_array_equal(found.answers[0][row], answers[totals.index(min(totals)), row])
    # Who is best on the other folds is in these at most as good as who is best on all.
    picked = found.losses(np.zeros(len(folds), dtype=np.int64), "log loss")
    assert picked @ weights >= (losses @ weights).min() - 1e-6


def test_the_best_of_many_that_know_nothing_is_no_better_on_other_rows_than_any():
    answers = np.random.default_rng(0).dirichlet(np.ones(3), size=(200, 100))
    labels = np.zeros(100, dtype=np.int64)
    entries = [Scored(str(index), "member", (each,)) for index, each in enumerate(answers)]
    losses = np.stack([each.losses(labels, "log loss") for each in entries])
    picked = best_on_others(entries, losses, np.ones(100), np.arange(100)[None] % 5).losses(labels, "log loss")
    means = losses.mean(axis=1)
    assert means.min() < means.mean() - 2 * means.std()
    assert picked.mean() == pytest.approx(means.mean(), abs=2 * means.std())


BASE = np.random.default_rng(0).gamma(2, size=50) + 1
NOISE = np.random.default_rng(1).normal(size=50)
NOISE -= NOISE.mean()


def taken(*combiners, default=0, weights=None, members=(BASE + 2, BASE + 3), errors=None, if_wrong=None):
    """Return what is taken of combiners with these losses, where no member is any good unless it is said."""
    losses = np.stack(combiners)
    evidence = Evidence(
        members=np.stack(members),
        best_member=np.asarray(members[0]),
        combiners=losses if errors is None else np.stack(errors),
        log_losses=losses,
        if_wrong=np.zeros_like(losses) if if_wrong is None else np.stack(if_wrong),
        claimed=np.zeros_like(losses),
        best_if_wrong=np.zeros(50),
        weights=np.ones(50) if weights is None else weights,
        groups=None,
        measure="log loss" if errors is None else "error rate",
    )
    return take(evidence, default)


def test_the_default_is_taken_where_another_is_better_by_what_may_be_chance_and_that_is_said():
    other = BASE - 0.01 + NOISE
    assert paired_interval(BASE, other).low < 0 < paired_interval(BASE, other).mean
    assert taken(BASE, other) == Taken("combiner", 0, not_surely=1)


def test_another_is_taken_where_it_is_surely_better_and_nothing_is_added():
    assert taken(BASE, BASE - 0.01) == Taken("combiner", 1)


def test_without_a_default_too_one_that_would_lose_more_on_a_row_that_these_do_not_show_is_not_taken():
    sure = np.zeros(50)
    calm = BASE * 0.01
    found = taken(calm, sure, default=None, members=(BASE, BASE), if_wrong=[calm + 1, sure + 1000])
    assert found == Taken("combiner", 0)


def test_another_that_is_better_and_would_lose_more_on_a_row_that_these_do_not_show_is_not_surely_so():
    assert taken(BASE, BASE - 0.01, if_wrong=[BASE, BASE + 10]) == Taken("combiner", 0, not_surely=1)
    assert taken(BASE, BASE - 0.01, if_wrong=[BASE, BASE]) == Taken("combiner", 1)


def test_of_those_that_are_surely_better_the_best_is_taken_and_none_that_is_better_by_chance():
    assert taken(BASE - 0.01, BASE - 0.02, BASE - 0.1 + NOISE, BASE, default=3) == Taken("combiner", 1)


def test_where_the_default_is_best_it_is_taken_and_nothing_is_added():
    assert taken(BASE + 0.1, BASE, default=1) == Taken("combiner", 1)


def test_what_is_better_by_less_than_a_thousandth_is_not_worth_leaving_the_default_for():
    assert taken(BASE, BASE - 0.0005) == Taken("combiner", 0)


def test_without_the_default_the_lowest_is_taken_and_nothing_is_added():
    assert taken(BASE, BASE - 0.01 + NOISE, BASE + 1, default=None) == Taken("combiner", 1)


def test_a_member_is_taken_where_no_combiner_is_better_than_the_one_picked_on_other_rows():
    assert taken(BASE, members=(BASE + 1, BASE)) == Taken("combiner", 0)
    # Of all rows the second is the best, and the one that was picked on others is better than the combiner.
    assert taken(BASE, members=(BASE - 0.1, BASE - 0.2)) == Taken("member", 1)


def test_a_member_that_is_but_the_combination_is_taken_and_so_is_a_lone_one():
    assert taken(BASE, members=(BASE, BASE + 1)) == Taken("member", 0)
    assert taken(BASE, members=(BASE + 1,)) == Taken("member", 0)


def test_where_the_default_is_worse_than_a_member_and_another_is_not_that_one_is_taken():
    assert taken(BASE, BASE - 0.2 + NOISE, members=(BASE - 0.1, BASE)) == Taken("combiner", 1)


@pytest.mark.parametrize(("worse", "kind"), [(0.5, "member"), (0.02, "combiner")])
def test_by_errors_a_member_is_taken_only_where_the_combiner_is_surely_worse(worse, kind):
    rng = np.random.default_rng(0)
    member = (rng.random(50) < 0.2).astype(float)
    errors = np.maximum(member, rng.random(50) < worse)
    assert taken(BASE, members=(member, member), errors=[errors]).kind == kind


@pytest.mark.parametrize(("labels_only", "index"), [(True, 1), (False, 2)])
def test_the_default_is_the_first_of_its_kind_which_is_another_where_members_give_labels(labels_only, index):
    combiners = [
        ke.Average(),
        ke.BayesianVote(),
        ke.WeightedGeometricAverage(strength=3),
        ke.WeightedGeometricAverage(),
    ]
    seen = Predictions.from_labels({"a": [0, 1]}, classes=2) if labels_only else even(1, 2)
    assert default_among(combiners, seen) == index


def test_there_may_be_no_default_among_those_compared():
    assert default_among([ke.Average(), ke.Median()], even(1, 2)) is None


def test_how_much_rows_count_decides_what_is_sure():
    # Better by much in the first ten rows, as good or worse elsewhere.
    first = np.arange(50) < 10
    other = np.where(first, BASE - 0.5, BASE + 0.3)
    assert taken(BASE, other).position == 0
    assert taken(BASE, other, weights=np.where(first, 100.0, 1.0)).position == 1


def test_the_plain_mean_is_always_compared_and_once():
    assert with_mean([ke.Median()]) == [ke.Average(), ke.Median()]
    assert with_mean([ke.Median(), ke.Average()]) == [ke.Median(), ke.Average()]
