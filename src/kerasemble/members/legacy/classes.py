"""Classes that Keras 3 calls otherwise, does without, or asks for the module of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from kerasemble.members.inspection.record import Refused
from kerasemble.members.legacy.tree import (
    NOTHING,
    WRAPPED,
    Json,
    is_functional,
    is_layer,
    is_sequential,
    layers_of,
    name_of,
    with_config,
    without,
)

_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
}
# They change the size of images while training, and hand them on as they are when asked for a prediction.
_ONLY_TRAINING = ("RandomHeight", "RandomWidth")
_OF_CONVNEXT = {"name", "trainable", "dtype", "init_values", "projection_dim"}
_SAME = ("nearest", "bilinear", "lanczos3", "lanczos5")
_FUNCTIONAL = {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional"}
_LAYER = {"module": "keras.layers", "registered_name": None}
_OLD_MODULE = re.compile(r"(tf_)?keras\.(src\.)?(engine|layers)\.|tf_keras\.")
# Settings of the Keras of 2015 and 2016, and the layers that had them; no later Keras reads its files.
_KERAS_1 = {
    "output_dim": ("Dense", "LSTM", "GRU", "SimpleRNN", "Highway", "MaxoutDense"),
    "nb_filter": ("Convolution1D", "Convolution2D", "Convolution3D", "Deconvolution2D", "SeparableConvolution2D"),
    "p": ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"),
    "border_mode": ("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "AveragePooling1D", "AveragePooling2D"),
}


def not_of_keras_1(layer: Json) -> tuple[Json, Iterable[str]]:
    """Look for settings that only Keras 1 had.

    Raises:
        Refused: there are some.
    """
    found = [key for key, classes in _KERAS_1.items() if key in layer["config"] and layer["class_name"] in classes]
    if found:
        msg = (
            f"was saved by Keras 1 ({layer['class_name']} '{name_of(layer)}' has {found[0]}), which no later reads. "
            "Open it in Keras 1.2 and rebuild it in a newer one with the same weights."
        )
        raise Refused("legacy", msg)
    return layer, NOTHING


def with_classes_of_keras_3(layer: Json) -> tuple[Json, Iterable[str]]:
    """Replace classes that Keras 3 lacks by those that compute the same."""
    name, config = layer["class_name"], layer["config"]
    if name in _RENAMED:
        return {**layer, "class_name": _RENAMED[name]}, [f"{name} is called {_RENAMED[name]}"]
    if name == "ThresholdedReLU":
        changed = without(with_config(layer, threshold=config.get("theta", 1.0)), ["theta"])
        return {**changed, "class_name": "ReLU"}, ["ThresholdedReLU became ReLU with that threshold"]
    if name in _ONLY_TRAINING:
        kept = {key: config[key] for key in ("name", "trainable", "dtype") if key in config}
        became = {**layer, "class_name": "Activation", "config": {**kept, "activation": "linear"}}
        return became, [f"{name}, which changes images only in training, became a linear Activation"]
    if name == "LayerScale" and set(config) == _OF_CONVNEXT:
        named = {**layer, "module": "keras.src.applications.convnext", "registered_name": "LayerScale"}
        return named, ["LayerScale of ConvNeXt got its module"]
    if name == "RandomCrop":
        kept = {key: config[key] for key in ("name", "trainable", "dtype", "height", "width") if key in config}
        became = {**layer, "class_name": "Resizing", "config": {**kept, "crop_to_aspect_ratio": True}}
        return became, ["RandomCrop, which resizes images to be predicted, became Resizing"]
    return layer, NOTHING


def without_other_interpolation(layer: Json) -> tuple[Json, Iterable[str]]:
    """Look for ways to resize images that Keras 3 lacks, or has another formula for.

    Raises:
        Refused: there is one. On noise, bicubic differs by 0.003; the ways in `_SAME` agree to 1e-6.
    """
    way = layer["config"].get("interpolation", "bilinear")
    if layer["class_name"] in ("Resizing", "UpSampling2D") and way not in _SAME:
        msg = (
            f"resizes images in '{name_of(layer)}' by {way}, which Keras 3 computes otherwise. Build it with bilinear."
        )
        raise Refused("legacy", msg)
    return layer, NOTHING


def without_other_build(layer: Json) -> tuple[Json, Iterable[str]]:
    """Leave out what a layer of several inputs was built from, which Keras 3 writes otherwise and its graph says."""
    build = layer.get("build_config")
    shape = build.get("input_shape") if isinstance(build, dict) else None
    several = isinstance(shape, list) and bool(shape) and isinstance(shape[0], list)
    if shape is None or not (several or layer["class_name"] == "MultiHeadAttention") or layers_of(layer):
        return layer, NOTHING
    kept = {key: value for key, value in layer.items() if key != "build_config"}
    return kept, ["the shapes that layers of several inputs were built for are left to the graph"]


def with_modules(layer: Json) -> tuple[Json, Iterable[str]]:
    """Name modules where Keras 3 asks for them: of what is wrapped, of activations that are layers, of graphs."""
    said = []
    module = layer.get("module")
    if (
        isinstance(module, str)
        and _OLD_MODULE.match(module)
        and layer.get("registered_name") in (None, layer["class_name"])
    ):
        layer = {**layer, **_module(layer)}
        said.append(f"{layer['class_name']} is looked for in {layer['module']}, not in {module}")
    wrapped = {key: _named(layer["config"][key]) for key in WRAPPED if key in layer["config"]}
    changed = {key: value for key, value in wrapped.items() if value != layer["config"][key]}
    if changed:
        said.append(f"what {layer['class_name']} layers wrap got its module")
    for key, value in layer["config"].items():
        if key.endswith("activation") and is_layer(value) and "module" not in value:
            changed[key] = _named(value)
            said.append("activations that are layers got their module")
    return (with_config(layer, **changed) if changed else layer), said


def _named(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_named(item) for item in value]
    return {**value, **_module(value)} if is_layer(value) and "module" not in value else value


def _module(layer: Json) -> Json:
    if is_functional(layer):
        return _FUNCTIONAL
    return {"module": "keras", "registered_name": None} if is_sequential(layer) else _LAYER
