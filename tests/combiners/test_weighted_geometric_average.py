"""The weighted geometric mean against SciPy's minimisation of the stated objective."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.metrics import log_loss

from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.errors import KerasembleError


def pool(weights, seen):
    return np.einsum("m,msc->sc", weights, np.log(np.maximum(seen.values.astype(np.float64), 2.0**-24)))


def objective(weights, seen, labels, strength, rows=None):
    rows = np.ones(len(labels)) if rows is None else rows
    losses = -log_softmax(pool(weights, seen), axis=-1)[np.arange(len(labels)), labels]
    effective = rows.sum() ** 2 / (rows**2).sum()
    return np.average(losses, weights=rows) + strength / effective * ((weights - 1 / len(weights)) ** 2).sum()


@pytest.mark.parametrize("rows", [300, 200, 199, 20, 1])
@pytest.mark.parametrize(
    ("options", "strength"), [({}, 10), ({"strength": 0.1}, 0.1), ({"strength": 1000}, 1000)], ids=repr
)
def test_weights_have_the_objective_of_scipys_optimum_at_any_number_of_rows(labelled, rows, options, strength):
    seen, labels = labelled[0].rows(slice(rows)), labelled[1][:rows]
    found = minimize(
        objective, np.full(4, 0.25), args=(seen, labels, strength), method="L-BFGS-B", bounds=[(0, None)] * 4, tol=1e-12
    )
    fitted = WeightedGeometricAverage(**options).fit(seen, labels)
    weights = np.array(list(fitted.weights.values()))
    assert objective(weights, seen, labels, strength) == pytest.approx(found.fun, abs=1e-6)
    np.testing.assert_allclose(fitted(seen), softmax(pool(weights, seen), axis=-1), atol=1e-6)


@pytest.mark.parametrize("shape", [4.0, 0.5, 0.01])
def test_weighted_rows_are_as_many_as_they_tell_like(labelled, shape):
    seen, labels = labelled
    # The smaller the shape, the fewer rows hold most of the weight.
    rows = np.random.default_rng(0).gamma(shape, size=300)
    found = minimize(
        objective,
        np.full(4, 0.25),
        args=(seen, labels, 10, rows),
        method="L-BFGS-B",
        bounds=[(0, None)] * 4,
        tol=1e-12,
    )
    weights = np.array(list(WeightedGeometricAverage().fit(seen, labels, sample_weight=rows).weights.values()))
    assert objective(weights, seen, labels, 10, rows) == pytest.approx(found.fun, abs=1e-6)


@pytest.mark.parametrize("free_sign", [False, True])
def test_a_temperature_mends_confidence_that_the_pull_would_keep(labelled, free_sign, predictions_of):
    seen, labels = labelled
    timid = predictions_of(0.9 / 5 + 0.1 * seen.values)
    pulled, loose = (
        WeightedGeometricAverage(strength=1000, temperature=each, free_sign=free_sign).fit(timid, labels)
        for each in (False, True)
    )
    assert sum(loose.weights.values()) > 2 * sum(pulled.weights.values())
    assert log_loss(labels, loose(timid)) < log_loss(labels, pulled(timid)) - 0.05


@pytest.mark.parametrize("free_sign", [False, True])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_members_are_kept_than_asked_and_their_weights_are_the_best(labelled, most, free_sign):
    seen, labels = labelled
    fitted = WeightedGeometricAverage(max_members=most, free_sign=free_sign).fit(seen, labels)
    assert 1 <= len(fitted.members) <= most
    subsets = [
        WeightedGeometricAverage(free_sign=free_sign).fit(seen.only(kept), labels)
        for kept in combinations(seen.members, most)
    ]
    best = min(log_loss(labels, each(seen)) for each in subsets)
    # The pull toward equal weights is no part of this loss.
    assert log_loss(labels, fitted(seen)) == pytest.approx(best, rel=0.02)
    alone = WeightedGeometricAverage(free_sign=free_sign).fit(seen.only(fitted.members), labels)
    assert fitted.weights == pytest.approx(alone.weights, abs=1e-4)
    np.testing.assert_array_equal(fitted(seen.only(fitted.members)), fitted(seen))


def test_a_member_is_left_out_for_what_it_costs(labelled):
    seen, labels = labelled
    dear = WeightedGeometricAverage(cost_weight=0.01, costs={"a": 0, "b": 0, "c": 1000, "d": 0}).fit(seen, labels)
    assert "c" in dear.left_out
    assert len(WeightedGeometricAverage(cost_weight=10).fit(seen, labels).members) == 1


def test_members_without_weight_in_all_still_answer(labelled, predictions_of):
    seen, labels = labelled
    reverse = predictions_of(softmax(-20 * np.log(seen.values), axis=-1))
    fitted = WeightedGeometricAverage(strength=1e-6).fit(reverse, labels)
    assert max(fitted.weights.values()) < 1e-6
    np.testing.assert_allclose(fitted(reverse), 0.2, atol=1e-4)


def test_the_weights_may_sharpen_a_timid_member(predictions_of):
    timid = np.where(np.eye(2)[[0, 1] * 100] == 1, 0.6, 0.4)
    fitted = WeightedGeometricAverage().fit(predictions_of([timid]), [0, 1] * 100)
    assert fitted.weights["a"] > 2


def test_a_member_that_misleads_gets_no_weight(labelled, predictions_of):
    seen, labels = labelled
    reverse = softmax(-np.log(seen.values[-1:]), axis=-1)
    fitted = WeightedGeometricAverage().fit(predictions_of(np.concatenate([seen.values, reverse])), labels)
    assert fitted.left_out == ("e",)
    free = WeightedGeometricAverage(free_sign=True).fit(predictions_of(np.concatenate([seen.values, reverse])), labels)
    assert free.weights["e"] < 0
    assert free.left_out == ()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_members": 0}, "max_members must be a whole number of at least 1"),
        ({"cost_weight": -1}, "cost_weight must be finite and not negative"),
        ({"costs": ["much"]}, "must be numbers"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(options, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedGeometricAverage(**options)


def test_as_it_comes_the_pull_is_of_ten_rows():
    assert WeightedGeometricAverage() == WeightedGeometricAverage(strength=10.0)


@pytest.mark.parametrize("strength", [0, -1, np.nan, np.inf])
def test_a_strength_that_is_not_above_zero_is_refused(strength):
    with pytest.raises(KerasembleError, match=f"above zero and finite. Received: strength={strength}"):
        WeightedGeometricAverage(strength=strength)
