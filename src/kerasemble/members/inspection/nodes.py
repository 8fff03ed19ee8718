"""Calls of layers as files write them: by Keras 3 with their arguments, by Keras 2 as a list of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kerasemble.members.inspection.record import Refused

Shape = tuple[int | None, ...]
# Lists in lists of arguments: a recurrent layer's states are two deep.
_MOST_NESTED = 20


class Source(NamedTuple):
    """A tensor: which of the outputs of which call of which layer."""

    layer: str
    call: int
    tensor: int


class Call(NamedTuple):
    """A layer's call.

    Args:
        sources: the tensors among its arguments, in Keras's order.
        args: its positional arguments, in which a tensor is a Source.
        kwargs: its others.
        recorded: the shapes that the file says the sources have, None where it does not.
        positional: how many of the sources are in `args`; others may be masks.
    """

    sources: tuple[Source, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    recorded: tuple[Shape | None, ...]
    positional: int


def parse_node(node: object, path: str) -> Call:
    """Return a call of the layer at `path`.

    Raises:
        Refused: it is no call, or one on no tensor: Keras would compute it while it opens the file.
    """
    found: list[tuple[Source, Shape | None]] = []
    args: Any = ()
    kwargs: Any = {}
    positional = 0
    if isinstance(node, dict):
        args = _revive(node.get("args"), found, path)
        positional = len(found)
        kwargs = _revive(node.get("kwargs"), found, path)
    elif isinstance(node, list):
        found = [(_source(item, path), None) for item in node]
        last = node[-1] if node else ()
        kwargs = last[3] if isinstance(last, list) and len(last) > 3 else {}
        positional = len(found)
        args = ([source for source, _ in found],) if len(found) > 1 else tuple(source for source, _ in found)
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        raise Refused("config", f"holds a damaged call of layer '{path}'. Save or copy it again.")
    if not found:
        raise Refused("config", f"calls layer '{path}' on no input, which no model that was saved does.")
    sources, shapes = (tuple(item) for item in zip(*found, strict=True))
    return Call(sources, tuple(args), kwargs, shapes, positional)


def plain_call(*sources: Source) -> Call:
    """Return a call on these tensors alone."""
    return Call(sources, sources, {}, (None,) * len(sources), len(sources))


def parse_sources(value: object, path: str) -> tuple[Source, ...]:
    """Return the tensors in a model's inputs or outputs, which are nested as the user gave them.

    Raises:
        Refused: there are none.
    """
    found: list[Source] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list) and len(item) == 3 and isinstance(item[0], str):
            found.append(_source(item, path))
        elif isinstance(item, dict):
            stack += [item[key] for key in sorted(item, reverse=True)]
        elif isinstance(item, list):
            stack += reversed(item)
        else:
            raise Refused("config", f"has damaged inputs or outputs{_in(path)}. Save or copy it again.")
    if not found:
        raise Refused("config", f"has no inputs or no outputs{_in(path)}. Save or copy it again.")
    return tuple(found)


def _source(item: object, path: str) -> Source:
    if isinstance(item, list) and len(item) in (3, 4):
        layer, call, tensor = item[:3]
        numbers = all(isinstance(each, int) and 0 <= each < 10**6 for each in (call, tensor))
        if isinstance(layer, str) and numbers and (len(item) == 3 or isinstance(item[3], dict)):
            return Source(layer, call, tensor)
    raise Refused("config", f"holds a damaged link between layers{_in(path)}. Save or copy it again.")


def _revive(value: object, found: list[tuple[Source, Shape | None]], path: str, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
    """Return arguments with a Source for each tensor."""
    if depth > _MOST_NESTED:
        raise Refused("config", f"nests the arguments of layer '{path}' too deep. Save or copy it again.")
    if isinstance(value, list):
        return [_revive(item, found, path, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__" and isinstance(value.get("config"), dict):
        history, shape = value["config"].get("keras_history"), value["config"].get("shape")
        source = _source(history, path)
        # Calls of Keras 2 say no shape; when they are mended it is left empty.
        found.append((source, tuple(shape) if isinstance(shape, Sequence) and shape else None))
        return source
    if "class_name" in value:
        return value
    # Keras flattens a dict in the order of its keys.
    return {key: _revive(value[key], found, path, depth + 1) for key in sorted(value)}


def _in(path: str) -> str:
    return f" in '{path}'" if path else ""
