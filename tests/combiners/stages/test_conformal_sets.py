"""Prediction sets against MAPIE, and what they promise."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore, LACConformityScore, RAPSConformityScore
from sklearn.base import BaseEstimator, ClassifierMixin

from kerasemble import Average, Chain, ConformalSets, KerasembleError, Predictions
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.stages.conformal_sets import METHODS
from kerasemble.core.arrays import softmax
from kerasemble.core.codes import Code


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
    assert [each.code for each in found.warnings] == [Code.SETS_TOO_FEW_ROWS]
    assert "19" in found.warnings[0]
    assert stage.apply(seen, found.learned, np).all()


def uneven(rows, seed):
    """Return probabilities of three classes, of which the second has a tenth of the rows and the third a fifth."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, p=[0.7, 0.1, 0.2], size=rows)
    return softmax(np.log([0.7, 0.1, 0.2]) + np.eye(3)[labels] + rng.normal(size=(rows, 3)), np), labels


@pytest.mark.filterwarnings("ignore:WARNING. your conformalization dataset has less labels")  # that is what is meant
@pytest.mark.parametrize("coverage", [0.8, 0.9])
@pytest.mark.parametrize("seed", range(5))
def test_15_10_sets_by_class_are_those_of_mapie_on_the_rows_of_each_class(coverage, seed):
    (seen, labels), (tested, _) = uneven(600, seed), uneven(300, seed + 100)
    found = sets(ConformalSets(coverage, by_class=True), seen, labels, tested)
    wanted = np.zeros_like(found)
    for k in range(3):
        own = labels == k
        theirs = SplitConformalClassifier(Passes(3), coverage, LACConformityScore(), prefit=True)
        wanted[:, k] = theirs.conformalize(seen[own], labels[own]).predict_set(tested)[1][:, k, 0]
    # The most probable class is in ours in any case.
    wanted[np.arange(300), tested.argmax(axis=1)] = True
    np.testing.assert_array_equal(found, wanted)


@given(seed=st.integers(0, 10_000), coverage=st.floats(0.3, 0.9))
def test_15_10_the_threshold_of_a_class_is_the_order_statistic_of_its_own_rows(seed, coverage):
    seen, labels = uneven(120, seed)
    learned = ConformalSets(coverage, by_class=True).learn(seen, labels, np.ones(120)).learned["threshold"]
    assert learned.shape == (3,)
    for k in range(3):
        own = np.sort(seen[labels == k, k])[::-1]
        rank = int(np.ceil((len(own) + 1) * coverage - 1e-9 * len(own)))
        assert learned[k] == (own[rank - 1] if rank <= len(own) else learned.min())
        assert rank <= len(own) or learned[k] < 0


def test_15_10_coverage_by_class_holds_on_average_for_new_rows_of_each_class():
    found = {False: [], True: []}
    for seed in range(150):
        (seen, labels), (tested, true) = uneven(400, seed), uneven(400, 10_000 + seed)
        for by_class, held in found.items():
            inside = sets(ConformalSets(0.9, by_class=by_class), seen, labels, tested)[np.arange(400), true]
            held.append([inside[true == k].mean() for k in range(3)])
    # For all rows together the rare class is covered far too seldom.
    assert np.mean(found[False], axis=0)[1] < 0.7
    assert np.mean(found[True], axis=0).min() > 0.89


def test_15_10_a_class_of_too_few_rows_is_in_every_set_and_is_named():
    seen, labels = uneven(500, 0)
    few = np.flatnonzero(labels == 1)
    for rows, warned in ((8, True), (9, False), (0, True)):
        kept = np.sort(np.concatenate([np.flatnonzero(labels != 1), few[:rows]]))
        stage = ConformalSets(0.9, by_class=True)
        found = stage.learn(seen[kept], labels[kept], np.ones(len(kept)))
        assert [each.code for each in found.warnings] == [Code.SETS_TOO_FEW_ROWS_OF_A_CLASS] * warned
        inside = stage.apply(seen.astype(np.float32), found.learned, np)
        assert inside[:, 1].all() == warned
        assert not inside[:, 0].all()
        if warned:
            assert ": 1 (counted from 0)" in found.warnings[0]


def test_15_10_rows_with_weights_count_as_effective_ones_of_their_class():
    seen, labels = uneven(500, 1)
    stage, balanced = ConformalSets(0.9, by_class=True), np.array([1.0, 7.0, 3.5])[labels]
    plain, same = (stage.learn(seen, labels, each).learned["threshold"] for each in (np.ones(500), balanced))
    np.testing.assert_array_equal(plain, same)
    # Of the class's rows four have nearly all the weight.
    weights = np.ones(500)
    weights[np.flatnonzero(labels == 1)[4:]] = 1e-9
    assert [each.code for each in stage.learn(seen, labels, weights).warnings] == [Code.SETS_TOO_FEW_ROWS_OF_A_CLASS]


@pytest.mark.parametrize("method", ["aps", "raps"])
def test_15_10_by_class_goes_with_lac_alone(method):
    with pytest.raises(KerasembleError) as refused:
        ConformalSets(0.9, method, by_class=True)
    assert refused.value.code == Code.SETS_BY_CLASS_NEED_LAC


def test_15_10_a_recipe_of_before_has_no_by_class():
    seen, labels = uneven(300, 0)
    chain = Chain(Average(), (ConformalSets(0.9),)).fit(Predictions.from_arrays({"a": seen}), labels)
    written = json.loads(json.dumps(chain.to_json()))
    for stage in written["combiner"]["stages"]:
        del stage["by_class"]
    again = FittedCombiner.from_json(written)
    assert again.combiner == chain.combiner
    assert not again.combiner.stages[0].by_class


def test_equal_weights_count_as_none_and_unequal_ones_as_fewer_rows():
    seen, labels = drawn(200, 1)
    stage = ConformalSets(0.9)
    plain, heavy = (stage.learn(seen, labels, np.full(200, each)).learned["threshold"] for each in (1.0, 7.0))
    assert plain == heavy
    weights = np.where(np.arange(200) < 5, 1.0, 1e-9)
    assert [each.code for each in stage.learn(seen, labels, weights).warnings] == [Code.SETS_TOO_FEW_ROWS]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"coverage": 1}, "coverage must be a number between 0 and 1, both excluded. Received: coverage=1."),
        ({"coverage": "95 %"}, "Received: coverage='95 %'"),
        ({"method": "rapz"}, "method must be one of lac, aps, raps. Received: method='rapz'"),
        ({"penalty": -1}, "penalty must be finite and not negative"),
        ({"allowed": 1.5}, "allowed must be a whole number"),
        ({"by_class": 1}, "by_class must be True or False. Received: by_class=1"),
    ],
)
def test_options_out_of_range_are_refused(options, says):
    with pytest.raises(KerasembleError, match=re.escape(says)):
        ConformalSets(**options)
