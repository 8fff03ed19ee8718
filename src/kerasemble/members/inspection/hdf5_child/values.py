"""The values of the weights, read in parts that are small whatever the weights are."""

from __future__ import annotations

import math
from collections.abc import Iterator

import h5py
import numpy as np

from .fault import Fault, show
from .walk import Walk

# Bytes of values that are looked at at a time.
_BLOCK = 8 << 20
_LARGEST = np.finfo(np.float32).max
# Where optimizers keep their state, which is not read when a model is only run.
_OPTIMIZER = ("optimizer", "optimizer_weights", "_optimizer")


def of_optimizer(path: str) -> bool:
    """Return whether an array is of an optimizer's state."""
    return path.split("/", 1)[0] in _OPTIMIZER


def blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[int | slice, ...]]:
    """Return the parts of an array, each of at most `most` elements, that make up the whole."""
    inner = next((axis for axis in range(len(shape)) if math.prod(shape[axis + 1 :]) <= most), 0)
    if not shape:
        yield ()
        return
    step = max(1, most // max(1, math.prod(shape[inner + 1 :])))
    for outer in np.ndindex(shape[:inner]):
        for start in range(0, shape[inner], step):
            yield (*outer, slice(start, start + step))


def check_values(walk: Walk) -> None:
    """Read all weights, so that nothing in them is damaged, and refuse NaN and infinity."""
    for path, (array, dtype) in walk.arrays.items():
        if of_optimizer(path):
            continue
        data = h5py.Dataset(array)
        for part in blocks(array.shape, _BLOCK // array.get_type().get_size()):
            values = np.asarray(data[part])
            if dtype == "bfloat16":
                # Its exponent is float32's: all ones for NaN and infinity.
                wrong = (values.view("<u2") & 0x7F80) == 0x7F80
            elif values.dtype.kind == "f":
                # Keras reads a number of 64 bits into a variable of 32, where it may be infinite.
                wrong = ~(np.abs(values) <= _LARGEST) if dtype == "float64" else ~np.isfinite(values)
            else:
                continue
            if wrong.any():
                count = int(np.count_nonzero(wrong))
                raise Fault(
                    "not-finite", f"holds NaN or infinity in the weight {show(path)} ({count:,} values or more)."
                )
