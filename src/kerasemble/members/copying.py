"""Copies of the user's layers and models, so that theirs are never tied to our graph, nor trained by it."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.members.backend import import_keras, reason
from kerasemble.members.unrandom import Built, built, is_keras

# Keras layers that pass their input on unless they are in training. `RandomCrop` is none: it crops at inference too.
_REGULARISER = re.compile(r"(Spatial|Alpha|Gaussian)?Dropout(\dD)?|GaussianNoise")
_AUGMENTATION = re.compile(r"Random(?!Crop)\w+|RandAugment|AugMix")
# The same inside recurrent and attention layers.
_RATES = ("dropout", "recurrent_dropout")


def copy_of(layer: Any, owner: str) -> Any:  # noqa: ANN401 - a Keras layer or model
    """Return a copy of a Keras layer or model that shares nothing with it, uncompiled.

    It answers as the original does at inference, and in training too: Keras passes `training=True` to all layers of a
    model that is trained, frozen or not, so dropout, noise and augmentation are left out. (Batch normalisation goes by
    `trainable`. What a custom class does in training is its own.)

    Args:
        layer: a layer or model with all its weights.
        owner: name of the member that it belongs to, for errors.

    Raises:
        KerasembleError: Keras could not open a file with this layer in it; the message says why.
    """
    try:
        config = _config(layer)
        unsafe = list(_lambdas(config))
        if not unsafe:
            make = functools.partial(import_keras().saving.deserialize_keras_object, _as_at_inference(config))
            copy, left = built(make) if is_keras(layer) else Built(make(), [])
            _load_states(copy, [state for _, state in _states(layer)])
            if left:
                _refuse_unset(copy, left)
            return copy
    except Exception as error:  # a custom class's own code may raise anything
        msg = f"Member '{owner}' cannot be copied, and so not be saved: {reason(error)}"
        raise KerasembleError(msg) from error
    msg = (
        f"Member '{owner}' holds a Python lambda in {', '.join(unsafe)}, which Keras refuses to open from a file. Put "
        "a Keras layer or operation in its place, or a function with @keras.saving.register_keras_serializable()."
    )
    raise KerasembleError(msg)


def _refuse_unset(model: Any, paths: Sequence[str]) -> None:  # noqa: ANN401 - a Keras layer
    """Refuse a copy with a weight that is still NaN, as it is none of what the layer saves.

    Raises:
        ValueError: the message names the weights.
    """
    unset = [each.path for each in model.variables if each.path in paths and np.isnan(np.array(each)).all()]
    if unset:
        msg = f"these weights are none of what the layers save: {', '.join(unset)}"
        raise ValueError(msg)


def freeze(model: Any) -> None:  # noqa: ANN401 - a Keras layer
    """Make nothing in a model trainable."""
    # One by one: on TensorFlow a layer that is frozen already does not pass it on, and what Keras opened from a file
    # can be frozen outside only.
    for layer in model._flatten_layers():  # noqa: SLF001 - as below
        layer.trainable = False


def layer_to_json(layer: Any) -> dict[str, Any]:  # noqa: ANN401 - a Keras layer
    """Return a layer with its weights as lists, numbers and strings."""
    states = [{key: value.tolist() for key, value in state.items()} for _, state in _states(layer)]
    return {"layer": _config(layer), "states": states}


def layer_from_json(data: dict[str, Any]) -> Any:  # noqa: ANN401 - a Keras layer
    """Return the layer that `layer_to_json` described."""
    layer = import_keras().saving.deserialize_keras_object(data["layer"])
    _load_states(layer, [{key: np.array(value) for key, value in state.items()} for state in data["states"]])
    return layer


def _config(layer: Any) -> dict[str, Any]:  # noqa: ANN401 - a Keras layer
    with warnings.catch_warnings():
        # Keras warns that a lambda cannot be opened again; here that becomes an error.
        warnings.simplefilter("ignore")
        config = import_keras().saving.serialize_keras_object(layer)
    return {key: value for key, value in config.items() if key != "compile_config"}


def _states(model: Any) -> Iterator[tuple[Any, dict[str, npt.NDArray[Any]]]]:  # noqa: ANN401 - a Keras layer
    """Yield each layer that has variables of its own, with their values by the hook that saving uses."""
    for layer in model._flatten_layers():  # noqa: SLF001 - `layers` does not go into layers that are no models
        state: dict[str, Any] = {}
        layer.save_own_variables(state)
        if state:
            # Without memory of its own a copy would go with the original: JAX frees the buffers of what it trains.
            yield layer, {key: np.array(value) for key, value in state.items()}


def _load_states(model: Any, states: Sequence[dict[str, npt.NDArray[Any]]]) -> None:  # noqa: ANN401 - a Keras layer
    """Set variables by the hook that loading uses: some layers (Normalization) derive more from them."""
    for (layer, _), state in zip(list(_states(model)), states, strict=True):
        layer.load_own_variables(state)


def _as_at_inference(config: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a serialised layer without what acts only in training."""
    if isinstance(config, list | tuple):
        return type(config)(_as_at_inference(item) for item in config)
    if not isinstance(config, dict):
        return config
    config = {key: _as_at_inference(value) for key, value in config.items()}
    own = config.get("config")
    if not isinstance(own, dict) or config.get("module") != "keras.layers":
        return config
    own |= {key: 0.0 for key in _RATES if key in own}
    kept = {key: own[key] for key in ("name", "dtype", "trainable") if key in own}
    if _REGULARISER.fullmatch(str(config["class_name"])):
        return {**config, "class_name": "Identity", "config": kept}
    if _AUGMENTATION.fullmatch(str(config["class_name"])):
        # Which also does as augmentation does with whole numbers: makes them floats.
        return {**config, "class_name": "Rescaling", "config": {**kept, "scale": 1.0, "offset": 0.0}}
    return config


def _lambdas(config: Any, path: str = "") -> Iterator[str]:  # noqa: ANN401 - any JSON value
    """Yield the path of each layer in a serialised one that holds a Python lambda."""
    if isinstance(config, list | tuple):
        for item in config:
            yield from _lambdas(item, path)
    elif isinstance(config, dict) and (config.get("class_name") == "__lambda__" or _is_code(config)):
        yield f"'{path}'"
    elif isinstance(config, dict):
        own = config.get("config")
        name = own.get("name") if isinstance(own, dict) else None
        for value in config.values():
            yield from _lambdas(value, f"{path}/{name}" if path and name else name or path)


def _is_code(config: dict[str, Any]) -> bool:
    """Say whether this is how Keras writes a lambda that is an activation: its bytes, defaults and closure."""
    return set(config) == {"value"} and isinstance(config["value"], tuple) and len(config["value"]) == 3
