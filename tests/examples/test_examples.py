"""The examples do what they say."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytestmark = [pytest.mark.backend, pytest.mark.slow]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def load(name):
    """Return an example script as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_weights_trained_in_keras_come_to_the_exact_ones_and_members_train_when_unfrozen():
    losses = {name: learned for name, (learned, _) in load("train_weights_in_keras").main().items()}
    # No weights are better on these rows than the exact ones, and training comes close to them.
    assert losses["exact weights"] - 1e-6 <= losses["trained weights"] < losses["exact weights"] + 0.002
    assert losses["trained weights"] < losses["equal weights"]
    assert losses["mlp trained too"] < losses["exact weights"]
