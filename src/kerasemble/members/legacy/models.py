"""Models in models, whose names, outputs and frozen weights Keras 3 reads otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kerasemble.members.legacy.graph import mapped
from kerasemble.members.legacy.tree import (
    NOTHING,
    Json,
    is_functional,
    is_layer,
    is_sequential,
    layers_of,
    name_of,
    with_config,
)


def with_own_freezing(layer: Json) -> tuple[Json, Iterable[str]]:
    """Let the layers of a frozen model say themselves which of them are frozen.

    In an .h5 file the weights that are trained stand before the others. Keras 3 freezes every layer of a frozen model,
    and so expects another order than Keras 2 wrote where some were thawed: equal shapes would change places.
    """
    frozen = (is_functional(layer) or is_sequential(layer)) and layer["config"].get("trainable") is False
    if not frozen or not any(_is_trained(each) for each in layers_of(layer)):
        return layer, NOTHING
    return with_config(layer, trainable=True), ["the layers of a frozen model say themselves which of them are frozen"]


def _is_trained(layer: Json) -> bool:
    inner = layers_of(layer)
    return any(map(_is_trained, inner)) if inner else layer["config"].get("trainable") is True


def with_single_ends(layer: Json) -> tuple[Json, Iterable[str]]:
    """Write the only input or output of a model as itself, as Keras 3 does.

    Written as a list of one it is handed on as a list, and every call of the model with a tensor warns.
    """
    if not is_functional(layer):
        return layer, NOTHING
    ends = {key: layer["config"][key] for key in ("input_layers", "output_layers")}
    single = {key: value[0] for key, value in ends.items() if len(value) == 1 and isinstance(value, list)}
    single = {key: value for key, value in single.items() if isinstance(value, list)}
    return (
        (with_config(layer, **single), ["a model's only input or output is not a list"]) if single else (layer, NOTHING)
    )


def with_plain_names(layer: Json) -> tuple[Json, Iterable[str]]:
    """Write "Conv/BatchNorm" as "Conv_BatchNorm": Keras 3 takes no name with a slash."""
    taken = {name_of(each) for each in layers_of(layer)}
    names: dict[str, str] = {}
    for name in sorted(name for name in taken if "/" in name):
        plain = name.replace("/", "_")
        while plain in taken:
            plain += "_"
        taken.add(plain)
        names[name] = plain
    if not names:
        return layer, NOTHING
    rename: Callable[[list[object]], list[object]] = lambda ref: [names[str(ref[0])], *ref[1:]]  # noqa: E731 - one word
    known = frozenset(names)
    layers = []
    for each in layer["config"]["layers"]:
        if not is_layer(each):
            layers.append(each)
            continue
        new = names.get(name_of(each), name_of(each))
        changed = with_config(each, name=new) if "name" in each["config"] else each
        changed = {**changed, "name": new} if "name" in changed else changed
        layers.append(
            {**changed, "inbound_nodes": mapped(each["inbound_nodes"], known, rename)}
            if "inbound_nodes" in each
            else changed
        )
    ends = {
        key: mapped(layer["config"][key], known, rename)
        for key in ("input_layers", "output_layers")
        if key in layer["config"]
    }
    return with_config(layer, layers=layers, **ends), ["slashes in layers' names became underscores"]
