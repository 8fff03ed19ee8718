"""Layers built without the random weights that a file or a copy overwrites at once.

On JAX each random initialiser is compiled for each shape: of ResNet50 that takes 12 seconds, and all else under one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.members.backend import import_keras

Model: TypeAlias = Any


class Built(NamedTuple):
    """A model, and the paths of its weights that nothing gave a value: they are NaN."""

    model: Model
    left: list[str]


def built(make: Callable[[], Model]) -> Built:
    """Return what a function makes of Keras's layers, without the random numbers that their weights begin with.

    Weights have what the function assigns to them, or what their initialisers say; in place of random numbers stands
    NaN. Python's own random numbers go on as if nothing had been built. Layers that need the values of their weights
    while they are built, such as stateful recurrent ones, are made as ever.

    Args:
        make: is called once, or twice where layers need values. Custom layers could take NaN for values: what has
            some is not made here.
    """
    try:
        with _Scope() as scope:
            model = make()
    except Exception:  # noqa: BLE001 - made again, it works or says why not in words of its own
        return Built(make(), [])
    # A wrapper makes layers that it then does without; what has no value yet and is not listed begins as it would.
    for variable in model.variables:
        scope.assign(variable)
    return Built(model, [each.path for each in model.variables if id(each) in scope.left])


def is_keras(layer: Any) -> bool:  # noqa: ANN401 - a Keras layer
    """Say whether a layer and all within it are of Keras's own classes."""
    # `layers` does not go into layers that are no models.
    every = layer._flatten_layers()  # noqa: SLF001 - as above
    return all(type(each).__module__.partition(".")[0] == "keras" for each in every)


class _Scope:
    """Variables are made when it ends, those that would be random as NaN.

    Attributes:
        left: the `id` of each of these.
    """

    def __init__(self) -> None:
        self.left: set[int] = set()
        self._made: set[int] = set()
        self._scope = import_keras().StatelessScope()
        self._drawn = random.getstate()

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        random.setstate(self._drawn)
        try:
            for variable in _waiting():
                value = self._scope.get_current_value(variable)
                if value is not None:
                    variable._initializer = _Given(value)  # noqa: SLF001 - that alone says what it begins with
                    self._made.add(id(variable))
                elif isinstance(variable._initializer, _random_initializers()):  # noqa: SLF001 - as above
                    variable._initializer = _nan  # noqa: SLF001 - as above
                    self.left.add(id(variable))
        finally:
            self._scope.__exit__(*error)

    def assign(self, variable: Any) -> None:  # noqa: ANN401 - Keras's
        """Give a variable what was assigned to it within, unless it began with that."""
        value = self._scope.get_current_value(variable)
        if value is not None and id(variable) not in self._made:
            variable.assign(value)


class _Given:
    """An initialiser that gives what was assigned, whatever it is asked for."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401 - a tensor of any backend
        self._value = value

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:  # noqa: ANN401 - as above
        """Return the value, which has the variable's own shape and dtype."""
        del shape, dtype
        return self._value


def _nan(shape: tuple[int, ...], dtype: str | None = None) -> npt.NDArray[np.float32]:
    """Return NaN, made by NumPy, which compiles nothing; Keras converts it to the variable's dtype."""
    del dtype
    return np.full(shape, np.nan, dtype=np.float32)


def _waiting() -> list[Any]:
    """Return the variables that were built within this thread's scope and have no value yet.

    Keras 3.15 lists them only here. Without the list all works as well, at the pace of `keras.saving.load_model`.
    """
    try:
        from keras.src.backend.common.global_state import get_global_attribute
    except ImportError:
        return []
    return [each for each in get_global_attribute("uninitialized_variables") or [] if hasattr(each, "_initializer")]


def _random_initializers() -> tuple[type, ...]:
    of = import_keras().initializers
    return of.VarianceScaling, of.RandomNormal, of.RandomUniform, of.TruncatedNormal, of.OrthogonalInitializer
