"""The ensemble as a functional Keras model made of Keras built-ins alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import FittedCombiner
from kerasemble.core.alignment import InputSpec, Reading
from kerasemble.core.arrays import Tensor
from kerasemble.core.errors import KerasembleError
from kerasemble.core.outputs import standardise
from kerasemble.members.backend import import_keras
from kerasemble.members.member import Member, Model, name_of
from kerasemble.members.opening import open_member

OUTPUT = "probabilities"


def build_graph(members: Sequence[Member], fitted: FittedCombiner) -> Model:
    """Return one functional model from the shared input to the combined probabilities.

    Each member is nested as a model of its own, under a name that is unique, as a copy: frozen, and with the
    user's own model untouched. Each array that the combiner learned is the kernel of a bias-free `Dense` that is
    applied to a constant one, so it is saved, and trained by `fit`, as any Keras weight.

    Raises:
        KerasembleError: the combiner does not know how the members are read, or a member cannot be copied.
    """
    keras = import_keras()
    if fitted.alignment is None:
        msg = (
            "It is not known how the members are read, since the combiner was fitted on arrays. Fit it on "
            "kerasemble.predict(members, x), which notes the input, the kinds of output and the order of classes."
        )
        raise KerasembleError(msg)
    inputs = fitted.alignment.inputs
    source = keras.Input(inputs.shape, dtype=inputs.dtype, name="inputs")
    names = layer_names([name_of(member) for member in members])
    branches = [
        _branch(member, reading, inputs, name)(source)
        for member, reading, name in zip(members, fitted.alignment.readings, names, strict=True)
    ]
    values = keras.ops.stack(branches, axis=0)
    learned = {name: _learned(array, name, values) for name, array in fitted.learned.items()}
    combined = fitted.combiner.combine(values, learned, keras.ops)
    # A layer with nothing in it but a name, by which the output is called in exports and metrics.
    return keras.Model(source, keras.layers.Identity(name=OUTPUT)(combined), name="ensemble")


def layer_names(members: Sequence[str]) -> list[str]:
    """Return for each member the name of its layer in the graph: unique, and free of what Keras forbids."""
    names: list[str] = []
    for member in members:
        base = "member_" + (re.sub(r"[^A-Za-z0-9_.-]", "_", member))
        tries = (base if number == 1 else f"{base}_{number}" for number in range(1, len(members) + 1))
        names.append(next(name for name in tries if name not in names))
    return names


def _branch(member: Member, reading: Reading, inputs: InputSpec, name: str) -> Model:
    """Return a frozen copy of a member, from the ensemble's input to probabilities over its classes."""
    keras = import_keras()
    raw, _ = open_member(member, member.load(), inputs)
    values = standardise(raw.output, reading.output, reading.order, keras.ops)
    own = keras.Model(raw.input, values, name=name)
    try:
        copy = keras.models.clone_model(own)
    except (TypeError, ValueError, NotImplementedError) as error:
        msg = (
            f"Member '{member.name}' cannot be copied, and so not be saved: {str(error).splitlines()[0]} "
            "A subclassed model needs get_config() and @keras.saving.register_keras_serializable()."
        )
        raise KerasembleError(msg) from error
    copy.set_weights(own.get_weights())
    copy.trainable = False
    return copy


def _learned(array: npt.NDArray[np.float64], name: str, values: Tensor) -> Tensor:
    """Return a learned array as a symbolic tensor whose values are a trainable weight called `name`."""
    keras = import_keras()
    one = keras.ops.reshape(keras.ops.ones_like(keras.ops.max(values)), (1, 1))
    layer = keras.layers.Dense(array.size, use_bias=False, name=name)
    tensor = keras.ops.reshape(layer(one), array.shape)
    layer.set_weights([array.reshape(1, -1)])
    return tensor
