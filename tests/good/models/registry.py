"""What the good models are made with, and where each is known by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

Model = Any
MODELS: dict[str, Callable[[], Model]] = {}


def good(build: Callable[[], Model]) -> Callable[[], Model]:
    """Register what builds a model under its name."""
    MODELS[build.__name__.replace("_", "-")] = build
    return build


def classify(x: Any, classes: int = 3, activation: str | None = "softmax") -> Any:
    """Return what a classifier says of a tensor."""
    return layers.Dense(classes, activation=activation)(x)


def through(shape: tuple[int | None, ...], *body: Any, dtype: str | None = None) -> Model:
    """Return a functional model of layers one behind the other and a classifier."""
    source = keras.Input(shape, dtype=dtype)
    x = source
    for layer in body:
        x = layer(x)
    return keras.Model(source, classify(x))


def stack(shape: tuple[int | None, ...], *body: Any) -> Model:
    """Return a Sequential model of layers one behind the other."""
    return keras.Sequential([keras.Input(shape), *body])
