"""What all tests share: one backend for the process, and the real files beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before anything imports Keras: one backend a process, chosen by whoever runs the tests.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and third-party models; a user's clone has none."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data and models, ../shared, is not beside this checkout")
    return SHARED
