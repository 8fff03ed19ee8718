"""Run each member once over the data; every answer in one form."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.arrays import FloatArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import parse_task
from kerasemble.members.backend import reason
from kerasemble.members.classes import align_classes
from kerasemble.members.files import sha256
from kerasemble.members.member import Member, Model, as_members, name_of
from kerasemble.members.opening import decide_output, input_of, open_member, to_probabilities
from kerasemble.members.preprocessing import detect_range, fits, warn_of_other_range
from kerasemble.scoring.sources import check_data, check_whole
from kerasemble.scoring.store import Store, data_fingerprint, member_key

# Called with a member's name, the rows done and the rows in all.
Progress: TypeAlias = Callable[[str, int, int], None]

# Rows between two calls of `progress`, in batches: often enough for a bar, rare enough to cost nothing.
_BATCHES_PER_CALL = 16


def predict(
    members: Sequence[Member | Model | str | os.PathLike[str]],
    x: npt.ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    store: str | os.PathLike[str] | None = None,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> Predictions:
    """Run every member over the data and return their probabilities over the same classes in the same order.

    Args:
        members: models, paths of models, or `Member`s that say how a model is read.
        x: (samples, ...) data in its own range, finite numbers; images as (samples, height, width[, channels]).
        classes: class names in the order wanted; the members' own, else "0", "1", ..., where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        store: folder in which raw answers are kept; a member that ran over this data before is not run again.
        batch_size: samples at a time.
        progress: called with a member's name, the rows done and the rows in all.

    Returns:
        Predictions with float32 values (members, samples, classes).

    Raises:
        KerasembleError: data, members or what they return cannot be used; the message says which and the cure.

    Example:
        >>> seen = predict(["a.keras", Member("b.h5", preprocess="-1..1")], x)  # doctest: +SKIP
    """
    array = check_data(x)
    if batch_size < 1:
        msg = f"batch_size must be at least 1. Received: batch_size={batch_size}."
        raise KerasembleError(msg)
    named = as_members(members)
    for member in named:
        warn_of_other_range(array, member.range, f"'{member.name}'")
    models = [member.load() for member in named]
    inputs = describe_input(named, models, array, data_range)
    opened = [open_member(member, model, inputs) for member, model in zip(named, models, strict=True)]
    widths = [int(each.model.output_shape[-1]) for each in opened]
    order = align_classes(named, [max(2, width) for width in widths], classes)
    cache = None if store is None else Store(store)
    fingerprint = data_fingerprint(array)
    values = np.empty((len(named), len(array), len(order.classes)), dtype=np.float32)
    readings = []
    for index, (member, model, each) in enumerate(zip(named, models, opened, strict=True)):
        key = "" if cache is None else member_key(member, model, inputs, each.steps, fingerprint)
        answers = None if cache is None else cache.get(key)
        if answers is None:
            answers = _run(each.model, array, batch_size, name_of(member), progress)
            if cache is not None:
                cache.put(key, name_of(member), answers)
        elif progress is not None:
            progress(name_of(member), len(array), len(array))
        output = decide_output(answers, each, member)
        values[index] = to_probabilities(answers, each, output, order.orders[index])
        file = None if member.path is None else sha256(member.path)
        readings.append(Reading(output, widths[index], order.orders[index], each.steps, file))
    names = tuple(name_of(member) for member in named)
    task = parse_task(None, len(order.classes))
    alignment = Alignment(inputs, tuple(readings))
    return Predictions(values, names, order.classes, task, alignment, order.ordered, fingerprint)


def describe_input(
    members: Sequence[Member],
    models: Sequence[Model],
    x: npt.NDArray[Any],
    data_range: tuple[float, float] | None = None,
) -> InputSpec:
    """Return the one input that all members will share: the data's shape, and its range where a member needs it.

    Raises:
        KerasembleError: the range given is not one, or a member takes whole numbers and the data has others.
    """
    if data_range is not None and not data_range[0] < data_range[1]:
        msg = f"data_range must be (low, high) with low below high. Received: {data_range}."
        raise KerasembleError(msg)
    taken = [input_of(model, name_of(member)) for member, model in zip(members, models, strict=True)]
    for member, (shape, _) in zip(members, taken, strict=True):
        if shape is not None and fits(x.shape, shape):
            msg = f"The data has the shape of one sample of member '{member.name}', {x.shape}. Give it as x[None]."
            raise KerasembleError(msg)
    dtypes = [dtype for _, dtype in taken]
    for member, dtype in zip(members, dtypes, strict=True):
        if member.preprocess is None:
            check_whole(x, dtype, f"Member '{member.name}'")
    # Whole numbers (word indices) stay so where all members take them so, just as they are.
    whole = x.dtype.kind != "f" and "int" in dtypes[0] and len(set(dtypes)) == 1
    untouched = all(member.preprocess is None for member in members)
    dtype = dtypes[0] if whole and untouched else "float32"
    needed = any(isinstance(member.preprocess, str) for member in members)
    return InputSpec(x.shape[1:], dtype, (data_range or detect_range(x)) if needed else None)


def _run(raw: Model, x: npt.NDArray[Any], batch_size: int, name: str, progress: Progress | None) -> FloatArray:
    """Return the member's raw float32 values (samples, columns).

    Raises:
        KerasembleError: the member fails.
    """
    rows = batch_size * _BATCHES_PER_CALL
    parts = []
    if progress is not None:
        progress(name, 0, len(x))  # compiling comes first and takes a while
    for start in range(0, len(x), rows):
        try:
            parts.append(np.asarray(raw.predict(x[start : start + rows], batch_size=batch_size, verbose=0)))
        except Exception as error:  # whatever the backend or a custom class raises
            msg = f"Member '{name}' failed when it was run on rows {start} and after: {reason(error)}"
            raise KerasembleError(msg) from error
        if progress is not None:
            progress(name, min(start + rows, len(x)), len(x))
    return np.concatenate(parts)
