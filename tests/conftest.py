"""What all tests share: one backend for the process, and the real files beside the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

# Before anything imports Keras: one backend a process, chosen by whoever runs the tests.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Scripts for processes of their own, and a module that only some tests import.
collect_ignore = ["bare.py", "golden/make.py", "ensemble/registered_classes.py"]

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and third-party models; a user's clone has none."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real data and models, ../shared, is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def answer():
    """What a model answers to x at inference, as NumPy; quicker than `predict`, which compiles."""
    import keras

    return lambda model, x: keras.ops.convert_to_numpy(model(x, training=False))


@pytest.fixture(scope="session")
def dense():
    """A small classifier of rows of 6 numbers, its random weights large enough to make it sure of some rows."""
    import keras

    def make(seed: int, name: str = "model", activation: str | None = "softmax", classes: int = 3):
        rng = np.random.default_rng(seed)
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(classes, activation=activation)], name=name)
        model.set_weights([rng.normal(size=weights.shape) for weights in model.get_weights()])
        return model

    return make


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """What bare Keras answers in a process that never imports kerasemble, on a backend of choice: one array a file."""

    def answers(files: Mapping[Path, np.ndarray], backend: str, modules: Sequence[str] = (), path: str = ""):
        folder = tmp_path_factory.mktemp("bare")
        models = [(str(file), str(folder / f"{i}.x.npy"), str(folder / f"{i}.npy")) for i, file in enumerate(files)]
        for (_, target, _), x in zip(models, files.values(), strict=True):
            np.save(target, x)
        jobs = folder / "jobs.json"
        jobs.write_text(json.dumps({"models": models, "modules": list(modules)}), encoding="utf-8")
        env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": path}
        script = Path(__file__).with_name("bare.py")
        result = subprocess.run([sys.executable, script, jobs], env=env, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return {file: np.load(target) for file, (_, _, target) in zip(files, models, strict=True)}

    return answers
