"""The best member alone: the one of a plain loop, as it is or once all are recalibrated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import softmax

import kerasemble as ke
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.crossfit import cross_fit


def log_loss(values, labels, weights):
    true = np.maximum(values[np.arange(len(labels)), labels], 2.0**-24)
    return weights @ -np.log(true) / weights.sum()


@settings(deadline=None, derandomize=True, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 5), st.booleans())
def test_cross_fitted_it_is_the_member_that_a_plain_loop_finds_best_on_the_other_folds(seed, members, count, weighted):
    rng = np.random.default_rng(seed)
    folds = np.append(np.arange(count), rng.integers(0, count, 20))
    answers = rng.dirichlet(np.ones(3), size=(members, len(folds))).astype(np.float32)
    labels = rng.integers(0, 3, len(folds))
    weights = rng.gamma(1, size=len(folds)) + 1e-3 if weighted else np.ones(len(folds))
    seen = Predictions.from_arrays({f"m{index}": each for index, each in enumerate(answers)})
    found = cross_fit(ke.SingleBest(), seen, labels, folds, weights)
    for fold in range(count):
        inside, others = folds == fold, folds != fold
        losses = [log_loss(each[others], labels[others], weights[others]) for each in answers]
        np.testing.assert_allclose(found[inside], answers[int(np.argmin(losses)), inside], atol=1e-7)


def too_sure():
    """A member that is right in 93 % of the rows and too sure, and a mild one that is right in 64 %."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 500)
    sharp = 2.0 * (2 * labels - 1) + 1.35 * rng.normal(size=500)
    mild = 0.35 * (2 * labels - 1) + rng.normal(size=500)
    tables = {
        "sharp": softmax(np.c_[-sharp, sharp] * 25, axis=1),
        "mild": softmax(np.c_[-mild, mild] * 0.35, axis=1),
    }
    return Predictions.from_arrays(tables), labels


def test_15_6_a_member_that_is_right_but_too_sure_is_the_best_once_all_are_recalibrated():
    seen, labels = too_sure()
    assert ke.SingleBest().fit(seen, labels).members == ("mild",)
    fitted = ke.SingleBest(recalibrate=True).fit(seen, labels)
    assert fitted.members == ("sharp",)
    logs = np.log(np.maximum(np.asarray(seen.values[0], dtype=np.float64), 2.0**-24))

    def objective(exponent):
        pulled = 10 / 500 * (exponent - 1) ** 2
        return log_loss(softmax(exponent * logs, axis=1), labels, np.ones(500)) + pulled

    wanted = minimize_scalar(objective, bounds=(1e-3, 5), method="bounded", options={"xatol": 1e-9}).x
    assert fitted.weights == pytest.approx({"sharp": wanted}, rel=1e-4)


@pytest.mark.parametrize("loss", ["error rate", "brier", "balanced error rate"])
def test_by_another_loss_another_member_may_be_the_best(loss):
    seen, labels = too_sure()
    assert ke.SingleBest(loss=loss).fit(seen, labels).members == ("sharp",)


def test_a_member_that_knows_nothing_is_still_a_member():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    # Sure of what is wrong.
    seen = Predictions.from_arrays(
        {name: softmax(-5 * np.eye(3)[labels] + rng.normal(size=(200, 3)), axis=1) for name in "ab"}
    )
    fitted = ke.SingleBest(recalibrate=True).fit(seen, labels)
    assert len(fitted.members) == 1
    np.testing.assert_allclose(fitted(seen), 1 / 3, atol=0.01)


def test_an_unknown_loss_is_refused():
    with pytest.raises(ke.KerasembleError):
        ke.SingleBest(loss="hinge")
