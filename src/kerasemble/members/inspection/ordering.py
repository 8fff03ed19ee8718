"""The orders of a functional model: that of its calls, and the one in which Keras keeps its layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from kerasemble.members.inspection.nodes import Call, Source
from kerasemble.members.inspection.record import Refused

Calls = Mapping[str, Sequence[Call]]
_Key = tuple[str, int]
# Keras goes through the layers again and again until all calls are made. Layers are saved in their order, so that one
# or two passes do; in the reverse order a chain of 10,000 would take 5e7 tries, an hour.
_MOST_TRIES = 200_000


def call_order(calls: Calls, ends: Sequence[Source], nested: Collection[str], path: str) -> tuple[_Key, ...]:
    """Return every call after those that it needs.

    Args:
        calls: of each layer, by its name, in the order of the file.
        ends: the model's inputs and outputs.
        nested: names of the layers that are models.
        path: of the model, for errors.

    Raises:
        Refused: a call needs what is not there, or itself.
    """
    needs = {
        (name, index): _needs(calls, name, index, nested, path) for name in calls for index in range(len(calls[name]))
    }
    for end in ends:
        _check(calls, end, nested, path)
    needed_by = defaultdict(list)
    for key, sources in needs.items():
        for source in sources:
            needed_by[source].append(key)
    missing = {key: len(sources) for key, sources in needs.items()}
    ready = [key for key, count in missing.items() if not count][::-1]
    order = []
    while ready:
        key = ready.pop()
        order.append(key)
        for follower in needed_by[key]:
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    if len(order) < len(needs):
        stuck = sorted({name for name, index in needs if missing[name, index]})
        msg = f"has a cycle{_in(path)}: its layers {_first(stuck)} each wait for another. Save or copy it again."
        raise Refused("cycle", msg)
    _check_tries(calls, needs, order, path)
    return tuple(order)


def layer_order(calls: Calls, inputs: Sequence[Source], outputs: Sequence[Source]) -> tuple[str, ...]:
    """Return the names of the layers that lead to an output, in the order of `Model.layers`.

    It is Keras's `map_graph`: by decreasing distance from the outputs, then as a search backwards from these meets
    them. Weights are stored and set in this order, whatever order a file's configuration has.
    """
    finished, met = _search(calls, inputs, outputs)
    depths: dict[_Key, int] = {}
    layer_depths: dict[str, int] = {}
    inside = set(finished)
    for name, index in reversed(finished):
        depth = max(depths.setdefault((name, index), 0), layer_depths.get(name, 0))
        layer_depths[name] = depths[name, index] = depth
        for source in calls[name][index].sources:
            parent = _key(calls, source)
            if parent in inside:
                depths[parent] = max(depth + 1, depths.get(parent, 0))
    for source in inputs:
        if source.layer not in layer_depths:
            layer_depths[source.layer], met[source.layer] = 0, -1
    return tuple(sorted(layer_depths, key=lambda name: (-layer_depths[name], met[name])))


def _search(calls: Calls, inputs: Sequence[Source], outputs: Sequence[Source]) -> tuple[list[_Key], dict[str, int]]:
    """Return the calls from inputs to outputs, depth first, and when each layer was met."""
    finished: dict[_Key, None] = {}
    met: dict[str, int] = {}
    starts = {_key(calls, source) for source in inputs}
    for output in outputs:
        stack = [(_key(calls, output), False)]
        while stack:
            key, done = stack.pop()
            if done:
                finished[key] = None
            elif key not in finished:
                met.setdefault(key[0], len(met))
                stack.append((key, True))
                sources = calls[key[0]][key[1]].sources if key not in starts else ()
                stack += [(_key(calls, source), False) for source in reversed(sources)]
    return list(finished), met


def _key(calls: Calls, source: Source) -> _Key:
    return source.layer, min(source.call, len(calls[source.layer]) - 1)


def _needs(calls: Calls, name: str, index: int, nested: Collection[str], path: str) -> set[_Key]:
    sources = calls[name][index].sources
    for source in sources:
        _check(calls, source, nested, f"{path}/{name}".lstrip("/"))
    # Keras makes a layer's calls in their order.
    return {_key(calls, source) for source in sources} | ({(name, index - 1)} if index else set())


def _check(calls: Calls, source: Source, nested: Collection[str], path: str) -> None:
    if source.layer not in calls:
        msg = f"takes the output of a layer '{source.layer}' that it does not have{_in(path)}. Save or copy it again."
        raise Refused("config", msg)
    # Keras 2 counted the calls of a model within a model from one.
    if source.call >= len(calls[source.layer]) + (source.layer in nested and bool(calls[source.layer])):
        msg = f"takes the output of call {source.call + 1} of layer '{source.layer}'{_in(path)}, which has "
        raise Refused("config", f"{msg}{len(calls[source.layer])}. Save or copy it again.")


def _check_tries(calls: Calls, needs: Mapping[_Key, set[_Key]], order: Sequence[_Key], path: str) -> None:
    place = {name: index for index, name in enumerate(calls)}
    passes: dict[_Key, int] = {}
    for key in order:
        passes[key] = max((passes[need] + (place[need[0]] > place[key[0]]) for need in needs[key]), default=0)
    if sum(passes.values()) > _MOST_TRIES:
        msg = (
            f"lists its layers{_in(path)} against their order, so that opening it would take very long. Save it again."
        )
        raise Refused("config", msg)


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _in(path: str) -> str:
    return f" in '{path}'" if path else ""
