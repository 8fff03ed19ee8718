"""Members trained on a part of MNIST's test images, once for all tests."""

from __future__ import annotations

import gzip
from typing import Any, NamedTuple

import numpy as np
import pytest


class Mnist(NamedTuple):
    """Three trained models, and the images and labels that none of them has seen."""

    models: list[Any]
    x_valid: np.ndarray
    y_valid: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


@pytest.fixture(scope="session")
def mnist(shared) -> Mnist:
    """Train three small models of the same name on 3,000 images each; keep 1,000 to fit and 2,000 to test."""
    import keras

    folder = shared / "data" / "mnist_t10k"
    images, labels = (
        gzip.decompress((folder / f"t10k-{name}-ubyte.gz").read_bytes()) for name in ("images-idx3", "labels-idx1")
    )
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order], y[order]

    def dense():
        return [keras.layers.Flatten(), keras.layers.Dense(64, activation="relu"), keras.layers.Dropout(0.2)]

    def convolutional():
        body = [keras.layers.Conv2D(8, 5, strides=3, activation="relu"), keras.layers.BatchNormalization()]
        return [keras.layers.Reshape((28, 28, 1)), *body, keras.layers.Flatten()]

    def linear():
        return [keras.layers.AveragePooling1D(2), keras.layers.Flatten()]

    models = []
    for seed, body in enumerate((dense, convolutional, linear)):
        keras.utils.set_random_seed(seed)
        head = keras.layers.Dense(10, activation="softmax")
        model = keras.Sequential([keras.Input((28, 28)), keras.layers.Rescaling(1 / 255), *body(), head], name="mnist")
        model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
        rows = slice(2000 * seed, 2000 * seed + 3000)
        model.fit(x[rows], y[rows], batch_size=64, epochs=3, verbose=0)
        models.append(model)
    return Mnist(models, x[7000:8000], y[7000:8000], x[8000:], y[8000:])
