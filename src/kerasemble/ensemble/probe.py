"""How members are read where no data is at hand: from their own shapes, and what they answer to noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import InputSpec
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.members.member import Member, name_of
from kerasemble.members.opening import input_of
from kerasemble.scoring.predict import predict

_ROWS = 32


def noise(inputs: InputSpec, rows: int) -> npt.NDArray[Any]:
    """Return random data (rows, *shape): in the range known or 0..1, and zeros and ones where numbers are whole."""
    rng = np.random.default_rng(0)
    shape = (rows, *(size or 1 for size in inputs.shape))
    if "int" in inputs.dtype:
        return rng.integers(0, 2, shape).astype(inputs.dtype)
    return rng.uniform(*(inputs.range or (0.0, 1.0)), shape).astype(inputs.dtype)


def probe(
    members: Sequence[Member], classes: Sequence[object] | None, data_range: tuple[float, float] | None
) -> Predictions:
    """Return the members' answers to noise in the largest of their input shapes.

    Only what is certain is accepted: probabilities show on any input, logits do not.

    Raises:
        KerasembleError: the members do not say what they take, or need to be told the data's range or their output.
    """
    by_name = [member for member in members if member.convention.scale is not None]
    if by_name and data_range is None:
        msg = (
            f"Member '{by_name[0].name}' expects '{by_name[0].preprocess}', which depends on the data's range. Give "
            "Ensemble(..., data_range=(low, high)), or fit or predict on data first."
        )
        raise KerasembleError(msg)
    taken = [input_of(member.open().model, name_of(member)) for member in members]
    shapes = [shape for shape, _ in taken if shape is not None and None not in shape]
    if not shapes:
        msg = "No member says the shape of its input. Fit or predict on data first."
        raise KerasembleError(msg)
    # The largest loses nothing: the others are made from it by resizing down.
    shape = max(shapes, key=lambda sizes: int(np.prod([size or 1 for size in sizes])))
    whole = any("int" in dtype for _, dtype in taken)
    x = noise(InputSpec(shape, "int32" if whole else "float32", data_range), _ROWS)
    seen = predict(members, x, classes=classes, data_range=data_range)
    readings = seen.alignment.readings if seen.alignment is not None else ()
    for member, reading in zip(members, readings, strict=True):
        if member.output == "auto" and reading.output != "probabilities":
            msg = (
                f"Member '{member.name}' does not return probabilities. Give Member(..., output='logits') if they are "
                "logits, or fit or predict on data first."
            )
            raise KerasembleError(msg)
    return seen
