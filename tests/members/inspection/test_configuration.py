"""A configuration is accepted with the weights that its model makes, and refused with a code for all else."""

from __future__ import annotations

import copy
import io
import itertools
import json
import zipfile

import h5py
import pytest

from kerasemble.members.inspection.configuration import check_configuration
from kerasemble.members.inspection.record import Port, Refused, StoredArray, StoredLayer, Weights

POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def thing(class_name, module="keras.layers", /, **config):
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def function(name, module="builtins"):
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def sequential(*layers, **more):
    inputs = thing("InputLayer", name="x", batch_shape=[None, 4], dtype="float32")
    return {**thing("Sequential", "keras", name="model", layers=[inputs, *layers]), **more}


def dense(name="out", **config):
    return thing("Dense", name=name, units=3, activation="softmax", dtype=POLICY, **config)


def stored(*shapes, folder="layers/dense/vars"):
    return Weights(tuple(StoredArray(f"{folder}/{index}", shape, "float32") for index, shape in enumerate(shapes)))


WEIGHTS = stored((4, 3), (3,))


def refusal(config, weights=WEIGHTS, **vouched):
    with pytest.raises(Refused) as caught:
        check_configuration(config, weights, **vouched)
    return caught.value


def test_a_model_is_accepted_with_what_it_is():
    structure, warnings = check_configuration(sequential(dense()), WEIGHTS)
    assert structure.inputs == (Port("x", (None, 4), "float32"),)
    assert structure.outputs == (Port("out", (None, 3), "float32", "softmax"),)
    assert (structure.layers, structure.largest, warnings) == (1, 4, ())


def test_a_layer_whose_stored_name_has_slashes_is_the_one_without():
    arrays = stored((4, 3), (3,), folder="model_weights/block/out").arrays
    layers = (StoredLayer("block/out", tuple(array.path for array in arrays)),)
    structure, warnings = check_configuration(sequential(dense("block_out")), Weights(arrays, layers))
    assert (structure.layers, warnings) == (1, ())


def test_an_activation_is_seen_through_what_does_not_change_it():
    layers = [dense(), thing("Dropout", name="d", rate=0.5), thing("Reshape", name="r", target_shape=[3, 1])]
    structure, _ = check_configuration(sequential(*layers, thing("Activation", name="a", activation="linear")), WEIGHTS)
    assert structure.outputs[0].activation == "softmax"


def test_the_dtype_of_an_output_is_what_its_policy_computes_in():
    policy = {**POLICY, "config": {"name": "mixed_float16"}}
    structure, _ = check_configuration(
        sequential(dense() | {"config": {**dense()["config"], "dtype": policy}}), WEIGHTS
    )
    assert structure.outputs[0].dtype == "float16"


CODE = {"class_name": "__lambda__", "config": {"value": {"code": "4wEAAAA="}}}


@pytest.mark.parametrize(
    ("code", "layer"),
    [
        ("lambda", thing("Lambda", name="h", function=CODE)),
        ("lambda", dense(kernel_initializer=CODE)),
        ("lambda", thing("TimeDistributed", name="t", layer=thing("Lambda", name="h", function=CODE))),
        ("code-layer", thing("TFSMLayer", name="h", filepath="graph")),
        ("code-layer", thing("TorchModuleWrapper", name="h", module="")),
        ("control-flow", thing("Map", "keras.src.ops.core", name="h")),
        ("function", dense(kernel_initializer=function("get_file", "keras.utils"))),
        ("function", dense(bias_regularizer=function("system", "os"))),
        ("function", dense(bias_regularizer=function("deserialize", "keras.activations"))),
        ("function", dense(bias_constraint="deserialize")),
        ("class", thing("Popen", "subprocess", name="h")),
        ("class", thing("set_floatx", "keras.config", name="h")),
        ("class", thing("OperationTest", "keras.src.ops.operation_test", name="h")),
        ("class", thing("Backbone", "keras_hub.models", name="h")),
        ("class", {**dense(), "registered_name": "else>Where"}),
        ("class", dense(bias_regularizer={**CODE, "class_name": "__typespec__"})),
        ("vocabulary", thing("StringLookup", name="h", vocabulary="/etc/passwd")),
        ("vocabulary", thing("TextVectorization", name="h", vocabulary=["a"], idf_weights="weights.txt")),
        ("custom-class", thing("Mine", "my_package.layers", name="h")),
        ("custom-class", thing("Mine", None, name="h")),
        ("custom-class", thing("Mine", None, name="h") | {"registered_name": "my_layers>Mine"}),
        ("custom-class", thing("Activation", name="h", activation="mine")),
        ("config", dense(bias_initializer={"class_name": "__numpy__", "config": {"value": "a", "dtype": "U9"}})),
        ("config", dense(bias_initializer={"class_name": "__numpy__", "config": {"value": [{}], "dtype": "int8"}})),
        ("config", dense(bias_initializer={"class_name": 1, "config": {}})),
        ("config", {**dense(), "shared_object_id": "one"}),
    ],
)
def test_what_no_file_may_name_is_refused_wherever_it_stands(code, layer):
    assert refusal(sequential(layer)).code == code
    assert refusal(sequential(thing("Sequential", "keras", name="inner", layers=[layer]))).code == code


def test_a_refusal_names_the_layer_by_its_path_and_the_cure():
    inner = thing("Sequential", "keras", name="block_1", layers=[thing("Lambda", name="lambda_3", function=CODE)])
    found = refusal(sequential(inner))
    assert found.message.startswith(
        "brings code of its own in layer 'block_1/lambda_3', a Lambda. Open it with --trust FILE"
    )


def test_a_custom_class_is_refused_with_the_option_that_gives_it():
    assert (
        "--custom my_package.layers:Mine" in refusal(sequential(thing("Mine", "my_package.layers", name="h"))).message
    )


def test_names_in_a_file_can_neither_write_over_a_terminal_nor_fill_it():
    message = refusal(sequential(thing("Lambda", name="\x1b[2J" + "a" * 10_000, function=CODE))).message
    assert message.isprintable()
    assert len(message) < 1000
    assert "--trust FILE" in message


def test_data_that_looks_like_classes_is_harmless():
    array = {"class_name": "__numpy__", "config": {"value": [[1.5, 2]], "dtype": "float32"}}
    words = thing("StringLookup", name="words", vocabulary=["serialize", "deserialize", "Lambda"])
    config = sequential(thing("Rescaling", name="r", scale=array, offset=0.0), words, dense())
    check_configuration(config, WEIGHTS)


@pytest.mark.parametrize(
    "compiled",
    [
        {"optimizer": thing("AdamW", "keras.optimizers", learning_rate=0.1), "loss": "mse"},
        {"optimizer": thing("Adam", "keras.optimizers.legacy", lr=0.1), "loss": function("categorical_crossentropy")},
        {"optimizer": {**thing("Adam", "keras.optimizers"), "registered_name": "Custom>Adam"}, "loss": None},
    ],
)
def test_what_a_model_was_trained_with_is_no_matter(compiled):
    assert check_configuration(sequential(dense(), compile_config=compiled), WEIGHTS)[1] == ()


def test_a_loss_of_its_author_is_no_reason_to_refuse_a_model():
    compiled = {"optimizer": "sgd", "loss": function("focal_loss", "training.losses")}
    warnings = check_configuration(sequential(dense(), compile_config=compiled), WEIGHTS)[1]
    assert warnings == ("It was compiled with 'focal_loss', of its author's own; members are opened uncompiled.",)


@pytest.mark.parametrize("loss", [CODE, function("system", "os"), function("get_file", "keras.utils")])
def test_code_is_refused_in_what_a_model_was_trained_with(loss):
    assert refusal(sequential(dense(), compile_config={"loss": loss})).code in ("lambda", "function")


def test_trust_lets_code_run_and_nothing_else():
    lambdas = sequential(thing("Lambda", name="h", function=CODE), dense())
    check_configuration(lambdas, WEIGHTS, trust=True)
    assert refusal(lambdas, stored((4, 2), (2,)), trust=True).code == "shape-mismatch"
    assert (
        refusal(sequential(thing("StringLookup", name="h", vocabulary="/etc/passwd")), trust=True).code == "vocabulary"
    )
    assert refusal(sequential(thing("set_floatx", "keras.config", name="h")), trust=True).code == "class"


@pytest.mark.parametrize("name", ["Mine", "mine>Mine"])
def test_a_class_that_the_user_gives_is_accepted(name):
    mine = {**thing("Mine", "my_package", name="h"), "registered_name": "mine>Mine"}
    check_configuration(sequential(mine, dense()), WEIGHTS, custom=[name])


def test_activations_of_a_custom_class_are_its_own():
    mine = thing("Mine", "my_package", name="h", activation="geglu")
    check_configuration(sequential(mine, dense()), WEIGHTS, custom=["Mine"])


@pytest.mark.parametrize(
    ("code", "shapes"),
    [
        ("shape-mismatch", [(5, 3), (3,)]),
        ("shape-mismatch", [(4, 2), (2,)]),
        ("shape-mismatch", [(4, 3), (3, 1)]),
        ("unstored-weights", [(4, 3)]),
        ("unstored-weights", []),
    ],
)
def test_the_weights_stored_are_those_that_the_model_makes(code, shapes):
    assert refusal(sequential(dense()), stored(*shapes)).code == code


def test_a_layer_is_not_built_from_another_shape_than_it_takes():
    built = {**dense(), "build_config": {"input_shape": [None, 90_000]}}
    assert refusal(sequential(built)).code == "shape-mismatch"


def test_arrays_that_no_layer_takes_are_a_warning():
    more = (
        *WEIGHTS.arrays,
        StoredArray("layers/gone/vars/0", (2,), "float32"),
        StoredArray("optimizer/vars/0", (), "int64"),
    )
    assert check_configuration(sequential(dense()), Weights(more))[1] == (
        "It stores 1 arrays that no layer takes: 'layers/gone/vars/0'.",
    )


@pytest.mark.parametrize("size", [2_000_000_000, 2e9, 10**30])
def test_a_size_that_no_weight_has_is_refused(size):
    config = dense()
    config["config"]["units"] = size
    assert refusal(sequential(config)).code == "dimension"


def test_large_sizes_that_are_stored_seeds_and_lengths_are_no_matter():
    words = thing(
        "Embedding",
        name="words",
        input_dim=250_000,
        output_dim=4,
        embeddings_initializer=thing("RandomNormal", "keras.initializers", seed=2**40),
    )
    long = thing("InputLayer", name="x", batch_shape=[None, 160_000], dtype="int32")
    layers = [long, words, thing("GlobalMaxPooling1D", name="p"), dense()]
    arrays = (*WEIGHTS.arrays, StoredArray("layers/embedding/vars/0", (250_000, 4), "float32"))
    check_configuration(thing("Sequential", "keras", name="model", layers=layers), Weights(arrays))


def test_a_tensor_larger_than_memory_is_refused():
    large = [thing("RepeatVector", name="r", n=1_000_000_000), thing("GlobalMaxPooling1D", name="p"), dense()]
    assert refusal(sequential(*large)).code == "too-large-activation"


def test_more_weights_than_memory_are_refused():
    assert refusal(sequential(dense()), stored((50_000, 50_000))).code == "too-many-parameters"


def test_low_rank_weights_that_no_file_stores_are_no_larger_than_the_kernel():
    check_configuration(sequential(dense(lora_rank=2)), WEIGHTS)
    assert refusal(sequential(dense(lora_rank=90_000))).code == "dimension"


def test_a_quantised_layer_is_no_larger_than_what_it_stores():
    policy = thing("QuantizedDTypePolicy", "keras.dtype_policies", mode="int8", source_name="float32")
    small = dense()
    small["config"] |= {"dtype": policy}
    check_configuration(sequential(small), stored((4, 3), (3,), (3,)))
    small["config"] |= {"units": 90_000}
    assert refusal(sequential(small), stored((4, 3), (3,), (3,))).code == "shape-mismatch"


# What Keras writes.


def read(path):
    """The configuration and the weights of a file, without what is tested elsewhere."""
    if path.suffix == ".keras":
        archive = zipfile.ZipFile(path)
        config, file, layers = (
            json.loads(archive.read("config.json")),
            h5py.File(io.BytesIO(archive.read("model.weights.h5"))),
            None,
        )
    else:
        file = h5py.File(path)
        group = file["model_weights"]
        names = {
            name: [f"model_weights/{name}/{weight}" for weight in group[name].attrs["weight_names"]]
            for name in group.attrs["layer_names"]
        }
        config, layers = (
            json.loads(file.attrs["model_config"]),
            tuple(StoredLayer(name, tuple(paths)) for name, paths in names.items()),
        )
    arrays = []
    file.visititems(
        lambda path, item: (
            arrays.append(StoredArray(path, item.shape, str(item.dtype))) if isinstance(item, h5py.Dataset) else None
        )
    )
    return config, Weights(tuple(arrays), layers)


@pytest.fixture(scope="module", params=["nested.keras", "nested.h5", "dense.keras", "dense.h5"])
def written(saved, request):
    return read(saved / request.param)


def weights_of(weights):
    return [
        array
        for array in weights.arrays
        if "seed_generator" not in array.path and not array.path.startswith("optimizer")
    ]


def test_what_keras_writes_is_accepted(written):
    structure, warnings = check_configuration(*written)
    assert structure.outputs[0].activation == "softmax"
    assert structure.outputs[0].shape == (None, 3)
    assert warnings == ()


def test_each_weight_is_missed_where_it_is_not_stored(written):
    config, weights = written
    for gone in weights_of(weights):
        layers = weights.layers and tuple(
            layer._replace(weights=tuple(path for path in layer.weights if path != gone.path))
            for layer in weights.layers
        )
        left = Weights(tuple(array for array in weights.arrays if array != gone), layers)
        assert refusal(config, left).code == "unstored-weights", gone


def test_each_weight_is_refused_in_another_shape(written):
    config, weights = written
    for changed in weights_of(weights):
        other = changed._replace(shape=(changed.shape[0] + 1, *changed.shape[1:]))
        arrays = tuple(other if array == changed else array for array in weights.arrays)
        assert refusal(config, weights._replace(arrays=arrays)).code == "shape-mismatch", changed


def test_weights_of_two_layers_in_the_other_order_are_refused(saved):
    config, weights = read(saved / "nested.h5")
    full = [index for index, layer in enumerate(weights.layers) if layer.weights]
    for first, second in itertools.pairwise(full):
        layers = list(weights.layers)
        layers[first], layers[second] = layers[second], layers[first]
        assert refusal(config, weights._replace(layers=tuple(layers))).code == "layer-order"


def test_weights_of_a_layer_in_the_other_order_are_refused(saved):
    config, weights = read(saved / "nested.h5")
    layers = [
        layer._replace(weights=layer.weights[::-1]) if "batch" in layer.name else layer for layer in weights.layers
    ]
    assert refusal(config, weights._replace(layers=tuple(layers))).code == "layer-order"


def test_no_value_anywhere_in_a_configuration_makes_the_check_fail(saved):
    config, weights = read(saved / "nested.keras")
    values = [None, True, -1, 10**30, 1.5, float("inf"), "x", [], {}, [[]], {"class_name": "Dense"}, ["a", 0, 0]]
    places = []
    stack = [((), config)]
    while stack:
        path, value = stack.pop()
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        stack += [((*path, key), item) for key, item in inner]
        places += [path] if path else []
    for number, (*way, last) in enumerate(places):
        changed = copy.deepcopy(config)
        inner = changed
        for key in way:
            inner = inner[key]
        inner[last] = values[number % len(values)]
        try:
            check_configuration(changed, weights)
        except Refused:
            continue
