"""Shapes through a model's graph: what each layer takes and returns, as Keras will find when it builds the model."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from kerasemble.members.inspection.graph import Graph, Layer
from kerasemble.members.inspection.layer_shapes import LAYER_RULES, input_shape
from kerasemble.members.inspection.nodes import Call, Shape, Source, plain_call
from kerasemble.members.inspection.op_shapes import OP_RULES
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.sizes import UNKNOWN, checked, whole

Shapes = tuple[Shape | None, ...]
# A model within a model is run through each time that it is called, and a sequential one is built anew each time that a
# layer is added. NASNetLarge makes 1,040 calls; a call takes about 0.3 ms. Models nested in models that are each called
# twice would make 2 to the power of their depth.
MOST_CALLS = 100_000
# Layers whose rule is simple enough that a file which records another shape was changed by hand.
_CERTAIN = frozenset(
    {"InputLayer", "Dense", "Activation", "Dropout", "BatchNormalization", "Flatten", "Embedding", "Concatenate", "Add"}
    | {f"{kind}{rank}D" for kind in ("Conv", "MaxPooling", "AveragePooling") for rank in (1, 2, 3)}
    | {f"Global{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)}
)
_CELLS = ("LSTMCell", "GRUCell", "SimpleRNNCell")
_ATTENTION = {"MultiHeadAttention": ("query", "value", "key"), "GroupedQueryAttention": ("query", "value", "key")}


@dataclasses.dataclass
class Shaped:
    """What was found on the way through a model.

    Args:
        taken: by a layer's path, the shapes that it is called on, for each of its calls.
        largest: elements of the largest tensor for one sample.
        calls: that Keras will make when it opens the file.
        inputs: shapes of the model's.
        outputs: shapes of the model's.
    """

    taken: dict[str, list[Shapes]] = dataclasses.field(default_factory=dict)
    largest: int = 0
    calls: int = 0
    inputs: Shapes = ()
    outputs: Shapes = ()


def infer_shapes(top: Layer) -> Shaped:
    """Return the shapes in a model.

    Raises:
        Refused: the file records another shape than a layer returns, or building it would never end.
    """
    walk = _Walk()
    if top.model is not None:
        walk.found.inputs, walk.found.outputs = walk.declared(top, top.model)
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found = Shaped()
        self._declared: dict[str, tuple[Shapes, Shapes]] = {}
        self._seen: dict[tuple[str, Shapes], tuple[Shapes, int]] = {}

    def declared(self, layer: Layer, graph: Graph) -> tuple[Shapes, Shapes]:
        """Return what a model takes and returns as it was saved."""
        if layer.path not in self._declared:
            inputs = tuple(_declared_input(layer, graph, source) for source in graph.inputs)
            rebuilds = len(graph.layers) ** 2 // 2 if graph.sequential else 0
            self._count_calls(rebuilds, layer.path)
            before = self.found.calls
            outputs = self._run(layer, graph, inputs)
            self._seen[layer.path, inputs] = outputs, self.found.calls - before
            self._declared[layer.path] = inputs, outputs
        return self._declared[layer.path]

    def _run(self, model: Layer, graph: Graph, given: Shapes) -> Shapes:
        values: dict[tuple[str, int], Shapes] = {}
        starts = {(source.layer, source.call): shape for source, shape in zip(graph.inputs, given, strict=True)}
        for key in graph.order:
            layer = graph.layers[key[0]]
            call = layer.calls[key[1]]
            start = starts.get(key)
            if layer.kind == "InputLayer" or (key in starts and call.sources):
                values[key] = (start,)
                self._measure(start)
                continue
            shapes = (
                (start,)
                if key in starts
                else tuple(self._source(graph, values, call, i) for i in range(len(call.sources)))
            )
            self._count_calls(1, model.path)
            values[key] = self._call(layer, call, shapes)
        return tuple(_value(values, graph, source) for source in graph.outputs)

    def _source(self, graph: Graph, values: dict[tuple[str, int], Shapes], call: Call, index: int) -> Shape | None:
        source, recorded = call.sources[index], call.recorded[index]
        shape = _value(values, graph, source)
        if shape is not None and recorded is not None and _differ(shape, recorded):
            maker = graph.layers[source.layer]
            if maker.kind in _CERTAIN and maker.model is None:
                msg = f"says that layer '{maker.path}' returns {_text(recorded)}; it returns {_text(shape)}. "
                raise Refused("shape-mismatch", f"{msg}The file was changed; get the model from whoever made it.")
        return shape if shape is not None else recorded

    def _call(self, layer: Layer, call: Call, shapes: Shapes) -> Shapes:
        names = _ATTENTION.get(layer.kind)
        shapes = _named(call, shapes, names) if names else shapes[: call.positional] or shapes
        self.found.taken.setdefault(layer.path, []).append(shapes)
        if layer.model is not None:
            returned = self._model(layer, layer.model, shapes)
        elif layer.known is not None and layer.known.group == "ops":
            returned = self._op(layer, call, shapes)
        else:
            known = [shape for shape in shapes if shape is not None]
            returned = self._layer(layer, known) if len(known) == len(shapes) else ()
        for shape in returned:
            self._measure(shape)
        return returned

    def _model(self, layer: Layer, graph: Graph, shapes: Shapes) -> Shapes:
        inputs, _ = self.declared(layer, graph)
        # When the model answers, it runs through all that is inside, even where opening it takes a short cut.
        key = (layer.path, inputs if len(shapes) != len(inputs) else shapes)
        if key not in self._seen:
            before = self.found.calls
            result = self._run(layer, graph, shapes)
            self._seen[key] = result, self.found.calls - before
        else:
            self._count_calls(self._seen[key][1], layer.path)
        return self._seen[key][0]

    def _op(self, layer: Layer, call: Call, shapes: Shapes) -> Shapes:
        rule = OP_RULES.get(layer.kind)
        known = dict(zip(call.sources, shapes, strict=False))
        arguments = [_resolved(item, known) for item in (*call.args, *call.kwargs.values())]
        try:
            return (checked(rule(layer.config, arguments)),) if rule is not None else ()
        except UNKNOWN:
            return ()

    def _layer(self, layer: Layer, shapes: Sequence[Shape]) -> Shapes:
        try:
            if layer.config.get("stateful") is True and shapes[0][0] is not None:
                # The state of every sample of a batch is made when the file is opened.
                self.found.largest = max(self.found.largest, shapes[0][0] * _width(layer))
            if layer.wrapped:
                return self._wrapper(layer, shapes[0])
            rule = LAYER_RULES.get(layer.kind)
            return tuple(map(checked, rule(layer.config, shapes))) if rule is not None else ()
        except UNKNOWN:
            return ()

    def _wrapper(self, layer: Layer, shape: Shape) -> Shapes:
        inner = [each for _, each in layer.wrapped]
        if layer.kind == "TimeDistributed":
            returned = self._call(inner[0], plain_call(_HERE), ((shape[0], *shape[2:]),))
            return tuple((*shape[:2], *each[1:]) if each is not None else None for each in returned)
        if layer.kind == "Bidirectional":
            forward, _ = (self._call(each, plain_call(_HERE), (shape,)) for each in inner)
            return _both(forward, layer.config.get("merge_mode", "concat"))
        if layer.kind == "RNN":
            width = self._cell(inner[0], (shape[0], *shape[2:]))
            states = (shape[0], shape[1], width) if layer.config.get("return_sequences") else (shape[0], width)
            return (states,)
        return self._call(inner[0], plain_call(_HERE), (shape,))

    def _cell(self, cell: Layer, shape: Shape) -> int:
        self.found.taken.setdefault(cell.path, []).append((shape,))
        if cell.kind != "StackedRNNCells":
            return _width(cell)
        for _, each in cell.wrapped:
            shape = (shape[0], self._cell(each, shape))
        return whole(shape[-1])

    def _measure(self, shape: Shape | None) -> None:
        if shape is not None:
            # Axes that are not known, the batch among them, count as one.
            self.found.largest = max(self.found.largest, math.prod(size for size in shape if size is not None))

    def _count_calls(self, count: int, path: str) -> None:
        self.found.calls += count
        if self.found.calls > MOST_CALLS:
            msg = f"calls its layers more than {MOST_CALLS:,} times, in '{path[:80]}'. Give a smaller model."
            raise Refused("config", msg)


_HERE = Source("", 0, 0)


def _declared_input(model: Layer, graph: Graph, source: Source) -> Shape | None:
    """Return the shape that an input of a model was saved with."""
    first = graph.layers[source.layer]
    places: list[Any] = [first.config]
    if graph.sequential:
        places += [
            {"batch_shape": model.config.get("build_input_shape")},
            {"batch_shape": model.build.get("input_shape")},
        ]
    for place in places:
        try:
            return input_shape(place)
        except UNKNOWN:
            continue
    return _declared_input(first, first.model, first.model.inputs[0]) if graph.sequential and first.model else None


def _value(values: dict[tuple[str, int], Shapes], graph: Graph, source: Source) -> Shape | None:
    call = min(source.call, len(graph.layers[source.layer].calls) - 1)
    returned = values.get((source.layer, call), ())
    return returned[source.tensor] if source.tensor < len(returned) else None


def _named(call: Call, shapes: Shapes, names: Sequence[str]) -> Shapes:
    """Return the shapes of named arguments, the second standing for those that are not given."""
    known = dict(zip(call.sources, shapes, strict=True))
    given = {**dict(zip(names, call.args, strict=False)), **call.kwargs}
    found = [known.get(given[name]) if isinstance(given.get(name), Source) else None for name in names]
    return tuple(
        shape if shape is not None or given.get(name) else found[1] for name, shape in zip(names, found, strict=True)
    )


def _resolved(argument: Any, known: dict[Source, Shape | None]) -> Any:  # noqa: ANN401 - JSON with shapes in it
    if isinstance(argument, Source):
        return known.get(argument)
    return [_resolved(item, known) for item in argument] if isinstance(argument, list) else argument


def _width(layer: Layer) -> int:
    return whole(
        layer.config["units"] if layer.kind in (*_CELLS, "LSTM", "GRU", "SimpleRNN") else layer.config["filters"]
    )


def _both(forward: Shapes, mode: object) -> Shapes:
    if mode is None:
        return (forward[0], forward[0], *forward[1:], *forward[1:])
    first = forward[0]
    if mode == "concat" and first is not None:
        first = (*first[:-1], None if first[-1] is None else 2 * first[-1])
    return (first, *forward[1:], *forward[1:])


def _differ(shape: Shape, recorded: Shape) -> bool:
    if len(shape) != len(recorded):
        return True
    pairs = zip(shape[1:], recorded[1:], strict=True)
    return any(a != b for a, b in pairs if a is not None and b is not None)


def _text(shape: Shape) -> str:
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
