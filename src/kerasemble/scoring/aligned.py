"""Raw answers, wherever they lie, read as probabilities over the classes in order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Reading
from kerasemble.core.arrays import IntArray
from kerasemble.core.rows import Rows
from kerasemble.core.stacked import Stacked
from kerasemble.members.opening import to_probabilities

# Bytes of predictions that are held in memory; more are read as they are needed.
_IN_MEMORY = 2**27


@dataclasses.dataclass(frozen=True)
class Aligned:
    """A member's answers as (samples, classes) float32 probabilities, or (samples,) class indices where it gave labels.

    Args:
        raw: (samples, columns) what it answered; or (samples,) unsigned, the positions of its own columns.
        reading: how that is read.
        precision: the dtype that it was computed in.
    """

    raw: Rows
    reading: Reading
    precision: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what is read."""
        raw = self.raw.shape
        return raw if len(raw) == 1 else (raw[0], len(self.reading.order))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of what is read."""
        return self.raw.dtype if len(self.raw.shape) == 1 else np.dtype(np.float32)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self.raw.shape[0]

    def __getitem__(self, rows: slice | IntArray) -> npt.NDArray[Any]:
        """Return some of the rows."""
        block = self.raw[rows]
        if block.ndim == 1:
            return np.asarray(self._classes[block])
        wide = block.astype(np.float32, copy=False)
        return np.asarray(to_probabilities(wide, self.precision, self.reading.output, self.reading.order))

    @property
    def _classes(self) -> npt.NDArray[Any]:
        """The class of each of the member's columns."""
        order = np.asarray(self.reading.order)
        classes = np.zeros(order.max() + 1, dtype=self.raw.dtype)
        classes[order] = np.arange(len(order))
        return classes


def in_memory_if_small(values: Stacked) -> npt.NDArray[Any] | Stacked:
    """Return values as an array, unless they are too many for memory; then they are read as they are needed."""
    size = int(np.prod(values.shape)) * values.dtype.itemsize
    return np.asarray(values) if size <= _IN_MEMORY else values
