"""Probabilities of every kind, drawn by Hypothesis, and predictions made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task


@st.composite
def _pools(draw, members=(1, 5), samples=(1, 6), classes=(2, 5)):
    """Draw float32 (members, samples, classes) that sum to one: exact zeros, ones and ties among them."""
    shape = tuple(draw(st.integers(*span)) for span in (members, samples, classes))
    element = st.sampled_from([0.0, 0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1, width=32)
    raw = draw(arrays.arrays(np.float64, shape, elements=element))
    # A row of zeros has no direction of its own: it becomes a row that cannot decide.
    raw[raw.sum(axis=-1) == 0] = 1
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def pools():
    """The strategy, to be drawn from with `data.draw(pools)`."""
    return _pools()


@pytest.fixture(scope="session")
def predictions_of():
    """Predictions of members "a", "b", ... over classes "0", "1", ... made of an array."""

    def make(values):
        values = np.asarray(values, dtype=np.float32)
        members = tuple("abcdefghijklmnopqrstuvwxyz"[: len(values)])
        classes = tuple(str(index) for index in range(values.shape[-1]))
        task = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
        return Predictions(values, members, classes, task)

    return make


@pytest.fixture(scope="session")
def labelled(predictions_of):
    """Four members of different skill over 300 rows of five classes, and the labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 5, 300)
    skill = np.array([0.5, 1.0, 2.0, 3.0])[:, None, None]
    raw = np.exp(skill * np.eye(5)[labels] + rng.normal(size=(4, 300, 5)))
    return predictions_of(raw / raw.sum(axis=-1, keepdims=True)), labels
