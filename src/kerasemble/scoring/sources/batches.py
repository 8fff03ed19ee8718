"""What people's loaders yield becomes batches of one form: rows, and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError


class Batch(NamedTuple):
    """Rows (rows, ...), their labels (rows, ...) and their ids (rows,), None where there are none."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any] | None = None
    ids: npt.NDArray[Any] | None = None


def as_batch(item: object, who: str) -> Batch:
    """Return x, (x, y), (x, y, weights) or {"x": x, "y": y} as a batch; weights are left out.

    Raises:
        KerasembleError: it is none of these, or a single sample.
    """
    if isinstance(item, Mapping):
        if "x" not in item:
            msg = (
                f"{who} gives batches with {first([str(key) for key in item]) or 'nothing'}. "
                'Give {"x": rows, "y": labels} or (rows, labels).'
            )
            raise KerasembleError(msg)
        return _checked(item["x"], item.get("y"), who)
    if isinstance(item, tuple) or (isinstance(item, list) and item and is_array(item[0])):
        if not 1 <= len(item) <= 3:
            msg = f"{who} gives batches of {len(item)} parts. Give rows, (rows, labels) or (rows, labels, weights)."
            raise KerasembleError(msg)
        return _checked(item[0], item[1] if len(item) > 1 else None, who)
    return _checked(item, None, who)


def is_array(value: object) -> bool:
    """Say whether it is an array of NumPy or of a framework."""
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _checked(x: object, y: object, who: str) -> Batch:
    if isinstance(x, tuple | Mapping):
        msg = f"{who} gives several inputs a row ({type(x).__name__}). Members take one: give its rows alone."
        raise KerasembleError(msg, code=Code.INPUT_SEVERAL)
    rows = _as_numpy(x, who)
    labels = None if y is None else _text(_as_numpy(y, who))
    if rows.ndim < 2 or (labels is not None and labels.ndim == 0):
        msg = (
            f"{who} gives single samples, of shape {rows.shape}, not batches (rows, ...). "
            "Batch them: .batch(256), or DataLoader(..., batch_size=256)."
        )
        raise KerasembleError(msg)
    if labels is not None and len(labels) != len(rows):
        msg = f"{who} gives a batch of {len(rows)} rows with {len(labels)} labels. Give one label for each row."
        raise KerasembleError(msg)
    return Batch(rows, labels)


def _as_numpy(value: Any, who: str) -> npt.NDArray[Any]:  # noqa: ANN401 - tensors of any framework
    # PyTorch converts tensors on the CPU only, and only those that have no gradient.
    plain = value.detach().cpu() if hasattr(value, "detach") else value
    try:
        return np.asarray(plain)
    except (TypeError, ValueError) as error:
        msg = f"{who} gives a batch that is no array: all rows must have one shape. ({error})"
        raise KerasembleError(msg) from error


def _text(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return labels that are bytes, as TensorFlow's are, as text; others as they are."""
    if labels.dtype.kind == "S" or (labels.dtype.kind == "O" and all(isinstance(item, bytes) for item in labels.flat)):
        return np.char.decode(labels.astype(bytes), "utf-8")
    return labels
