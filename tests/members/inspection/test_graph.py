"""The graph of a configuration: as Keras would build it, or refused."""

from __future__ import annotations

import itertools

import pytest

from kerasemble.members.inspection.graph import read_top
from kerasemble.members.inspection.record import Refused


def tensor(name, call=0, index=0):
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, index]},
    }


def layer(class_name, name, *calls, module="keras.layers", **config):
    """A layer with a call for each list of names that it takes."""
    nodes = [{"args": [tensor(each) for each in call], "kwargs": {}} for call in calls]
    own = {"class_name": class_name, "config": {"name": name, **config}, "registered_name": None, "module": module}
    return {**own, "name": name, "inbound_nodes": nodes}


def source(name="x"):
    return layer("InputLayer", name, batch_shape=[None, 4], dtype="float32")


def functional(*layers, inputs=("x", 0, 0), outputs=("out", 0, 0), name="m"):
    config = {"name": name, "layers": list(layers), "input_layers": [list(inputs)], "output_layers": [list(outputs)]}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def called(model, name, *calls):
    """A model as a layer of another."""
    nodes = [{"args": [tensor(each) for each in call], "kwargs": {}} for call in calls]
    return {**model, "config": {**model["config"], "name": name}, "name": name, "inbound_nodes": nodes}


def dense(name, *calls):
    return layer("Dense", name, *calls, units=4)


def refusal(config):
    with pytest.raises(Refused) as caught:
        read_top(config)
    return caught.value


def test_calls_are_ordered_after_those_that_they_need_whatever_the_order_of_the_file():
    graph = read_top(functional(dense("out", ["a"]), dense("a", ["x"]), source())).model
    assert [name for name, _ in graph.order] == ["x", "a", "out"]


def test_weights_are_kept_in_the_order_of_the_graph_and_not_of_the_file():
    graph = read_top(functional(source(), dense("out", ["b"]), dense("b", ["a"]), dense("a", ["x"]))).model
    assert graph.saved == ("x", "a", "b", "out")


def test_operations_are_no_layers_of_which_weights_are_kept():
    add = layer("Add", "add", ["x", "a"], module="keras.src.ops.numpy")
    assert read_top(functional(source(), dense("a", ["x"]), add, dense("out", ["add"]))).model.saved == (
        "x",
        "a",
        "out",
    )


def test_a_layer_may_be_called_twice():
    graph = read_top(functional(source(), dense("a", ["x"], ["b"]), dense("b", ["a"]), dense("out", ["a"]))).model
    assert graph.order.index(("a", 1)) > graph.order.index(("b", 0)) > graph.order.index(("a", 0))


def test_calls_of_keras_2_are_read():
    old = {**dense("out"), "inbound_nodes": [[["x", 0, 0, {}]]]}
    assert read_top(functional(source(), old)).model.layers["out"].calls[0].sources == (("x", 0, 0),)


def test_a_mask_is_no_positional_argument():
    node = {"args": [tensor("x")], "kwargs": {"mask": tensor("x")}}
    call = read_top(functional(source(), {**dense("out"), "inbound_nodes": [node]})).model.layers["out"].calls[0]
    assert (call.positional, len(call.sources)) == (1, 2)


@pytest.mark.parametrize(
    ("code", "layers"),
    [
        ("cycle", [source(), dense("out", ["out"])]),
        ("cycle", [source(), dense("a", ["b"]), dense("b", ["a"]), dense("out", ["a"])]),
        ("cycle", [source(), dense("a", ["b"], ["x"]), dense("b", ["a"]), dense("out", ["b"])]),
        ("duplicate-name", [source(), dense("a", ["x"]), dense("a", ["x"]), dense("out", ["a"])]),
        ("config", [source(), dense("out", ["nowhere"])]),
        ("config", [source(), {**dense("out"), "inbound_nodes": [{"args": [tensor("x", call=9)], "kwargs": {}}]}]),
        ("config", [source(), {**dense("out"), "inbound_nodes": [{"args": [1], "kwargs": {}}]}]),
        ("config", [source(), {**dense("out"), "inbound_nodes": [[]]}]),
        ("config", [source(), {**dense("other", ["x"]), "name": "out"}]),
        ("config", [source(), dense("a", ["x"])]),
        ("config", [source(), None, dense("out", ["x"])]),
        ("class", [source(), layer("SGD", "out", ["x"], module="keras.optimizers")]),
    ],
)
def test_a_graph_that_keras_cannot_build_is_refused(code, layers):
    assert refusal(functional(*layers)).code == code


def test_the_top_is_a_model():
    assert refusal(dense("out")).code == "top-level"
    assert (
        refusal({**functional(), "class_name": "Model", "module": "keras", "config": {"name": "m"}}).code == "top-level"
    )


def test_a_layer_may_have_the_name_of_one_in_a_nested_model():
    inner = called(functional(source(), dense("out", ["x"])), "inner", ["x"])
    top = read_top(functional(source(), inner, dense("out", ["inner"])))
    assert top.model.layers["inner"].model.layers["out"].path == "inner/out"


def test_models_nested_too_deep_are_refused_and_not_followed():
    model = functional(source(), dense("out", ["x"]))
    for _ in range(200):
        model = functional(source(), called(model, "out", ["x"]), outputs=("out", 1, 0))
    assert "deep" in refusal(model).message


def test_arguments_nested_too_deep_are_refused_and_not_followed():
    value = tensor("x")
    for _ in range(100_000):
        value = [value]
    assert (
        "deep"
        in refusal(functional(source(), {**dense("out"), "inbound_nodes": [{"args": value, "kwargs": {}}]})).message
    )


def test_a_chain_listed_backwards_is_refused_once_it_would_take_keras_minutes():
    def chain(count):
        names = ["x", *(f"d{index}" for index in range(count)), "out"]
        pairs = itertools.pairwise(names)
        return functional(*reversed([source(), *(dense(name, [before]) for before, name in pairs)]))

    assert read_top(chain(300)).model.saved[0] == "x"
    assert "against their order" in refusal(chain(900)).message
