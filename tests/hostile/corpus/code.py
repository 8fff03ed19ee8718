"""Code in a configuration: lambdas as bytecode, and layers that run what the file says."""

from __future__ import annotations

import json
import pickle
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from corpus.case import Case, file_case
from corpus.places import Touches
from corpus.seeds import (
    Json,
    archive,
    bytecode,
    called,
    chain,
    dense,
    function,
    functional,
    hdf5,
    layer,
    old,
    old_chain,
    old_layer,
    payload,
    sequential,
    source,
    weights,
    write_old,
)

Make = Callable[[Path], Json]
LAMBDA = "lambda"


def _lambda(folder: Path) -> Json:
    return layer("Lambda", "hostile", function=payload(folder), arguments={})


def _in_layer(class_name: str, key: str, **config: Any) -> Make:
    """Return a model of which a layer has a lambda as the argument `key`."""
    return lambda folder: chain(layer(class_name, "hostile", **{**config, key: payload(folder)}))


def _inside(wrap: Callable[[Json], Json]) -> Make:
    """Return a model with a Lambda layer inside another."""
    return lambda folder: chain(wrap(_lambda(folder)))


def _compiled(**config: Callable[[Json], Any]) -> Make:
    """Return a model that would be compiled with a lambda."""

    def make(folder: Path) -> Json:
        base = {"optimizer": "sgd", "loss": "mse"}
        return {**chain(), "compile_config": {**base, **{key: put(payload(folder)) for key, put in config.items()}}}

    return make


def _in_node(folder: Path) -> Json:
    layers = [source(), called(dense("out", 2), "x", kwargs={"mask": payload(folder)})]
    return functional(layers)


def _in_nested(folder: Path) -> Json:
    inner = functional([source(name="y"), called(_lambda(folder), "y")], "y", "hostile", name="inner")
    return chain(inner)


def _in_sequential(folder: Path) -> Json:
    return chain(sequential(source(), _lambda(folder), name="inner"))


def _in_slice(folder: Path) -> Json:
    item = {"class_name": "__slice__", "config": {"start": payload(folder), "stop": None, "step": None}}
    return chain(layer("GetItem", "hostile", module="keras.src.ops.numpy", key=item))


def _in_build(folder: Path) -> Json:
    return chain({**dense("dense"), "build_config": {"input_shape": payload(folder)}})


def _in_policy(folder: Path) -> Json:
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": payload(folder)}}
    return chain(dense("dense", dtype={**policy, "registered_name": None}))


def _cell(folder: Path) -> Json:
    return layer("LSTMCell", "cell", units=2, recurrent_activation=payload(folder))


_SCHEDULE = {"module": "keras.optimizers", "class_name": "SGD", "registered_name": None}
_NEW: dict[str, tuple[str, Make]] = {
    "layer": ("a Lambda layer", lambda folder: chain(_lambda(folder))),
    "output-shape": (
        "the output shape of a Lambda",
        _in_layer("Lambda", "output_shape", function="tanh", arguments={}),
    ),
    "activation": ("an activation", _in_layer("Dense", "activation", units=4)),
    "activation-layer": ("an Activation layer", _in_layer("Activation", "activation")),
    "initializer": ("an initialiser", _in_layer("Dense", "kernel_initializer", units=4)),
    "regularizer": ("a regulariser", _in_layer("Dense", "kernel_regularizer", units=4)),
    "constraint": ("a constraint", _in_layer("Dense", "bias_constraint", units=4)),
    "split": ("what splits text", _in_layer("TextVectorization", "split", vocabulary=["a"])),
    "bidirectional": ("inside Bidirectional", _inside(lambda inner: layer("Bidirectional", "b", layer=inner))),
    "time-distributed": ("inside TimeDistributed", _inside(lambda inner: layer("TimeDistributed", "t", layer=inner))),
    "spectral": (
        "inside SpectralNormalization",
        _inside(lambda inner: layer("SpectralNormalization", "s", layer=inner)),
    ),
    "cell": ("inside the cell of an RNN", lambda folder: chain(layer("RNN", "rnn", cell=_cell(folder)))),
    "pipeline": ("inside a Pipeline", _inside(lambda inner: layer("Pipeline", "p", layers=[inner]))),
    "nested": ("inside a nested model", _in_nested),
    "nested-sequential": ("inside a nested Sequential model", _in_sequential),
    "node": ("an argument of a call", _in_node),
    "slice": ("the start of a slice", _in_slice),
    "build": ("what a layer is built from", _in_build),
    "policy": ("the name of a dtype policy", _in_policy),
}


def _new(make: Make) -> Callable[[Path], bytes]:
    """Return the bytes of a model whose Dense layers have the weights of one or two."""
    return lambda folder: archive(make(folder))


def _old_function(folder: Path) -> list[Any]:
    return [bytecode(folder), None, None]


_OLD: dict[str, tuple[str, Make]] = {
    "layer": (
        "a Lambda layer",
        lambda f: old_chain(old_layer("Lambda", "h", function=_old_function(f), function_type="lambda", module="os")),
    ),
    "layer-as-dict": (
        "a Lambda layer of the last versions",
        lambda f: old_chain(old_layer("Lambda", "h", function=payload(f), function_type="lambda")),
    ),
    "layer-raw": (
        "a Lambda layer whose function is not packed",
        lambda f: old_chain(old_layer("Lambda", "h", function=_old_function(f), function_type="raw", arguments={})),
    ),
    "output-shape": (
        "the output shape of a Lambda layer",
        lambda f: old_chain(
            old_layer(
                "Lambda",
                "h",
                function="tanh",
                function_type="function",
                output_shape=_old_function(f),
                output_shape_type="lambda",
            )
        ),
    ),
    "activation": ("an activation", lambda f: old_chain(old_layer("Dense", "h", units=4, activation=payload(f)))),
    "wrapped": (
        "inside TimeDistributed",
        lambda f: old_chain(
            old_layer(
                "TimeDistributed",
                "t",
                layer=old_layer("Lambda", "h", function=_old_function(f), function_type="lambda"),
            )
        ),
    ),
    "nested": (
        "inside a nested model",
        lambda f: old_chain(
            {**old_chain(old_layer("Lambda", "h", function=_old_function(f), function_type="lambda")), "name": "n"}
        ),
    ),
    "list": (
        "in the bare list of Keras 2.2",
        lambda f: {
            "class_name": "Sequential",
            "config": [old_layer("Lambda", "h", function=_old_function(f), batch_input_shape=[None, 4])],
        },
    ),
}


_OLD_TRAINING = {"optimizer_config": {"class_name": "SGD", "config": {}}, "metrics": None, "loss_weights": None}


def _trained(folder: Path) -> bytes:
    def write(file: Any) -> None:
        write_old(file, old_chain())
        file.attrs["training_config"] = json.dumps({**_OLD_TRAINING, "loss": payload(folder)})

    return hdf5(write)


def _module(folder: Path) -> Json:
    pickled = b64encode(pickle.dumps(Touches(folder))).decode()
    return chain(layer("TorchModuleWrapper", "hostile", module=pickled, output_shape=None))


def _architecture(folder: Path) -> Path:
    path = folder / "architecture.json"
    path.write_text(json.dumps(chain(_lambda(folder))), encoding="utf-8")
    return path


def _weights_alone(folder: Path) -> Path:
    path = folder / "model.weights.h5"
    path.write_bytes(weights())
    return path


def _saved_model(folder: Path) -> Path:
    (folder / "model/variables").mkdir(parents=True)
    (folder / "model/saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    return folder / "model"


_CODE_LAYERS: dict[str, tuple[str, Make]] = {
    "saved-model": ("opens a SavedModel from anywhere", lambda f: chain(layer("TFSMLayer", "h", filepath=str(f)))),
    "torch": ("unpickles a module of PyTorch", _module),
    "jax": (
        "calls a function that the file names",
        lambda f: chain(layer("JaxLayer", "h", call_fn=payload(f), init_fn=payload(f), params=None, state=None)),
    ),
    "flax": ("calls a module of Flax", lambda f: chain(layer("FlaxLayer", "h", module=payload(f), method="call"))),
    "jax-named": (
        "calls a function by its name",
        lambda _: chain(layer("JaxLayer", "h", call_fn=function("os", "system"), init_fn=None)),
    ),
}

# Members are never compiled, so this may be left out as well as refused.
_TRAINING: dict[str, tuple[str, Make]] = {
    "loss": ("the loss it was trained with", _compiled(loss=lambda code: code)),
    "metric": ("a metric it was trained with", _compiled(metrics=lambda code: [code])),
    "learning-rate": (
        "the learning rate it was trained with",
        _compiled(optimizer=lambda code: {**_SCHEDULE, "config": {"learning_rate": code}}),
    ),
    "function": (
        "a function of the system as the loss",
        lambda _: {**chain(), "compile_config": {"optimizer": "sgd", "loss": function("os", "system")}},
    ),
}

CASES = [
    *(file_case(f"lambda/{key}", f"bytecode as {what}", LAMBDA, _new(make)) for key, (what, make) in _NEW.items()),
    *(
        file_case(f"lambda-h5/{key}", f"bytecode as {what}", LAMBDA, lambda f, make=make: old(make(f)), ".h5")
        for key, (what, make) in _OLD.items()
    ),
    file_case(
        "lambda-json/architecture-alone",
        "a Lambda layer in an architecture",
        "lambda no-weights",
        lambda folder: json.dumps(chain(_lambda(folder))).encode(),
        ".json",
    ),
    Case(
        "lambda-json/architecture-with-weights",
        "a Lambda layer in the architecture beside the weights",
        (LAMBDA,),
        _weights_alone,
        _architecture,
    ),
    *(
        file_case(f"code-layer/{key}", what, "code-layer lambda function", _new(make))
        for key, (what, make) in _CODE_LAYERS.items()
    ),
    file_case(
        "code-layer/saved-model-h5",
        "opens a SavedModel from anywhere",
        "code-layer",
        lambda f: old(old_chain(old_layer("TFSMLayer", "h", filepath=str(f)))),
        ".h5",
    ),
    Case(
        "code-layer/saved-model-folder",
        "a graph of TensorFlow may write files",
        ("saved-model", "code-layer", "not-supported"),
        _saved_model,
    ),
]
TRAINING = [
    *(
        file_case(f"training/{key}", f"bytecode as {what}", "lambda function", _new(make))
        for key, (what, make) in _TRAINING.items()
    ),
    file_case("training-h5/loss", "bytecode as the loss it was trained with", LAMBDA, _trained, ".h5"),
]
