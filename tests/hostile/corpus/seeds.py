"""Harmless models to start from, made without Keras: configurations as Keras 3.15.1 writes them, weights, archives."""

from __future__ import annotations

import io
import json
import marshal
import types
import warnings
import zipfile
from base64 import encodebytes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from corpus.case import MARKER

Json = dict[str, Any]
POLICY: Json = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
METADATA = json.dumps({"keras_version": "3.15.1", "date_saved": "2026-11-23@18:26:27"}).encode()


def layer(class_name: str, name: str, *, module: str | None = "keras.layers", **config: Any) -> Json:
    """Return the configuration of a layer that is called nowhere yet."""
    inner = {"name": name, "trainable": True, "dtype": POLICY, **config}
    return {"module": module, "class_name": class_name, "config": inner, "registered_name": None, "name": name}


def dense(name: str = "dense", units: Any = 4, **config: Any) -> Json:
    """Return the configuration of a Dense layer."""
    return layer("Dense", name, units=units, **{"activation": "relu", "use_bias": True, **config})


def source(shape: Sequence[Any] = (None, 4), name: str = "x", dtype: str = "float32") -> Json:
    """Return the configuration of an InputLayer; its shape has the batch in front."""
    config = {"batch_shape": list(shape), "dtype": dtype, "sparse": False, "name": name}
    whole = {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}
    return {**whole, "name": name, "inbound_nodes": []}


def tensor(name: str, shape: Sequence[Any] = (None, 4), node: int = 0) -> Json:
    """Return a reference to a layer's output, as it stands among the arguments of the next."""
    config = {"shape": list(shape), "dtype": "float32", "keras_history": [name, node, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def called(callee: Json, *on: str, kwargs: Json | None = None) -> Json:
    """Return a layer called once on the outputs of the layers named."""
    args = [tensor(on[0])] if len(on) == 1 else [[tensor(name) for name in on]]
    return {**callee, "inbound_nodes": [{"args": args, "kwargs": kwargs or {}}]}


def functional(layers: Sequence[Json], inputs: str = "x", outputs: str = "out", name: str = "model") -> Json:
    """Return the configuration of a Functional model of layers that are called already."""
    ends = {"input_layers": [inputs, 0, 0], "output_layers": [outputs, 0, 0]}
    inner = {"name": name, "trainable": True, "layers": list(layers), **ends}
    head = {"module": "keras.src.models.functional", "class_name": "Functional", "config": inner}
    return {**head, "registered_name": "Functional", "build_config": {"input_shape": None}, "name": name}


def chain(*middle: Json, shape: Sequence[Any] = (None, 4), units: Any = 2) -> Json:
    """Return the configuration of a model: an input of 4 numbers, the layers given, and a Dense layer `out`."""
    layers = [source(shape)]
    for each in (*middle, dense("out", units, activation="softmax")):
        layers.append(called(each, layers[-1]["name"]))
    return functional(layers)


def sequential(*layers: Json, name: str = "model") -> Json:
    """Return the configuration of a Sequential model."""
    inner = {"name": name, "trainable": True, "dtype": POLICY, "layers": list(layers)}
    return {"module": "keras", "class_name": "Sequential", "config": inner, "registered_name": None, "name": name}


def function(module: str, name: str) -> Json:
    """Return a reference to a function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def bytecode(folder: Path) -> str:
    """Return the bytecode of a lambda that touches the marker and returns its input, as Keras writes it."""
    marker = str(folder / MARKER)
    text = f"lambda *args, **kwargs: (__import__('pathlib').Path({marker!r}).touch(), args and args[0])[1]"
    constants = compile(text, "payload", "eval").co_consts
    code = next(constant for constant in constants if isinstance(constant, types.CodeType))
    return encodebytes(marshal.dumps(code)).decode()


def payload(folder: Path) -> Json:
    """Return a lambda as Keras 3 writes it, which touches the marker in the folder when it is called."""
    return {"class_name": "__lambda__", "config": {"code": bytecode(folder), "defaults": None, "closure": None}}


def numbers(*shape: int) -> np.ndarray:
    """Return harmless weights."""
    return np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def hdf5(write: Callable[[h5py.File], None], **options: Any) -> bytes:
    """Return the bytes of an HDF5 file."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        write(file)
    return buffer.getvalue()


def write_weights(file: h5py.File, *shapes: tuple[int, int]) -> None:
    """Write the weights of Dense layers as a `.keras` file holds them."""
    for index, shape in enumerate(shapes):
        group = file.create_group(f"layers/dense{f'_{index}' if index else ''}/vars")
        group["0"], group["1"] = numbers(*shape), numbers(shape[1])
    file.create_group("vars")


def weights(*shapes: tuple[int, int]) -> bytes:
    """Return `model.weights.h5` of Dense layers, by default that of `chain()`."""
    return hdf5(lambda file: write_weights(file, *(shapes or [(4, 2)])))


def archive(config: Json | bytes, model: bytes | None = None, extra: Mapping[str, bytes] | None = None) -> bytes:
    """Return a `.keras` file of a configuration and weights."""
    text = config if isinstance(config, bytes) else json.dumps(config).encode()
    members = {
        "metadata.json": METADATA,
        "config.json": text,
        "model.weights.h5": weights() if model is None else model,
    }
    return zipped([*members.items(), *(extra or {}).items()])


def zipped(members: Sequence[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    """Return an archive of the members in their order, not compressed, names taken as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name given twice is what some cases are made of
        for name, content in members:
            file.writestr(name, content)
    return buffer.getvalue()


def old_layer(class_name: str, name: str, **config: Any) -> Json:
    """Return the configuration of a layer as Keras 2 wrote it."""
    return {"class_name": class_name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}


def old_chain(*middle: Json, units: int = 2) -> Json:
    """Return the configuration of a Sequential model of Keras 2: an input of 4 numbers, the layers, a Dense `out`."""
    start = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "x"}}
    end = old_layer("Dense", "out", units=units, activation="softmax", use_bias=True)
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [start, *middle, end]}}


def write_old(file: h5py.File, config: Json | str, **layers: Mapping[str, np.ndarray]) -> None:
    """Write an `.h5` file as Keras 2 did; the weights by layer are those of `old_chain()` where none are given."""
    file.attrs["keras_version"], file.attrs["backend"] = "2.15.0", "tensorflow"
    file.attrs["model_config"] = config if isinstance(config, str) else json.dumps(config)
    group = file.create_group("model_weights")
    known = layers or {"out": {"kernel": numbers(4, 2), "bias": numbers(2)}}
    group.attrs["layer_names"] = [name.encode() for name in known]
    for name, arrays in known.items():
        group.create_group(name).attrs["weight_names"] = [f"{name}/{key}:0".encode() for key in arrays]
        for key, array in arrays.items():
            group[f"{name}/{name}/{key}:0"] = array


def old(config: Json | str, **layers: Mapping[str, np.ndarray]) -> bytes:
    """Return an `.h5` file as Keras 2 wrote it."""
    return hdf5(lambda file: write_old(file, config, **layers))
