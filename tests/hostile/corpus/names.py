"""Functions and classes by name: those of the system, and those of Keras that are no part of a model."""

from __future__ import annotations

from typing import Any

from corpus.case import file_case
from corpus.seeds import (
    Json,
    archive,
    called,
    chain,
    dense,
    function,
    functional,
    layer,
    old,
    old_chain,
    old_layer,
    source,
    tensor,
)

_FUNCTIONS = [
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("subprocess", "Popen"),
    ("pathlib", "Path"),
    ("numpy", "load"),
    ("jax.experimental", "io_callback"),
    ("tensorflow.io", "write_file"),
    ("keras.utils", "get_file"),
    ("keras.saving", "load_model"),
    ("keras.config", "set_floatx"),
    ("keras.config", "set_epsilon"),
    ("keras.config", "set_image_data_format"),
    ("keras.config", "set_dtype_policy"),
    ("keras.config", "enable_unsafe_deserialization"),
    ("keras.config", "disable_traceback_filtering"),
    ("keras.backend", "set_image_data_format"),
    ("keras.mixed_precision", "set_global_policy"),
    ("keras.utils", "set_random_seed"),
    ("keras.distribution", "initialize"),
    ("keras.datasets.mnist", "load_data"),
    ("keras.applications", "ResNet50"),
    ("keras.src.utils.io_utils", "print_msg"),
    ("keras.src.utils.file_utils", "get_file"),
    ("keras.src.utils.python_utils", "func_load"),
    ("keras.ops", "custom_gradient"),
]

# As layers: class, module, configuration.
_CLASSES: dict[str, tuple[str, str | None, Json, str]] = {
    "command": ("system", "os", {}, "class function custom-class"),
    "process": ("Popen", "subprocess", {"args": ["true"]}, "class custom-class"),
    "keras-hub": ("Backbone", "keras_hub.models", {}, "class custom-class"),
    "keras-nlp": ("Backbone", "keras_nlp.models", {}, "class custom-class"),
    "keras-cv": ("Backbone", "keras_cv.models", {}, "class custom-class"),
    "keras-lookalike": ("Dense", "keras_hub", {"units": 4}, "class custom-class"),
    "inner-module": ("Torch", "keras.src.backend.torch", {}, "class custom-class"),
    "module-of-tests": ("SavingTest", "keras.src.saving.saving_lib_test", {}, "class custom-class"),
    "function-as-class": ("set_floatx", "keras.config", {"value": "float16"}, "class function"),
    "callback": ("ModelCheckpoint", "keras.callbacks", {"filepath": "x"}, "class"),
    "logger": ("CSVLogger", "keras.callbacks", {"filename": "x"}, "class"),
    "feature-space": ("FeatureSpace", "keras.utils", {"features": {}}, "class"),
    "seed": ("SeedGenerator", "keras.random", {"seed": 1}, "class"),
    "optimizer": ("SGD", "keras.optimizers", {"learning_rate": 0.1}, "class config"),
    "policy": ("DTypePolicyMap", "keras.dtype_policies", {}, "class config"),
    "custom": ("Own", None, {"units": 4}, "custom-class class"),
    "custom-module": ("Own", "my_package.layers", {"units": 4}, "custom-class class"),
    "empty-name": ("", "keras.layers", {}, "class custom-class config"),
    "dotted-name": ("layers.Dense", "keras", {"units": 4}, "class custom-class"),
    "dunder": ("__class__", "keras.layers", {}, "class custom-class"),
    "parent-module": ("Dense", "keras.layers..", {"units": 4}, "class custom-class"),
}

# Nodes that call functions on values of the file: how floatx was switched at load.
_FLOATX, _QUIET = function("keras.config", "set_floatx"), function("keras.config", "disable_traceback_filtering")
# Class, configuration, arguments.
_NODES: dict[str, tuple[str, Json, list[Any]]] = {
    "map": ("Map", {}, [_FLOATX, ["float16"]]),
    "scan": ("Scan", {"length": 1}, [_FLOATX, "float16", None]),
    "cond": ("Cond", {}, [True, _QUIET, _QUIET]),
    "switch": ("Switch", {}, [0, [_FLOATX], "float16"]),
    "switch-image-format": ("Switch", {}, [0, [function("keras.config", "set_image_data_format")], "channels_first"]),
    "while": ("WhileLoop", {"cond": _FLOATX, "body": _FLOATX}, [["float16"]]),
    "for": ("ForiLoop", {"lower": 0, "upper": 1, "body_fun": _FLOATX}, ["float16"]),
    "vectorized-map": ("VectorizedMap", {"function": _FLOATX}, [["float16"]]),
    "associative-scan": ("AssociativeScan", {}, [_FLOATX, ["float16"]]),
}


def _node(class_name: str, config: Json, args: list[Any]) -> Json:
    """Return a model with a node that calls functions on what the file gives."""
    inner = {"name": "hostile", **config}
    operation = {
        "module": "keras.src.ops.core",
        "class_name": class_name,
        "config": inner,
        "registered_name": class_name,
    }
    nodes = [{"args": args, "kwargs": {}}]
    end = called(dense("out", 2, activation="softmax"), "x")
    return functional([source(), {**operation, "name": "hostile", "inbound_nodes": nodes}, end])


def _lambda_of(name: str, value: Any) -> Json:
    """Return a model whose Lambda layer calls a function of Keras on a value of the file: no bytecode in it."""
    whole = layer("Lambda", "hostile", function=function("keras.config", name), arguments={})
    node = {"args": [], "kwargs": {"inputs": value}}
    return functional([source(), {**whole, "inbound_nodes": [node]}, called(dense("out", 2), "x")])


def _registered(name: Any, **change: Any) -> bytes:
    return archive(chain({**dense("dense"), "registered_name": name, **change}))


_VOCABULARY = {
    "string-lookup": layer("StringLookup", "h", vocabulary="/etc/passwd", num_oov_indices=1),
    "integer-lookup": layer("IntegerLookup", "h", vocabulary="/etc/passwd", num_oov_indices=1),
    "text": layer("TextVectorization", "h", vocabulary="/etc/passwd", output_mode="int"),
    "bucket": layer("StringLookup", "h", vocabulary="gs://bucket/words.txt", num_oov_indices=1),
    "idf-weights": layer("TextVectorization", "h", vocabulary=["a"], idf_weights="/etc/passwd", output_mode="tf_idf"),
}
_OLD_CLASSES = {
    "custom": ("Own", {"units": 4}, "custom-class class"),
    "graph-operation": ("TFOpLambda", {"function": "io.write_file"}, "class custom-class code-layer lambda"),
    "slicing-operation": ("SlicingOpLambda", {"function": "__getitem__"}, "class custom-class code-layer lambda"),
    "old-graph-operation": ("TensorFlowOpLayer", {"node_def": "CA=="}, "class custom-class code-layer lambda"),
    "named-function": (
        "Lambda",
        {"function": "system", "function_type": "function", "module": "os"},
        "lambda function",
    ),
    "vocabulary": ("StringLookup", {"vocabulary": "/etc/passwd"}, "vocabulary"),
    "activation": ("Activation", {"activation": function("os", "system")}, "function"),
    "type-spec": ("TypeSpec", {"type_spec": "x", "serialized": []}, "class custom-class config"),
}


def _top(class_name: str, module: str | None, config: Json) -> bytes:
    return archive({"module": module, "class_name": class_name, "config": config, "registered_name": None})


def _passive() -> Json:
    inner = {"class_name": "system", "module": "os", "config": {}, "__passive_serialization__": True}
    return old_chain(old_layer("Dense", "h", units=4, kernel_regularizer=inner))


_ARRAY = {"class_name": "__numpy__", "config": {"value": "x", "dtype": "S4000000000"}}
_SPEC = {
    "class_name": "__typespec__",
    "spec_name": "Popen",
    "module": "subprocess",
    "registered_name": None,
    "config": [],
}

CASES = [
    *(
        file_case(
            f"function/{module}.{name}",
            "a function as an activation",
            "function class custom-class",
            archive(chain(layer("Activation", "h", activation=function(module, name)))),
        )
        for module, name in _FUNCTIONS
    ),
    file_case(
        "function/initializer",
        "called with a shape",
        "function",
        archive(chain(dense("dense", kernel_initializer=function("keras.config", "set_epsilon")))),
    ),
    file_case(
        "function/lambda-floatx",
        "a Lambda layer that sets the float of all models",
        "lambda function",
        archive(_lambda_of("set_floatx", "float16")),
    ),
    file_case(
        "function/lambda-image-format",
        "a Lambda layer that turns all images",
        "lambda function",
        archive(_lambda_of("set_image_data_format", "channels_first")),
    ),
    *(
        file_case(
            f"class/{key}",
            "a class that is no layer of a model",
            codes,
            archive(chain(layer(name, "h", module=module, **config))),
        )
        for key, (name, module, config, codes) in _CLASSES.items()
    ),
    file_case(
        "class/registered-command",
        "a registered name of something else",
        "class custom-class",
        _registered("os>system"),
    ),
    file_case(
        "class/registered-other",
        "a registered name of another package",
        "class custom-class",
        _registered("Other>Dense", module="other"),
    ),
    file_case(
        "class/registered-list", "a registered name that is a list", "class custom-class config", _registered([1])
    ),
    file_case(
        "class/typespec",
        "a class that TensorFlow would make",
        "class config",
        archive(chain(dense("dense", kernel_initializer=_SPEC))),
    ),
    file_case(
        "class/array-of-4-gigabytes",
        "a dtype of 4 GB an element",
        "class config dimension too-large-activation",
        archive(chain(dense("dense", kernel_initializer=_ARRAY))),
    ),
    file_case(
        "class/downloads",
        "a model that downloads its weights",
        "top-level class",
        _top("ResNet50", "keras.applications", {}),
    ),
    file_case("top/custom-model", "a model of own code", "custom-class top-level", _top("Mine", "mine", {})),
    file_case(
        "top/hub-model",
        "imports keras_hub",
        "custom-class top-level class",
        _top("ImageClassifier", "keras_hub.models", {}),
    ),
    file_case("top/layer", "a layer", "top-level", _top("Dense", "keras.layers", {"units": 2})),
    file_case("top/optimizer", "an optimiser", "top-level class", _top("SGD", "keras.optimizers", {})),
    file_case("top/function", "a function", "top-level function class", archive(function("os", "system"))),
    file_case("top/tensor", "a tensor", "top-level class config", archive(tensor("x"))),
    *(
        file_case(
            f"control-flow/{key}",
            "calls a function on a value of the file",
            "control-flow function",
            archive(_node(*parts)),
        )
        for key, parts in _NODES.items()
    ),
    *(
        file_case(f"vocabulary/{key}", "reads another file", "vocabulary", archive(chain(each)))
        for key, each in _VOCABULARY.items()
    ),
    *(
        file_case(
            f"class-h5/{key}",
            "a class or function that is no part of a model",
            codes,
            old(old_chain(old_layer(name, "h", **config))),
            ".h5",
        )
        for key, (name, config, codes) in _OLD_CLASSES.items()
    ),
    file_case(
        "class-h5/passive",
        "an object inside another of another module",
        "class function config custom-class",
        old(_passive()),
        ".h5",
    ),
]
