"""Array types, the clip of probabilities, blocks of samples, and the softmax in both vocabularies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
IntArray: TypeAlias = npt.NDArray[np.int64]
# What a combiner's formula sees: a NumPy array, or a symbolic Keras tensor while the graph is built.
Tensor: TypeAlias = Any
# `numpy` or `keras.ops`; a formula uses only words that both have.
Vocabulary: TypeAlias = ModuleType

# Probabilities below this count as this. Trees and saturated networks emit exact zeros, whose logarithm would
# make one row decide everything; 2**-24 is the least that float16 storage could hold.
CLIP = 2.0**-24

# 1 MB of float64 in flight: large enough to hide Python's overhead, small enough to stay in a core's cache.
BLOCK_VALUES = 2**17


def blocks(samples: int, values_per_sample: int, times: int = 1) -> Iterator[slice]:
    """Yield slices that cover `samples` rows, each of at most `times` `BLOCK_VALUES` values (and at least one row)."""
    size = max(1, times * BLOCK_VALUES // max(1, values_per_sample))
    for start in range(0, samples, size):
        yield slice(start, min(start + size, samples))


def softmax(values: Tensor, xp: Vocabulary) -> Tensor:
    """Return exp(values) / sum(exp(values)) over the last axis, without overflow; same shape as `values`."""
    exponentials = xp.exp(values - xp.max(values, axis=-1, keepdims=True))
    return exponentials / xp.sum(exponentials, axis=-1, keepdims=True)


def clipped_log(probabilities: Tensor, xp: Vocabulary) -> Tensor:
    """Return the logarithm of `probabilities`, each raised to at least `CLIP`; same shape."""
    return xp.log(xp.maximum(probabilities, CLIP))


def as_probabilities(values: npt.NDArray[Any], classes: int, dtype: npt.DTypeLike) -> FloatArray:
    """Return class indices (...), which are unsigned, as probabilities of zero and one (..., classes); others as given.

    Not copied where they have the `dtype` already.
    """
    if values.dtype.kind == "u":
        values = values[..., None] == np.arange(classes, dtype=values.dtype)
    return np.asarray(values, dtype=dtype)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 member", "2 members", "1,000 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}{'es' if noun.endswith('s') else 's'}"


def first(items: Sequence[Any] | npt.NDArray[Any], limit: int = 10) -> str:
    """Return the first `limit` of `items` as text, saying how many more there are."""
    shown = ", ".join(str(item) for item in items[:limit])
    return f"{shown} and {len(items) - limit} more" if len(items) > limit else shown
