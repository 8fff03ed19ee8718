"""Temperature, vector scaling and isotonic curves against SciPy and scikit-learn."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import log_loss

from kerasemble import Isotonic, KerasembleError, Temperature, VectorScaling
from kerasemble.core.arrays import softmax

CALIBRATORS = [Temperature(), VectorScaling(), Isotonic()]


def drawn(rows=600, classes=4, seed=0, sharpness=2.0):
    """Return probabilities that are too sharp, labels, and weights of the rows."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes)) * 1.5
    shift = np.linspace(-0.5, 0.5, classes)
    labels = np.array([rng.choice(classes, p=row) for row in softmax(logits + shift, np)])
    return softmax(sharpness * logits, np), labels, rng.uniform(0.2, 2, rows)


def taught(stage, probabilities, labels, weights):
    return stage.apply(probabilities, stage.learn(probabilities, labels, weights).learned, np)


def losses(answers, labels, weights):
    return -np.average(np.log(answers[np.arange(len(labels)), labels]), weights=weights)


def test_temperature_is_the_one_that_scipy_finds():
    seen, labels, weights = drawn()

    def loss(temperature):
        return losses(softmax(np.log(seen) / temperature, np), labels, weights)

    wanted = minimize(lambda at: loss(at[0]), [1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x[0]
    found = Temperature(strength=1e-6).learn(seen, labels, weights)
    assert np.exp(-found.learned["log_power"][0]) == pytest.approx(wanted, abs=1e-5)
    assert found.gap <= 1e-8


@given(seed=st.integers(0, 10_000), sharpness=st.floats(0.1, 6))
def test_temperature_keeps_the_most_probable_class_of_every_row(seed, sharpness):
    seen, labels, weights = drawn(60, seed=seed, sharpness=sharpness)
    answers = taught(Temperature(), seen, labels, weights)
    chosen = answers[np.arange(60), seen.argmax(axis=1)]
    np.testing.assert_allclose(chosen, answers.max(axis=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("strength", [0.01, 1.0, 50.0])
def test_vector_scaling_is_the_one_that_scipy_finds(strength):
    seen, labels, weights = drawn()
    ridge = strength * (weights**2).sum() / weights.sum() ** 2

    def loss(at):
        scales, shifts = at.reshape(2, -1)
        penalty = ((scales - 1) ** 2).sum() + (shifts**2).sum()
        return losses(softmax(scales * np.log(seen) + shifts, np), labels, weights) + ridge * penalty

    wanted = minimize(loss, np.repeat([1.0, 0.0], 4), method="BFGS", options={"gtol": 1e-7}).x
    found = VectorScaling(strength).learn(seen, labels, weights)
    np.testing.assert_allclose(np.concatenate([*found.learned.values()]), wanted, rtol=0, atol=2e-5)
    assert found.gap <= 1e-10


def test_isotonic_curves_are_those_of_scikit_learn():
    seen, labels, weights = drawn(3_000)
    # Steps wide enough not to be widened for float32.
    seen = np.round(seen, 2)
    stage, tested = Isotonic(knots=1_000), np.random.default_rng(1).uniform(size=(500, 4))
    answers = stage.apply(tested, stage.learn(seen, labels, weights).learned, np)
    rows = weights.sum() ** 2 / (weights**2).sum()
    curves = [
        IsotonicRegression(out_of_bounds="clip").fit(seen[:, index], labels == index, weights) for index in range(4)
    ]
    # The ends of levels are clipped there, and the lines between them drawn after that.
    for curve in curves:
        curve.f_.y = np.clip(curve.f_.y, 1 / (rows + 2) / 3, 1 - 1 / (rows + 2))
    wanted = np.stack([curve.predict(tested[:, index]) for index, curve in enumerate(curves)], axis=1)
    np.testing.assert_allclose(answers, wanted / wanted.sum(axis=1, keepdims=True), rtol=0, atol=1e-6)


def test_isotonic_curves_of_more_corners_than_knots_stay_near_to_those_of_all():
    seen, labels, weights = drawn(5_000)
    every, few = (taught(Isotonic(knots), seen, labels, weights) for knots in (10_000, 16))
    assert 0 < np.abs(every - few).mean() < 0.02
    learned = Isotonic(16).learn(seen, labels, weights).learned
    assert learned["rises"].shape == (4, 15)


def test_isotonic_never_says_that_a_class_is_impossible():
    seen = np.repeat(np.eye(3), 20, axis=0)
    answers = taught(Isotonic(), seen, np.repeat([0, 1, 2], 20), np.ones(60))
    assert answers.min() == pytest.approx(1 / 62 / 2, rel=1e-6)
    assert answers.max() == pytest.approx(61 / 62, rel=1e-6)


@pytest.mark.parametrize("stage", CALIBRATORS, ids=repr)
def test_calibrators_lower_the_log_loss_of_rows_that_they_did_not_see(stage):
    seen, labels, weights = drawn(8_000)
    learned = stage.learn(seen[:4_000], labels[:4_000], weights[:4_000]).learned
    answers = stage.apply(seen[4_000:], learned, np)
    assert log_loss(labels[4_000:], answers) < log_loss(labels[4_000:], seen[4_000:]) - 0.1


@pytest.mark.parametrize("stage", CALIBRATORS, ids=repr)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_is_irrelevant(stage, seed):
    seen, labels, weights = drawn(50, seed=seed)
    order = np.random.default_rng(seed).permutation(50)
    straight = stage.learn(seen, labels, weights).learned
    shuffled = stage.learn(seen[order], labels[order], weights[order]).learned
    for name, array in straight.items():
        np.testing.assert_allclose(shuffled[name], array, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Temperature(strength=0), "strength must be above zero"),
        (lambda: VectorScaling(strength=np.inf), "strength must be above zero"),
        (lambda: Isotonic(knots=1), "knots must be a whole number of at least 2. Received: knots=1"),
        (lambda: Isotonic(knots=2.5), "knots must be"),
    ],
)
def test_options_out_of_range_are_refused(make, says):
    with pytest.raises(KerasembleError, match=re.escape(says)):
        make()
