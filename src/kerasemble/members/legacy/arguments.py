"""Settings that layers had in Keras 2 and have no longer, or write otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kerasemble.members.inspection.record import Refused
from kerasemble.members.legacy.tree import NOTHING, Json, name_of, with_config, without

_RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_SEPARABLE = ("SeparableConv1D", "SeparableConv2D")
_NO_GROUPS = (
    *_SEPARABLE,
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
)
_RANDOM = tuple(f"Random{what}" for what in ("Brightness", "Contrast", "Flip", "Rotation", "Translation", "Zoom"))
_ATTENTION = ("Attention", "AdditiveAttention")
# (setting, the layers that had it, the values with which a layer computes as it does without the setting).
_VALUED: tuple[tuple[str, tuple[str, ...], tuple[Any, ...]], ...] = (
    ("time_major", _RECURRENT, (False,)),
    ("groups", _NO_GROUPS, (1,)),
    ("causal", _ATTENTION, (False,)),
    ("renorm", ("BatchNormalization",), (False,)),
    ("virtual_batch_size", ("BatchNormalization",), (None,)),
    ("mode", ("BatchNormalization",), (0,)),
    ("softmax_robust_masking", ("MultiHeadAttention",), (False,)),
)
# (setting, the layers that had it), where no value changes what a trained layer computes.
_IDLE: tuple[tuple[str, tuple[str, ...]], ...] = (
    *((f"kernel_{what}", _SEPARABLE) for what in ("initializer", "regularizer", "constraint")),
    *((f"{which}_shape", ("MultiHeadAttention",)) for which in ("query", "key", "value")),
    ("rng_type", _RANDOM),
    ("auto_vectorize", _RANDOM),
    ("noise_shape", ("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")),
    ("implementation", ("SimpleRNN", "SimpleRNNCell", "ConvLSTM2D", "RNN")),
    ("input_length", ("Embedding",)),
    ("fused", ("BatchNormalization",)),
    ("trainable", ("Discretization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D")),
)
# Functions beside the layers in Keras, which its reader of .h5 files looks words up in.
_FUNCTIONS = (
    "add",
    "subtract",
    "multiply",
    "average",
    "maximum",
    "minimum",
    "concatenate",
    "dot",
    "serialize",
    "deserialize",
)


def without_settings_of_keras_2(layer: Json) -> tuple[Json, Iterable[str]]:
    """Leave out settings that Keras 3 refuses and that change nothing.

    Raises:
        Refused: one has a value that does change what the layer computes.
    """
    name, config = layer["class_name"], layer["config"]
    said = {}
    for key, classes, harmless in _VALUED:
        if key in config and name in classes:
            if config[key] not in harmless:
                msg = (
                    f"holds the {name} layer '{name_of(layer)}' with {key}={config[key]!r}, which Keras 3 lacks. "
                    "Build it without that in the Keras that saved it, and save it again."
                )
                raise Refused("legacy", msg)
            said[key] = f"{key}={config[key]} was left out of {name} layers"
    for key, classes in _IDLE:
        if key in config and name in classes:
            said[key] = f"{key}, which has no effect, was left out of {name} layers"
    return (without(layer, said), said.values()) if said else (layer, NOTHING)


def with_plain_numbers(layer: Json) -> tuple[Json, Iterable[str]]:
    """Write {"type": "ndarray", "value": 0.3}, as Keras 2.0 to 2.2 wrote the slope of a LeakyReLU, as 0.3."""
    found = {
        key: value["value"]
        for key, value in layer["config"].items()
        if isinstance(value, dict) and value.get("type") == "ndarray" and isinstance(value.get("value"), int | float)
    }
    if not found:
        return layer, NOTHING
    return with_config(layer, **found), [
        f"{key} of {layer['class_name']} layers is written as a number" for key in found
    ]


def with_negative_slope(layer: Json) -> tuple[Json, Iterable[str]]:
    """Write the slope of a LeakyReLU under the name that Keras 3 has for it."""
    alpha = layer["config"].get("alpha")
    if layer["class_name"] != "LeakyReLU" or not isinstance(alpha, int | float) or "negative_slope" in layer["config"]:
        return layer, NOTHING
    return with_config(without(layer, ["alpha"]), negative_slope=alpha), ["alpha of LeakyReLU is called negative_slope"]


def with_named_dtype(layer: Json) -> tuple[Json, Iterable[str]]:
    """Write the dtype policy of mixed precision as its name, which Keras 2 wrote as an object of its own."""
    dtype = layer["config"].get("dtype")
    if not isinstance(dtype, dict) or dtype.get("class_name") not in ("Policy", "PolicyV1"):
        return layer, NOTHING
    name = dtype.get("config", {}).get("name")
    if not isinstance(name, str) or name.startswith("_"):
        name = "float32"  # "_infer": the layer took the dtype of its input
    return with_config(layer, dtype=name), [f"the dtype policy {name} is written by its name"]


def with_whole_axis(layer: Json) -> tuple[Json, Iterable[str]]:
    """Write the axis [3] of a BatchNormalization as 3, where Keras does not do so itself: in a layer with a module.

    Raises:
        Refused: it has several axes.
    """
    name, axis = layer["class_name"], layer["config"].get("axis")
    if isinstance(axis, list) and len(axis) > 1 and name == "BatchNormalization":
        msg = (
            f"holds the BatchNormalization layer '{name_of(layer)}' with axis={axis}; Keras 3 takes a single axis. "
            "Reshape its input, so that one axis is enough, and train it again."
        )
        raise Refused("legacy", msg)
    if isinstance(axis, list) and len(axis) == 1 and "module" in layer:
        return with_config(layer, axis=axis[0]), [f"axis={axis} of {name} layers is written as {axis[0]}"]
    return layer, NOTHING


def with_settings_kept(layer: Json) -> tuple[Json, Iterable[str]]:
    """Name the module of a layer of which Keras would lose a setting without one, as it reads `.h5` files.

    There it leaves out an axis that is no single number, silently, and takes the word "dot" for a function so named.
    """
    config = layer["config"]
    lost = ["axis"] if "axis" in config and not _is_single(config["axis"]) else []
    lost += [key for key, value in config.items() if key != "name" and isinstance(value, str) and value in _FUNCTIONS]
    if not lost or "module" in layer:
        return layer, NOTHING
    named = {**layer, "module": "keras.layers", "registered_name": None}
    return named, [
        f"{key}={config[key]} of {layer['class_name']} layers is kept, which Keras would lose" for key in lost
    ]


def _is_single(axis: object) -> bool:
    return isinstance(axis, int | float) or (isinstance(axis, list) and len(axis) == 1)


def without_input_shape(layer: Json) -> tuple[Json, Iterable[str]]:
    """Leave out the shape of the input that Keras 2 kept with a layer: a graph or an InputLayer says it."""
    if "batch_input_shape" not in layer["config"] or layer["class_name"] == "InputLayer":
        return layer, NOTHING
    return without(layer, ["batch_input_shape"]), ["batch_input_shape was left out of layers that are no input"]
