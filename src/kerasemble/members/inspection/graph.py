"""The graph of a model's configuration: which layers it has, and which of them each is called on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from kerasemble.members.inspection.allow_list import Known
from kerasemble.members.inspection.nodes import Call, Source, parse_node, parse_sources, plain_call
from kerasemble.members.inspection.objects import known_class
from kerasemble.members.inspection.ordering import call_order, layer_order
from kerasemble.members.inspection.record import Refused

# Models in models in models; an ensemble of ensembles of transfer-learned members has 6.
_MOST_NESTED = 24
# EfficientNetV2L and NASNetLarge have 1,030. Keras compares all names with all others.
_MOST_LAYERS = 10_000
_FUNCTIONAL_KEYS = ("layers", "input_layers", "output_layers")
# Where a wrapper keeps what it wraps: the key in its configuration, and its attribute, by which weights are stored.
_WRAPPED = {
    "TimeDistributed": {"layer": "layer"},
    "SpectralNormalization": {"layer": "layer"},
    "Wrapper": {"layer": "layer"},
    "Bidirectional": {"layer": "forward_layer", "backward_layer": "backward_layer"},
    "RNN": {"cell": "cell"},
    "StackedRNNCells": {"cells": "cells"},
}


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """A layer, node or nested model of a model.

    Args:
        name: as the graph calls it.
        path: its name after those of the models around it: "backbone/conv1".
        class_name: that the file gives.
        known: which class of Keras that is; None for one of the user's.
        config: what it is made from.
        build: what it is built from, {} where the file does not say.
        calls: on which tensors it is called.
        model: its own graph, where it is a model.
        wrapped: what it wraps, with the attribute that holds it.
        shared: mark of an object that stands in several places of a file, and is stored once.
    """

    name: str
    path: str
    class_name: str
    known: Known | None
    config: Mapping[str, Any]
    build: Mapping[str, Any]
    calls: tuple[Call, ...] = ()
    model: Graph | None = None
    wrapped: tuple[tuple[str, Layer], ...] = ()
    shared: int | None = None

    @property
    def kind(self) -> str:
        """The class's name where it is one of Keras's, else ''."""
        return self.known.name if self.known is not None else ""


class Graph(NamedTuple):
    """A model.

    Args:
        layers: all, by name.
        order: (layer's name, number of its call), each after those that it needs.
        saved: names of the layers that Keras keeps weights of, in its order.
        inputs: of the model.
        outputs: of the model.
        sequential: whether its layers are a list.
    """

    layers: Mapping[str, Layer]
    order: tuple[tuple[str, int], ...]
    saved: tuple[str, ...]
    inputs: tuple[Source, ...]
    outputs: tuple[Source, ...]
    sequential: bool = False


def read_top(config: Mapping[str, Any]) -> Layer:
    """Return the model that a file's configuration describes.

    Raises:
        Refused: its graph is none.
    """
    top = _layer(config, "", "", (), 0)
    if top.model is None and top.known is not None:
        what = f"is a single {top.kind}" if top.known.group != "models" else f"holds a {top.kind} without its graph"
        msg = f"{what}, not a model that can be opened. Save a functional or sequential model."
        raise Refused("top-level", msg)
    return top


def _layer(data: object, name: str, path: str, calls: tuple[Call, ...], depth: int) -> Layer:
    """Return one layer with what is inside it."""
    if not isinstance(data, dict) or not isinstance(data.get("class_name"), str):
        raise Refused("config", f"holds something that is no layer{_in(path)}. Save or copy it again.")
    if data["class_name"].startswith("__"):
        raise Refused("config", f"has a '{data['class_name']}' in place of a layer{_in(path)}. Save or copy it again.")
    if depth > _MOST_NESTED:
        raise Refused("config", f"nests models more than {_MOST_NESTED} deep, at '{path[:80]}'. Save it flat.")
    config, build = data.get("config"), data.get("build_config")
    if not isinstance(config, dict):
        raise Refused("config", f"says nothing of how '{data['class_name']}'{_in(path)} is made. Save it again.")
    known = known_class(data)
    if known is not None and known.group == "helpers" and depth:
        raise Refused("class", f"has a {known.name} in place of a layer{_in(path)}. Save or copy it again.")
    shared = data.get("shared_object_id")
    layer = Layer(
        name=name or str(config.get("name", "")),
        path=path,
        class_name=data["class_name"],
        known=known,
        config=config,
        build=build if isinstance(build, dict) else {},
        calls=calls,
        shared=shared if isinstance(shared, int) else None,
    )
    if (known is None or known.name in ("Functional", "Model")) and all(key in config for key in _FUNCTIONAL_KEYS):
        return dataclasses.replace(layer, model=_functional(config, path, depth))
    if known is not None and known.name == "Sequential":
        return dataclasses.replace(layer, model=_sequential(config, path, depth))
    if known is not None and known.group == "models" and depth:
        raise Refused("config", f"holds a model without its layers, '{path}'. Save it as a functional model.")
    return dataclasses.replace(layer, wrapped=_wrapped(layer, depth))


def _wrapped(layer: Layer, depth: int) -> tuple[tuple[str, Layer], ...]:
    found = []
    for key, attribute in _WRAPPED.get(layer.kind, {}).items():
        inner = layer.config.get(key)
        if inner is None and key == "backward_layer":
            inner = layer.config.get("layer")  # the forward layer's settings, with weights of its own
        if isinstance(inner, list) and key == "cells":
            paths = [f"{layer.path}/{attribute}/{index}" for index in range(len(inner))]
        else:
            inner, paths = [inner], [f"{layer.path}/{attribute}"]
        found += [(attribute, _layer(each, "", where, (), depth + 1)) for each, where in zip(inner, paths, strict=True)]
    return tuple(found)


def _functional(config: Mapping[str, Any], path: str, depth: int) -> Graph:
    layers: dict[str, Layer] = {}
    if len(_list(config["layers"], path)) > _MOST_LAYERS:
        msg = f"has more than {_MOST_LAYERS:,} layers{_in(path)}, which Keras cannot open. Save a smaller model."
        raise Refused("config", msg)
    for data in config["layers"]:
        name = data.get("name") if isinstance(data, dict) else None
        own = (
            data["config"].get("name", name)
            if isinstance(data, dict) and isinstance(data.get("config"), dict)
            else name
        )
        if not isinstance(name, str) or own != name:
            raise Refused("config", f"holds a layer that has no name or two{_in(path)}. Save or copy it again.")
        where = _join(path, name)
        nodes = _list(data.get("inbound_nodes", []), where)
        layer = _layer(data, name, where, tuple(parse_node(node, where) for node in nodes), depth + 1)
        if layer.kind == "InputLayer" and not layer.calls:
            layer = dataclasses.replace(layer, calls=(plain_call(),))
        _add(layers, layer)
    inputs, outputs = (parse_sources(config[key], path) for key in ("input_layers", "output_layers"))
    # Keras counts the calls of a functional model from one here, and only here.
    outputs = tuple(
        each._replace(call=max(each.call - 1, 0)) if _is_functional(layers.get(each.layer)) else each
        for each in outputs
    )
    calls = {name: layer.calls for name, layer in layers.items()}
    nested = {name for name, layer in layers.items() if layer.model is not None}
    order = call_order(calls, (*inputs, *outputs), nested, path)
    saved = layer_order(calls, inputs, outputs)
    kept = tuple(
        name for name in saved if layers[name].known is None or (layers[name].kind and _is_layer(layers[name]))
    )
    return Graph(layers, order, kept, inputs, outputs)


def _sequential(config: Mapping[str, Any], path: str, depth: int) -> Graph:
    layers: dict[str, Layer] = {}
    previous: str | None = None
    for index, data in enumerate(_list(config.get("layers"), path)):
        inner = data.get("config") if isinstance(data, dict) else None
        name = inner.get("name") if isinstance(inner, dict) else None
        # A layer of the user's own may keep no name; then Keras makes one up.
        name = name if isinstance(name, str) else f"layer {index + 1}"
        sources = (Source(previous, 0, 0),) if previous is not None else ()
        _add(layers, _layer(data, name, _join(path, name), (plain_call(*sources),), depth + 1))
        previous = name
    if previous is None:
        raise Refused("config", f"holds a sequential model without layers{_in(path)}. Save a model that has some.")
    first = next(iter(layers))
    kept = tuple(name for name, layer in layers.items() if layer.kind != "InputLayer")
    order = tuple((name, 0) for name in layers)
    return Graph(layers, order, kept, (Source(first, 0, 0),), (Source(previous, 0, 0),), sequential=True)


def _add(layers: dict[str, Layer], layer: Layer) -> None:
    if layer.name in layers:
        msg = f"has two layers named '{layer.path}'. Give each a name of its own and save it again."
        raise Refused("duplicate-name", msg)
    layers[layer.name] = layer


def _is_functional(layer: Layer | None) -> bool:
    return layer is not None and layer.model is not None and not layer.model.sequential


def _is_layer(layer: Layer) -> bool:
    return layer.known is not None and layer.known.group != "ops"


def _list(value: object, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise Refused("config", f"has no list of layers or calls{_in(path)}. Save or copy it again.")
    return value


def _join(path: str, name: str) -> str:
    return f"{path}/{name}".lstrip("/")


def _in(path: str) -> str:
    return f" in '{path}'" if path else ""
