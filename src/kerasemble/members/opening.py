"""A member as a Keras model that takes the ensemble's input and gives the member's own raw values."""

from __future__ import annotations

from typing import Any

from kerasemble.core.alignment import InputSpec
from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.members.backend import import_keras
from kerasemble.members.member import Member, Model, name_of
from kerasemble.members.preprocessing import Options, prepare


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
        raise KerasembleError(msg)
    return tuple(inputs[0].shape[1:]), str(inputs[0].dtype)


def open_member(member: Member, model: Model, inputs: InputSpec) -> tuple[Model, tuple[str, ...]]:
    """Return a functional model from the ensemble's input to the member's raw values, and the steps in words.

    The values are float32 (samples, columns). The member runs in inference mode, whatever is trained around it: no
    dropout, no batch statistics. The user's own model is nested in it, neither renamed nor changed.

    Raises:
        KerasembleError: the data cannot become what the model takes, or its output is not one row per sample.
    """
    keras = import_keras()
    name = name_of(member)
    expected, _ = input_of(model, name)
    source = keras.Input(inputs.shape, dtype=inputs.dtype, name="inputs")
    tensor, steps = prepare(source, expected, Options(name, member.preprocess, inputs.range))
    try:
        answer = model(tensor, training=False)
    except Exception as error:  # a subclassed model's own code may raise anything
        reason = str(error).strip().split("\n")[0][:300]
        shape = "x".join(map(str, inputs.shape))
        msg = f"Member '{name}' does not take data of shape {shape} as {inputs.dtype}: {reason}"
        raise KerasembleError(msg) from error
    answer = _one_output(answer, model, member)
    if len(answer.shape) != 2:
        msg = (
            f"Member '{name}' returns values of shape {tuple(answer.shape)}. The tasks 'multiclass' and 'binary' have "
            "(samples, classes); others are not supported yet."
        )
        raise KerasembleError(msg)
    values = keras.ops.cast(answer, "float32")
    return keras.Model(source, values, name="raw"), steps


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
        outputs = dict.fromkeys(getattr(model, "output_names", []), answer)
    if member.head in outputs:
        return outputs[member.head]
    if member.head is None and len(outputs) == 1:
        return next(iter(outputs.values()))
    listed = first([f"'{name}'" for name in outputs], 20)
    received = "" if member.head is None else f" Received: head={member.head!r}."
    msg = f"Member '{member.name}' has {len(outputs)} outputs: {listed}. Choose one with head=NAME.{received}"
    raise KerasembleError(msg)
