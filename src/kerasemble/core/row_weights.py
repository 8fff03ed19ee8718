"""How much each row counts, where something is learned and where it is scored."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_array
from kerasemble.core.predictions import Predictions

RowWeights: TypeAlias = npt.NDArray[np.float64]
# Squares of this, and sums of those, are finite, and those of its inverse are above zero.
_LARGE = 1e100

# Rows that count as fewer than this many equal ones, and as less than this share of themselves, decide little.
_FEW_EFFECTIVE, _SHARE_EFFECTIVE = 30, 0.5

ClassWeight: TypeAlias = Literal["balanced"] | Mapping[str, float] | Mapping[int, float]


def row_weights(
    labels: IntArray,
    classes: Sequence[str],
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
) -> RowWeights:
    """Return what each row counts: its own weight times its class's, ones where neither is given.

    Only their ratios matter: weights are divided by their sum wherever they are used.

    Args:
        labels: (samples,) class indices.
        classes: the class names.
        sample_weight: (samples,) finite numbers, none below zero.
        class_weight: "balanced", for every class that occurs to count the same in all; or a weight for each class, by
            name or by index, one where a class is left out.

    Returns:
        float64 array (samples,).

    Raises:
        KerasembleError: weights are negative, not finite, all zero, of another length, or name no class.

    Example:
        >>> row_weights(np.array([0, 0, 0, 1]), ["cat", "dog"], class_weight="balanced").round(2)
        array([0.67, 0.67, 0.67, 2.  ])
    """
    weights = _as_weights(sample_weight, len(labels))
    if class_weight is not None:
        weights = weights * _tame(_by_class(class_weight, labels, classes, weights))[labels]
    if not weights.any():
        msg = "All row weights are zero. At least one row needs a weight above zero."
        raise KerasembleError(msg)
    return weights


def rows_that_count(
    predictions: Predictions, labels: IntArray, weights: RowWeights
) -> tuple[Predictions, IntArray, RowWeights]:
    """Return the rows whose weight is not zero; they are copied where some are zero."""
    if weights.all():
        return predictions, labels, weights
    rows = np.flatnonzero(weights)
    return predictions.rows(rows), labels[rows], weights[rows]


def effective_rows(weights: RowWeights) -> float:
    """Return the number of equally weighted rows that would tell as much: (sum of weights)**2 / sum of squares.

    Rows of weight zero do not count. The source is Kish 1965, Survey Sampling.
    """
    # Scaled first, because the square of the largest floats is infinite.
    scaled = weights / weights.max()
    return float(scaled.sum() ** 2 / (scaled @ scaled))


def few_effective(weights: RowWeights) -> bool:
    """Return whether a few rows hold so much of the weight that they decide everything."""
    return effective_rows(weights) < min(_FEW_EFFECTIVE, _SHARE_EFFECTIVE * len(weights))


def _as_weights(given: npt.ArrayLike | None, samples: int) -> RowWeights:
    if given is None:
        # Ones that take no memory, since there may be a million.
        return np.broadcast_to(np.float64(1), samples)
    try:
        weights = as_array(given, "sample_weight").astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"sample_weight must be numbers, one for each row. ({error})"
        raise KerasembleError(msg) from error
    if weights.shape != (samples,):
        msg = f"sample_weight must be one number for each of {samples} rows. Received: shape {weights.shape}."
        raise KerasembleError(msg)
    bad = ~np.isfinite(weights) | (weights < 0)
    if bad.any():
        rows = np.flatnonzero(bad)
        msg = f"sample_weight must be finite and not negative. Not so: {weights[rows[0]]}, in rows {first(rows)}."
        raise KerasembleError(msg)
    return _tame(weights)


def _tame(weights: RowWeights) -> RowWeights:
    """Return weights at another scale where their sums and products could be infinite."""
    largest = float(weights.max(initial=0.0))
    return weights if not largest or 1 / _LARGE < largest < _LARGE else weights / largest


def _by_class(given: ClassWeight, labels: IntArray, classes: Sequence[str], weights: RowWeights) -> RowWeights:
    """Return a weight for each class (classes,)."""
    if isinstance(given, str):
        if given != "balanced":
            msg = f"class_weight must be 'balanced' or a weight for each class. Received: class_weight={given!r}."
            raise KerasembleError(msg)
        counts = np.bincount(labels, weights=weights, minlength=len(classes))
        present = counts > 0
        each = counts.sum() / max(1, np.count_nonzero(present))
        return np.where(present, each / np.where(present, counts, 1), 1.0)
    if not isinstance(given, Mapping):
        msg = f"class_weight must be 'balanced', or weights by name, {{'cat': 2}}. Received: class_weight={given!r}."
        raise KerasembleError(msg)
    by_class = np.ones(len(classes))
    position = {name: index for index, name in enumerate(classes)}
    seen: set[int] = set()
    for key, weight in given.items():
        # A name is looked up first: classes that are called "0", "1", ... mean the same either way.
        index = position.get(str(key), key if isinstance(key, numbers.Integral) else None)
        if index is None or not 0 <= int(index) < len(classes):
            msg = f"class_weight names '{key}', which is no class. The classes are: {first(list(classes), 20)}."
            raise KerasembleError(msg)
        if not isinstance(weight, numbers.Real) or not np.isfinite(weight) or weight < 0:
            msg = f"class_weight of '{key}' must be a finite number, not negative. Received: {weight!r}."
            raise KerasembleError(msg)
        if int(index) in seen:
            msg = f"class_weight gives class '{classes[int(index)]}' two weights, by name and by index. Give it one."
            raise KerasembleError(msg)
        seen.add(int(index))
        by_class[int(index)] = weight
    return by_class
