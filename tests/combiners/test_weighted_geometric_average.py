"""The weighted geometric mean against SciPy's minimisation of the stated objective."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.errors import KerasembleError


def pool(weights, seen):
    return np.einsum("m,msc->sc", weights, np.log(np.maximum(seen.values.astype(np.float64), 2.0**-24)))


def objective(weights, seen, labels, strength):
    losses = -log_softmax(pool(weights, seen), axis=-1)[np.arange(len(labels)), labels]
    return losses.mean() + strength / len(labels) * ((weights - 1 / len(weights)) ** 2).sum()


@pytest.mark.parametrize(
    ("rows", "asked", "strength"),
    [(300, None, 10), (200, None, 10), (199, None, 100), (20, None, 100), (300, 0.1, 0.1), (20, 1000, 1000)],
)
def test_weights_have_the_objective_of_scipys_optimum(labelled, rows, asked, strength):
    seen, labels = labelled[0].rows(slice(rows)), labelled[1][:rows]
    found = minimize(
        objective, np.full(4, 0.25), args=(seen, labels, strength), method="L-BFGS-B", bounds=[(0, None)] * 4, tol=1e-12
    )
    fitted = WeightedGeometricAverage(strength=asked).fit(seen, labels)
    weights = np.array(list(fitted.weights.values()))
    assert objective(weights, seen, labels, strength) == pytest.approx(found.fun, abs=1e-6)
    np.testing.assert_allclose(fitted(seen), softmax(pool(weights, seen), axis=-1), atol=1e-6)


def test_the_weights_may_sharpen_a_timid_member(predictions_of):
    timid = np.where(np.eye(2)[[0, 1] * 100] == 1, 0.6, 0.4)
    fitted = WeightedGeometricAverage().fit(predictions_of([timid]), [0, 1] * 100)
    assert fitted.weights["a"] > 2


def test_a_member_that_misleads_gets_no_weight(labelled, predictions_of):
    seen, labels = labelled
    reverse = softmax(-np.log(seen.values[-1:]), axis=-1)
    fitted = WeightedGeometricAverage().fit(predictions_of(np.concatenate([seen.values, reverse])), labels)
    assert fitted.weights["e"] < 1e-6


@pytest.mark.parametrize("strength", [0, -1, np.nan, np.inf])
def test_a_strength_that_is_not_above_zero_is_refused(strength):
    with pytest.raises(KerasembleError, match=f"above zero and finite. Received: strength={strength}"):
        WeightedGeometricAverage(strength=strength)
