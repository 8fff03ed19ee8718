"""Every row is scored by a fit that never saw it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.folds import stratified_folds

LEARNERS = [
    WeightedAverage(),
    WeightedAverage(loss="brier"),
    WeightedAverage(weights="scores"),
    WeightedGeometricAverage(),
]
# How much each of 600 rows counts: 600 tell as much as about 300 that count alike.
ROWS = np.random.default_rng(0).gamma(1, size=600)


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
@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
def test_each_fold_is_answered_by_a_fit_to_the_others(seen, labels, combiner, weighted):
    folds = stratified_folds(labels, 4, 0)
    weights = ROWS[:600] if weighted else np.ones(600)
    answer = cross_fit(combiner, seen, labels, folds, weights)
    for fold in range(4):
        inside = np.flatnonzero(folds == fold)
        outside = np.setdiff1d(np.arange(len(labels)), inside)
        alone = combiner.fit(seen.rows(outside), labels[outside], sample_weight=weights[outside])
        # Both are within 1e-8 nats of the fold's least loss, near which the loss of a pool that may sharpen is flat.
        atol = 1e-4 if isinstance(combiner, WeightedGeometricAverage) else 1e-5
        np.testing.assert_allclose(answer[inside], alone(seen.rows(inside)), rtol=0, atol=atol)


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
@pytest.mark.parametrize("row", [0, 17, 59])
def test_a_rows_own_label_changes_the_answers_to_other_rows_and_never_its_own(make_members, combiner, row):
    seen, labels = make_members(60)
    folds = stratified_folds(labels, 5, 0)
    flipped = labels.copy()
    flipped[row] = (flipped[row] + 1) % 3
    before, after = (cross_fit(combiner, seen, each, folds, np.ones(60)) for each in (labels, flipped))
    own = folds == folds[row]
    # Each fold's fit begins where all rows lead to, which the solver's bound lets shine through.
    np.testing.assert_allclose(before[own], after[own], rtol=0, atol=1e-6)
    assert np.abs(before[~own] - after[~own]).max() > 1e-4


def test_what_learns_nothing_is_fitted_once(seen, labels):
    combiner = MajorityVote(weights=[1, 2, 3])
    answer = cross_fit(combiner, seen, labels, stratified_folds(labels, 5, 0), np.ones(600))
    np.testing.assert_array_equal(answer, combiner.fit(seen)(seen))


def test_all_folds_are_learned_in_one_call(make_members, monkeypatch):
    asked, seen_by = [], WeightedAverage.learn_each

    def remembered(self, predictions, labels, weights):
        asked.append(np.array(weights))
        return seen_by(self, predictions, labels, weights)

    monkeypatch.setattr(WeightedAverage, "learn_each", remembered)
    seen, labels = make_members(60)
    folds = stratified_folds(labels, 5, 0)
    cross_fit(WeightedAverage(), seen, labels, folds, ROWS[:60])
    (weights,) = asked
    np.testing.assert_array_equal(weights, [np.where(folds == fold, 0, ROWS[:60]) for fold in range(5)])


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_labels_only_are_cross_fitted(seen, labels, combiner):
    votes = Predictions.from_labels(dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True)), classes=3)
    certain = dataclasses.replace(seen, values=np.eye(3, dtype=np.float32)[votes.values])
    folds = stratified_folds(labels, 4, 0)
    answers = [cross_fit(combiner, each, labels, folds, np.ones(600)) for each in (votes, certain)]
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-5)
