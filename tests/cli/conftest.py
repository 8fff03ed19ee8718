"""Small models and data as files, and the command line run in this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

CLASSES = ("cat", "dog", "eel")
SHAPE = (6, 6, 1)


class Result(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


@pytest.fixture
def kerasemble(capsys, monkeypatch):
    """Run the command line as `kerasemble ARGS...` and return its exit code and what it printed."""
    from kerasemble.cli import main

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["kerasemble", *map(os.fspath, args)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        return Result(code, *capsys.readouterr())

    return run


def toy_data(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy images (rows, 6, 6, 1) of 0..255, each class brighter in a row pair of its own."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(CLASSES), rows)
    x = rng.normal(110, 60, size=(rows, *SHAPE))
    for index, label in enumerate(y):
        x[index, 2 * label : 2 * label + 2] += 30
    return np.clip(x, 0, 255).astype(np.uint8), y


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with a.keras, b.h5, c.keras (logits), valid.npz, test.npz and plain.npz, which has no labels."""
    import keras

    folder = tmp_path_factory.mktemp("files")
    x, y = toy_data(400, seed=0)
    for seed, (name, activation) in enumerate({"a.keras": "softmax", "b.h5": "softmax", "c.keras": None}.items()):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input(SHAPE), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
        model = keras.Sequential([*layers, keras.layers.Dense(3, activation=activation)], name="net")
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=activation is None)
        model.compile(keras.optimizers.Adam(0.02), loss=loss)
        part = slice(130 * seed, 130 * seed + 130)
        model.fit(x[part], y[part], epochs=15, verbose=0)
        bare = keras.Sequential.from_config(model.get_config())
        bare.set_weights(model.get_weights())
        # Keras's own writer of .h5, called as `save` does but without its advice to use another format.
        bare.save(folder / name) if name.endswith(
            ".keras"
        ) else keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5(bare, folder / name)
    for name, seed in {"valid.npz": 1, "test.npz": 2}.items():
        x, y = toy_data(300, seed)
        np.savez(folder / name, x=x, y=y, classes=np.array(CLASSES))
    np.savez(folder / "plain.npz", x=x)
    return folder
