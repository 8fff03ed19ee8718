"""Members that a solver meets: plain, copied, certain, useless, few rows, many members; and what rows count."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import softmax

from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task

SHAPES = {"plain": (4, 200, 5), "few-rows": (6, 4, 3), "one-row": (3, 1, 2), "many-members": (25, 60, 4)}


def _members(shape, seed=0):
    members, samples, classes = shape
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    skill = rng.uniform(0, 3, size=(members, 1, 1))
    return softmax(skill * np.eye(classes)[labels] + 1.5 * rng.normal(size=shape), axis=-1), labels


def _copied(values):
    return np.concatenate([values[:1], values[:1], values[1:]])


def _certain(values):
    return np.eye(values.shape[-1])[values.argmax(axis=-1)]


def _useless(values):
    return np.concatenate([np.full_like(values[:1], 1 / values.shape[-1]), values[1:]])


CASES = {
    **{name: lambda shape=shape: _members(shape) for name, shape in SHAPES.items()},
    "copied-member": lambda: (_copied(_members(SHAPES["plain"])[0]), _members(SHAPES["plain"])[1]),
    "zeros-and-ones": lambda: (_certain(_members(SHAPES["plain"])[0]), _members(SHAPES["plain"])[1]),
    "uniform-member": lambda: (_useless(_members(SHAPES["plain"])[0]), _members(SHAPES["plain"])[1]),
    "absent-classes": lambda: (_members(SHAPES["plain"])[0], _members(SHAPES["plain"])[1] % 2),
    "one-member": lambda: _members((1, 50, 3)),
    # Labels only are given as such below.
    "labels-only": lambda: _members((4, 200, 3), seed=2),
}


def _predictions(values):
    members, classes = (tuple(str(index) for index in range(size)) for size in (len(values), values.shape[-1]))
    task = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
    return Predictions(values.astype(np.float32), members, classes, task)


@pytest.fixture(params=CASES, scope="session")
def case(request):
    """Predictions of (members, samples, classes) and (samples,) labels."""
    values, labels = CASES[request.param]()
    seen = _predictions(values)
    if request.param == "labels-only":
        seen = dataclasses.replace(seen, values=values.argmax(axis=-1).astype(np.uint8))
    return seen, labels


@pytest.fixture
def uneven(case):
    """How much each row counts (samples,), by gamma's law, and every third row not at all."""
    drawn = np.random.default_rng(1).gamma(1, size=case[0].samples)
    return np.where(np.arange(case[0].samples) % 3 == 1, 0.0, drawn)


@pytest.fixture(params=["even", "uneven"])
def weights(request, uneven):
    """How much each row counts (samples,): alike, and unevenly."""
    return uneven if request.param == "uneven" else np.ones(len(uneven))


@pytest.fixture(scope="session")
def many():
    """Predictions of (4, 12 000, 3) and labels: enough rows for solvers to begin with a part of them."""
    values, labels = _members((4, 12_000, 3), seed=1)
    return _predictions(values), labels


@pytest.fixture(scope="session")
def planted():
    """Predictions of (6, 400, 4) in which the true posterior is the mean of members 1 and 4, and labels drawn of it."""
    rng = np.random.default_rng(0)
    values = softmax(2 * rng.normal(size=(6, 400, 4)), axis=-1)
    truth = (values[1] + values[4]) / 2
    labels = (truth.cumsum(axis=-1) > rng.random((400, 1))).argmax(axis=-1)
    return _predictions(values), labels
