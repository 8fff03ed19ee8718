"""Every row is scored by a fit that never saw it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.evaluation.crossfit import cross_fit, stratified_folds

LEARNERS = [WeightedAverage(), WeightedAverage(weights="scores"), WeightedGeometricAverage()]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(2, 7), st.integers(0, 3))
def test_folds_differ_by_at_most_one_row_in_all_and_in_every_class(labels, count, seed):
    labels = np.array(labels)
    folds = stratified_folds(labels, count, seed)
    assert folds.shape == labels.shape
    for chosen in (slice(None), *(labels == each for each in np.unique(labels))):
        sizes = np.bincount(folds[chosen], minlength=count)
        assert len(sizes) == count
        assert sizes.max() - sizes.min() <= 1


def test_folds_are_the_same_for_a_seed_and_others_for_another(labels):
    folds = [stratified_folds(labels, 5, seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(folds[0], folds[1])
    assert (folds[0] != folds[2]).mean() > 0.5


def test_folds_do_not_follow_the_order_of_rows(labels):
    ordered = np.sort(labels)
    folds = stratified_folds(ordered, 5, 0)
    assert (folds != np.arange(len(ordered)) % 5).any()


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_each_fold_is_answered_by_a_fit_to_the_others(seen, labels, combiner):
    folds = stratified_folds(labels, 4, 0)
    answer = cross_fit(combiner, seen, labels, folds)
    for fold in range(4):
        inside = np.flatnonzero(folds == fold)
        outside = np.setdiff1d(np.arange(len(labels)), inside)
        expected = combiner.fit(seen.rows(outside), labels[outside])(seen.rows(inside))
        np.testing.assert_array_equal(answer[inside], expected)


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
@pytest.mark.parametrize("row", [0, 17, 59])
def test_a_rows_own_label_changes_the_answers_to_other_rows_and_never_its_own(make_members, combiner, row):
    seen, labels = make_members(60)
    folds = stratified_folds(labels, 5, 0)
    flipped = labels.copy()
    flipped[row] = (flipped[row] + 1) % 3
    before, after = (cross_fit(combiner, seen, each, folds) for each in (labels, flipped))
    own = folds == folds[row]
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any()


def test_what_learns_nothing_is_fitted_once(seen, labels):
    combiner = MajorityVote(weights=[1, 2, 3])
    answer = cross_fit(combiner, seen, labels, stratified_folds(labels, 5, 0))
    np.testing.assert_array_equal(answer, combiner.fit(seen)(seen))


def test_folds_are_fitted_by_the_recipe_that_all_rows_will_be(make_members):
    # Of 220 rows each fit sees 176, for which this combiner would by itself shrink ten times as hard.
    seen, labels = make_members(220, skills=(0.8, 2.2, 1.0))
    folds = stratified_folds(labels, 5, 0)
    settled = cross_fit(WeightedGeometricAverage(), seen, labels, folds)
    np.testing.assert_array_equal(settled, cross_fit(WeightedGeometricAverage(strength=10.0), seen, labels, folds))
    assert np.abs(settled - cross_fit(WeightedGeometricAverage(strength=100.0), seen, labels, folds)).max() > 1e-3
