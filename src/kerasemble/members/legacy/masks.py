"""Masks of sequences, which Keras 3 hands on otherwise in some places, without a word.

Where layers are merged, Keras 2 keeps the steps that all masks keep; Keras 3 those that any does, or drops the mask
where an input has none. A recurrent layer that is given its initial state forgets the mask of its sequence in Keras 3.
Reshape and Permute drop masks in Keras 2, and keep them in Keras 3 where they change nothing. A model where that can
tell is refused: on random sequences the outputs differed by 0.03 to 0.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kerasemble.members.inspection.record import Refused
from kerasemble.members.legacy.graph import first_calls, mapped
from kerasemble.members.legacy.tree import (
    INSIDE,
    NOTHING,
    Json,
    is_functional,
    is_layer,
    is_sequential,
    layers_of,
    name_of,
)

_MERGING = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot")
_RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_RESHAPING = ("Reshape", "Permute")
_ATTENTION = ("Attention", "AdditiveAttention", "MultiHeadAttention")
_USING = frozenset((*_RECURRENT, *_ATTENTION, "GlobalAveragePooling1D", "Softmax", "TimeDistributed"))
_ENDING = frozenset(("Flatten", "GlobalAveragePooling1D", "GlobalMaxPooling1D"))

# (layer, number of its call, number of its output)
_Tensor = tuple[str, int, int]
_Masks = frozenset[object]


class _Call(NamedTuple):
    """One call of a layer.

    Args:
        layer: that is called.
        number: which of its calls it is.
        inputs: the tensors that it is given, those by name among them.
        unnamed: how many of them are not given by name.
    """

    layer: Json
    number: int
    inputs: tuple[_Tensor, ...]
    unnamed: int = 1


def without_other_masks(layer: Json) -> tuple[Json, Iterable[str]]:
    """Look for masks that Keras 3 hands on otherwise to a layer that uses them.

    Raises:
        Refused: there is one.
    """
    if not (is_functional(layer) or is_sequential(layer)) or not _masks(layer):
        return layer, NOTHING
    calls = list(_in_graph(layer) if is_functional(layer) else _in_list(layer))
    carried = _carried(calls)
    for call in calls:
        given = [carried.get(tensor, frozenset()) for tensor in call.inputs]
        if _is_other(call, given) and _is_used_after(call, calls):
            msg = (
                f"masks a sequence that goes through the {call.layer['class_name']} layer '{name_of(call.layer)}', "
                "where Keras 3 hands masks on otherwise. Build it without mask_zero or Masking, and train it again."
            )
            raise Refused("legacy", msg)
    return layer, NOTHING


def _is_other(call: _Call, given: list[_Masks]) -> bool:
    """Whether what a layer hands on, or uses, differs where its inputs have these masks."""
    name = call.layer["class_name"]
    if not any(given):
        return False
    if layers_of(call.layer):
        return any(each["class_name"] in (*_MERGING, *_RESHAPING) for each in _every(call.layer))
    if name in _RECURRENT and call.unnamed > 1:
        return bool(given[0])
    return name in _RESHAPING or (name in _MERGING and len(set(given)) > 1)


def _is_used_after(call: _Call, calls: list[_Call]) -> bool:
    """Whether a layer that uses masks comes after a call, or is the one called."""
    reached: set[tuple[str, int]] = {(name_of(call.layer), call.number)}
    if _uses(call.layer):
        return True
    for _ in calls:
        more = {
            (name_of(each.layer), each.number)
            for each in calls
            if any(tensor[:2] in reached for tensor in each.inputs)
            and (name_of(each.layer), each.number) not in reached
        }
        if not more:
            return False
        if any(_uses(each.layer) for each in calls if (name_of(each.layer), each.number) in more):
            return True
        reached |= more
    return False


def _carried(calls: list[_Call]) -> Mapping[_Tensor, _Masks]:
    """Return where the masks of each tensor come from, following them through the graph until nothing changes."""
    carried: dict[_Tensor, _Masks] = {}
    for _ in calls:
        before = dict(carried)
        for call in calls:
            name, kind = name_of(call.layer), call.layer["class_name"]
            masks = frozenset().union(*(carried.get(tensor, frozenset()) for tensor in call.inputs))
            if kind == "Masking" or (kind != "TimeDistributed" and _masks(call.layer)):
                masks = frozenset([(name, call.number)])
            inner = call.layer["config"].get("layer") if kind == "Bidirectional" else call.layer
            ends = kind in _RECURRENT and is_layer(inner) and not inner["config"].get("return_sequences", False)
            carried[name, call.number, 0] = frozenset() if ends or kind in _ENDING else masks
        if carried == before:
            break
    return carried


def _in_graph(model: Json) -> Iterable[_Call]:
    layers = layers_of(model)
    first = first_calls(model)
    names = frozenset(map(name_of, layers))
    for layer in layers:
        for number, node in enumerate(layer.get("inbound_nodes") or ()):
            found: list[_Tensor] = []

            def note(ref: list[Any], found: list[_Tensor] = found) -> list[Any]:
                found.append((ref[0], ref[1] - first.get(ref[0], 0), ref[2]))
                return ref

            mapped(node, names, note)
            unnamed = len(node) if node and all(isinstance(item, list) for item in node) else 1
            yield _Call(layer, number, tuple(found), unnamed)


def _in_list(model: Json) -> Iterable[_Call]:
    before: tuple[_Tensor, ...] = ()
    for layer in layers_of(model):
        yield _Call(layer, 0, before)
        before = ((name_of(layer), 0, 0),)


def _masks(layer: Json) -> bool:
    """Whether a layer, or one inside it, makes a mask."""
    return any(each["class_name"] == "Masking" or each["config"].get("mask_zero") is True for each in _every(layer))


def _uses(layer: Json) -> bool:
    return any(each["class_name"] in _USING for each in _every(layer))


def _every(layer: Json) -> Iterable[Json]:
    yield layer
    for key in INSIDE:
        value = layer["config"].get(key)
        for inner in value if isinstance(value, list) else [value]:
            if is_layer(inner):
                yield from _every(inner)
