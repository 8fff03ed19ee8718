"""Graphs that are none: rings, names given twice, calls of layers that are not there."""

from __future__ import annotations

from typing import Any

import h5py

from corpus.case import file_case
from corpus.seeds import (
    Json,
    archive,
    called,
    chain,
    dense,
    functional,
    hdf5,
    numbers,
    old,
    old_chain,
    old_layer,
    sequential,
    source,
    tensor,
    weights,
)

_TWO = weights((4, 4), (4, 2))
_OUT = dense("out", 2, activation="softmax")


def _ring(*names: str) -> Json:
    """Return a model whose layers of these names take each other's output."""
    ring = [called(dense(name), names[index - 1]) for index, name in enumerate(names)]
    return functional([source(), *ring, called(_OUT, names[-1])])


def _nested_in_itself() -> Json:
    inner = functional([source(name="y"), called(dense("a"), "y")], "y", "a", name="inner")
    twin = functional([source(name="y"), called(inner, "y")], "y", "inner", name="inner")
    return chain(twin)


def _changed(**change: Any) -> Json:
    whole = chain()
    return {**whole, "config": {**whole["config"], **change}}


def _node(reference: Json) -> Json:
    return functional([source(), {**_OUT, "inbound_nodes": [{"args": [reference], "kwargs": {}}]}])


def _doubling(levels: int) -> Json:
    """Each model calls the one inside it twice, so that a few kB of file are 2**levels calls."""
    model = functional([source(name="i"), called(dense("o"), "i")], "i", "o", name="m0")
    for level in range(1, levels):
        inner = model["name"]
        nodes = [{"args": [tensor(name)], "kwargs": {"mask": None}} for name in ("i", inner)]
        model = functional([source(name="i"), {**model, "inbound_nodes": nodes}], "i", inner, name=f"m{level}")
        model["config"]["output_layers"] = [inner, 2, 0]
    return chain(model)


def _doubled_weights(levels: int) -> bytes:
    def write(file: h5py.File) -> None:
        for path, shape in (("layers/functional/" * levels + "layers/dense", (4, 4)), ("layers/dense", (4, 2))):
            file[f"{path}/vars/0"], file[f"{path}/vars/1"] = numbers(*shape), numbers(shape[1])

    return hdf5(write)


CASES = [
    file_case("graph/ring-of-one", "a layer that takes its own output", "cycle", archive(_ring("a"), _TWO)),
    file_case(
        "graph/ring-of-two",
        "two layers that take each other's output",
        "cycle",
        archive(_ring("a", "b"), weights((4, 4), (4, 4), (4, 2))),
    ),
    file_case(
        "graph/ring-of-fifty",
        "fifty layers in a ring",
        "cycle",
        archive(_ring(*(f"d{index}" for index in range(50))), weights(*[(4, 4)] * 50, (4, 2))),
    ),
    file_case(
        "graph/same-name",
        "two layers of one name, the last wins",
        "duplicate-name",
        archive(chain(dense("a"), dense("a")), weights((4, 4), (4, 4), (4, 2))),
    ),
    file_case(
        "graph/same-name-as-input",
        "a layer named as the input",
        "duplicate-name cycle",
        archive(chain(dense("x")), _TWO),
    ),
    file_case(
        "graph/same-name-in-sequential",
        "two layers of one name",
        "duplicate-name",
        archive(sequential(source(), dense("a"), dense("a", 2)), _TWO),
    ),
    file_case(
        "graph/same-name-nested",
        "two layers of one name in a nested model",
        "duplicate-name",
        archive(chain(sequential(source(), dense("a"), dense("a"), name="n")), _TWO),
    ),
    file_case(
        "graph/same-name-in-h5",
        "two layers of one name",
        "duplicate-name layer-order",
        old(old_chain(old_layer("Dense", "out", units=4))),
        ".h5",
    ),
    file_case(
        "graph/model-in-itself",
        "a model named as the one that holds it",
        "duplicate-name config unstored-weights",
        archive(_nested_in_itself(), _TWO),
    ),
    file_case(
        "graph/call-of-nothing",
        "a call on a layer that is not there",
        "config cycle",
        archive(_node(tensor("nowhere"))),
    ),
    file_case(
        "graph/call-of-later-node",
        "a call on the hundredth call of the input",
        "config cycle",
        archive(_node(tensor("x", node=99))),
    ),
    file_case(
        "graph/call-of-node-before",
        "a call on the call before the first",
        "config cycle",
        archive(_node(tensor("x", node=-5))),
    ),
    file_case(
        "graph/history-of-words",
        "a reference that is none",
        "config cycle",
        archive(_node({**tensor("x"), "config": {"shape": [None, 4], "dtype": "float32", "keras_history": "xyz"}})),
    ),
    file_case(
        "graph/output-of-nothing",
        "an output that is not there",
        "config",
        archive(_changed(output_layers=["nowhere", 0, 0])),
    ),
    file_case(
        "graph/input-of-nothing",
        "an input that is not there",
        "config",
        archive(_changed(input_layers=["nowhere", 0, 0])),
    ),
    file_case("graph/no-output", "no output", "config", archive(_changed(output_layers=[]))),
    file_case("graph/no-layers", "no layers", "config top-level", archive(_changed(layers=[]))),
    file_case("graph/empty-sequential", "no layers", "config top-level unstored-weights", archive(sequential())),
    file_case(
        "graph/doubling",
        "20 models in each other, each called twice: a million calls when it is run, in 30 kB",
        "config json-depth too-large-activation not-supported",
        archive(_doubling(20), _doubled_weights(20)),
    ),
]
