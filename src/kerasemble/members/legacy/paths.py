"""Where a file of Keras 2 stores the weights of each layer, and where Keras 3 looks for them.

Both name layers by their class and number: `layers/dense_1/vars/0`. TensorFlow 2.12 to 2.14 wrote
`_layer_checkpoint_dependencies` for `layers`, some of them counted a layer that has weights twice, so that the second
Dense is `dense_2`, and on Windows wrote backslashes. Taken by its name, the second Dense's weight would become the
third's, without a word where their shapes agree. So a weight is followed from model to layer by the layers' order.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from kerasemble.members.inspection.record import Refused, StoredArray
from kerasemble.members.legacy.tree import Json, is_functional, is_layer, is_sequential, layers_of

_OLD, _NEW = "_layer_checkpoint_dependencies", "layers"
# The attributes by which a wrapper's weights are stored, and the settings in which it may keep what they belong to.
_ATTRIBUTES = {
    "layer": ("layer",),
    "forward_layer": ("layer",),
    "backward_layer": ("backward_layer", "layer"),
    "cell": ("cell",),
}
# Keras 3 knows them without the underscore.
_PARTS_OF_ATTENTION = {f"_{part}_dense": f"{part}_dense" for part in ("query", "key", "value", "output")}
# Layers that always have weights: where one seems to have none, the layers may be numbered otherwise.
_WEIGHTED = ("Dense", "Embedding", "BatchNormalization", "Conv1D", "Conv2D", "Conv3D")


class Place(NamedTuple):
    """A stored weight.

    Args:
        stored: its path in the file.
        sought: its path for Keras 3.
        owner: the layer that it belongs to, as Keras 3 makes it.
        number: which of that layer's weights it is.
    """

    stored: str
    sought: str
    owner: Json
    number: int


def places(before: Json, after: Json, arrays: Iterable[StoredArray]) -> tuple[Place, ...]:
    """Return the place of each weight of the model.

    Args:
        before: the configuration as the file has it.
        after: as Keras 3 gets it: the same layers in the same order, but for InputLayers put in.
        arrays: what the file stores; what belongs to no layer, as an optimizer's, is passed over.

    Raises:
        Refused: the weights fit the layers in no way or in two.
    """
    tree: dict[str, Any] = {}
    for array in arrays:
        *groups, name = array.path.replace("\\", "/").split("/")
        below = tree
        for group in groups:
            below = below.setdefault(group, {})
        below[name] = array.path
    top = _Node(before, after)
    found = _ways(top, tree, (_Way(twice=False), _Way(twice=True)))
    if len(found) > 1:
        found = _ways(top, tree, (_Way(twice=False, whole=True), _Way(twice=True, whole=True)))
    if len(found) == 1:
        return found[0]
    how = "two ways that its layers allow" if found else "a way that does not fit its layers"
    msg = f"numbers its weights in {how}. Save it again from TensorFlow 2.15 or later."
    raise Refused("legacy", msg)


class _OtherNumbersError(Exception):
    """The weights are not numbered in the way that was tried."""


class _Way(NamedTuple):
    """How layers may be numbered.

    Args:
        twice: those that have weights are counted twice.
        whole: none that surely has weights may lack them, as the second place of a shared layer does.
    """

    twice: bool
    whole: bool = False


def _ways(top: _Node, tree: Json, ways: Iterable[_Way]) -> list[tuple[Place, ...]]:
    """Return the different outcomes of the ways that fit."""
    found: list[tuple[Place, ...]] = []
    for way in ways:
        try:
            placed = tuple(_placed(top, tree, (), way))
        except _OtherNumbersError:
            continue
        if placed not in found:
            found.append(placed)
    return found


class _Node(NamedTuple):
    """A layer before and after."""

    before: Json
    after: Json


def _placed(node: _Node, tree: Any, sought: tuple[str, ...], way: _Way) -> Iterator[Place]:  # noqa: ANN401 - nested
    """Yield the places of all weights below one group of the file, which belongs to one layer."""
    if not isinstance(tree, dict):
        number = int(sought[-1]) if sought and sought[-1].isdecimal() else 0
        yield Place(tree, "/".join(sought), node.after, number)
        return
    model = is_functional(node.before) or is_sequential(node.before)
    for step, below in tree.items():
        if model and step in (_OLD, _NEW) and isinstance(below, dict):
            children = _children(node, below if way.twice and step == _OLD else ())
            if not set(below) <= {stored for stored, _, _ in children}:
                raise _OtherNumbersError
            for stored, name, child in children:
                if stored in below:
                    yield from _placed(child, below[stored], (*sought, _NEW, name), way)
                elif way.whole and child.after["class_name"] in _WEIGHTED:
                    raise _OtherNumbersError
        elif not model or sought:
            attention = node.after["class_name"] == "MultiHeadAttention"
            part = str(_PARTS_OF_ATTENTION.get(step, step) if attention else step)
            yield from _placed(_wrapped(node, step), below, (*sought, part), way)


def _wrapped(node: _Node, attribute: str) -> _Node:
    """Return what a wrapper keeps in an attribute, or the layer itself where it is none."""
    for key in _ATTRIBUTES.get(attribute, ()):
        before, after = node.before["config"].get(key), node.after["config"].get(key)
        if is_layer(before) and is_layer(after):
            return _Node(before, after)
    return node


def _children(node: _Node, weighted: Collection[str]) -> list[tuple[str, str, _Node]]:
    """Return the layers of a model, each with the name under which it is stored and its name for Keras 3."""
    before, after = ([each for each in layers_of(model) if each["class_name"] != "InputLayer"] for model in node)
    stored, sought, pairs = _numbered(before, weighted), _numbered(after, ()), zip(before, after, strict=True)
    return [(*names, _Node(*pair)) for names, pair in zip(zip(stored, sought, strict=True), pairs, strict=True)]


def _numbered(layers: list[Json], counted_twice: Collection[str]) -> Iterator[str]:
    count: collections.Counter[str] = collections.Counter()
    for layer in layers:
        kind = _snake(layer["class_name"])
        name = f"{kind}_{count[kind]}" if count[kind] else kind
        yield name
        count[kind] += 2 if name in counted_twice else 1


def _snake(name: str) -> str:
    """Return "Conv2D" as "conv2d" and "PReLU" as "p_re_lu", as Keras does."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()
