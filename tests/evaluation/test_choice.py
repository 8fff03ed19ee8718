"""What is compared, which of it is taken, and what the best member loses on rows that did not pick it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasemble as ke
from kerasemble.combiners.recipes import name_of
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.choice import Rows, default_among, default_combiners, picked_on_others, surely_best
from kerasemble.evaluation.report import Score
from kerasemble.evaluation.significance import Interval, paired_interval

DEFAULT = "weighted geometric average"


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
    losses = rng.gamma(1, size=(members, len(folds)))
    weights = rng.gamma(1, size=len(folds)) if weighted else np.ones(len(folds))
    found = picked_on_others(losses, weights, folds)
    for row in range(len(folds)):
        totals = [
            sum(weights[other] * loss[other] for other in range(len(folds)) if folds[other] != folds[row])
            for loss in losses
        ]
        assert found[row] == losses[totals.index(min(totals))][row]
    # Who is best on the other folds is in these at most as good as who is best on all.
    assert found @ weights >= (losses @ weights).min() - 1e-12


def test_a_member_that_is_best_in_every_fold_is_picked_for_every_row():
    losses = np.random.default_rng(0).uniform(1, 2, size=(3, 40))
    losses[1] -= 1
    np.testing.assert_array_equal(picked_on_others(losses, np.ones(40), np.arange(40) % 5), losses[1])


def test_the_best_of_many_that_know_nothing_is_no_better_on_other_rows_than_any():
    losses = np.random.default_rng(0).gamma(1, size=(200, 100))
    picked = picked_on_others(losses, np.ones(100), np.arange(100) % 5).mean()
    # The standard error of a mean of 100 is 0.1; the best of 200 is nearly three of them below the truth of 1.
    assert losses.mean(axis=1).min() < 0.8
    assert picked == pytest.approx(1, abs=0.25)


def scored(**losses):
    """Return candidates, their probabilities and the rows, given each row's loss under each of them."""
    named = {name.replace("_", " "): np.asarray(each) for name, each in losses.items()}
    combined = {name: np.exp(-np.column_stack([each, each])) for name, each in named.items()}
    none = Interval(0.0, 0.0, 0.0)
    return [Score(name, "combiner", 1.0, float(each.mean()), none) for name, each in named.items()], combined


def rows_of(count, weights=None, *, labels_only=False):
    if labels_only:
        seen = Predictions.from_labels({"a": [0] * count}, classes=2)
    else:
        seen = Predictions.from_arrays({"a": np.full((count, 2), 0.5)})
    return Rows(seen, np.zeros(count, dtype=np.int64), np.ones(count) if weights is None else weights)


BASE = np.random.default_rng(0).gamma(2, size=50) + 1
NOISE = np.random.default_rng(1).normal(size=50)
NOISE -= NOISE.mean()


def test_the_default_is_taken_where_another_is_better_by_what_may_be_chance_and_that_is_said():
    other = BASE - 0.01 + NOISE
    taken, note = surely_best(*scored(weighted_geometric_average=BASE, average=other), rows_of(50), DEFAULT)
    assert paired_interval(BASE, other).low < 0 < paired_interval(BASE, other).mean
    assert taken.name == DEFAULT
    assert note == f" average has log loss {other.mean():.3f}, which is not surely better than the default."


def test_another_is_taken_where_it_is_surely_better_and_nothing_is_added():
    other = BASE - 0.01
    taken, note = surely_best(*scored(weighted_geometric_average=BASE, average=other), rows_of(50), DEFAULT)
    assert (taken.name, note) == ("average", "")


def test_of_those_that_are_surely_better_the_best_is_taken_and_none_that_is_better_by_chance():
    taken, note = surely_best(
        *scored(
            sure=BASE - 0.01,
            surer=BASE - 0.02,
            lucky=BASE - 0.1 + NOISE,
            weighted_geometric_average=BASE,
        ),
        rows_of(50),
        DEFAULT,
    )
    assert (taken.name, note) == ("surer", "")


def test_where_the_default_is_best_it_is_taken_and_nothing_is_added():
    taken, note = surely_best(*scored(average=BASE + 0.1, weighted_geometric_average=BASE), rows_of(50), DEFAULT)
    assert (taken.name, note) == (DEFAULT, "")


def test_without_the_default_the_lowest_is_taken_and_nothing_is_added():
    taken, note = surely_best(*scored(average=BASE, median=BASE - 0.01 + NOISE, product=BASE + 1), rows_of(50), None)
    assert (taken.name, note) == ("median", "")


@pytest.mark.parametrize(("labels_only", "index"), [(True, 1), (False, 2)])
def test_the_default_is_the_first_of_its_kind_which_is_another_where_members_give_labels(labels_only, index):
    combiners = [
        ke.Average(),
        ke.BayesianVote(),
        ke.WeightedGeometricAverage(strength=3),
        ke.WeightedGeometricAverage(),
    ]
    assert default_among(combiners, rows_of(50, labels_only=labels_only).predictions) == index


def test_there_may_be_no_default_among_those_compared():
    assert default_among([ke.Average(), ke.Median()], rows_of(50).predictions) is None


def test_how_much_rows_count_decides_what_is_sure():
    # Better by much in the first ten rows, as good or worse elsewhere.
    first = np.arange(50) < 10
    other = np.where(first, BASE - 0.5, BASE + 0.3)
    candidates = scored(weighted_geometric_average=BASE, average=other)
    assert surely_best(*candidates, rows_of(50), DEFAULT)[0].name == DEFAULT
    assert surely_best(*candidates, rows_of(50, np.where(first, 100.0, 1.0)), DEFAULT)[0].name == "average"
