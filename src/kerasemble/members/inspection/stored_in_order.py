"""The weights of an `.h5` file, which Keras sets by the order of its layers and not by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from kerasemble.members.inspection.graph import Layer
from kerasemble.members.inspection.layer_weights import is_quantised, low_rank
from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.record import Refused, StoredArray, Weights
from kerasemble.members.inspection.shapes import Shaped
from kerasemble.members.inspection.weight_rules import Expected
from kerasemble.members.inspection.weights_made import (
    CURE,
    check_packed,
    expected_of,
    fits,
    groups,
    has_weights,
    mismatch,
    text,
)

_ROOT = "model_weights/"
# Of the weights of a layer in an `.h5` file, whose order alone says which is which.
_ORDERS = (
    ("gamma", "beta", "moving_mean", "moving_variance"),
    ("depthwise_kernel", "pointwise_kernel", "kernel", "recurrent_kernel", "bias"),
    ("mean", "variance", "count"),
)


def check_in_order(top: Layer, shaped: Shaped, weights: Weights, arrays: Mapping[str, StoredArray]) -> list[str]:
    """Check an `.h5` file's weights, which Keras sets by the order of the layers; return those that no layer takes."""
    graph = top.model
    by_path = {path.removeprefix(_ROOT): array for path, array in arrays.items()}
    stored = {_plain(layer.name): layer.weights for layer in weights.layers or () if layer.weights}
    layers = [graph.layers[name] for name in graph.saved] if graph is not None else []
    wanted = [each for each in layers if _plain(each.name) in stored or has_weights(each, shaped)]
    for layer in wanted:
        if _plain(layer.name) not in stored:
            msg = f"stores no weights of layer '{layer.path}', which would be random. {CURE}"
            raise Refused("unstored-weights", msg)
    names = [_plain(layer.name) for layer in wanted]
    if names != list(stored):
        place = next((i for i, pair in enumerate(zip(names, stored, strict=False)) if len(set(pair)) > 1), len(names))
        found = f"'{list(stored)[place]}'" if place < len(stored) else "none"
        own = f"'{names[place]}'" if place < len(names) else "no layer"
        msg = f"stores the weights of {found} where its configuration has {own}: Keras sets them by their order. {CURE}"
        raise Refused("layer-order", msg)
    taken = set()
    for layer in wanted:
        paths = [path.removeprefix(_ROOT) for path in stored[_plain(layer.name)]]
        taken |= set(paths)
        _check_names(layer, paths)
        _check_shapes(layer, shaped, [by_path[path].shape for path in paths if path in by_path])
    return [path for path in by_path if path not in taken and not path.startswith("top_level_model_weights")]


def _plain(name: str) -> str:
    """Return a layer's name as Keras 3 allows it: names of Keras 2 may have slashes, which mending replaces."""
    return name.replace("/", "_")


def _check_names(layer: Layer, paths: Sequence[str]) -> None:
    """Refuse a plain layer whose weights are listed in another order than Keras makes them in."""
    names = [re.sub(r"(_\d+)?(:\d+)?$", "", path.rpartition("/")[2]) for path in paths]
    plain = layer.known is not None and layer.model is None and not layer.wrapped
    if not plain or is_quantised(layer) or layer.config.get("lora_rank"):
        return
    for order in _ORDERS:
        places = [order.index(name) for name in names if name in order]
        if len(set(places)) == len(places) and places != sorted(places):
            msg = f"lists the weights of layer '{layer.path}' as {', '.join(names)}: Keras sets them by their order."
            raise Refused("layer-order", f"{msg} {CURE}")


def _check_shapes(layer: Layer, shaped: Shaped, stored: Sequence[Shape]) -> None:
    """Compare shapes without their order: frozen weights stand after others."""
    wanted: list[tuple[Layer, Shape]] = []
    for each, _ in groups(layer, ""):
        choices = list(expected_of(each, shaped))
        if not choices:
            return
        if is_quantised(each) and choices[0]:
            check_packed(each, choices[0], stored)
            return
        _check_agree(each, choices)
        wanted += [(each, shape) for shape in low_rank(each, choices[0])]
        twice = layer.kind == "SpectralNormalization"  # the inner layer's kernel is its own as well
        wanted += [(each, shape) for shape in list(choices[0].values())[twice and each is layer :]]
    left = _check_each(wanted, stored)
    if left:
        msg = f"stores a weight {text(left[0])} for layer '{layer.path}' that it does not have. {CURE}"
        raise Refused("shape-mismatch", msg)


def _check_agree(layer: Layer, choices: Sequence[Expected]) -> None:
    """Refuse a layer that is built from other shapes than it is called on."""
    for expected in choices[1:]:
        for shape, other in zip(choices[0].values(), expected.values(), strict=False):
            if not fits(shape, other):
                raise mismatch(layer, other, shape)


def _check_each(wanted: Sequence[tuple[Layer, Shape]], stored: Sequence[Shape]) -> list[Shape]:
    """Refuse a weight that none of the stored is; return the stored that none takes."""
    left = list(stored)
    # The most certain first, so that one that is not known takes what they leave.
    for layer, shape in sorted(wanted, key=lambda item: item[1].count(None)):
        match = next((other for other in left if fits(other, shape)), None)
        if match is not None:
            left.remove(match)
        elif left and len(stored) >= len(wanted):
            raise mismatch(layer, shape, left[0])
        else:
            msg = f"does not store weight {text(shape)} of layer '{layer.path}', which would be random. {CURE}"
            raise Refused("unstored-weights", msg)
    return left
