"""Greedy selection: its metrics, its options, what it says, and what it refuses."""

from __future__ import annotations

import builtins
import copy
import dataclasses
import functools
import json
import pickle

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.greedy_selection import GreedySelection
from kerasemble.combiners.recipes import recipe_from_json, recipe_to_json
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.errors import KerasembleError
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions

BUILT_IN = {"log_loss": "neg_log_loss", "accuracy": "accuracy", "brier": "neg_brier_score"}


def counts(fitted, members="abcd"):
    """How often each member was selected."""
    found = dict(zip(fitted.members, np.exp(fitted.learned["log_weights"]).tolist(), strict=True))
    return [round(found.get(name, 0)) for name in members]


def sharpness(labels, probabilities):
    del labels
    return probabilities.max(axis=-1).mean()


def weighted_hits(labels, probabilities, sample_weight=None):
    return np.average(hits(probabilities, labels), weights=sample_weight)


def test_by_log_loss_it_comes_near_the_optimum_of_the_weighted_average(labelled):
    seen, labels = labelled
    best = log_losses(WeightedAverage().fit(seen, labels)(seen), labels).mean()
    fitted = GreedySelection(steps=100).fit(seen, labels)
    assert best - 1e-6 <= log_losses(fitted(seen), labels).mean() <= best + 1e-3


@pytest.mark.parametrize("metric", BUILT_IN)
def test_the_built_in_metrics_select_as_scikit_learns_do(labelled, metric):
    seen, labels = labelled
    ours, theirs = (GreedySelection(metric=name).fit(seen, labels) for name in (metric, BUILT_IN[metric]))
    assert counts(ours) == counts(theirs)


@pytest.mark.parametrize("metric", BUILT_IN)
def test_row_weights_count_as_rows_that_stand_twice(labelled, metric):
    seen, labels = labelled
    twice = np.arange(len(labels)) % 3 == 0
    index = np.concatenate([np.arange(len(labels)), np.flatnonzero(twice)])
    weighted = GreedySelection(metric=metric).fit(seen, labels, sample_weight=1.0 + twice)
    assert counts(weighted) == counts(GreedySelection(metric=metric).fit(seen.rows(index), labels[index]))


@pytest.mark.parametrize("metric", [*BUILT_IN, "roc_auc_ovr", weighted_hits])
def test_members_that_give_labels_only_are_selected_among(labelled, metric):
    seen, labels = labelled
    votes = seen.values.argmax(axis=-1)
    seen = Predictions.from_labels(dict(zip(seen.members, votes, strict=True)), seen.classes)
    fitted = GreedySelection(metric=metric).fit(seen, labels)
    alone = max(hits(member, labels).mean() for member in seen.each())
    assert hits(fitted(seen), labels).mean() >= alone - 0.02


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ("roc_auc_ovr", lambda y, p: roc_auc_score(y, p / p.sum(axis=1, keepdims=True), multi_class="ovr")),
        ("balanced_accuracy", lambda y, p: balanced_accuracy_score(y, p.argmax(axis=1))),
    ],
)
def test_scikit_learns_metric_is_no_worse_for_the_selection_than_for_any_member(labelled, metric, score):
    seen, labels = labelled
    fitted = GreedySelection(metric=metric).fit(seen, labels)
    combined = fitted(seen).astype(np.float64)
    assert score(labels, combined) >= max(score(labels, member.astype(np.float64)) for member in seen.each()) - 1e-6


def test_scikit_learns_metric_gets_the_row_weights(labelled):
    seen, labels = labelled
    weights = np.where(labels == 1, 20.0, 1.0)
    ours = GreedySelection(metric="accuracy").fit(seen, labels, sample_weight=weights)
    assert counts(ours) == counts(GreedySelection(metric=weighted_hits).fit(seen, labels, sample_weight=weights))


def test_a_metric_of_two_classes_is_of_the_second_one(predictions_of):
    ranks, ranks_backwards = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.9, 0.6, 0.4, 0.1])
    seen = predictions_of([np.column_stack([1 - each, each]) for each in (ranks_backwards, ranks)])
    assert counts(GreedySelection(metric="roc_auc").fit(seen, [0, 0, 1, 1]), "ab") == [0, 1]


def test_a_function_is_maximised(labelled):
    seen, labels = labelled
    fitted = GreedySelection(metric=sharpness).fit(seen, labels)
    assert fitted.members == ("abcd"[int(seen.values.max(axis=-1).mean(axis=1).argmax())],)


def test_a_recipe_with_a_function_is_hashable_and_copied_and_written_by_name(labelled):
    seen, labels = labelled
    recipe = GreedySelection(metric=sharpness)
    assert recipe.metric == f"{__name__}:sharpness"
    for same in (dataclasses.replace(recipe), copy.deepcopy(recipe), pickle.loads(pickle.dumps(recipe))):  # noqa: S301
        assert same == recipe
        assert hash(same) == hash(recipe)
        assert counts(same.fit(seen, labels)) == counts(recipe.fit(seen, labels))
    fitted = recipe.fit(seen, labels)
    again = FittedCombiner.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert again.combiner == recipe
    np.testing.assert_array_equal(again(seen), fitted(seen))


def test_a_function_is_never_imported_from_what_a_file_says(labelled):
    again = recipe_from_json(json.loads(json.dumps(recipe_to_json(GreedySelection(metric=sharpness)))))
    with pytest.raises(KerasembleError, match=r"sharpness' is the name of a function.*GreedySelection\(metric="):
        again.fit(*labelled)


def test_a_partial_function_is_named_by_its_class():
    assert GreedySelection(metric=functools.partial(sharpness)).metric == "functools:partial"


def test_the_order_of_members_ties_and_bags_is_seeded(labelled):
    seen, labels = labelled
    for recipe in (GreedySelection(bags=4), GreedySelection(metric="accuracy", ties="random")):
        assert counts(recipe.fit(seen, labels)) == counts(recipe.fit(seen, labels))
    found = {tuple(counts(GreedySelection(bags=2, seed=seed).fit(seen, labels))) for seed in range(8)}
    assert len(found) > 1


def test_bags_of_all_members_are_one_selection_many_times(labelled):
    once, bagged = (GreedySelection(bags=bags, bag_fraction=1.0).fit(*labelled) for bags in (1, 3))
    assert counts(bagged) == [3 * count for count in counts(once)]


def test_bags_bring_in_members_that_one_selection_leaves_out(predictions_of):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    raw = np.exp(np.linspace(1, 4, 8)[:, None, None] * np.eye(3)[labels] + rng.normal(size=(8, 200, 3)))
    seen = predictions_of(raw / raw.sum(axis=-1, keepdims=True))
    one, bagged = GreedySelection().fit(seen, labels), GreedySelection(bags=20).fit(seen, labels)
    assert len(bagged.members) > len(one.members)
    few = GreedySelection(bags=20, max_members=2).fit(seen, labels)
    assert len(few.members) == 2


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_members_are_kept_than_may_be(labelled, most):
    fitted = GreedySelection(max_members=most).fit(*labelled)
    assert len(fitted.members) <= most
    assert len(fitted.members) + len(fitted.left_out) == 4


def test_it_says_how_often_each_member_was_selected(labelled):
    seen, labels = labelled
    fitted = GreedySelection(steps=10).fit(seen, labels)
    weights = fitted.weights
    best = max(weights, key=weights.get)
    total = sum(counts(fitted))
    assert repr(fitted).startswith(
        f"Fitted greedy selection: {best} {weights[best]:.2f} ({round(weights[best] * total)} of {total})"
    )
    assert sum(weights.values()) == pytest.approx(1)


def test_it_says_only_weights_where_keras_trained_them_and_cuts_long_lists():
    recipe = GreedySelection()
    log_weights = np.log(np.linspace(0.3, 7.9, 20))
    said = recipe.describe({"log_weights": log_weights}, [f"m{index}" for index in range(20)], ["0", "1"])
    assert said.startswith(": m19 0.10, m18 0.09")
    assert said.endswith("and 8 more")


UNDEFINED = [
    pytest.param("roc_auc_ovr", [2] * 300, r"'roc_auc_ovr' is undefined on these 300 labels.*all are '2'", id="88-auc"),
    pytest.param("f1", None, r"'f1' is undefined.*multiclass", id="88-f1-of-many-classes"),
    pytest.param(lambda y, p: float("nan"), None, "is undefined.*it is nan", id="88-nan"),  # noqa: ARG005 - a metric's
]


@pytest.mark.parametrize(("metric", "labels", "says"), UNDEFINED)
def test_an_undefined_metric_is_refused_with_its_cause_and_cure(labelled, metric, labels, says):
    seen, real = labelled
    with pytest.raises(KerasembleError, match=f"{says}.*log_loss"):
        GreedySelection(metric=metric).fit(seen, real if labels is None else labels)


@pytest.mark.parametrize("metric", [sharpness, "adjusted_rand_score"], ids=["function", "scikit-learn"])
def test_row_weights_are_refused_where_the_metric_takes_none(labelled, metric):
    seen, labels = labelled
    weights = 1.0 + (labels == 0)
    with pytest.raises(KerasembleError, match="takes no sample_weight"):
        GreedySelection(metric=metric).fit(seen, labels, sample_weight=weights)
    GreedySelection(metric=metric, steps=2).fit(seen, labels, sample_weight=np.full(len(labels), 7.0))


def test_an_unknown_metric_is_refused_with_the_nearest(labelled):
    with pytest.raises(KerasembleError, match=r"no metric 'acc'\. Did you mean 'accuracy'"):
        GreedySelection(metric="acc").fit(*labelled)


def test_without_scikit_learn_its_metrics_ask_for_it_and_the_built_in_ones_work(labelled, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(KerasembleError, match="pip install scikit-learn"):
        GreedySelection(metric="roc_auc_ovr").fit(*labelled)
    for metric in BUILT_IN:
        GreedySelection(metric=metric, steps=2).fit(*labelled)


def test_what_goes_wrong_in_a_function_is_shown_as_it_is(labelled):
    def broken(*_):
        raise TypeError("my own mistake")

    with pytest.raises(TypeError, match="my own mistake"):
        GreedySelection(metric=broken).fit(*labelled)


BAD = [
    ({"steps": 0}, "steps must be a whole number of at least 1.*steps=0"),
    ({"steps": 2.5}, "steps=2.5"),
    ({"max_members": 0}, "max_members must be a whole number of at least 1"),
    ({"sorted_start": -1}, "sorted_start must be a whole number of at least 0"),
    ({"bags": 0}, "bags must be"),
    ({"bag_fraction": 0.0}, "bag_fraction must be above 0"),
    ({"bag_fraction": 1.5}, "bag_fraction=1.5"),
    ({"bag_fraction": float("nan")}, "bag_fraction=nan"),
    ({"ties": "first"}, "ties must be 'log_loss' or 'random'.*'first'"),
    ({"metric": 3}, "metric must be a name or a function.*3"),
    ({"seed": -1}, "seed must be"),
]


@pytest.mark.parametrize(("options", "says"), BAD, ids=[str(options) for options, _ in BAD])
def test_options_that_make_no_sense_are_refused_at_once(options, says):
    with pytest.raises(KerasembleError, match=says):
        GreedySelection(**options)
