"""Row-wise scores against scikit-learn's means of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from kerasemble.core.arrays import CLIP
from kerasemble.core.metrics import hits, log_losses


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(7), size=300), rng.integers(0, 7, 300)


def test_mean_log_loss_is_scikit_learns(scored):
    probabilities, labels = scored
    assert log_losses(probabilities, labels).mean() == pytest.approx(log_loss(labels, probabilities), rel=1e-12)


def test_accuracy_is_scikit_learns(scored):
    probabilities, labels = scored
    assert hits(probabilities, labels).mean() == accuracy_score(labels, probabilities.argmax(axis=1))


def test_a_probability_of_zero_costs_no_more_than_the_clip():
    losses = log_losses(np.array([[1.0, 0.0], [1.0, 0.0]], dtype=np.float16), np.array([1, 0]))
    assert losses.dtype == np.float64
    np.testing.assert_allclose(losses, [-np.log(CLIP), 0])


@pytest.mark.parametrize(
    ("row", "expected"),
    [([0.5, 0.5, 0.0], [0.5, 0.5, 0]), ([1 / 3, 1 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3]), ([0.4, 0.5, 0.1], [0, 1, 0])],
)
def test_a_row_whose_top_classes_tie_counts_by_its_share_wherever_they_stand(row, expected):
    np.testing.assert_allclose(hits(np.array([row] * 3), np.arange(3)), expected)
