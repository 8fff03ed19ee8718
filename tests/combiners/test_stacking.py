"""Stacking against its stated objective, and against the pool that it is shrunk toward."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax

from kerasemble.combiners import stacking
from kerasemble.combiners.stacking import Stacking
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.predictions import Predictions


def logs(seen):
    return np.log(np.maximum(seen.block(slice(None)), 2.0**-24))


def log_loss(answer, labels):
    return -np.log(np.maximum(answer[np.arange(len(labels)), labels], 2.0**-24)).mean()


def drawn(predictions_of, rows, *, confused, seed=0, classes=4, members=3):
    """Return members that mistake classes for others, each in its own way, or that are only noisy; and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    values = []
    for member in range(members):
        seen = np.eye(classes) * 2
        if confused:
            seen += 2 * np.roll(np.eye(classes), member + 1, axis=1)
        values.append(softmax(seen[labels] + rng.normal(size=(rows, classes)), axis=-1))
    return predictions_of(values), labels


@given(st.data())
def test_the_formula_is_the_sum_over_members_and_classes(pools, data):
    values = data.draw(pools).astype(np.float64)
    members, _, classes = values.shape
    rng = np.random.default_rng(0)
    learned = {
        "log_weights": rng.normal(size=members),
        "departures": rng.normal(size=(members, classes, classes)),
        "bias": rng.normal(size=classes),
        "scale": np.array(0.3),
    }
    wanted = []
    for sample in range(values.shape[1]):
        total = 0.3 * learned["bias"]
        for member, true, given_class in itertools.product(range(members), range(classes), range(classes)):
            weight = 0.3 * learned["departures"][member, given_class, true]
            weight += np.exp(learned["log_weights"][member]) * (given_class == true)
            total[true] += weight * np.log(max(values[member, sample, given_class], 2.0**-24))
        wanted.append(softmax(total))
    np.testing.assert_allclose(Stacking().combine(values, learned, np), wanted, atol=1e-12)


@pytest.mark.parametrize("strength", [1.0, 30.0, 1000.0])
@pytest.mark.parametrize("uneven", [False, True])
def test_what_is_learned_minimises_the_stated_objective(labelled, strength, uneven):
    seen, labels = labelled
    weights = np.random.default_rng(0).gamma(1, size=len(labels)) if uneven else np.ones(len(labels))
    rows = weights.sum() ** 2 / (weights**2).sum()
    learned = Stacking(strength=strength).fit(seen, labels, sample_weight=weights).learned
    departures = learned["scale"] * learned["departures"]
    bias = learned["scale"] * learned["bias"]
    pool = np.exp(learned["log_weights"])
    given_pool = WeightedGeometricAverage().fit(seen, labels, sample_weight=weights)
    np.testing.assert_allclose(pool, list(given_pool.weights.values()), atol=1e-6)

    def objective(moved, at):
        logits = np.einsum("m,msc->sc", pool, logs(seen)) + np.einsum("msc,mcd->sd", logs(seen), moved) + at
        losses = -log_softmax(logits, axis=-1)[np.arange(len(labels)), labels]
        return losses @ weights / weights.sum() + strength / rows * ((moved**2).sum() + (at**2).sum() / 9)

    least, rng = objective(departures, bias), np.random.default_rng(1)
    for step, _ in itertools.product((1e-3, 1e-2, 0.1), range(20)):
        # Within the space of centred log-probabilities, where the fit looks.
        moved = rng.normal(size=departures.shape)
        moved -= moved.mean(axis=1, keepdims=True)
        assert objective(departures + step * moved, bias + step * rng.normal(size=bias.shape)) > least


def test_the_gap_is_certified(labelled):
    assert Stacking(strength=1).fit(*labelled).gap <= 1e-8


def test_confusions_that_members_make_again_and_again_are_mended(predictions_of):
    seen, labels = drawn(predictions_of, 1000, confused=True)
    fitted, pool = Stacking().fit(seen, labels), WeightedGeometricAverage().fit(seen, labels)
    new, truth = drawn(predictions_of, 3000, confused=True, seed=1)
    assert log_loss(fitted(new), truth) < log_loss(pool(new), truth) - 0.05


@pytest.mark.parametrize("rows", [50, 200, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_where_the_pool_is_right_it_loses_nothing(predictions_of, rows, seed):
    seen, labels = drawn(predictions_of, rows, confused=False, seed=seed)
    fitted, pool = Stacking().fit(seen, labels), WeightedGeometricAverage().fit(seen, labels)
    new, truth = drawn(predictions_of, 3000, confused=False, seed=10 + seed)
    assert log_loss(fitted(new), truth) < log_loss(pool(new), truth) + 0.01


@pytest.mark.parametrize("rows", [1, 2, 19])
def test_few_rows_give_the_pool_itself(labelled, rows):
    seen, labels = labelled[0].rows(slice(rows)), labelled[1][:rows]
    fitted, pool = Stacking().fit(seen, labels), WeightedGeometricAverage().fit(seen, labels)
    assert set(fitted.learned) == {"log_weights"}
    np.testing.assert_array_equal(fitted(seen), pool(seen))
    assert fitted.weights == pool.weights
    assert "the log-linear pool itself" in repr(fitted)


def test_a_pool_leaves_out_members_without_weight_and_a_departure_does_not(labelled, predictions_of):
    seen, labels = labelled
    reverse = softmax(-logs(seen)[-1:], axis=-1)
    worse = predictions_of(np.concatenate([seen.values, reverse]))
    assert Stacking(strength=10).fit(worse, labels).members == worse.members
    few = Stacking(pool_strength=0.01).fit(worse.rows(slice(15)), labels[:15])
    assert "e" in few.left_out


def test_rows_in_another_order_choose_the_same_strength(predictions_of):
    seen, labels = drawn(predictions_of, 300, confused=True)
    order = np.random.default_rng(0).permutation(300)
    straight, shuffled = Stacking().fit(seen, labels), Stacking().fit(seen.rows(order), labels[order])
    assert straight.learned["scale"] == shuffled.learned["scale"]
    np.testing.assert_allclose(straight.learned["departures"], shuffled.learned["departures"], atol=1e-6)


def test_of_many_rows_a_part_chooses_the_strength(predictions_of, monkeypatch):
    seen, labels = drawn(predictions_of, 600, confused=True)
    sizes = []
    choose = stacking.choose_strength
    monkeypatch.setattr(stacking, "choose_strength", lambda *given: sizes.append(len(given[1])) or choose(*given))
    for name in ("_MOST_ROWS", "_LEAST_ROWS"):
        monkeypatch.setattr(stacking, name, 200)
    assert Stacking().fit(seen, labels).gap <= 1e-8
    assert sizes == [200]


def test_labels_only_are_learned_from(predictions_of):
    seen, labels = drawn(predictions_of, 1000, confused=True)
    votes = dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True))
    by_label = Predictions.from_labels(votes, classes=seen.classes)
    fitted, pool = Stacking().fit(by_label, labels), WeightedGeometricAverage().fit(by_label, labels)
    assert log_loss(fitted(by_label), labels) < log_loss(pool(by_label), labels)


@pytest.mark.parametrize("rows", [30, 300])
@pytest.mark.parametrize("pool_strength", [0.1, 10.0, 1000.0])
def test_the_pool_is_pulled_as_hard_as_its_strength_says_at_any_number_of_rows(labelled, rows, pool_strength):
    seen, labels = labelled[0].rows(slice(rows)), labelled[1][:rows]
    stacked = Stacking(strength=5, pool_strength=pool_strength).fit(seen, labels)
    pool = WeightedGeometricAverage(strength=pool_strength).fit(seen, labels)
    np.testing.assert_allclose(stacked.learned["log_weights"], pool.learned["log_weights"], atol=1e-9)


def test_as_it_comes_the_pool_is_that_of_the_default():
    assert Stacking() == Stacking(strength=None, pool_strength=WeightedGeometricAverage().strength)


def test_what_was_learned_is_told_member_by_member(labelled):
    text = repr(Stacking(strength=30).fit(*labelled))
    lines = text.splitlines()
    assert "30 rows" in lines[0]
    assert lines[1].split("  ")[-2:] == ["pool weight", "norm of its corrections"]
    assert [line.split()[0] for line in lines[2:6]] == ["a", "b", "c", "d"]


def test_of_many_members_twelve_are_told(predictions_of):
    seen, labels = drawn(predictions_of, 60, confused=False, members=15)
    lines = repr(Stacking(strength=30).fit(seen, labels)).splitlines()
    assert len(lines) == 2 + 12 + 2
    assert "and 3 more" in lines[-2]


def test_too_many_numbers_are_refused(predictions_of):
    seen = predictions_of(np.full((2, 3, 708), 1 / 708))
    with pytest.raises(
        KerasembleError, match=r"2 members and 708 classes, 1,002,528. Take WeightedGeometricAverage or"
    ):
        Stacking().fit(seen, [0, 1, 2])


def test_a_fit_that_stops_short_says_so(labelled, monkeypatch):
    monkeypatch.setattr("kerasemble.solvers.multinomial._MAX_STEPS", 1)
    with pytest.warns(KerasembleWarning, match="The weights of stacking did not converge in 1 steps"):
        Stacking(strength=0.1).fit(*labelled)


@pytest.mark.parametrize("name", ["strength", "pool_strength"])
@pytest.mark.parametrize("value", [0, -1, np.nan, np.inf])
def test_a_strength_that_is_not_above_zero_is_refused(name, value):
    with pytest.raises(KerasembleError, match=f"{name} must be above zero and finite. Received: {name}={value}"):
        Stacking(**{name: value})
