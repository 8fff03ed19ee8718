"""Plain means against NumPy's and SciPy's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import gmean

from kerasemble.combiners.average import Average
from kerasemble.combiners.geometric_average import GeometricAverage
from kerasemble.core.predictions import Predictions

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


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_the_average_of_labels_is_the_share_of_members_that_gave_each(data):
    members, samples, classes = (data.draw(st.integers(*span)) for span in ((1, 5), (1, 6), (2, 300)))
    votes = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples),
                min_size=members,
                max_size=members,
            )
        )
    )
    seen = Predictions.from_labels(dict(zip("abcde", votes, strict=False)), classes)
    shares = [np.bincount(votes[:, row], minlength=classes) / members for row in range(samples)]
    answer = Average().fit(seen)(seen)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer, shares, atol=ROUNDING)


def test_the_geometric_average_of_labels_is_that_of_their_clipped_certainty(predictions_of):
    votes = np.random.default_rng(0).integers(0, 3, (4, 50))
    seen = Predictions.from_labels(dict(zip("abcd", votes, strict=True)), 3)
    certain = predictions_of(np.eye(3)[votes])
    np.testing.assert_allclose(
        GeometricAverage().fit(seen)(seen), GeometricAverage().fit(certain)(certain), atol=ROUNDING
    )


def test_one_sure_member_rules_a_class_out_of_the_geometric_average_alone(predictions_of):
    seen = predictions_of([[[0.0, 1.0]], [[0.9, 0.1]], [[0.9, 0.1]]])
    assert Average().fit(seen)(seen).argmax() == 0
    assert GeometricAverage().fit(seen)(seen).argmax() == 1
