"""What is compared, and which of it is taken: the default, unless evidence speaks for another."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.combiners.recipes import name_of
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.candidates import Candidates, candidates_of, default_combiners, with_mean
from kerasemble.evaluation.choice import Evidence, Taken, likely_takes, take
from kerasemble.evaluation.significance import paired_interval, standard_error


def even(members, classes):
    values = np.full((3, classes), 1 / classes)
    return Predictions.from_arrays({str(index): values for index in range(members)})


VOTES = Predictions.from_labels({"a": [0, 1], "b": [1, 1]}, classes=2)


def names_of(predictions):
    return [name_of(each) for each in default_combiners(predictions)]


def test_where_members_give_labels_bayesian_vote_is_compared_and_stacking_is_not():
    assert "bayesian-vote" in names_of(VOTES)
    assert "stacking" not in names_of(VOTES)
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


BASE = np.random.default_rng(0).gamma(2, size=50) + 1
NOISE = np.random.default_rng(1).normal(size=50)
NOISE -= NOISE.mean()
# Where the combiners stand: after the best member and the best recalibrated one.
FIRST, SECOND, THIRD, FOURTH = 2, 3, 4, 5


def prepared(*combiners, default=0, weights=None, member=BASE + 2, recalibrated=None, votes=()):
    """Return combiners with these losses as evidence, where no member is any good unless it is said."""
    losses = np.stack([member, member if recalibrated is None else recalibrated, *combiners])
    evidence = Evidence(losses, np.ones(50) if weights is None else weights, None)
    eligible = tuple(index for index in range(FIRST, len(losses)) if index not in votes)
    recipes = tuple(ke.Average() for _ in losses)
    return evidence, Candidates(recipes, ("",) * len(losses), FIRST + default, FIRST, 0, 1, eligible)


def taken(*combiners, **options):
    return take(*prepared(*combiners, **options))


def test_the_default_is_taken_where_another_is_better_by_what_may_be_chance_and_that_is_said():
    other = BASE - 0.01 + NOISE
    assert paired_interval(BASE, other).low < 0 < paired_interval(BASE, other).mean
    assert taken(BASE, other) == Taken(FIRST, not_surely=SECOND)


def test_another_is_taken_where_it_is_surely_better_and_nothing_is_added():
    assert taken(BASE, BASE - 0.01) == Taken(SECOND)


def test_of_those_that_are_surely_better_the_best_is_taken_and_none_that_is_better_by_chance():
    assert taken(BASE - 0.01, BASE - 0.02, BASE - 0.1 + NOISE, BASE, default=3) == Taken(SECOND)


def test_where_the_default_is_best_it_is_taken_and_nothing_is_added():
    assert taken(BASE + 0.1, BASE, default=1) == Taken(SECOND)


def test_what_is_better_by_less_than_a_thousandth_is_not_worth_leaving_the_default_for():
    assert taken(BASE, BASE - 0.0005) == Taken(FIRST)


def test_15_4_where_the_default_is_worse_than_a_member_that_is_kept_and_no_untested_combiner():
    assert taken(BASE, BASE - 0.1 + NOISE, member=BASE - 0.05).position == 0
    assert taken(BASE, BASE - 0.1 + NOISE, member=BASE - 0.05, recalibrated=BASE - 0.09).position == 1
    # A recalibration that brings next to nothing is not worth it.
    assert taken(BASE, member=BASE - 0.1, recalibrated=BASE - 0.1005).position == 0


def test_15_4_shares_of_votes_are_not_taken_by_log_loss_however_low():
    assert taken(BASE, BASE - 0.5, votes=(SECOND,)) == Taken(FIRST)


def test_a_member_is_kept_where_no_combiner_is_better_and_where_it_is_but_the_combination():
    assert taken(BASE, member=BASE + 1).position == FIRST
    assert taken(BASE, member=BASE - 0.1).position == 0
    assert taken(BASE, member=BASE).position == 0


def test_how_much_rows_count_decides_what_is_sure():
    # Better by much in the first ten rows, as good or worse elsewhere.
    first = np.arange(50) < 10
    other = np.where(first, BASE - 0.5, BASE + 0.3)
    assert taken(BASE, other).position == FIRST
    assert taken(BASE, other, weights=np.where(first, 100.0, 1.0)).position == SECOND


@pytest.mark.parametrize(
    ("options", "mostly"),
    [
        ({}, FIRST),
        ({"member": BASE - 1}, 0),
        ({"member": BASE - 1, "recalibrated": BASE - 2}, 1),
        ({"votes": (FOURTH,)}, FIRST),
    ],
)
def test_what_another_sample_would_take_is_mostly_what_this_one_does_where_that_is_sure(options, mostly):
    evidence, candidates = prepared(BASE, BASE + 0.5, BASE + 1, BASE - 0.0005, **options)
    shares = likely_takes(evidence, candidates)
    assert take(evidence, candidates).position == mostly
    assert shares[mostly] > 0.95
    assert shares.sum() == pytest.approx(1)


@pytest.mark.parametrize(("seen", "index"), [(VOTES, 1), (even(1, 2), 2)])
def test_the_default_is_the_first_of_its_kind_which_is_another_where_members_give_labels(seen, index):
    combiners = [
        ke.Average(),
        ke.BayesianVote(),
        ke.WeightedGeometricAverage(strength=3),
        ke.WeightedGeometricAverage(),
    ]
    found = candidates_of(combiners, seen, "log loss")
    assert found.recipes[found.default] == combiners[index]


def test_without_the_default_among_what_is_compared_the_plain_mean_takes_its_place():
    found = candidates_of(with_mean([ke.Median()]), even(1, 2), "log loss")
    assert found.recipes[found.default] == ke.Average()


@pytest.mark.parametrize("measure", ["log loss", "error rate"])
@pytest.mark.parametrize("seen", [VOTES, even(2, 2)])
def test_15_4_votes_are_eligible_by_error_rate_and_not_by_log_loss(seen, measure):
    found = candidates_of([ke.Average(), ke.MajorityVote(), ke.BayesianVote()], seen, measure)
    eligible = {found.recipes[position] for position in found.eligible}
    assert (ke.MajorityVote() in eligible) == (measure == "error rate")
    assert (ke.Average() in eligible) == (measure == "error rate" or not seen.labels_only)
    assert ke.BayesianVote() in eligible


def test_the_plain_mean_is_always_compared_and_once():
    assert with_mean([ke.Median()]) == [ke.Average(), ke.Median()]
    assert with_mean([ke.Median(), ke.Average()]) == [ke.Median(), ke.Average()]


def test_what_another_sample_would_take_is_split_where_that_is_open():
    # Just as much better as it takes to be so by its standard error.
    rng = np.random.default_rng(0)
    base, noise = rng.gamma(2, size=400), rng.normal(size=400)
    noise -= noise.mean()
    losses = np.stack([base + 5, base + 5, base, base - standard_error(noise, np.ones(400)) + noise])
    candidates = Candidates((ke.Average(),) * 4, ("",) * 4, FIRST, FIRST, 0, 1, (FIRST, SECOND))
    shares = likely_takes(Evidence(losses, np.ones(400), None), candidates)
    assert 0.4 < shares[SECOND] < 0.6
    assert shares[FIRST] == pytest.approx(1 - shares[SECOND])
