"""The mean whose weights depend on the sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from kerasemble.combiners import gated_average
from kerasemble.combiners.gated_average import GatedAverage
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.metrics import log_losses
from kerasemble.testing import KERAS_CHECKS, NUMPY_CHECKS
from kerasemble.testing.samples import fit


@pytest.fixture(scope="module")
def regions(predictions_of):
    """Four members, each sharp about its own of four classes and vague about the others; rows to fit and to score."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 2300)
    skill = np.where(labels == np.arange(4)[:, None], 4.0, 1.0)[..., None]
    seen = predictions_of(softmax(skill * np.eye(4)[labels] + rng.normal(size=(4, 2300, 4)), -1))
    return (seen.rows(slice(300)), labels[:300]), (seen.rows(slice(300, None)), labels[300:])


# As it comes it may well learn constant weights from the few rows of the checks.
@pytest.mark.parametrize("check", NUMPY_CHECKS, ids=lambda check: check.__name__)
def test_a_gate_keeps_every_promise(check):
    check(GatedAverage(strength=1.0))


@pytest.mark.backend
@pytest.mark.parametrize("check", KERAS_CHECKS, ids=lambda check: check.__name__)
def test_a_gate_keeps_every_promise_in_keras(check):
    check(GatedAverage(strength=1.0))


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.data())
def test_the_answer_is_the_sum_over_members_by_loops(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    members, samples, classes = seen.values.shape
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    learned = {"log_weights": rng.normal(size=members), "gate": rng.normal(size=(members, classes, members))}
    answer = GatedAverage().combine(seen.values.astype(np.float64), learned, np)
    for row in range(samples):
        logits = learned["log_weights"] + np.einsum("kc,kcm->m", seen.values[:, row], learned["gate"])
        np.testing.assert_allclose(answer[row], softmax(logits) @ seen.values[:, row], atol=1e-12)


def test_unseen_rows_are_answered_far_better_where_members_are_right_in_different_regions(regions):
    (seen, labels), (unseen, truth) = regions
    gated = log_losses(GatedAverage().fit(seen, labels)(unseen), truth).mean()
    constant = log_losses(WeightedAverage().fit(seen, labels)(unseen), truth).mean()
    assert gated < constant - 0.1


def test_constant_weights_are_the_weighted_averages_where_no_gate_helps(predictions_of):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 100)
    good = softmax(2 * np.eye(3)[labels] + rng.normal(size=(100, 3)), -1)
    seen = predictions_of([good, np.full((100, 3), 1 / 3), good])
    fitted, constant = fit(GatedAverage(), seen, labels), WeightedAverage().fit(seen, labels)
    assert fitted.learned.keys() == {"log_weights"}
    assert fitted.weights == pytest.approx(constant.weights)
    assert (fitted.gap, fitted.left_out) == (constant.gap, constant.left_out)
    assert "constant weights, as a gate does not pay" in repr(fitted)


def test_a_huge_strength_is_the_weighted_average_but_for_the_floor(labelled):
    seen, labels = labelled
    fitted = fit(GatedAverage(strength=1e9), seen, labels)
    np.testing.assert_allclose(fitted(seen), WeightedAverage().fit(seen, labels)(seen), atol=0.01)


def test_members_that_give_labels_only_are_gated_by_their_votes(predictions_of):
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 4, 400)
    # Each is right about two classes, and calls the other two one thing.
    votes = [np.where(labels < 2, labels, 2), np.where(labels < 2, 0, labels)]
    seen = predictions_of(np.eye(4)[votes])
    fitted = fit(GatedAverage(strength=0.1), seen, labels)
    assert (fitted(seen).argmax(axis=1) == labels).mean() == 1


def test_it_says_the_constant_part_and_how_far_the_gate_moves_it(regions):
    (seen, labels), _ = regions
    fitted = fit(GatedAverage(strength=1.0), seen, labels)
    assert repr(fitted).startswith("Fitted gated average: a 0.")
    moved = np.sqrt(np.mean(fitted.learned["gate"] ** 2))
    assert repr(fitted).endswith(f"before the gate, whose entries are {moved:.2g} (root mean square)")
    many = {"log_weights": np.zeros(20), "gate": np.zeros((20, 2, 20))}
    assert "m11 0.050 and 8 more" in GatedAverage().describe(many, [f"m{i}" for i in range(20)], ["x", "y"])


def test_not_converging_is_warned_of_with_the_trace(regions, monkeypatch):
    from kerasemble.solvers import gate

    monkeypatch.setattr(gate, "_MAX_STEPS", 3)
    with pytest.warns(
        KerasembleWarning, match=r"did not converge in 3 steps\. Its loss went 0\.\d+, .*larger strength"
    ):
        GatedAverage(strength=0.1).fit(*regions[0])


def test_a_gate_too_large_to_learn_is_refused_with_what_to_take_instead(labelled, monkeypatch):
    monkeypatch.setattr(gated_average, "_MOST_NUMBERS", 79)
    with pytest.raises(KerasembleError, match=r"at most 79.*4 members and 5 classes, 80.*WeightedAverage"):
        GatedAverage().fit(*labelled)


@pytest.mark.parametrize("strength", [0, -1.0, np.nan, np.inf])
def test_a_strength_that_is_none_is_refused(strength):
    with pytest.raises(KerasembleError, match="strength must be above zero and finite"):
        GatedAverage(strength=strength)


@pytest.mark.parametrize("drop", [-0.1, 1.1, np.nan])
def test_a_drop_that_is_no_probability_is_refused(drop):
    with pytest.raises(KerasembleError, match="drop must be a probability"):
        GatedAverage(drop=drop)
