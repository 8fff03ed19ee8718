"""A model's configuration, checked before Keras sees it: steps 5, 6 and 8 of the inspection."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kerasemble.members.inspection.budget import check_activation, check_dimensions, every_layer
from kerasemble.members.inspection.graph import Graph, Layer, read_top
from kerasemble.members.inspection.nodes import Shape, Source
from kerasemble.members.inspection.objects import Policy, check_objects
from kerasemble.members.inspection.ports import final_activation, output_dtype, policy_name
from kerasemble.members.inspection.record import Port, Refused, Structure, Weights
from kerasemble.members.inspection.shapes import Shaped, infer_shapes
from kerasemble.members.inspection.stored import check_stored

# Of a message: the first part says what is wrong, the last 300 letters the cure.
_LONGEST = 800
_CODE = ("lambda", "code-layer", "control-flow", "vocabulary")


def check_configuration(
    config: Mapping[str, Any], weights: Weights, *, trust: bool = False, custom: Collection[str] = ()
) -> tuple[Structure, tuple[str, ...]]:
    """Check that a configuration is that of a model, harmless, and of the weights in its file.

    Args:
        config: parsed, and mended where it is old: class_name, config and perhaps module, compile_config, ...
        weights: what the file stores.
        trust: whether code that the file brings may run. All else is still checked.
        custom: names of classes and functions that the user gives: "Name" or "package>Name".

    Returns:
        What the model is, and what is odd about it, a sentence each.

    Raises:
        Refused: with a code and the reason.
    """
    try:
        warnings = check_objects(config, Policy(trust, frozenset(custom)))
        top = read_top(config)
        check_dimensions(top, weights)
        shaped = infer_shapes(top)
        check_activation(shaped.largest)
        warnings += check_stored(top, shaped, weights)
    except Refused as refusal:
        raise Refused(refusal.code, _printable(refusal.message)) from None
    return _structure(top, shaped), tuple(map(_printable, warnings))


def check_code(config: Mapping[str, Any], *, trust: bool = False, custom: Collection[str] = ()) -> None:
    """Check for code of the file's own, which no mending takes away: so this can be done first, and at once.

    Args:
        config: parsed, mended or not.
        trust: as for `check_configuration`.
        custom: likewise.

    Raises:
        Refused: there is some.
    """
    try:
        check_objects(config, Policy(trust, frozenset(custom)))
    except Refused as refusal:
        if refusal.code in _CODE:
            raise Refused(refusal.code, _printable(refusal.message)) from None


def _printable(message: str) -> str:
    """Return a message, in which a file's names may stand, so that it can neither write over a terminal nor fill it."""
    text = "".join(letter if letter.isprintable() else "?" for letter in message)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 300]} ... {text[-300:]}"


def _structure(top: Layer, shaped: Shaped) -> Structure:
    layers = sum(layer.model is None and layer.kind != "InputLayer" for layer in every_layer(top))
    graph = top.model
    if graph is None:
        return Structure(layers, (), (), None)
    inputs = tuple(_input(graph, *pair) for pair in zip(graph.inputs, shaped.inputs, strict=True))
    outputs = tuple(_output(graph, *pair) for pair in zip(graph.outputs, shaped.outputs, strict=True))
    known = all(shape is not None and None not in shape[1:] for shape in shaped.inputs)
    return Structure(layers, inputs, outputs, shaped.largest if known else None)


def _input(graph: Graph, source: Source, shape: Shape | None) -> Port:
    layer = graph.layers[source.layer]
    if layer.kind == "InputLayer":
        return Port(layer.name, shape, policy_name(layer.config.get("dtype")))
    return Port(layer.name, shape)


def _output(graph: Graph, source: Source, shape: Shape | None) -> Port:
    return Port(source.layer, shape, output_dtype(graph, source), final_activation(graph, source))
