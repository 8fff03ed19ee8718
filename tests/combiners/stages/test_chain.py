"""A combiner and its stages as one: what each learns from, what is refused, what is kept."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import kerasemble as ke
from kerasemble import Abstain, Average, Chain, ConformalSets, Isotonic, KerasembleError, Temperature, VectorScaling
from kerasemble.combiners.chain import with_stages
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.stages import stages
from kerasemble.core.metrics import log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.testing.samples import plain

ALL = (Temperature(), VectorScaling(), ConformalSets(0.8), Abstain(0.3))


@pytest.fixture(scope="module")
def many():
    """Predictions of 30 members that know little, on 150 rows, and on 2,000 others: a combiner fits too well here."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 2_150)
    raw = np.exp(rng.normal(size=(30, 2_150, 3)) + 0.3 * np.eye(3)[labels])
    seen = Predictions.from_arrays({f"m{i}": each / each.sum(axis=1, keepdims=True) for i, each in enumerate(raw)})
    return seen, labels


def test_every_stage_is_found_by_name():
    assert list(stages()) == ["abstain", "conformal-sets", "isotonic", "temperature", "vector-scaling"]


def test_a_chain_without_stages_is_its_combiner():
    seen, labels = plain()
    alone, chain = (each.fit(seen, labels) for each in (ke.WeightedAverage(), Chain(ke.WeightedAverage())))
    np.testing.assert_array_equal(chain(seen), alone(seen))
    assert Chain().given(seen.members) == {}
    assert list(chain.outputs(seen)) == ["probabilities"]


def test_stages_learn_from_rows_that_the_combiner_did_not_see(many):
    seen, labels = many
    recipe = ke.WeightedGeometricAverage(strength=0.01)
    few, true = seen.rows(slice(150)), labels[:150]
    chain = Chain(recipe, (Temperature(),)).fit(few, true)
    fitted = recipe.fit(few, true)
    optimistic = Temperature().learn(fitted(few).astype(np.float64), true, np.ones(150)).learned["log_power"][0]
    # On the rows that it was fitted to the combiner seems to need no softening; on others it does.
    assert chain.learned["stage_1_log_power"][0] < optimistic - 0.1
    others = seen.rows(slice(150, None))
    assert log_losses(chain(others), labels[150:]).mean() < log_losses(fitted(others), labels[150:]).mean() - 0.01


def test_sets_of_a_combiner_that_fits_too_well_hold_the_true_class_as_often_as_stated(many):
    seen, labels = many
    chain = Chain(ke.WeightedGeometricAverage(strength=0.01), (Temperature(), ConformalSets(0.8)))
    found = chain.fit(seen.rows(slice(150)), labels[:150]).outputs(seen.rows(slice(150, None)))["prediction_set"]
    assert found[np.arange(2_000), labels[150:]].mean() == pytest.approx(0.8, abs=0.08)


def test_sets_cover_unseen_rows_of_real_images_as_often_as_stated(shared):
    data = np.load(shared / "predictions" / "cifar10_1_v4_votes.npz", allow_pickle=False)
    seen = Predictions.from_labels(
        dict(zip(map(str, data["members"]), data["votes"], strict=True)), classes=data["classes"].tolist()
    )
    labels = data["labels"].astype(np.int64)
    found = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(labels))
        fit, rest = order[:500], order[500:]
        chain = Chain(ke.BayesianVote(), (ConformalSets(0.95),)).fit(seen.rows(fit), labels[fit])
        found.append(chain.outputs(seen.rows(rest))["prediction_set"][np.arange(len(rest)), labels[rest]].mean())
    assert 0.935 < np.mean(found) < 0.97


def test_members_that_are_left_out_take_no_stage_with_them():
    seen, labels = plain()
    chain = Chain(ke.WeightedGeometricAverage(max_members=2), (VectorScaling(), ConformalSets(0.8))).fit(seen, labels)
    assert len(chain.members) == 2
    assert chain.learned["log_weights"].shape == (2,)
    assert chain.learned["stage_1_scales"].shape == (4,)
    assert chain.weights.keys() == set(chain.members)
    assert chain(seen).shape == (90, 4)


def test_outputs_say_what_each_stage_says():
    seen, labels = plain(400)
    fitted = Chain(ke.WeightedAverage(), ALL).fit(seen, labels)
    found = fitted.outputs(seen)
    assert {name: (array.dtype.kind, array.shape) for name, array in found.items()} == {
        "probabilities": ("f", (400, 4)),
        "prediction_set": ("b", (400, 4)),
        "abstain": ("b", (400,)),
    }
    np.testing.assert_array_equal(found["probabilities"], fitted(seen))
    assert repr(fitted).startswith("Fitted chain: weighted average: b 1.000, then")
    assert "then temperature " in repr(fitted)
    assert "then prediction sets of coverage 0.8 (lac), then abstaining from rows whose highest" in repr(fitted)


def test_a_chain_with_outputs_comes_back_from_json():
    seen, labels = plain(400)
    fitted = Chain(ke.WeightedAverage(weights="scores"), ALL).fit(seen, labels)
    again = FittedCombiner.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.combiner == fitted.combiner
    for name, array in fitted.outputs(seen).items():
        np.testing.assert_array_equal(again.outputs(seen)[name], array)


def test_80_few_rows_for_curves_are_warned_of_by_the_name_of_the_stage():
    seen, labels = plain(20)
    with pytest.warns(ke.KerasembleWarning, match=r"^Isotonic learned \d+ numbers from 20 rows.*a stage that learns"):
        Chain(Average(), (Isotonic(),)).fit(seen, labels)


def test_80_few_rows_for_the_combiner_are_warned_of_by_its_name():
    seen, labels = plain(2)
    with pytest.warns(ke.KerasembleWarning, match="^Weighted average learned 3 numbers from 2 rows"):
        Chain(ke.WeightedAverage(), (Temperature(),)).fit(seen, labels)


def test_stages_ask_for_labels():
    with pytest.raises(KerasembleError, match=r"Chain learns from labels"):
        Chain(Average(), (Temperature(),)).fit(plain().predictions)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Chain(Average(), (ConformalSets(), Temperature())),
            "Temperature comes after conformal sets, whose output it would make wrong. Put it before.",
        ),
        (
            lambda: Chain(Average(), (Abstain(0.1), Abstain(0.2))),
            "Two stages add the output 'abstain': Abstain(risk=0.1, confidence=0.95) and Abstain(risk=0.2",
        ),
        (lambda: Chain(Average(), (Average(),)), "A stage is Temperature(), ConformalSets(0.95), Abstain(0.02), ..."),
        (lambda: Chain(Temperature()), "A combiner is a recipe such as Average()"),
        (lambda: Chain(Chain()), "A chain begins with a combiner"),
        (
            lambda: with_stages(Average().fit(plain().predictions), (Temperature(),)),
            "Stages learn together with their combiner, which is fitted already. Give its recipe",
        ),
    ],
)
def test_what_cannot_follow_is_refused(make, says):
    with pytest.raises(KerasembleError, match=re.escape(says)):
        make()


def test_stages_are_added_to_a_chain_after_its_own():
    chain = with_stages(Chain(Average(), (Temperature(),)), (Abstain(),))
    assert chain == Chain(Average(), [Temperature(), Abstain()])
    assert with_stages(Average(), ()) == Average()
