"""Members that a solver meets: plain, copied, certain, useless, few rows, many members."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

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
    "one-member": lambda: _members((1, 50, 3)),
}


@pytest.fixture(params=CASES, scope="session")
def case(request):
    """(members, samples, classes) float32 probabilities and (samples,) labels."""
    values, labels = CASES[request.param]()
    return values.astype(np.float32), labels
