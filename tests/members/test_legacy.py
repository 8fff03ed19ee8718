"""What old files need, step by step; that whole files compute the same is tested in tests/legacy."""

import copy

import numpy as np
import pytest

from kerasemble.members.inspection.record import Refused, StoredArray, StoredLayer, Weights
from kerasemble.members.legacy import Scale, mend
from kerasemble.members.legacy.arguments import (
    with_named_dtype,
    with_negative_slope,
    with_plain_numbers,
    with_settings_kept,
    with_whole_axis,
    without_input_shape,
    without_settings_of_keras_2,
)
from kerasemble.members.legacy.classes import (
    not_of_keras_1,
    with_classes_of_keras_3,
    with_modules,
    without_other_build,
    without_other_interpolation,
)
from kerasemble.members.legacy.graph import with_calls_of_keras_3
from kerasemble.members.legacy.masks import without_other_masks
from kerasemble.members.legacy.models import with_own_freezing, with_plain_names, with_single_ends
from kerasemble.members.legacy.sequential import with_input_layer, with_named_lists
from kerasemble.members.legacy.steeper import with_steeper_activation

NONE = Weights((), ())


def layer(class_name, /, inbound=None, outer=None, **config):
    """A layer as a file describes it: with its place in a graph, and with other keys beside its settings."""
    place = {} if inbound is None else {"name": config["name"], "inbound_nodes": inbound}
    return {"class_name": class_name, "config": config, **place, **(outer or {})}


def called(class_name, name, *nodes, **config):
    """A layer in a graph, called once on each list of tensors."""
    return layer(class_name, list(nodes), name=name, **config)


def graph(*layers, ends=("x", "y"), **config):
    """A functional model from one tensor to another."""
    inputs, outputs = ([[end, 0, 0]] for end in ends)
    return layer("Functional", name="model", layers=list(layers), input_layers=inputs, output_layers=outputs, **config)


def on(*names, number=0, **kwargs):
    """The tensors that a layer is called on."""
    return [[name, number, 0, kwargs] for name in names]


X = called("InputLayer", "x", batch_input_shape=[None, 4], dtype="float32")
KNOWN = {"module": "keras.layers", "registered_name": None}

CHANGED = {
    "a setting that is gone": (
        without_settings_of_keras_2,
        layer("LSTM", units=3, time_major=False),
        layer("LSTM", units=3),
    ),
    "an idle setting": (
        without_settings_of_keras_2,
        layer("SeparableConv2D", kernel_initializer="zeros"),
        layer("SeparableConv2D"),
    ),
    "numbers as objects": (
        with_plain_numbers,
        layer("LeakyReLU", alpha={"type": "ndarray", "value": 0.3}),
        layer("LeakyReLU", alpha=0.3),
    ),
    "the slope's name": (with_negative_slope, layer("LeakyReLU", alpha=0.3), layer("LeakyReLU", negative_slope=0.3)),
    "a dtype policy": (
        with_named_dtype,
        layer("Dense", dtype=layer("Policy", name="mixed_float16")),
        layer("Dense", dtype="mixed_float16"),
    ),
    "an axis in a list": (
        with_whole_axis,
        layer("BatchNormalization", axis=[3], outer=KNOWN),
        layer("BatchNormalization", axis=3, outer=KNOWN),
    ),
    "axes that Keras would lose": (
        with_settings_kept,
        layer("Softmax", axis=[1, 2]),
        layer("Softmax", axis=[1, 2], outer=KNOWN),
    ),
    "a word that Keras would take for a function": (
        with_settings_kept,
        layer("Attention", score_mode="dot"),
        layer("Attention", score_mode="dot", outer=KNOWN),
    ),
    "a shape that the graph says": (without_input_shape, layer("Dense", batch_input_shape=[None, 3]), layer("Dense")),
    "a class renamed": (with_classes_of_keras_3, layer("BatchNormalizationV1"), layer("BatchNormalization")),
    "a class of another name and setting": (
        with_classes_of_keras_3,
        layer("ThresholdedReLU", theta=0.5),
        layer("ReLU", threshold=0.5),
    ),
    "a layer for training only": (
        with_classes_of_keras_3,
        layer("RandomWidth", name="w", factor=0.2, seed=None),
        layer("Activation", name="w", activation="linear"),
    ),
    "a crop that resizes": (
        with_classes_of_keras_3,
        layer("RandomCrop", height=4, width=5, seed=None),
        layer("Resizing", height=4, width=5, crop_to_aspect_ratio=True),
    ),
    "what is wrapped": (
        with_modules,
        layer("Bidirectional", layer=layer("LSTM", units=3)),
        layer("Bidirectional", layer=layer("LSTM", units=3, outer=KNOWN)),
    ),
    "an old module": (
        with_modules,
        layer("LSTM", outer={"module": "tf_keras.src.layers.rnn.lstm"}),
        layer("LSTM", outer=KNOWN),
    ),
    "shapes of several inputs": (
        without_other_build,
        layer("LSTM", outer={"build_config": {"input_shape": [[None, 2, 3], [None, 3]]}}),
        layer("LSTM"),
    ),
    "the layers of a frozen model": (
        with_own_freezing,
        layer("Sequential", trainable=False, layers=[layer("Dense", trainable=True)]),
        layer("Sequential", trainable=True, layers=[layer("Dense", trainable=True)]),
    ),
    "single ends": (
        with_single_ends,
        layer("Functional", layers=[], input_layers=[["x", 0, 0]], output_layers=[["y", 0, 0]]),
        layer("Functional", layers=[], input_layers=["x", 0, 0], output_layers=["y", 0, 0]),
    ),
    "slashes in names": (
        with_plain_names,
        graph(X, called("Dense", "a/b", on("x")), called("Dense", "y", on("a/b"))),
        graph(X, called("Dense", "a_b", on("x")), called("Dense", "y", on("a_b"))),
    ),
    "calls of a nested model": (
        with_calls_of_keras_3,
        graph(X, called("Sequential", "inner", on("x"), layers=[]), called("Dense", "y", on("inner", number=1))),
        graph(X, called("Sequential", "inner", on("x"), layers=[]), called("Dense", "y", on("inner"))),
    ),
}


@pytest.mark.parametrize(("step", "before", "after"), CHANGED.values(), ids=list(CHANGED))
def test_a_step_changes_what_is_old_and_says_so_and_leaves_what_is_new(step, before, after):
    given = copy.deepcopy(before)
    changed, said = step(given)
    assert changed == after
    assert all(len(sentence) > 10 for sentence in said)
    assert list(said)
    assert given == before  # the caller's
    assert step(after) == (after, ()) or list(step(after)[1]) == []


REFUSED = {
    "time_major": (without_settings_of_keras_2, layer("GRU", name="g", time_major=True), "time_major=True"),
    "groups": (without_settings_of_keras_2, layer("Conv2DTranspose", name="c", groups=2), "groups=2"),
    "several axes": (with_whole_axis, layer("BatchNormalization", name="n", axis=[1, 2]), r"axis=\[1, 2\]"),
    "Keras 1": (not_of_keras_1, layer("Convolution2D", name="c", nb_filter=3), "Keras 1"),
    "bicubic": (without_other_interpolation, layer("UpSampling2D", name="u", interpolation="bicubic"), "bicubic"),
    "masks": (
        without_other_masks,
        graph(
            X,
            called("Embedding", "e", on("x"), mask_zero=True),
            called("Dense", "d", on("x")),
            called("Add", "a", on("e", "d")),
            called("LSTM", "y", on("a")),
        ),
        "layer 'a'",
    ),
    "a masked sequence with its state": (
        without_other_masks,
        graph(X, called("Embedding", "e", on("x"), mask_zero=True), called("LSTM", "y", on("e", "x", "x"))),
        "layer 'y'",
    ),
}


@pytest.mark.parametrize(("step", "given", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_what_keras_3_would_compute_otherwise_is_refused_with_the_reason(step, given, reason):
    with pytest.raises(Refused, match=reason) as refusal:
        step(given)
    assert refusal.value.code == "legacy"


def test_masks_that_agree_or_that_nothing_uses_are_no_reason_to_refuse():
    embedding, dense = called("Embedding", "e", on("x"), mask_zero=True), called("Dense", "d", on("e"))
    same = graph(X, embedding, dense, called("Add", "a", on("e", "d")), called("LSTM", "y", on("a")))
    unused = graph(X, embedding, called("Add", "a", on("e", "x")), called("Flatten", "y", on("a")))
    ended = graph(X, embedding, called("LSTM", "h", on("e")), called("Add", "y", on("h", "x")))
    named = graph(X, embedding, called("LSTM", "y", on("e", mask=["x", 0, 0])))
    for model in (same, unused, ended, named):
        assert without_other_masks(model)[0] is model


def test_a_bare_list_of_layers_becomes_a_sequential_with_an_input():
    dense = layer("Dense", name="d", units=3, batch_input_shape=[None, 4], dtype="float32")
    named, said = with_named_lists({"class_name": "Sequential", "config": [dense]})
    assert named["config"] == {"name": "sequential", "layers": [dense]}
    assert said
    mended, said = with_input_layer(named)
    first, second = mended["config"]["layers"]
    assert (first["class_name"], first["config"]["batch_shape"]) == ("InputLayer", [None, 4])
    assert "batch_input_shape" not in second["config"]
    assert said
    assert with_input_layer(mended)[0] is mended


def test_tensors_among_the_arguments_are_written_as_keras_3_writes_them():
    model = graph(X, called("MultiHeadAttention", "y", on("x", value=["x", 0, 0], training=False)))
    changed, _ = with_calls_of_keras_3(model)
    (node,) = changed["config"]["layers"][1]["inbound_nodes"]
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [], "dtype": "float32", "keras_history": ["x", 0, 0]},
    }
    assert node == {"args": [tensor], "kwargs": {"value": tensor, "training": False}}


def test_initial_states_are_given_by_name():
    changed, _ = with_calls_of_keras_3(graph(X, called("LSTM", "y", on("x", "x", "x"))))
    (node,) = changed["config"]["layers"][1]["inbound_nodes"]
    assert len(node["args"]) == 1
    assert len(node["kwargs"]["initial_state"]) == 2


def test_arithmetic_of_tensorflow_becomes_operations_of_keras_and_the_rest_stays():
    scaled = called("TFOpLambda", "s", ["x", 0, 0, {"y": 127.5, "name": None}], function="math.truediv")
    taken = called("TFOpLambda", "t", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["s", 0, 0]}], function="math.subtract")
    strange = called("TFOpLambda", "y", ["t", 0, 0, {}], function="image.resize")
    changed, said = with_calls_of_keras_3(graph(X, scaled, taken, strange))
    _, first, second, third = changed["config"]["layers"]
    assert (first["module"], first["class_name"]) == ("keras.src.ops.numpy", "TrueDivide")
    assert first["inbound_nodes"][0]["args"][1] == 127.5
    assert second["inbound_nodes"][0]["args"][0] == 1.0
    assert third == strange
    assert len(list(said)) == 2


def old_lstm(recurrent_activation="hard_sigmoid"):
    """A Sequential of Keras 2.2 with what its .h5 file stores."""
    config = {
        "name": "lstm",
        "units": 2,
        "recurrent_activation": recurrent_activation,
        "batch_input_shape": [None, 5, 3],
    }
    model = layer("Sequential", name="s", layers=[layer("LSTM", **config)])
    paths = tuple(f"model_weights/lstm/lstm/{name}:0" for name in ("kernel", "recurrent_kernel", "bias"))
    shapes = ((3, 8), (2, 8), (8,))
    arrays = tuple(StoredArray(path, shape, "float32") for path, shape in zip(paths, shapes, strict=True))
    return model, Weights(arrays, (StoredLayer("lstm", paths),))


def test_hard_sigmoid_gets_its_slope_from_weights_that_are_multiplied():
    mended = mend(*old_lstm(), "h5")
    gates = (1.2, 1.2, 1.0, 1.2)
    assert mended.scales == tuple(Scale(array.path, gates) for array in old_lstm()[1].arrays)
    assert any("1.2" in sentence for sentence in mended.done)
    assert mend(*old_lstm("sigmoid"), "h5").scales == ()
    scaled = mended.scales[0](np.ones((3, 8), np.float32))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled[0], np.repeat(np.float32(gates), 2))


def test_hard_sigmoid_whose_weights_cannot_be_told_is_refused():
    model, weights = old_lstm()
    with pytest.raises(Refused, match="does not tell which weights lead to hard_sigmoid in 'lstm'"):
        mend(model, weights._replace(layers=(StoredLayer("lstm", weights.layers[0].weights[:1]),)), "h5")


def test_an_activation_that_is_hard_sigmoid_is_steepened_in_a_model_of_its_name():
    changed, _ = with_steeper_activation(layer("Activation", name="a", activation="hard_sigmoid"))
    assert (changed["class_name"], changed["config"]["name"]) == ("Sequential", "a")
    assert [each["class_name"] for each in changed["config"]["layers"]] == ["Rescaling", "Activation"]


def test_a_gru_that_does_not_say_when_it_resets_takes_it_from_its_biases():
    def made(*shape):
        model = layer("Sequential", name="s", layers=[layer("InputLayer", batch_input_shape=[None, 5, 3], name="i")])
        model["config"]["layers"].append(layer("GRU", name="g", units=2))
        return mend(model, Weights((StoredArray("model_weights/g/g/bias:0", shape, "float32"),), ()), "h5")

    assert made(6).config["config"]["layers"][1]["config"]["reset_after"] is False
    with pytest.raises(Refused, match="whether it resets"):
        made(2, 6)


def dense_stack(count):
    """A Sequential of equal Dense layers as tf_keras writes it to .keras files."""
    first = layer("InputLayer", batch_input_shape=[None, 4], name="i", outer=KNOWN)
    stack = [layer("Dense", units=4, name=f"d{i}", outer=KNOWN) for i in range(count)]
    return layer("Sequential", name="s", layers=[first, *stack], outer={"module": "keras", "registered_name": None})


def stored(*paths):
    return Weights(tuple(StoredArray(path, (4, 4), "float32") for path in paths))


@pytest.mark.parametrize(
    "names", [("dense", "dense_1", "dense_2"), ("dense", "dense_2", "dense_4")], ids=["2.14", "counted twice"]
)
@pytest.mark.parametrize("separator", ["/", "\\"], ids=["", "Windows"])
def test_weights_of_tensorflow_2_13_go_to_the_layer_that_they_are_of(names, separator):
    paths = [f"_layer_checkpoint_dependencies{separator}{name}/vars/0" for name in names]
    mended = mend(dense_stack(3), stored(*paths), "keras")
    wanted = [f"layers/{name}/vars/0" for name in ("dense", "dense_1", "dense_2")]
    assert mended.moves == tuple(zip(paths, wanted, strict=True))


def test_weights_that_fit_the_layers_in_no_way_or_in_two_are_refused():
    with pytest.raises(Refused, match="does not fit its layers"):
        mend(dense_stack(2), stored("_layer_checkpoint_dependencies/dense_7/vars/0"), "keras")
    wrapped = dense_stack(3)
    for each in wrapped["config"]["layers"][1:]:
        each.update(class_name="TimeDistributed", config={**each["config"], "layer": layer("Dense", outer=KNOWN)})
    paths = (f"_layer_checkpoint_dependencies/time_distributed{number}/layer/vars/0" for number in ("", "_2"))
    with pytest.raises(Refused, match="two ways"):
        mend(wrapped, stored(*paths), "keras")


def test_a_file_of_keras_3_is_left_as_it_is_but_for_its_training():
    first = layer("InputLayer", batch_shape=[None, 5, 3], name="i", outer=KNOWN)
    recurrent = layer("LSTM", units=2, recurrent_activation="hard_sigmoid", name="h", outer=KNOWN)
    model = layer(
        "Sequential", name="s", layers=[first, recurrent], outer={"module": "keras", "compile_config": {"a": 1}}
    )
    mended = mend(model, stored("layers/lstm/cell/vars/0"), "keras")
    assert mended == ({key: value for key, value in model.items() if key != "compile_config"}, (), (), ())


def test_damaged_configurations_are_refused_and_no_step_stumbles():
    rng = np.random.default_rng(0)
    whole = graph(
        X,
        called("Sequential", "s", on("x"), layers=[layer("Dense", name="d", batch_input_shape=[None, 4])]),
        called("TFOpLambda", "t", ["s", 1, 0, {"y": 1.0}], function="math.add"),
        called("Bidirectional", "y", on("t"), layer=old_lstm()[0]["config"]["layers"][0]),
    )
    others = [None, [], {}, 3, "x", [1], True, {"class_name": "Sequential"}]

    def damaged(value):
        if rng.random() < 0.04:
            return others[rng.integers(len(others))]
        if isinstance(value, list):
            return [damaged(item) for item in value]
        return {key: damaged(item) for key, item in value.items()} if isinstance(value, dict) else value

    codes = set()
    for _ in range(2000):
        given = damaged(whole)
        before = copy.deepcopy(given)
        try:
            mend(given, NONE, "h5")
        except Refused as refusal:
            codes.add(refusal.code)
        assert given == before
    assert "config" in codes
    assert codes <= {"config", "legacy"}


def test_a_mended_configuration_is_built_by_keras():
    import keras

    old = {"class_name": "Sequential", "config": [{**old_lstm()[0]["config"]["layers"][0]}]}
    old["config"].append(layer("Dense", name="d", units=2, activation="softmax"))
    mended = mend(old, NONE, "h5").config
    model = keras.Sequential.from_config(mended["config"])
    assert model.input_shape == (None, 5, 3)
    assert model(np.zeros((1, 5, 3), np.float32)).shape == (1, 2)
