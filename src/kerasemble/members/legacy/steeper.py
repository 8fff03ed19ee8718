"""hard_sigmoid, whose slope is 0.2 in Keras 2 and 1/6 in Keras 3, which says nothing of it when it opens a file.

It was the recurrent activation of every LSTM and GRU up to Keras 2.2. Keras 2 computes min(max(0.2 x + 0.5, 0), 1),
which is Keras 3's hard_sigmoid of 1.2 x. What comes just before it is linear in the layer's weights, so these are
multiplied by 1.2, as a float of their own dtype: the output moves by a rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kerasemble.members.inspection.record import Refused, StoredArray, Weights
from kerasemble.members.legacy.paths import Place
from kerasemble.members.legacy.tree import (
    NOTHING,
    WRAPPED,
    Json,
    is_functional,
    is_layer,
    is_sequential,
    layers_of,
    name_of,
)

_STEEPER = 1.2
# The gates stand side by side in the last axis: input, forget, cell, output; update, reset, candidate.
_LSTM = (_STEEPER, _STEEPER, 1.0, _STEEPER)
_GATES = {
    **dict.fromkeys(("LSTM", "LSTMCell", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _LSTM),
    **dict.fromkeys(("GRU", "GRUCell"), (_STEEPER, _STEEPER, 1.0)),
}
# Their activation is given what is linear in all of their weights.
_LINEAR = frozenset(
    {"Dense", "EinsumDense", "SimpleRNN", "SimpleRNNCell", "DepthwiseConv1D", "DepthwiseConv2D"}
    | {f"Conv{rank}D{kind}" for rank in (1, 2, 3) for kind in ("", "Transpose")}
)


class Scale(NamedTuple):
    """A weight that is multiplied.

    Args:
        path: of the weight, where Keras 3 looks for it.
        factors: for as many equal parts of the last axis.
    """

    path: str
    factors: tuple[float, ...]

    def __call__(self, weight: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the weight, of shape (..., n len(factors)), multiplied in its own dtype."""
        factors = np.repeat(self.factors, weight.shape[-1] // len(self.factors))
        return np.asarray(weight * factors, weight.dtype)


def with_steeper_activation(layer: Json) -> tuple[Json, Iterable[str]]:
    """Put Rescaling before an Activation that is hard_sigmoid: the two become one nested Sequential of its name."""
    if layer["class_name"] != "Activation" or not _is_hard(layer["config"].get("activation")):
        return layer, NOTHING
    name = name_of(layer)
    known = {"module": "keras.layers", "registered_name": None}
    kept = {key: value for key, value in layer["config"].items() if key in ("trainable", "dtype")}
    rescaling = {
        **known,
        "class_name": "Rescaling",
        "config": {**kept, "name": f"{name}_slope", "scale": _STEEPER, "offset": 0.0},
    }
    activation = {
        **known,
        "class_name": "Activation",
        "config": {**kept, "name": f"{name}_value", "activation": "hard_sigmoid"},
    }
    config = {"name": name, "trainable": True, "layers": [rescaling, activation]}
    became = {**layer, "module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}
    return became, ["hard_sigmoid got the slope of Keras 2: Activation became Rescaling by 1.2 and Activation"]


def scales(model: Json, weights: Weights, placed: tuple[Place, ...]) -> tuple[Scale, ...]:
    """Return the weights that hard_sigmoid asks to be multiplied.

    Args:
        model: the configuration that Keras 3 gets.
        weights: what the file stores.
        placed: where, in a file of the newer layout.

    Raises:
        Refused: the weights of such a layer cannot be told from others, or the activation is not linear in them.
    """
    found: dict[int, tuple[float, ...]] = {}
    for layer in _all_layers(model):
        factors = _factors(layer)
        if factors:
            found[id(layer)] = factors
    if not found or not weights.arrays:
        return ()
    if weights.layers is None:
        return tuple(Scale(place.sought, found[id(place.owner)]) for place in placed if id(place.owner) in found)
    return tuple(_in_older_layout(model, weights, found))


def _factors(layer: Json) -> tuple[float, ...]:
    config, name = layer["config"], layer["class_name"]
    if name in _GATES and _is_hard(config.get("recurrent_activation")) and not _is_hard(config.get("activation")):
        return _GATES[name]
    if name in _LINEAR and _is_hard(config.get("activation")):
        return (_STEEPER,)
    if any(_is_hard(value) for key, value in config.items() if key.endswith("activation")) and name != "Activation":
        msg = (
            f"holds the {name} layer '{name_of(layer)}' with hard_sigmoid, which has another slope in Keras 3. "
            "Train it with sigmoid."
        )
        raise Refused("legacy", msg)
    return ()


def _is_hard(activation: object) -> bool:
    if isinstance(activation, Mapping):
        activation = activation.get("config")
    return activation == "hard_sigmoid"


def _all_layers(layer: Json) -> Iterator[Json]:
    """Yield every layer inside, but for the Activation that has been seen to."""
    yield layer
    for inner in [*layers_of(layer), *_inside(layer)]:
        yield from _all_layers(inner)


def _inside(layer: Json) -> list[Json]:
    values = [layer["config"].get(key) for key in WRAPPED]
    flat = [item for value in values for item in (value if isinstance(value, list) else [value])]
    return [item for item in flat if is_layer(item)]


def _in_older_layout(model: Json, weights: Weights, found: Mapping[int, tuple[float, ...]]) -> Iterator[Scale]:
    """Yield the scales for an .h5 file, which lists weights by the outermost model's layers, and names the rest."""
    arrays = {array.path: array for array in weights.arrays}
    stored = {layer.name: layer.weights for layer in weights.layers or ()}
    for outer in layers_of(model):
        for layer, path in _named(outer, ()):
            parts = [each for each in _all_layers(layer) if not _inside(each)]
            if not any(id(each) in found for each in parts):
                continue
            # Weights of a nested model's layers bear the layer's name; those of a layer of the model are all its own.
            own = [each for each in stored.get(name_of(outer), ()) if not path or f"/{path[-1]}/" in f"/{each}"]
            factors = {found.get(id(each), ()) for each in parts}
            twice = layer["class_name"] == "Bidirectional" and len(parts) == 1
            least = sum(1 + _is_recurrent(each) for each in parts) << twice
            most = least + (len(parts) << twice)
            gates = factors.pop()
            if factors or not least <= len(own) <= most or not all(_divides(arrays.get(each), gates) for each in own):
                msg = (
                    f"does not tell which weights lead to hard_sigmoid in '{name_of(layer)}', which has another slope "
                    "in Keras 3. Save it again with that layer in no other model."
                )
                raise Refused("legacy", msg)
            yield from (Scale(each, gates) for each in own)


def _is_recurrent(layer: Json) -> bool:
    return layer["class_name"] in _GATES or layer["class_name"].startswith("SimpleRNN")


def _named(layer: Json, path: tuple[str, ...]) -> Iterator[tuple[Json, tuple[str, ...]]]:
    if not (is_functional(layer) or is_sequential(layer)):
        yield layer, path
        return
    for inner in layers_of(layer):
        yield from _named(inner, (*path, name_of(inner)))


def _divides(array: StoredArray | None, gates: tuple[float, ...]) -> bool:
    return array is not None and bool(array.shape) and array.shape[-1] % len(gates) == 0
