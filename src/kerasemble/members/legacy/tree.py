"""A model's configuration as a tree of layers, and how a rule for layers becomes a step for the whole of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

Json = dict[str, Any]
# What a rule makes of a layer, and a sentence for each thing that it changed.
Rule = Callable[[Json], tuple[Json, Iterable[str]]]
Step = Callable[[Json], tuple[Json, tuple[str, ...]]]

# Where wrappers and RNN keep what is inside them; and models, and layers whose activation is one.
WRAPPED = ("layer", "backward_layer", "cell", "cells")
INSIDE = (*WRAPPED, "layers", "activation", "recurrent_activation")
NOTHING: tuple[str, ...] = ()


def on_layers(rule: Rule) -> Step:
    """Return the step that applies `rule` to every layer, the inner ones first."""

    def step(model: Json) -> tuple[Json, tuple[str, ...]]:
        said: dict[str, None] = {}
        return _ruled(model, rule, said), tuple(said)

    return step


def _ruled(value: Any, rule: Rule, said: dict[str, None]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return [_ruled(item, rule, said) for item in value]
    if not is_layer(value):
        return value
    config = {key: _ruled(item, rule, said) if key in INSIDE else item for key, item in value["config"].items()}
    layer, sentences = rule({**value, "config": config})
    said.update(dict.fromkeys(sentences))
    return layer


def is_layer(value: object) -> TypeGuard[Json]:
    """Whether a value says of which class it is and how it is made."""
    return (
        isinstance(value, dict) and isinstance(value.get("class_name"), str) and isinstance(value.get("config"), dict)
    )


def layers_of(model: Json) -> list[Json]:
    """Return the layers that stand in a model's configuration; none where it is no model."""
    found = model["config"].get("layers")
    return [layer for layer in found if is_layer(layer)] if isinstance(found, list) else []


def name_of(layer: Json) -> str:
    """Return the name of a layer, as graphs and stored weights call it."""
    return str(layer.get("name") or layer["config"].get("name", ""))


def is_functional(layer: Json) -> bool:
    """Whether a layer is a model with a graph."""
    return all(key in layer["config"] for key in ("layers", "input_layers", "output_layers"))


def is_sequential(layer: Json) -> bool:
    """Whether a layer is a model that is a list of layers."""
    return bool(layer["class_name"] == "Sequential")


def with_config(layer: Json, /, **changes: Any) -> Json:  # noqa: ANN401 - JSON
    """Return the layer with some settings set."""
    return {**layer, "config": {**layer["config"], **changes}}


def without(layer: Json, keys: Iterable[str]) -> Json:
    """Return the layer without some of its settings."""
    dropped = set(keys)
    return {**layer, "config": {key: value for key, value in layer["config"].items() if key not in dropped}}
