"""Data of a kind that is not supported yet is refused by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError


def check_one_input(data: object) -> None:
    """Refuse what holds the arrays of several inputs, in a dict, a list or a tuple.

    Raises:
        KerasembleError: it does.
    """
    parts = list(data.values()) if isinstance(data, Mapping) else data
    if not isinstance(parts, list | tuple) or len(parts) < 2:
        return
    shapes = [np.shape(part) for part in parts if hasattr(part, "__array__")]
    alike = len({shape[:1] for shape in shapes}) == 1 and shapes[0]
    # Arrays of one shape in a list may be rows; in a dict they have names.
    if len(shapes) == len(parts) and alike and (isinstance(data, Mapping) or len(set(shapes)) > 1):
        names = f" ({', '.join(map(str, data))})" if isinstance(data, Mapping) else ""
        msg = (
            f"The data has {len(shapes)} inputs{names} of {shapes[0][0]} rows. Kerasemble runs members of one input "
            "for now. Give each model's answers as a member: {'a': probabilities, ...} in kerasemble.compare."
        )
        raise KerasembleError(msg, code=Code.INPUT_SEVERAL)


def check_no_text(array: npt.NDArray[Any], place: str) -> None:
    """Refuse rows of text.

    Raises:
        KerasembleError: the data is text.
    """
    text = array.dtype.kind in "US" or (array.dtype == object and isinstance(next(iter(array.flat), None), str | bytes))
    if text:
        where = f" in {place}" if place else ""
        msg = (
            f"The data{where} is text. Kerasemble gives members numbers for now: give what the tokenizer or the "
            "TextVectorization layer makes of it, and models that begin after that layer."
        )
        raise KerasembleError(msg, code=Code.INPUT_TEXT)
