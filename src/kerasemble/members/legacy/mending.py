"""The steps in their order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from kerasemble.members.inspection.record import Refused, Weights
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
from kerasemble.members.legacy.paths import Place, places
from kerasemble.members.legacy.reset import with_reset_of_old_gru
from kerasemble.members.legacy.sequential import with_input_layer, with_named_lists
from kerasemble.members.legacy.steeper import Scale, scales, with_steeper_activation
from kerasemble.members.legacy.tree import NOTHING, Json, Step, is_layer, on_layers

# In files of the older layout, which store weights by their order.
_IN_ORDER: tuple[Step, ...] = (on_layers(with_own_freezing),)
_STEPS: tuple[Step, ...] = (
    on_layers(not_of_keras_1),
    on_layers(with_settings_kept),
    on_layers(with_plain_numbers),
    on_layers(with_negative_slope),
    on_layers(with_named_dtype),
    on_layers(with_classes_of_keras_3),
    on_layers(without_other_interpolation),
    on_layers(without_other_build),
    on_layers(without_settings_of_keras_2),
    on_layers(with_steeper_activation),
    on_layers(with_modules),
    on_layers(with_whole_axis),
    on_layers(with_input_layer),
    on_layers(with_plain_names),
    on_layers(without_input_shape),
    on_layers(without_other_masks),
    on_layers(with_calls_of_keras_3),
    on_layers(with_single_ends),
)


class Mended(NamedTuple):
    """A configuration that Keras 3 reads, and what its weights need.

    Args:
        config: the model's.
        moves: (path stored, path that Keras 3 looks for) of arrays, all to be made at once: they may swap names.
        done: what was changed, a sentence each; empty where the file needed nothing.
        scales: weights to be multiplied after they are moved.
    """

    config: Json
    moves: tuple[tuple[str, str], ...]
    done: tuple[str, ...]
    scales: tuple[Scale, ...] = ()


def mend(config: Json | list[Any], weights: Weights, format: str) -> Mended:  # noqa: A002, ARG001 - as everywhere in inspection
    """Return what Keras 3 needs to open an older file and to compute with it what Keras 2 does.

    The training configuration is left out without a word: members are never compiled.

    Args:
        config: of the model, as parsed; it is not changed.
        weights: what the file stores.
        format: "keras" or "h5"; the layout shows in the weights too, and that is gone by.

    Raises:
        Refused: the file is of a kind that none of the steps can mend, or its configuration is damaged.
    """
    try:
        return _mended(config, weights)
    except Refused:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        # A step takes for granted what Keras writes, and anything may stand in a damaged file.
        msg = "holds a damaged configuration. Save or copy it again."
        raise Refused("config", msg) from error


def _mended(config: Json | list[Any], weights: Weights) -> Mended:
    before, said = with_named_lists(
        {"class_name": "Sequential", "config": config} if isinstance(config, list) else config
    )
    if not is_layer(before):
        return Mended(before, (), said)
    before, _ = on_layers(_without_training)(before)
    if _is_of_keras_3(before):
        # Keras 3 itself loses the axes of a layer in an .h5 file that it wrote.
        after, done = on_layers(with_settings_kept)(before)
        return Mended(after, (), (*said, *done))
    after = before
    for step in (*_STEPS, *(_IN_ORDER if weights.layers is not None else ())):
        after, done = step(after)
        said = (*said, *(sentence for sentence in done if sentence not in said))
    after, done = with_reset_of_old_gru(after, weights)
    said = (*said, *done)
    placed = places(before, after, weights.arrays) if weights.layers is None else ()
    moves = tuple((place.stored, place.sought) for place in placed if place.stored != place.sought)
    factors = scales(after, weights, placed)
    return Mended(after, moves, (*said, *_said(moves, factors)), factors)


def _said(moves: tuple[tuple[str, str], ...], factors: tuple[Scale, ...]) -> Iterable[str]:
    if moves:
        yield f"{len(moves)} weights are stored where Keras 3 looks for them"
    if factors:
        yield "hard_sigmoid got the slope of Keras 2: weights that lead to it were multiplied by 1.2"


def _without_training(layer: Json) -> tuple[Json, Iterable[str]]:
    return {key: value for key, value in layer.items() if key != "compile_config"}, NOTHING


def _is_of_keras_3(layer: Json) -> bool:
    """Whether Keras 3 saved it: it says batch_shape, and DTypePolicy, which Keras 2 had not."""
    found = False

    def look(each: Json) -> tuple[Json, Iterable[str]]:
        nonlocal found
        dtype = each["config"].get("dtype")
        policy = isinstance(dtype, dict) and "DTypePolicy" in str(dtype.get("class_name"))
        found = found or policy or (each["class_name"] == "InputLayer" and "batch_shape" in each["config"])
        return each, NOTHING

    on_layers(look)(layer)
    return found


__all__ = ["Mended", "Place", "mend"]
