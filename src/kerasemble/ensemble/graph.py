"""The ensemble as a functional Keras model made of Keras built-ins alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.alignment import InputSpec, Reading
from kerasemble.core.arrays import Tensor
from kerasemble.core.errors import KerasembleError
from kerasemble.ensemble.probe import noise
from kerasemble.members.backend import import_keras
from kerasemble.members.copying import copy_of, freeze
from kerasemble.members.member import Member, Model, name_of
from kerasemble.members.opening import Opened, open_member, to_probabilities

OUTPUT = "probabilities"

# Rows of noise on which a copy must answer as its original does, and by how much it may differ.
_ROWS, _TOLERANCE = 4, 1e-5


def build_graph(members: Sequence[Member], fitted: FittedCombiner, *, copies: bool = True) -> Model:
    """Return one functional model from the shared input to the combined probabilities.

    It has one output, or, where stages add some, a dict of named ones, "probabilities" the first of them.

    Each member is nested as a model of its own, under a name that is unique: as a copy, frozen, with the user's own
    model untouched, or, to predict only, as it is. `keras.Model(m.input, m.get_layer(name).output)` takes it out. Each
    array that the combiner learned is the kernel of a bias-free `Dense` that is applied to a constant one, so it is
    saved, and trained by `fit`, as any Keras weight.

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
        _branch(member, reading, inputs, name, copies=copies)(source)
        for member, reading, name in zip(members, fitted.alignment.readings, names, strict=True)
    ]
    values = keras.ops.stack(branches, axis=0)
    learned = {name: _learned(array, name, values) for name, array in fitted.learned.items()}
    combined = fitted.combiner.combine(values, learned, keras.ops)
    # A layer with nothing in it but a name, by which the output is called in exports and metrics.
    probabilities = keras.layers.Identity(name=OUTPUT, dtype="float32")(combined)
    added = fitted.combiner.outputs(probabilities, learned, keras.ops)
    named = {name: keras.layers.Identity(name=name, dtype=tensor.dtype)(tensor) for name, tensor in added.items()}
    return keras.Model(source, {OUTPUT: probabilities, **named} if named else probabilities, name="ensemble")


def by_name(answer: Any) -> dict[str, npt.NDArray[Any]]:  # noqa: ANN401 - a tensor or a dict of them
    """Return what the model answered as arrays by the names of its outputs."""
    named = answer if isinstance(answer, dict) else {OUTPUT: answer}
    return {name: import_keras().ops.convert_to_numpy(each) for name, each in named.items()}


def layer_names(members: Sequence[str]) -> list[str]:
    """Return for each member the name of its layer in the graph: unique, and free of what Keras forbids."""
    names: list[str] = []
    for member in members:
        base = "member_" + (re.sub(r"[^A-Za-z0-9_.-]", "_", member))
        tries = (base if number == 1 else f"{base}_{number}" for number in range(1, len(members) + 1))
        names.append(next(name for name in tries if name not in names))
    return names


def _branch(member: Member, reading: Reading, inputs: InputSpec, name: str, *, copies: bool) -> Model:
    """Return a member as a model from the ensemble's input to probabilities over its classes."""
    keras = import_keras()
    model, inspection = member.open()
    opened = open_member(member, model, inputs)
    _check_read_alike(member, reading, opened.signature.steps, None if inspection is None else inspection.sha256)
    if copies:
        copy = open_member(member, copy_of(model, name_of(member)), inputs)
        _check_same(copy, opened, inputs, name_of(member))
        opened = copy
    values = to_probabilities(opened.model.output, opened.signature.precision, reading.output, reading.order, keras.ops)
    graph = keras.Model(opened.model.input, values, name="model")
    # The `output` of a nested functional model is a tensor of its inner graph, from which no way leads back to the
    # ensemble's input. That of a Sequential one is what it gives in the ensemble, so that it can be taken out.
    branch = keras.Sequential([keras.Input(inputs.shape, dtype=inputs.dtype, name="inputs"), graph], name=name)
    if copies:
        freeze(branch)
    return branch


def _check_read_alike(member: Member, reading: Reading, steps: tuple[str, ...], file: str | None) -> None:
    """Refuse a member that is no longer what the combiner was fitted to: its file, or what is done to its input."""
    if None not in (file, reading.file) and file != reading.file:
        msg = f"The file of member '{member.name}' has changed since the combiner was fitted. Run and fit it again."
        raise KerasembleError(msg)
    if steps != reading.steps:
        was, now = (", ".join(words) or "nothing" for words in (reading.steps, steps))
        msg = (
            f"Member '{member.name}' is not read as it was when the combiner was fitted: then its input went through "
            f"{was}, now through {now}. Give it the options that it had."
        )
        raise KerasembleError(msg)


def _check_same(copy: Opened, original: Opened, inputs: InputSpec, name: str) -> None:
    """Refuse a copy that answers otherwise: a custom class's `get_config` can leave out what matters."""
    keras = import_keras()
    x = noise(inputs, _ROWS)
    one, other = (keras.ops.convert_to_numpy(each.model(x, training=False)) for each in (original, copy))
    if not np.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
        msg = (
            f"Member '{name}' answers otherwise as a copy (by up to {np.nanmax(np.abs(one - other)):.2g}). Either it "
            "is random at inference, or a custom class leaves out of get_config() what its answer depends on."
        )
        raise KerasembleError(msg)


def _learned(array: npt.NDArray[np.float64], name: str, values: Tensor) -> Tensor:
    """Return a learned array as a symbolic tensor whose values are a trainable weight called `name`."""
    keras = import_keras()
    one = keras.ops.reshape(keras.ops.ones_like(keras.ops.max(values)), (1, 1))
    layer = keras.layers.Dense(array.size, use_bias=False, name=name, dtype="float32")
    tensor = keras.ops.reshape(layer(one), array.shape)
    layer.set_weights([array.reshape(1, -1)])
    return tensor
