"""What Keras would find in an HDF5 file: a configuration, layers and their weights."""

from __future__ import annotations

import base64
import itertools
from typing import Any

import h5py
import numpy as np

from .fault import Fault, decode, show
from .values import of_optimizer
from .walk import Walk


def texts(node: Any, name: str) -> list[str]:  # noqa: ANN401 - h5py is not typed
    """Return an attribute that is a list of texts, put together where Keras divided it at 64 kB."""
    if not h5py.h5a.exists(node, name.encode()):
        parts = itertools.takewhile(
            lambda part: h5py.h5a.exists(node, part.encode()), (f"{name}{index}" for index in itertools.count())
        )
        return [text for part in parts for text in texts(node, part)]
    values = h5py.AttributeManager(h5py.Group(node))[name]
    # An empty list is one of floats.
    values = [] if isinstance(values, h5py.Empty) else np.asarray(values).reshape(-1).tolist()
    if not all(isinstance(value, str | bytes) for value in values):
        raise Fault("hdf5-object", f"has a list {name} that is not one of names.")
    return [decode(value) for value in values]


def scalar(node: Any, name: str) -> bytes | None:  # noqa: ANN401 - h5py is not typed
    """Return an attribute that is one text, as its bytes; None where there is none."""
    if not h5py.h5a.exists(node, name.encode()):
        return None
    value = h5py.AttributeManager(h5py.Group(node))[name]
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return bytes(value)
    raise Fault("hdf5-object", f"has an attribute {name} that is not a text.")


def layers_of(walk: Walk) -> list[tuple[str, list[str]]] | None:
    """Return the layers that an older file lists and the paths of their weights; None where it lists none."""
    # Keras reads a whole model's weights from here, and weights alone from either place.
    for place in ("model_weights",) if scalar(walk.groups[""], "model_config") else ("", "model_weights"):
        group = walk.groups.get(place)
        if group is not None and any(h5py.h5a.exists(group, name) for name in (b"layer_names", b"layer_names0")):
            break
    else:
        return None
    found = []
    for layer in texts(group, "layer_names"):
        path = f"{place}/{layer}".lstrip("/")
        if path not in walk.groups:
            raise Fault("unstored-weights", f"lists the layer {show(layer)} and does not store it.")
        weights = [f"{path}/{name}" for name in texts(walk.groups[path], "weight_names")]
        for weight in weights:
            if weight not in walk.arrays:
                raise Fault("unstored-weights", f"lists the weight {show(weight)} and does not store it.")
        found.append((layer, weights))
    return found


def structure(walk: Walk) -> dict[str, Any]:
    """Return what the file is made of."""
    root = walk.groups[""]
    model_config = scalar(root, "model_config")
    if model_config is not None and len(model_config) > walk.limits["json_bytes"]:
        most = walk.limits["json_bytes"]
        raise Fault("json-size", f"holds a model_config of {len(model_config):,} bytes; at most {most:,} are read.")
    inner = walk.groups.get("model_weights", root)
    version = scalar(root, "keras_version") or scalar(inner, "keras_version")
    return {
        "model_config": None if model_config is None else base64.b64encode(model_config).decode(),
        "keras_version": None if version is None else version.decode("utf-8", "replace"),
        "top": [name for name in walk.groups if name and "/" not in name][:100],
        "layers": layers_of(walk),
        "arrays": [
            (path, array.shape, dtype) for path, (array, dtype) in walk.arrays.items() if not of_optimizer(path)
        ],
    }
