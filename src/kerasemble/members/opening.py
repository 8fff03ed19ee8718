"""A member as a Keras model that takes the ensemble's input and gives the member's own raw values."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import InputSpec, Output
from kerasemble.core.arrays import FloatArray, Tensor, Vocabulary, first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.outputs import decide, standardise
from kerasemble.core.rows import Rows
from kerasemble.members.backend import import_keras, reason
from kerasemble.members.member import Layer, Member, Model, name_of
from kerasemble.members.own_predict import OwnPredict, has_own_predict, layer_before
from kerasemble.members.preprocessing import Options, free_name, own_copy, prepare
from kerasemble.members.signature import Signature

# In these, rows of probabilities sum to one to 4e-4 and 3e-3 only.
HALF = ("float16", "bfloat16")
# What makes one column a probability; all else that has a name may give a logit that happens to lie in 0..1.
_TO_PROBABILITY = ("sigmoid", "hard_sigmoid")


class Opened(NamedTuple):
    """A member that takes the ensemble's input.

    Args:
        model: from the ensemble's input to the member's own raw values, float32 (samples, columns).
        signature: what is known of those values.
        own: the model's own `predict`, where its class has one that is not Keras's.
    """

    model: Model
    signature: Signature
    own: OwnPredict | None = None

    def run(self, x: npt.NDArray[Any], start: int, batch_size: int) -> npt.NDArray[Any]:  # noqa: ARG002 - as Outside's
        """Return the raw values (rows, columns) for rows `x`, which begin at `start`.

        The last batch is filled up: for one of another size the backend would compile the model anew, and a row's last
        digits depend on the size of its batch.
        """
        whole = np.concatenate([x, np.repeat(x[-1:], -len(x) % batch_size, axis=0)])
        return np.asarray(self.model.predict(whole, batch_size=batch_size, verbose=0))[: len(x)]


def input_of(model: Model, name: str) -> tuple[tuple[int | None, ...] | None, str]:
    """Return the shape of one sample and the dtype that a model takes; None and float32 where it does not say.

    Raises:
        KerasembleError: the model was never built, or takes several inputs.
    """
    if not model.built:
        msg = f"Member '{name}' was never built or trained: it has no weights yet. Train it, or load a saved model."
        raise KerasembleError(msg)
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return None, "float32"
    if len(inputs) > 1:
        msg = f"Member '{name}' takes {len(inputs)} inputs. Members with one input are supported so far."
        raise KerasembleError(msg, code=Code.INPUT_SEVERAL)
    return tuple(inputs[0].shape[1:]), str(inputs[0].dtype)


def open_member(member: Member, model: Model, inputs: InputSpec) -> Opened:
    """Return the member as a functional model of the ensemble's input, in which `model` is nested as it is.

    The image converter of a KerasHub task comes before it, unless the member has layers that take its place.

    Raises:
        KerasembleError: the data cannot become what the model takes, or its output is not one row per sample.
    """
    keras = import_keras()
    name = name_of(member)
    expected, dtype = input_of(model, name)
    taken = {str(model.name)}
    source = keras.Input(inputs.shape, dtype=inputs.dtype, name=free_name("inputs", taken))
    options = Options(name, member.convention, member.layers, inputs.range, dtype, taken)
    before = None if member.layers else layer_before(model)
    tensor, steps = prepare(source, _taken_by(before, expected), options)
    given = tensor
    try:
        if before is not None:
            tensor = own_copy(before, name, taken)(tensor)
            steps = (*steps, before.name)
        answer = model(tensor, training=False)
    except Exception as error:  # a subclassed model's own code may raise anything
        shape = "x".join(map(str, inputs.shape))
        msg = f"Member '{name}' does not take data of shape {shape} as {inputs.dtype}: {reason(error)}"
        raise KerasembleError(msg) from error
    answer = _one_output(answer, model, member)
    if len(answer.shape) != 2:
        msg = (
            f"Member '{name}' returns values of shape {tuple(answer.shape)}. The tasks 'multiclass' and 'binary' have "
            "(samples, classes); others are not supported yet."
        )
        raise KerasembleError(msg)
    opened = keras.Model(source, keras.ops.cast(answer, "float32"), name="raw")
    columns = int(opened.output_shape[-1])
    own = None
    if has_own_predict(model):
        own = OwnPredict(model, keras.Model(source, given), functools.partial(_one_output, model=model, member=member))
    return Opened(opened, Signature(columns, steps, str(answer.dtype), activation=_activation(answer)), own)


def _taken_by(before: Layer | None, expected: tuple[int | None, ...] | None) -> tuple[int | None, ...] | None:
    """Return the shape of one sample that a member takes, whose images a layer of its own may resize."""
    resizes = getattr(before, "image_size", None) is not None
    return (None, None, expected[-1]) if resizes and expected is not None and len(expected) == 3 else expected


def decide_output(values: Rows | FloatArray, signature: Signature, member: Member) -> Output:
    """Return what the raw values (samples, columns) of a member are, read a block at a time.

    Raises:
        KerasembleError: they are not what the member's `output` says, not finite, or leave doubt.
    """
    found = decide(values, member.output, name_of(member), signature.precision)
    doubtful = member.output == "auto" and found == "probabilities" and signature.columns == 1
    known = signature.activation
    if doubtful and signature.is_model and known not in _TO_PROBABILITY:
        ends = f"ends in '{known}'" if known else "comes from no activation that is known"
        msg = (
            f"Member '{member.name}' has one column that {ends}: its values lie in 0..1 on this data, but "
            "may be logits. Give Member(..., output='logits') or output='probabilities'."
        )
        raise KerasembleError(msg)
    return found


def to_probabilities(
    values: Tensor, precision: str, output: Output, order: tuple[int, ...], xp: Vocabulary = np
) -> Tensor:
    """Return probabilities (samples, classes) from the raw values (samples, columns) that a member computed.

    `precision` is the dtype that it computed them in.
    """
    if output == "probabilities" and precision in HALF and values.shape[-1] > 1:
        values = values / xp.sum(values, axis=-1, keepdims=True)
    return standardise(values, output, order, xp)


def _activation(tensor: Tensor) -> str | None:
    """Return the name of the activation that gives a symbolic tensor, looked for inside nested models."""
    history = getattr(tensor, "_keras_history", None)
    if history is None:
        return None
    outputs = getattr(history.operation, "outputs", None)
    if outputs:
        return _activation(outputs[history.tensor_index])
    return getattr(getattr(history.operation, "activation", None), "__name__", None)


def _one_output(answer: Any, model: Model, member: Member) -> Any:  # noqa: ANN401 - symbolic tensors
    """Return the one output of a model, or the one named by `head`."""
    if isinstance(answer, dict):
        outputs = dict(answer)
    elif isinstance(answer, list | tuple):
        names = getattr(model, "output_names", None) or [str(index) for index in range(len(answer))]
        outputs = dict(zip(names, answer, strict=True))
    elif member.head is None:
        return answer
    else:
        # A Sequential model does not say, but its last layer gives the name when it is saved.
        names = getattr(model, "output_names", None) or [layer.name for layer in model.layers[-1:]]
        outputs = dict.fromkeys(names, answer)
    if member.head in outputs:
        return outputs[member.head]
    if member.head is None and len(outputs) == 1:
        return next(iter(outputs.values()))
    listed = first([f"'{name}'" for name in outputs], 20)
    received = "" if member.head is None else f" Received: head={member.head!r}."
    msg = f"Member '{member.name}' has {len(outputs)} outputs: {listed}. Choose one with head=NAME.{received}"
    raise KerasembleError(msg)
