"""A member must answer a row alike each time, whatever rows stand beside it, and as its own `predict` does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray
from kerasemble.core.errors import KerasembleError
from kerasemble.members.opening import HALF, Opened
from kerasemble.members.outside import Outside

# How many rows are asked for again.
_ROWS = 8
# Kernels of one shape differ in the last digits; half precision has three of them.
_TOLERANCE, _HALF_TOLERANCE = 1e-4, 1e-2


def check_repeatable(
    name: str, opened: Opened | Outside, x: npt.NDArray[Any], values: FloatArray, batch_size: int
) -> None:
    """Refuse a member that answers the first rows otherwise in other company, by its `predict`, or simply otherwise.

    The batch is as large as the first one was, so that nothing is compiled anew: it holds the rows at its end, and in
    front of them copies of another one.

    Args:
        name: of the member.
        opened: the member.
        x: (n, ...) the first rows of the data.
        values: (n, columns) what it answered to them.
        batch_size: samples at a time, as they were run.

    Raises:
        KerasembleError: it is random, its answer to a row depends on the rows beside it, or its `predict` does more
            than its graph.
    """
    size = min(batch_size, len(x))
    rows = min(_ROWS, max(1, size - 1))
    other = x[-1:] if size > rows else x[:0]
    batch = np.concatenate([np.repeat(other, size - rows, axis=0), x[:rows]])
    again = opened.run(batch, 0, batch_size)[size - rows :]
    precision = opened.signature.precision
    if _alike(again, values[:rows], precision):
        if isinstance(opened, Opened) and opened.own is not None:
            opened.own.check(name, x, values, tolerance_of(precision))
        return
    same = opened.run(x[:size], 0, batch_size)
    difference = float(np.abs(again - values[:rows]).max())
    if not _alike(same, values[:size], precision):
        msg = (
            f"Member '{name}' is random: asked twice, it answers the same {size} rows otherwise (by up to "
            f"{float(np.abs(same - values[:size]).max()):.3g}). Dropout, noise or augmentation is at work outside of "
            "training; take training=True out of the model's calls."
        )
        raise KerasembleError(msg)
    msg = (
        f"Member '{name}' answers a row otherwise when other rows stand beside it ({rows} rows by up to "
        f"{difference:.3g} in another batch). Is batch normalisation in training mode, or a layer that mixes rows? "
        "Save the model without training=True in its calls."
    )
    raise KerasembleError(msg)


def tolerance_of(precision: str) -> float:
    """Return by how much the answers of a member that computes in `precision` may differ, relative to them."""
    return _HALF_TOLERANCE if precision in HALF else _TOLERANCE


def _alike(one: npt.NDArray[Any], other: npt.NDArray[Any], precision: str) -> bool:
    tolerance = tolerance_of(precision)
    # NaN is reported for what it is, later and with its rows.
    return bool(np.allclose(one, other, rtol=tolerance, atol=tolerance / 10, equal_nan=True))
