"""The weights that a configuration asks for against those that its file stores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from kerasemble.members.inspection.graph import Layer
from kerasemble.members.inspection.layer_weights import is_quantised, low_rank
from kerasemble.members.inspection.record import Refused, StoredArray, Weights
from kerasemble.members.inspection.shapes import Shaped
from kerasemble.members.inspection.stored_in_order import check_in_order
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

# Weights that are no model's: an optimizer's, and the counters of random layers, which Keras makes anew.
_NOT_WEIGHTS = re.compile(r"^(optimizer|optimizer_weights|metrics|_?trainer|loss_tracker)(/|$)|seed_generator")
_ROOT = "model_weights/"


def check_stored(top: Layer, shaped: Shaped, weights: Weights) -> tuple[str, ...]:
    """Compare the weights that a model makes with those in its file.

    Args:
        top: the model.
        shaped: the shapes that its layers are called on.
        weights: what the file stores.

    Returns:
        Warnings.

    Raises:
        Refused: a weight is not stored, or in another shape or order than the model's.
    """
    if top.model is None:
        return ()  # a class of the user's own, which may keep them anywhere
    for layer in _unused(top):
        if has_weights(layer, shaped):
            msg = f"holds a layer '{layer.path}' that leads to no output, so that its weights are not stored. {CURE}"
            raise Refused("unstored-weights", msg)
    arrays = {array.path: array for array in weights.arrays if not _NOT_WEIGHTS.search(array.path.removeprefix(_ROOT))}
    extra = _in_folders(top, shaped, arrays) if weights.layers is None else check_in_order(top, shaped, weights, arrays)
    if not extra:
        return ()
    shown = ", ".join(f"'{path}'" for path in extra[:3]) + (" ..." if len(extra) > 3 else "")
    return (f"It stores {len(extra)} arrays that no layer takes: {shown}.",)


def _in_folders(top: Layer, shaped: Shaped, arrays: Mapping[str, StoredArray]) -> list[str]:
    """Check a `.keras` file's weights; return those that no layer takes."""
    folders: set[str] = {""}
    taken: set[str] = set()
    open_folders: set[str] = set()
    shared: dict[int, str] = {}
    for layer, place in groups(top, ""):
        # An object that stands in several places is stored at the first of them.
        folder = place if layer.shared is None else shared.setdefault(layer.shared, place)
        folders.add(folder)
        known = False
        for expected in expected_of(layer, shaped):
            low_rank(layer, expected)
            if is_quantised(layer):
                check_packed(
                    layer, expected, [array.shape for path, array in arrays.items() if path.startswith(folder)]
                )
                continue
            known = True
            taken |= {folder + path for path in expected}
            _check_layer(layer, {path: arrays.get(folder + path) for path in expected}, expected)
        if not known:
            open_folders.add(folder)
    return [path for path in arrays if path not in taken and not _inside(path, open_folders)]


def _inside(path: str, folders: set[str]) -> bool:
    parts = path.split("/")
    return any("/".join(parts[:count]) + "/" in folders for count in range(1, len(parts)))


def _check_layer(layer: Layer, stored: Mapping[str, StoredArray | None], expected: Expected) -> None:
    for path, shape in expected.items():
        array = stored[path]
        if array is None:
            msg = f"does not store weight '{path}' {text(shape)} of layer '{layer.path}', which would be random. {CURE}"
            raise Refused("unstored-weights", msg)
        if not fits(array.shape, shape):
            raise mismatch(layer, shape, array.shape)


def _unused(layer: Layer) -> Iterator[Layer]:
    """Yield the layers that lead to no output: Keras makes them, and then leaves them out."""
    graph = layer.model
    if graph is None:
        return
    for name, each in graph.layers.items():
        if name not in graph.saved and each.kind != "InputLayer" and (each.known is None or each.known.group != "ops"):
            yield each
        else:
            yield from _unused(each)
