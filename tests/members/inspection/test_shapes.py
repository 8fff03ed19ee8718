"""Shapes without Keras are those that Keras finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kerasemble.members.inspection.graph import read_top
from kerasemble.members.inspection.layer_weights import own_weights
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.shapes import MOST_CALLS, infer_shapes

ROW, SERIES, IMAGE, VOLUME, FIRST = (6,), (20, 3), (16, 18, 4), (8, 8, 8, 2), (4, 16, 18)
FIRST_AXIS = {"data_format": "channels_first"}
# Class, shape of one sample, settings.
LAYERS = [
    ("Dense", IMAGE, {"units": 5}),
    ("EinsumDense", (10, 6), {"equation": "abc,cde->abde", "output_shape": (10, 2, 3), "bias_axes": "de"}),
    ("EinsumDense", (10, 6), {"equation": "...x,xy->...y", "output_shape": 3, "bias_axes": "y"}),
    ("EinsumDense", (10, 6), {"equation": "ab...,bc->ac...", "output_shape": 3}),
    ("Embedding", ROW, {"input_dim": 9, "output_dim": 2}),
    ("Conv1D", SERIES, {"filters": 5, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}),
    ("Conv2D", IMAGE, {"filters": 6, "kernel_size": (3, 5), "strides": 2, "groups": 2, "use_bias": False}),
    ("Conv2D", IMAGE, {"filters": 6, "kernel_size": 3, "padding": "same", "strides": 3}),
    ("Conv2D", FIRST, {"filters": 6, "kernel_size": 3, "padding": "same", **FIRST_AXIS}),
    ("Conv3D", VOLUME, {"filters": 3, "kernel_size": 3}),
    ("Conv1DTranspose", SERIES, {"filters": 5, "kernel_size": 3, "strides": 2}),
    ("Conv2DTranspose", IMAGE, {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same"}),
    ("Conv2DTranspose", IMAGE, {"filters": 5, "kernel_size": 4, "strides": 3, "output_padding": 1}),
    ("Conv2DTranspose", IMAGE, {"filters": 5, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1}),
    ("Conv3DTranspose", VOLUME, {"filters": 2, "kernel_size": 1, "strides": 2}),
    ("DepthwiseConv1D", SERIES, {"kernel_size": 3, "depth_multiplier": 2}),
    ("DepthwiseConv2D", IMAGE, {"kernel_size": 3, "depth_multiplier": 2}),
    ("SeparableConv1D", SERIES, {"filters": 5, "kernel_size": 3}),
    ("SeparableConv2D", IMAGE, {"filters": 5, "kernel_size": 3, "depth_multiplier": 2}),
    ("MaxPooling1D", SERIES, {"pool_size": 3}),
    ("MaxPooling2D", IMAGE, {"pool_size": 3, "strides": 2, "padding": "same"}),
    ("AveragePooling3D", VOLUME, {"pool_size": 2}),
    ("GlobalMaxPooling1D", SERIES, {"keepdims": True}),
    ("GlobalAveragePooling2D", FIRST, FIRST_AXIS),
    ("AdaptiveAveragePooling2D", IMAGE, {"output_size": 2}),
    ("UpSampling1D", SERIES, {"size": 2}),
    ("UpSampling2D", IMAGE, {"size": (2, 3)}),
    ("ZeroPadding1D", SERIES, {"padding": (1, 2)}),
    ("ZeroPadding2D", IMAGE, {"padding": ((1, 2), (3, 4))}),
    ("Cropping1D", SERIES, {"cropping": 2}),
    ("Cropping3D", VOLUME, {"cropping": (1, 2, 3)}),
    ("Resizing", IMAGE, {"height": 5, "width": 7}),
    ("CenterCrop", IMAGE, {"height": 5, "width": 7}),
    ("Flatten", IMAGE, {}),
    ("Reshape", IMAGE, {"target_shape": (-1, 6)}),
    ("Permute", IMAGE, {"dims": (3, 1, 2)}),
    ("RepeatVector", ROW, {"n": 4}),
    ("BatchNormalization", IMAGE, {"scale": False}),
    ("LayerNormalization", IMAGE, {"axis": [1, 3]}),
    ("GroupNormalization", IMAGE, {"groups": 2}),
    ("RMSNormalization", IMAGE, {}),
    ("PReLU", IMAGE, {"shared_axes": [1, 2]}),
    ("Normalization", IMAGE, {}),
    ("SimpleRNN", SERIES, {"units": 5}),
    ("GRU", SERIES, {"units": 5, "return_sequences": True}),
    ("GRU", SERIES, {"units": 5, "reset_after": False}),
    ("LSTM", SERIES, {"units": 5, "use_bias": False}),
    ("ConvLSTM2D", (5, 8, 8, 2), {"filters": 3, "kernel_size": 3, "padding": "same", "return_sequences": True}),
    ("CategoryEncoding", ROW, {"num_tokens": 9, "output_mode": "multi_hot"}),
]


# On Keras's NumPy backend, which compiles nothing: all of it takes 4 s, where JAX takes 30.
SCRIPT = """
import json, sys
import keras
from keras import layers, ops

def said(model):
    tuples = [list(each.shape) for each in model.outputs], [list(each.shape) for each in model.weights]
    return keras.saving.serialize_keras_object(model), *tuples, [each.name for each in model.layers]

found = []
for name, shape, settings in json.load(sys.stdin):
    found.append(said(keras.Sequential([keras.Input(shape), getattr(layers, name)(**settings)])))
x = keras.Input((8, 6))
found.append(said(keras.Model(x, [
    ops.transpose(x, (0, 2, 1)), ops.reshape(x, (-1, 4, 12)), ops.mean(x, axis=1, keepdims=True),
    ops.sum(x, axis=[1, 2]), ops.expand_dims(x, 1), ops.squeeze(ops.expand_dims(x, -1), -1),
    ops.concatenate([x, x * 2.0], axis=-1), ops.stack([x, x], axis=1), ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    ops.einsum("bij,kj->bik", x, ops.ones((3, 6))), ops.pad(x, ((0, 0), (1, 2), (0, 3))), ops.tile(x, (1, 2, 3)),
    ops.repeat(x, 3, axis=1), ops.one_hot(ops.argmax(x, axis=-1), 5), ops.where(x > 0, x, 0.0), x[:, 1:5:2], x[:, 0],
    ops.softmax(x),
])))
x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
shared = layers.Dense(4, name="shared")
left = layers.Dense(4, name="left")(shared(x))
right = layers.Concatenate(name="both")([shared(y), layers.Dense(2, name="short")(x), left])
found.append(said(keras.Model([x, y], [layers.Dense(2, name="out")(right), left])))
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def keras_says():
    """Configuration, shapes of outputs and weights, and order: of LAYERS, a model of operations and a graph."""
    env = {**os.environ, "KERAS_BACKEND": "numpy"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(LAYERS), env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("index", range(len(LAYERS)), ids=[name for name, _, _ in LAYERS])
def test_a_layer_returns_and_makes_what_it_does_in_keras(index, keras_says):
    config, outputs, weights, _ = keras_says[index]
    top = read_top(config)
    shaped = infer_shapes(top)
    assert [list(shape) for shape in shaped.outputs] == outputs
    layer = next(each for each in top.model.layers.values() if each.kind != "InputLayer")
    expected = own_weights(layer, shaped.taken[layer.path][0])
    assert [list(shape) for shape in expected.values()] == weights


def test_operations_return_what_they_do_in_keras(keras_says):
    config, outputs, _, _ = keras_says[-2]
    # Without what the file records, so that all is inferred.
    bare = json.loads(
        json.dumps(config), object_hook=lambda data: {**data, "shape": []} if "keras_history" in data else data
    )
    assert [list(shape) for shape in infer_shapes(read_top(bare)).outputs] == outputs


def test_the_order_of_the_layers_is_that_of_keras_whatever_that_of_the_file(keras_says):
    config, _, _, names = keras_says[-1]
    config["config"]["layers"].reverse()
    assert list(read_top(config).model.saved) == names


def tensor(name, shape):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": shape, "dtype": "float32", "keras_history": [name, 0, 0]},
    }


def layer(class_name, name, *nodes, **config):
    made = {"module": "keras.layers", "class_name": class_name, "config": {"name": name, **config}}
    return {**made, "registered_name": None, "name": name, "inbound_nodes": list(nodes)}


def functional(name, *layers, output):
    config = {"name": name, "layers": list(layers), "input_layers": [["x", 0, 0]], "output_layers": [output]}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def call(name, shape=(None, 4)):
    return {"args": [tensor(name, list(shape))], "kwargs": {}}


def test_a_recorded_shape_that_the_layer_does_not_return_is_refused():
    layers = [layer("InputLayer", "x", batch_shape=[None, 4]), layer("Flatten", "out", call("x", (None, 5)))]
    with pytest.raises(Refused, match=r"'x' returns \(any, 5\); it returns \(any, 4\)"):
        infer_shapes(read_top(functional("m", *layers, output=["out", 0, 0])))


def test_models_that_call_each_other_without_end_are_refused_at_once():
    source = layer("InputLayer", "x", batch_shape=[None, 4])
    model = functional("m", source, layer("Flatten", "out", call("x")), output=["out", 0, 0])
    for level in range(20):
        inner = {**model, "config": {**model["config"], "name": f"m{level}"}, "name": f"m{level}"}
        inner["inbound_nodes"] = [call("x"), call(f"m{level}")]
        model = functional("m", source, inner, output=[f"m{level}", 2, 0])
    with pytest.raises(Refused, match=f"{MOST_CALLS:,} times"):
        infer_shapes(read_top(model))


def test_the_state_of_a_stateful_layer_counts_for_every_sample():
    layers = [layer("InputLayer", "x", batch_shape=[1000, 5, 3]), layer("LSTM", "out", units=2000, stateful=True)]
    config = {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    assert infer_shapes(read_top(config)).largest >= 2_000_000


def test_a_shape_of_an_operation_that_is_not_known_is_the_recorded_one():
    source = layer("InputLayer", "x", batch_shape=[None, 4])
    rare = {**layer("Cross", "rare", call("x")), "module": "keras.src.ops.numpy", "registered_name": "Cross"}
    shaped = infer_shapes(
        read_top(functional("m", source, rare, layer("Flatten", "out", call("rare", (None, 7))), output=["out", 0, 0]))
    )
    assert shaped.outputs == ((None, 7),)
