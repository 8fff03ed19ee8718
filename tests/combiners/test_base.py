"""Recipes and what is fitted: found by name, called on the right members, printed and kept."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from kerasemble.combiners import find, registry
from kerasemble.combiners.average import Average
from kerasemble.combiners.bayesian_vote import BayesianVote
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.recipes import label, name_of
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core import arrays
from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import effective_rows, row_weights
from kerasemble.solvers import newton


@pytest.fixture(scope="module")
def mixed(predictions_of):
    """Four members of the same skill, each with mistakes of its own, over 300 rows of three classes; labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    raw = np.exp(1.5 * (1.5 * np.eye(3)[labels] + rng.normal(size=(4, 300, 3))))
    return predictions_of(raw / raw.sum(axis=-1, keepdims=True)), labels


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


LEARNERS = [
    WeightedAverage(),
    WeightedAverage(loss="brier"),
    WeightedAverage(weights="scores"),
    WeightedAverage(max_members=2),
    WeightedGeometricAverage(),
    WeightedGeometricAverage(temperature=True),
    WeightedGeometricAverage(free_sign=True),
    WeightedGeometricAverage(max_members=2),
]


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_what_is_learned_under_many_weightings_at_once_is_what_each_teaches_alone(labelled, combiner):
    seen, labels = labelled
    rng = np.random.default_rng(0)
    folds = rng.integers(0, 3, 300)
    weightings = [*((folds != fold) * rng.gamma(2, size=300) for fold in range(3)), np.ones(300)]
    found = combiner.learn_each(seen, labels, weightings)
    assert len(found) == len(weightings)
    for each, weights in zip(found, weightings, strict=True):
        alone = combiner.fit(seen, labels, sample_weight=weights)
        # Both are within 1e-8 nats of the least loss, near which the loss of a pool that may sharpen is flat.
        atol = 2e-4 if isinstance(combiner, WeightedGeometricAverage) else 1e-6
        np.testing.assert_allclose(combiner.fitted(each, seen)(seen), alone(seen), rtol=0, atol=atol)
        assert each.gap == alone.gap is None or max(each.gap, alone.gap) <= 1e-8


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_a_fold_learned_with_others_sees_no_row_without_weight(labelled, combiner):
    seen, labels = labelled
    absent = (np.arange(300) % 3 == 0).astype(np.float64)
    spoiled = np.where(absent, labels, (labels + 1) % 5)
    wanted, found = (combiner.learn_each(seen, each, [absent])[0] for each in (labels, spoiled))
    answers = [combiner.fitted(each, seen)(seen) for each in (wanted, found)]
    np.testing.assert_allclose(*answers, rtol=0, atol=1e-6)


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_whole_row_weights_are_repeated_rows(labelled, combiner):
    seen, labels = labelled
    times = np.random.default_rng(0).integers(0, 4, 300)
    rows = np.repeat(np.arange(300), times)
    weighted = combiner.fit(seen, labels, sample_weight=times)
    repeated = combiner.fit(seen.rows(rows), labels[rows], sample_weight=np.ones(len(rows)))
    if isinstance(combiner, WeightedGeometricAverage):
        # Repeated rows are more rows, toward which the pull is divided; effective ones are those that weights leave.
        ratio = effective_rows(times.astype(np.float64)) / len(rows)
        rescaled = dataclasses.replace(combiner, strength=combiner.strength / ratio)
        repeated = rescaled.fit(seen.rows(rows), labels[rows])
    np.testing.assert_allclose(weighted(seen), repeated(seen), rtol=0, atol=1e-5)


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_a_class_that_counts_more_is_each_of_its_rows_that_counts_more(labelled, combiner):
    seen, labels = labelled
    rows = combiner.fit(seen, labels, sample_weight=np.where(labels == 2, 7.0, 1.0))
    for given in ({"2": 7}, {2: 7}):
        np.testing.assert_array_equal(combiner.fit(seen, labels, class_weight=given)(seen), rows(seen))
    balanced = combiner.fit(seen, labels, class_weight="balanced")
    own = combiner.fit(seen, labels, sample_weight=compute_sample_weight("balanced", labels))
    np.testing.assert_array_equal(balanced(seen), own(seen))


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
@pytest.mark.parametrize("scale", [1e-300, 1e300, 1e308])
def test_only_the_ratios_of_row_weights_matter_however_large_they_are(labelled, combiner, scale):
    seen, labels = labelled
    weights = np.random.default_rng(0).uniform(0.1, 1, 300)
    plain, scaled = (combiner.fit(seen, labels, sample_weight=factor * weights) for factor in (1.0, scale))
    np.testing.assert_allclose(scaled(seen), plain(seen), rtol=0, atol=1e-5)


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"sample_weight": [1.0, np.nan]}, "Received: shape .2,.", id="too-few"),
        pytest.param({"sample_weight": [np.nan] * 300}, "finite and not negative", id="87-nan"),
        pytest.param({"class_weight": {"z": 1}}, "names 'z', which is no class", id="no-such-class"),
    ],
)
def test_row_weights_that_cannot_be_are_refused(labelled, combiner, given, says):
    with pytest.raises(KerasembleError, match=says):
        combiner.fit(*labelled, **given)


SPARSE = [
    WeightedAverage(weights=[0, 1, 0, 3]),
    MajorityVote(weights=[0, 1, 0, 3]),
    WeightedGeometricAverage(max_members=2),
    WeightedGeometricAverage(max_members=2, free_sign=True),
]


@pytest.mark.parametrize("combiner", SPARSE, ids=repr)
def test_a_member_that_is_left_out_is_not_needed_and_does_no_harm(labelled, combiner):
    seen, labels = labelled
    fitted = combiner.fit(seen, labels)
    assert len(fitted.members) == len(fitted.left_out) == 2
    assert set(fitted.members) | set(fitted.left_out) == set(seen.members)
    assert all(array.shape[0] == 2 for array in fitted.learned.values())
    assert f"left out: {', '.join(fitted.left_out)}" in repr(fitted)
    np.testing.assert_array_equal(fitted(seen.only(fitted.members)), fitted(seen))
    np.testing.assert_array_equal(fitted.decide(seen.only(fitted.members)), fitted.decide(seen))
    again = FittedCombiner.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert (again.left_out, again.gap, again.fitted_on) == (fitted.left_out, fitted.gap, fitted.fitted_on)
    np.testing.assert_array_equal(again(seen), fitted(seen))


@pytest.mark.parametrize("combiner", [Average(), MajorityVote(), *LEARNERS], ids=repr)
@pytest.mark.parametrize("rows", [7, 10**6])
def test_the_decision_is_the_most_probable_class(labelled, combiner, rows, monkeypatch):
    seen, labels = labelled
    fitted = combiner.fit(seen, labels)
    wanted = fitted(seen).argmax(axis=-1)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", rows * seen.values[:, :1].size)
    decided = fitted.decide(seen)
    np.testing.assert_array_equal(decided, wanted)
    assert decided.dtype == np.int64


@pytest.mark.parametrize("combiner", [Average(), MajorityVote(), *LEARNERS], ids=repr)
def test_labels_only_are_combined_as_certainty(labelled, combiner):
    seen, labels = labelled
    votes = Predictions.from_labels(dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True)), classes=5)
    certain = dataclasses.replace(seen, values=np.eye(5, dtype=np.float32)[votes.values])
    answer = combiner.fit(votes, labels)(votes)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, combiner.fit(certain, labels)(certain), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("gap", "said"),
    [(0.0, "1e-8"), (3e-9, "1e-8"), (1e-8, "1e-8"), (1.1e-8, "1e-7"), (2e-5, "1e-4"), (0.5, "1e0"), (3.0, "1e1")],
)
def test_the_certified_gap_is_said_as_the_power_of_ten_that_it_is_within(labelled, gap, said):
    fitted = WeightedAverage(weights=[1, 1, 0, 1]).fit(labelled[0])
    assert f"(within {said} of the optimum; left out: c)" in repr(dataclasses.replace(fitted, gap=gap))


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
def test_learned_weights_say_how_near_the_optimum_they_are(labelled, combiner):
    fitted = combiner.fit(*labelled)
    if combiner == WeightedAverage(weights="scores"):
        assert fitted.gap is None
        assert "optimum" not in repr(fitted)
    else:
        assert 0 <= fitted.gap <= 1e-8
        assert "within 1e-8 of the optimum" in repr(fitted)


@pytest.mark.parametrize("combiner", [each for each in LEARNERS if not each.shrunk], ids=repr)
@pytest.mark.parametrize(
    "weights", [None, [1.0] * 3 + [0.0] * 297, [1e9] * 3 + [1.0] * 297], ids=["few", "zero", "uneven"]
)
def test_80_fewer_rows_than_numbers_to_learn_are_warned_of(labelled, combiner, weights):
    seen, labels = labelled
    if weights is None:
        seen, labels = seen.rows(slice(3)), labels[:3]
    with pytest.warns(
        KerasembleWarning, match=r"(?i)weighted average learned 4 numbers from 3 rows.*Give more labelled rows"
    ):
        answer = combiner.fit(seen, labels, sample_weight=weights)(seen)
    assert np.isfinite(answer).all()


def test_80_a_single_row_is_warned_of_in_the_singular(labelled):
    seen, labels = labelled[0].only(["a", "d"]).rows(slice(1)), labelled[1][:1]
    with pytest.warns(KerasembleWarning) as caught:
        WeightedAverage().fit(seen, labels)
    (sentence,) = (str(warning.message) for warning in caught)
    assert sentence == (
        "Weighted average learned 2 numbers from 1 row, which is few. Give more labelled rows, or take a combiner "
        "that learns less."
    )


# That no warning is given, which would be an error here, is what this shows.
@pytest.mark.parametrize("kind", [kind for kind in registry().values() if kind.shrunk], ids=name_of)
@pytest.mark.parametrize("rows", [1, 3])
def test_80_what_is_pulled_toward_something_sensible_needs_no_warning_of_few_rows(labelled, kind, rows):
    seen, labels = labelled[0].rows(slice(rows)), labelled[1][:rows]
    fitted = kind().fit(seen, labels)
    assert np.isfinite(fitted(seen)).all()
    assert kind.shrunk


def test_what_learns_is_given_every_row_with_its_weight_those_of_weight_zero_too(labelled, monkeypatch):
    seen, labels = labelled
    weights = np.random.default_rng(0).integers(0, 3, 300).astype(np.float64)
    given, learn = [], WeightedAverage.learn
    monkeypatch.setattr(WeightedAverage, "learn", lambda self, *rows: given.append(rows) or learn(self, *rows))
    WeightedAverage(loss="brier").fit(seen, labels, sample_weight=weights, class_weight={"2": 3})
    WeightedAverage(loss="brier").learn_each(seen, labels, [weights, np.ones(300)])
    wanted = (row_weights(labels, seen.classes, weights, {"2": 3}), weights, np.ones(300))
    for (predictions, rows, counts), expected in zip(given, wanted, strict=True):
        assert predictions is seen
        np.testing.assert_array_equal(rows, labels)
        np.testing.assert_array_equal(counts, expected)


@pytest.mark.parametrize(
    "combiner",
    [WeightedAverage(), WeightedGeometricAverage(strength=1e-3), WeightedAverage(cost_weight=1e-9)],
    ids=repr,
)
def test_83_weights_that_did_not_converge_are_warned_of_with_the_loss_on_its_way(mixed, combiner, monkeypatch):
    monkeypatch.setattr(newton, "_MAX_STEPS", 1)
    with pytest.warns(KerasembleWarning) as caught:
        fitted = combiner.fit(*mixed)
    assert fitted.gap > 1e-6
    (sentence,) = (str(warning.message) for warning in caught)
    assert f"The weights of {label(combiner)} did not converge in 1 steps" in sentence
    start, end = map(float, re.search(r"It went ([\d.]+), ([\d.]+)\. Look for", sentence).groups())
    assert start > end
    assert f"within {fitted.gap:.1e} of the least" in sentence
    assert "within 1e-8" not in repr(fitted)


@pytest.mark.parametrize("combiner", LEARNERS, ids=repr)
@pytest.mark.parametrize("copies", [2, 5])
def test_82_identical_members_give_a_finite_answer_that_is_theirs(labelled, predictions_of, combiner, copies):
    seen, labels = labelled
    same = predictions_of(np.repeat(seen.values[2:3], copies, axis=0))
    if isinstance(combiner, WeightedGeometricAverage):
        # The pull toward 1 in all is divided among copies, so that it must be next to none to be the same.
        combiner = dataclasses.replace(combiner, strength=1e-4)
    fitted = combiner.fit(same, labels)
    alone = combiner.fit(predictions_of(seen.values[2:3]), labels)
    assert np.isfinite(list(fitted.weights.values())).all()
    np.testing.assert_allclose(fitted(same), alone(same), rtol=0, atol=1e-4)


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
    assert repr(WeightedAverage(weights=[1, 1, 2, 4]).fit(seen)) == (
        "Fitted weighted average: a 0.125, b 0.125, c 0.250, d 0.500"
    )
    assert repr(WeightedAverage(weights=[1, 1, 0, 2]).fit(seen)) == (
        "Fitted weighted average: a 0.250, b 0.250, d 0.500 (left out: c)"
    )
    assert repr(Average().fit(seen, labels)) == "Fitted average of 4 members (a, b, c, d)"
    assert Average().fit(seen).weights is None


def test_the_alignment_is_kept_with_what_was_fitted(labelled):
    seen, labels = labelled
    readings = tuple(Reading("logits", 5, (1, 0, 2, 3, 4), (f"crop {number}",)) for number in range(4))
    aligned = dataclasses.replace(seen, alignment=Alignment(InputSpec((8, 8), "float32", (0.0, 1.0)), readings))
    for combiner, kept in ((WeightedGeometricAverage(), slice(None)), (WeightedAverage(weights=[0, 1, 0, 2]), [1, 3])):
        fitted = combiner.fit(aligned, labels)
        again = FittedCombiner.from_json(json.loads(json.dumps(fitted.to_json())))
        assert again.members == tuple(np.array(seen.members)[kept])
        assert again.alignment == aligned.only(again.members).alignment
        assert (again.classes, again.task) == (seen.classes, seen.task)


def test_a_recipe_of_an_unknown_kind_is_refused_by_name(labelled):
    record = Average().fit(labelled[0]).to_json()
    record["combiner"]["name"] = "oracle"
    with pytest.raises(KerasembleError, match="no combiner 'oracle'"):
        FittedCombiner.from_json(record)


def test_a_label_is_the_name_in_words():
    assert label(WeightedGeometricAverage()) == label(WeightedGeometricAverage) == "weighted geometric average"


def test_row_weights_without_labels_are_refused(labelled):
    seen, _ = labelled
    for combiner in (BayesianVote(), Average()):
        with pytest.raises(KerasembleError, match="go with labels"):
            combiner.fit(seen, sample_weight=np.ones(seen.samples))


@pytest.mark.parametrize("combiner", [MajorityVote(), WeightedGeometricAverage(), BayesianVote()], ids=repr)
def test_half_precision_is_answered_in_single(labelled, combiner):
    seen, labels = labelled
    half = dataclasses.replace(seen, values=seen.values.astype(np.float16))
    fitted = combiner.fit(half, labels)
    answer = fitted(half)
    assert answer.dtype == np.float32
    exact = fitted(dataclasses.replace(half, values=half.values.astype(np.float64)))
    np.testing.assert_allclose(answer, exact, atol=1e-5)
    assert (answer[np.arange(len(answer)), fitted.decide(half)] >= answer.max(axis=-1) - 1e-6).all()


@pytest.mark.parametrize("weights", ["scores", (1, 2, 3, 4)])
def test_weights_that_are_not_learned_choose_no_members(weights):
    with pytest.raises(KerasembleError, match="go with weights='learn'"):
        WeightedAverage(weights=weights, max_members=2)
