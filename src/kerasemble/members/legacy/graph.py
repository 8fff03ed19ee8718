"""The calls in a graph as Keras 2 wrote them, rewritten where Keras 3 reads them otherwise.

Keras 2 writes a call as a list of tensors, [layer, number of its call, number of its output, other arguments]. It
counts the calls of a nested model from one, where Keras 3 counts from zero. Among the other arguments may be tensors,
which Keras 3 would take for plain lists: such a call is written as Keras 3 does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kerasemble.members.inspection.record import Refused
from kerasemble.members.legacy.operations import as_operation, is_operation
from kerasemble.members.legacy.tree import NOTHING, Json, is_functional, is_sequential, layers_of, name_of, with_config

_RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_CONSTANT = "_CONSTANT_VALUE"


def with_calls_of_keras_3(layer: Json) -> tuple[Json, Iterable[str]]:
    """Rewrite the calls in a functional model."""
    if not is_functional(layer):
        return layer, NOTHING
    layers = layers_of(layer)
    first = first_calls(layer)
    names = frozenset(map(name_of, layers))
    said: dict[str, None] = {}
    changed = [_with_calls(each, names, first, said) for each in layer["config"]["layers"]]
    outputs = layer["config"]["output_layers"]
    # Here Keras 3 counts as Keras 2 did, but for a Sequential, which is not functional for it any more.
    listed = {
        name: 1
        for name, start in first.items()
        if start and not any(is_functional(e) and name_of(e) == name for e in layers)
    }
    fewer = mapped(outputs, names, lambda ref: [ref[0], ref[1] - listed.get(ref[0], 0), *ref[2:]])
    if fewer != outputs:
        said["calls of nested models are counted from zero"] = None
    return with_config(layer, layers=changed, output_layers=fewer), said


def _with_calls(layer: Json, names: frozenset[str], first: Mapping[str, int], said: dict[str, None]) -> Json:
    """Return a layer of the graph with its calls rewritten."""
    nodes = layer.get("inbound_nodes")
    if not isinstance(nodes, list) or not nodes or any(isinstance(node, dict) and "args" in node for node in nodes):
        return layer
    counted = [mapped(node, names, lambda ref: [ref[0], ref[1] - first.get(ref[0], 0), *ref[2:]]) for node in nodes]
    if counted != nodes:
        said["calls of nested models are counted from zero"] = None
    if is_operation(layer):
        operation = as_operation(layer, [_arguments(node, names) for node in counted])
        if operation is not None:
            said[f"tf.{layer['config']['function']} became the operation {operation['class_name']} of Keras"] = None
            return operation
    rewritten = []
    for node in counted:
        args, kwargs = _arguments(node, names)
        if layer["class_name"] in _RECURRENT and isinstance(args, list) and len(args) > 1:
            if layer["config"].get("num_constants"):
                msg = (
                    f"gives the {layer['class_name']} layer '{name_of(layer)}' constants, which Keras 3 does not take."
                )
                raise Refused("legacy", msg)
            args, kwargs = args[0], {"initial_state": args[1:], **kwargs}
            said["initial states are given to recurrent layers by name"] = None
        elif not _is_named(args) and not _holds_tensor(kwargs):
            rewritten.append(node)
            continue
        else:
            said["tensors are given to layers as Keras 3 writes them"] = None
        rewritten.append({"args": [args], "kwargs": kwargs})
    return {**layer, "inbound_nodes": rewritten}


def first_calls(model: Json) -> dict[str, int]:
    """Return the number by which the graph calls the first call of each model in it."""
    nested = (each for each in layers_of(model) if is_functional(each) or is_sequential(each))
    return {name_of(each): _first_call(each, model) for each in nested}


def _first_call(nested: Json, model: Json) -> int:
    """Return the number by which the graph calls the first call of a nested model: one, where it was built before.

    The references say it, unless there are several calls and neither the first nor the last is used.
    """
    name, calls = name_of(nested), len(nested.get("inbound_nodes") or ())
    used: set[int] = set()

    def note(ref: list[Any]) -> list[Any]:
        if ref[0] == name:
            used.add(ref[1])
        return ref

    for layer in layers_of(model):
        mapped(layer.get("inbound_nodes", []), frozenset([name]), note)
    mapped(model["config"]["output_layers"], frozenset([name]), note)
    if 0 in used:
        return 0
    if calls in used:
        return 1
    layers = layers_of(nested)
    return int(bool(layers) and (layers[0]["class_name"] == "InputLayer" or "batch_input_shape" in layers[0]["config"]))


def _is_reference(value: object, names: frozenset[str]) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in names
        and all(isinstance(number, int) for number in value[1:3])
        and (len(value) == 3 or isinstance(value[3], dict))
    )


def mapped(value: Any, names: frozenset[str], change: Callable[[list[Any]], list[Any]]) -> Any:  # noqa: ANN401 - JSON
    """Return a call, or part of it, in which every reference to a tensor of these layers is changed."""
    if _is_reference(value, names):
        changed = change(value)
        return [*changed[:3], *(mapped(item, names, change) for item in changed[3:])]
    if isinstance(value, list):
        return [mapped(item, names, change) for item in value]
    if isinstance(value, dict):
        return {key: mapped(item, names, change) for key, item in value.items()}
    return value


def _arguments(node: Any, names: frozenset[str]) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the first argument of a call, in which a single tensor stands alone, and the arguments by name."""
    kwargs: dict[str, Any] = {}

    def argument(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, list) and len(value) == 4 and value[:2] == [_CONSTANT, -1]:
            kwargs.update(value[3])
            return value[2]
        if _is_reference(value, names):
            kwargs.update(*value[3:])
            return _tensor(value)
        if isinstance(value, list):
            return [argument(item) for item in value]
        return {key: argument(item) for key, item in value.items()} if isinstance(value, dict) else value

    args = argument(node)
    if isinstance(args, list) and len(args) == 1:
        args = args[0]
    return args, {key: _revived(value, names) for key, value in kwargs.items()}


def _revived(value: Any, names: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    if _is_reference(value, names):
        return _tensor(value)
    if isinstance(value, list):
        return [_revived(item, names) for item in value]
    return {key: _revived(item, names) for key, item in value.items()} if isinstance(value, dict) else value


def _tensor(reference: list[Any]) -> Json:
    # Its shape is not known here, and Keras looks only at whose output it is; no tensor of a model has rank 0.
    config = {"shape": [], "dtype": "float32", "keras_history": reference[:3]}
    return {"class_name": "__keras_tensor__", "config": config}


def _is_named(args: object) -> bool:
    return isinstance(args, dict) and args.get("class_name") != "__keras_tensor__"


def _holds_tensor(value: object) -> bool:
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__" or any(map(_holds_tensor, value.values()))
    return isinstance(value, list) and any(map(_holds_tensor, value))
