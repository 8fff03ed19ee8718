"""Plain means against NumPy's and SciPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gmean

from kerasemble.combiners.average import Average
from kerasemble.combiners.geometric_average import GeometricAverage

# The results are rounded to float32, and float32 sums of one carry that rounding.
ROUNDING = 1e-6


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_average_is_numpys_mean(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    np.testing.assert_allclose(Average().fit(seen)(seen), np.mean(seen.values, axis=0), atol=ROUNDING)


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_geometric_average_is_scipys_geometric_mean_of_the_clipped_normalised(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    mean = gmean(np.maximum(seen.values.astype(np.float64), 2.0**-24), axis=0)
    expected = mean / mean.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(GeometricAverage().fit(seen)(seen), expected, atol=ROUNDING)


def test_one_sure_member_rules_a_class_out_of_the_geometric_average_alone(predictions_of):
    seen = predictions_of([[[0.0, 1.0]], [[0.9, 0.1]], [[0.9, 0.1]]])
    assert Average().fit(seen)(seen).argmax() == 0
    assert GeometricAverage().fit(seen)(seen).argmax() == 1
