"""Synthetic members whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from kerasemble.core.predictions import Predictions


@pytest.fixture(scope="session")
def make_members():
    """Members of given skills with independent errors, and the labels: (Predictions, labels)."""

    def make(samples, skills=(1.8, 1.9, 2.0), classes=3, seed=0):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, classes, samples)
        truth = np.eye(classes)[labels]
        arrays = {
            # Times the skill: so the softmax is the true posterior, and each member is calibrated.
            name: softmax(skill * (skill * truth + rng.normal(size=truth.shape)), axis=-1)
            for name, skill in zip("abcdefg", skills, strict=False)
        }
        return Predictions.from_arrays(arrays), labels

    return make


@pytest.fixture(scope="session")
def seen(make_members):
    """Predictions of three good members for 600 rows."""
    return make_members(600)[0]


@pytest.fixture(scope="session")
def labels(make_members):
    """The class index of each row of `seen`."""
    return make_members(600)[1]
