"""Members' weights: given ones checked, all of them kept as logarithms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError

# One number for each member in order, or pairs of a member's name and its number.
GivenWeights: TypeAlias = tuple[float | tuple[str, float], ...]

# A weight is a softmax or an exponential of what is stored, so that training in Keras can never make it
# negative. Zero would be minus infinity, which files must not hold; this weight moves no digit of a float32.
_LEAST = 1e-12


def freeze_weights(weights: Sequence[float] | Mapping[str, float] | GivenWeights) -> GivenWeights:
    """Return given weights in a form that is hashable and survives JSON.

    Raises:
        KerasembleError: they are not numbers.
    """
    try:
        items = [(str(name), weight) for name, weight in weights.items()] if isinstance(weights, Mapping) else weights
        return tuple((item[0], float(item[1])) if isinstance(item, tuple) else float(item) for item in items)
    except (TypeError, ValueError) as error:
        msg = f"Weights must be numbers, one for each member, in order or by name. Received: weights={weights!r}."
        raise KerasembleError(msg) from error


def check_weights(weights: GivenWeights, members: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return given weights as an array (members,) that sums to one.

    Raises:
        KerasembleError: they are not one finite, non-negative number for each member, or all are zero.
    """
    named = dict(item for item in weights if isinstance(item, tuple))
    if named:
        if set(named) != set(members) or len(named) != len(weights):
            msg = f"Weights are given for {list(weights)}. The members are {list(members)}. Give one for each."
            raise KerasembleError(msg)
        array = np.array([named[name] for name in members], dtype=np.float64)
    else:
        array = np.array(weights, dtype=np.float64)
    if len(array) != len(members):
        msg = f"{len(array)} weights for {len(members)} members ({', '.join(members)}). Give one for each, in order."
        raise KerasembleError(msg)
    for name, weight in zip(members, array.tolist(), strict=True):
        if not np.isfinite(weight) or weight < 0:
            msg = f"The weight of member '{name}' is {weight}. Weights are finite and not negative."
            raise KerasembleError(msg)
    if not array.any():
        msg = "All weights are zero. At least one member needs a weight above zero."
        raise KerasembleError(msg)
    # Scaled first, because the sum of the largest floats is infinite.
    array = array / array.max()
    return np.asarray(array / array.sum())


def log_weights(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the logarithms of weights (members,), of at least 1e-12."""
    return np.log(np.maximum(weights, _LEAST))
