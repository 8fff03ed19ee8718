"""Prediction sets against MAPIE, and what they promise."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore, LACConformityScore, RAPSConformityScore
from sklearn.base import BaseEstimator, ClassifierMixin

from kerasemble import ConformalSets, KerasembleError
from kerasemble.combiners.stages.conformal_sets import METHODS
from kerasemble.core.arrays import softmax


def drawn(rows, seed, classes=6, sharpness=1.5):
    rng = np.random.default_rng(seed)
    logits = sharpness * rng.normal(size=(rows, classes))
    labels = np.array([rng.choice(classes, p=row) for row in softmax(logits, np)])
    return softmax(logits + 0.5 * rng.normal(size=logits.shape), np), labels


def sets(stage, seen, labels, tested, weights=None):
    weights = np.ones(len(labels)) if weights is None else weights
    return stage.apply(tested, stage.learn(seen, labels, weights).learned, np)


class Passes(ClassifierMixin, BaseEstimator):
    """A classifier whose data are its probabilities."""

    def __init__(self, classes):
        self.classes_ = np.arange(classes)
        self.fitted_ = True

    def fit(self, _x, _y):
        return self

    def predict_proba(self, x):
        return x

    def predict(self, x):
        return x.argmax(axis=1)


class NotRandom(np.random.RandomState):
    """The deterministic scores are MAPIE's random ones with every draw zero."""

    def uniform(self, *, size):
        return np.zeros(size)


@pytest.mark.parametrize("coverage", [0.7, 0.9, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_lac_sets_are_those_of_mapie(coverage, seed):
    (seen, labels), (tested, _) = drawn(300, seed), drawn(200, seed + 100)
    theirs = SplitConformalClassifier(Passes(6), coverage, LACConformityScore(), prefit=True)
    _, wanted = theirs.conformalize(seen, labels).predict_set(tested)
    found = sets(ConformalSets(coverage, "lac"), seen, labels, tested)
    # Where MAPIE's set is empty, ours has the most probable class.
    assert (found == wanted[..., 0])[wanted[..., 0].any(axis=1)].all()
    assert found[np.arange(200), tested.argmax(axis=1)].all()


@pytest.mark.parametrize("coverage", [0.7, 0.9, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_aps_sets_are_those_of_mapie_without_its_randomness(coverage, seed):
    (seen, labels), (tested, _) = drawn(300, seed), drawn(200, seed + 100)
    theirs = SplitConformalClassifier(
        Passes(6), coverage, APSConformityScore(), prefit=True, random_state=NotRandom()
    ).conformalize(seen, labels)
    _, wanted = theirs.predict_set(tested, {"include_last_label": False})
    found = sets(ConformalSets(coverage, "aps"), seen, labels, tested)
    assert (found == wanted[..., 0])[wanted[..., 0].any(axis=1)].all()
    assert found.any(axis=1).all()


@pytest.mark.parametrize("seed", range(5))
def test_raps_scores_are_those_of_mapie_without_its_randomness(seed):
    seen, labels = drawn(300, seed)
    _, ranks = RAPSConformityScore.get_true_label_cumsum_proba(labels, seen, np.arange(6))
    sums, _ = APSConformityScore.get_true_label_cumsum_proba(labels, seen, np.arange(6))
    scores = sums[:, 0] + 0.05 * np.maximum(ranks - 2, 0)
    wanted = np.sort(scores)[int(np.ceil(301 * 0.9)) - 1]
    found = ConformalSets(0.9, "raps", penalty=0.05, allowed=2).learn(seen, labels, np.ones(300))
    assert found.learned["threshold"][0] == pytest.approx(1 - wanted, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_a_true_class_is_in_the_sets_of_its_own_rows_as_often_as_was_asked(method):
    seen, labels = drawn(500, 3)
    for dtype in (np.float64, np.float32):
        found = sets(ConformalSets(0.9, method), seen, labels, seen.astype(dtype))
        # ceil(501 * 0.9) of them, the one at the threshold among them, after rounding to float32 too.
        assert found[np.arange(500), labels].sum() == 451


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10_000), low=st.floats(0.05, 0.95), high=st.floats(0.05, 0.95))
def test_sets_grow_with_coverage_and_hold_the_most_probable_class(method, seed, low, high):
    seen, labels = drawn(60, seed)
    low, high = sorted((low, high))
    smaller, larger = (sets(ConformalSets(each, method), seen, labels, seen) for each in (low, high))
    assert (smaller <= larger).all()
    assert smaller[np.arange(60), seen.argmax(axis=1)].all()


@pytest.mark.parametrize("method", METHODS)
def test_tied_classes_are_in_together_or_not_at_all(method):
    rng = np.random.default_rng(0)
    votes = rng.multinomial(5, np.full(4, 0.25), size=400) / 5
    labels = votes.cumsum(axis=1).__gt__(rng.uniform(size=(400, 1))).argmax(axis=1)
    found = sets(ConformalSets(0.8, method), votes, labels, votes)
    for probabilities, inside in zip(votes, found, strict=True):
        least = probabilities[inside].min()
        assert inside[probabilities >= least].all()
    assert found[np.arange(400), labels].mean() >= 0.8


@pytest.mark.parametrize("method", METHODS)
def test_coverage_holds_on_average_for_new_rows(method):
    found = []
    for seed in range(200):
        (seen, labels), (tested, true) = drawn(100, seed), drawn(200, 10_000 + seed)
        found.append(sets(ConformalSets(0.9, method), seen, labels, tested)[np.arange(200), true].mean())
    # Between 0.9 and 0.9 + 1 / 101, but for the spread of the mean of 200.
    assert 0.895 < np.mean(found) < 0.915


@pytest.mark.parametrize("method", METHODS)
def test_80_too_few_rows_for_the_coverage_put_every_class_in_and_say_how_many_are_needed(method):
    stage = ConformalSets(0.95, method)
    for rows, warned in ((18, True), (19, False)):
        seen, labels = drawn(rows, 0)
        found = stage.learn(seen, labels, np.ones(rows))
        assert bool(found.warnings) == warned
    seen, labels = drawn(18, 0)
    found = stage.learn(seen, labels, np.ones(18))
    assert "need 19 labelled rows. There are 18" in found.warnings[0]
    assert stage.apply(seen, found.learned, np).all()


def test_equal_weights_count_as_none_and_unequal_ones_as_fewer_rows():
    seen, labels = drawn(200, 1)
    stage = ConformalSets(0.9)
    plain, heavy = (stage.learn(seen, labels, np.full(200, each)).learned["threshold"] for each in (1.0, 7.0))
    assert plain == heavy
    weights = np.where(np.arange(200) < 5, 1.0, 1e-9)
    assert "There are 5," in stage.learn(seen, labels, weights).warnings[0]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"coverage": 1}, "coverage must be a number between 0 and 1, both excluded. Received: coverage=1."),
        ({"coverage": "95 %"}, "Received: coverage='95 %'"),
        ({"method": "rapz"}, "method must be one of lac, aps, raps. Received: method='rapz'"),
        ({"penalty": -1}, "penalty must be finite and not negative"),
        ({"allowed": 1.5}, "allowed must be a whole number"),
    ],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(KerasembleError, match=re.escape(says)):
        ConformalSets(**options)
