"""Recipes and what is fitted: found by name, called on the right members, printed and kept."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from kerasemble.combiners import find, registry
from kerasemble.combiners.average import Average
from kerasemble.combiners.base import FittedCombiner, label, name_of
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core import arrays
from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.errors import KerasembleError


def test_the_registry_has_every_combiner_by_its_name_in_order():
    ours = {name: kind for name, kind in registry().items() if kind.__module__.startswith("kerasemble.")}
    assert list(ours) == sorted(ours)
    assert {
        "average",
        "geometric-average",
        "majority-vote",
        "weighted-average",
        "weighted-geometric-average",
    } <= ours.keys()
    assert all(name_of(kind) == name and find(name) is kind for name, kind in ours.items())


def test_an_unknown_combiner_is_refused_with_the_nearest_name():
    with pytest.raises(KerasembleError, match=r"no combiner 'wieghted-average'.*Did you mean 'weighted-average'\?"):
        find("wieghted-average")


@pytest.mark.parametrize("combiner", [WeightedAverage(), WeightedAverage(weights="scores"), WeightedGeometricAverage()])
def test_a_combiner_that_learns_asks_for_labels(labelled, combiner):
    with pytest.raises(KerasembleError, match=rf"{type(combiner).__name__} learns from labels.*fit\(predictions, y\)"):
        combiner.fit(labelled[0])


def test_labels_by_name_teach_what_indices_teach(labelled):
    seen, labels = labelled
    named = dataclasses.replace(seen, classes=("ant", "bee", "cow", "dog", "eel"), ordered=False)
    words = np.array(named.classes)[labels]
    assert WeightedAverage().fit(named, words).weights == WeightedAverage().fit(seen, labels).weights


def test_a_fitted_combiner_picks_its_members_out_of_more_in_any_order(labelled):
    seen, labels = labelled
    fitted = WeightedAverage().fit(seen.only(["b", "d"]), labels)
    np.testing.assert_array_equal(fitted(seen.only(["d", "a", "b"])), fitted(seen.only(["b", "d"])))


def test_a_fitted_combiner_refuses_predictions_that_lack_a_member(labelled):
    seen, labels = labelled
    with pytest.raises(KerasembleError, match="No such members: d"):
        WeightedAverage().fit(seen, labels)(seen.only(["a", "b", "c"]))


def test_a_fitted_combiner_refuses_other_classes(labelled):
    seen, labels = labelled
    other = dataclasses.replace(seen, classes=("4", "3", "2", "1", "0"))
    with pytest.raises(KerasembleError, match=r"Fitted for the classes.*'0', '1'.*Received.*'4', '3'"):
        WeightedAverage().fit(seen, labels)(other)


@pytest.mark.parametrize("combiner", [Average(), MajorityVote(), WeightedAverage(), WeightedGeometricAverage()])
def test_many_blocks_of_rows_give_what_one_gives(labelled, combiner, monkeypatch):
    seen, labels = labelled
    fitted = combiner.fit(seen, labels)
    whole = fitted(seen)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", 7 * seen.values[:, :1].size)
    np.testing.assert_allclose(fitted(seen), whole, atol=1e-7)


def test_the_answer_has_the_dtype_of_the_predictions(labelled):
    seen, _ = labelled
    for dtype in (np.float32, np.float64):
        cast = dataclasses.replace(seen, values=seen.values.astype(dtype))
        assert Average().fit(cast)(cast).dtype == dtype


def test_what_was_fitted_says_its_weights(labelled):
    seen, labels = labelled
    assert repr(WeightedAverage(weights=[1, 1, 0, 2]).fit(seen)) == (
        "Fitted weighted average: a 0.250, b 0.250, c 0.000, d 0.500"
    )
    assert repr(Average().fit(seen, labels)) == "Fitted average of 4 members (a, b, c, d)"
    assert Average().fit(seen).weights is None


def test_the_alignment_is_kept_with_what_was_fitted(labelled):
    seen, labels = labelled
    readings = (Reading("logits", 5, (1, 0, 2, 3, 4), ("softmax",)),) * 4
    aligned = dataclasses.replace(seen, alignment=Alignment(InputSpec((8, 8), "float32", (0.0, 1.0)), readings))
    fitted = WeightedAverage().fit(aligned, labels)
    again = FittedCombiner.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.alignment == aligned.alignment
    assert (again.members, again.classes, again.task) == (seen.members, seen.classes, seen.task)


def test_a_recipe_of_an_unknown_kind_is_refused_by_name(labelled):
    record = Average().fit(labelled[0]).to_json()
    record["combiner"]["name"] = "median"
    with pytest.raises(KerasembleError, match="no combiner 'median'"):
        FittedCombiner.from_json(record)


def test_a_label_is_the_name_in_words():
    assert label(WeightedGeometricAverage()) == label(WeightedGeometricAverage) == "weighted geometric average"
