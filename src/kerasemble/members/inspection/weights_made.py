"""Which weights a model makes: of each layer in it, with the folder of a `.keras` file that holds them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kerasemble.members.inspection.graph import Layer
from kerasemble.members.inspection.layer_weights import own_weights
from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.shapes import Shaped, Shapes
from kerasemble.members.inspection.weight_rules import Expected

CURE = "Save the model again from where it was trained."


class Group(NamedTuple):
    """A layer, and the folder of a `.keras` file that holds its weights."""

    layer: Layer
    folder: str


def snake_case(name: str) -> str:
    """Return a class's name as Keras writes it for the folders of its layers: Conv2D as conv2d, ReLU as re_lu."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def groups(layer: Layer, folder: str) -> Iterator[Group]:
    """Yield every layer in a model with its folder, as Keras names it: by class, numbered within its model."""
    yield Group(layer, folder)
    used: Counter[str] = Counter()
    graph = layer.model
    for inner in map(graph.layers.__getitem__, graph.saved) if graph is not None else ():
        yield from groups(inner, f"{folder}layers/{_numbered(inner, used)}/")
    for attribute, inner in layer.wrapped:
        own = f"{attribute}/{_numbered(inner, used)}" if attribute == "cells" else attribute
        yield from groups(inner, f"{folder}{own}/")


def _numbered(layer: Layer, used: Counter[str]) -> str:
    name = snake_case(layer.kind or layer.class_name.rpartition(">")[2])
    used[name] += 1
    return name if used[name] == 1 else f"{name}_{used[name] - 1}"


def expected_of(layer: Layer, shaped: Shaped) -> Iterator[Expected]:
    """Yield the weights that a layer makes for each of the shapes that it may be built with; nothing if not known."""
    if layer.model is not None:
        yield {}
        return
    taken = {shapes for shapes in shaped.taken.get(layer.path, []) if None not in shapes}
    # Keras builds a layer from what is recorded for it before it is called.
    recorded = _recorded(layer)
    for shapes in [*taken, *([recorded] if recorded else [])] or [(None,)]:
        expected = own_weights(layer, shapes)
        if expected is not None:
            yield expected


def has_weights(layer: Layer, shaped: Shaped) -> bool:
    """Say whether a layer or something in it is certain to make weights."""
    return any(expected for group in groups(layer, "") for expected in expected_of(group.layer, shaped))


def _recorded(layer: Layer) -> Shapes | None:
    """Return the shapes that the file says a layer is built from."""
    build = layer.build
    given = build["shapes_dict"].values() if isinstance(build.get("shapes_dict"), dict) else [build.get("input_shape")]
    found: list[Shape] = []
    for value in given:
        shapes = value if isinstance(value, list) and value and isinstance(value[0], list) else [value]
        for shape in shapes:
            if not isinstance(shape, list) or not all(size is None or type(size) is int for size in shape):
                return None
            found.append(tuple(shape))
    return tuple(found)


def check_packed(layer: Layer, expected: Expected, stored: Sequence[Shape]) -> None:
    """Refuse a quantised layer that is larger than what it stores: at most 4 numbers go into a byte."""
    wanted = sum(math.prod(size for size in shape if size is not None) for shape in expected.values())
    found = sum(math.prod(size for size in shape if size is not None) for shape in stored)
    if wanted > 4 * found:
        msg = f"declares {wanted:,} weights for the quantised layer '{layer.path}' and stores {found:,} numbers. {CURE}"
        raise Refused("shape-mismatch", msg)


def mismatch(layer: Layer, shape: Shape, stored: Shape) -> Refused:
    """Return the refusal of a weight that is stored in another shape."""
    msg = f"declares a weight {text(shape)} for layer '{layer.path}' and stores {text(stored)}. {CURE}"
    return Refused("shape-mismatch", msg)


def fits(stored: Shape, shape: Shape) -> bool:
    """Say whether a shape is the one wanted, in both of which None stands for any size."""
    pairs = zip(stored, shape, strict=False)
    return len(stored) == len(shape) and all(a == b or a is None or b is None for a, b in pairs)


def text(shape: Shape) -> str:
    """Return a shape for people."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
