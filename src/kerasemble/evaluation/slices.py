"""The scores on parts of the rows: where the answers fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.analysis import Slice
from kerasemble.evaluation.calibration import equal_mass_bins

_CONFIDENCE_BINS = 5
_MOST_DIGITS = 4


def slices_of(
    chosen: FloatArray,
    best: FloatArray,
    labels: IntArray,
    weights: RowWeights,
    classes: Sequence[str],
    groups: IntArray | None = None,
    group_names: Sequence[str] | None = None,
    shown: int = 50,
) -> tuple[Slice, ...]:
    """Return scores by true class, by group, and by how sure the chosen is.

    Args:
        chosen: (samples, classes) probabilities.
        best: (samples, classes) those of the best member.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        classes: names.
        groups: (samples,) group numbers, None where there are none.
        group_names: their names.
        shown: how many classes and how many groups are given at most, those with the most rows.
    """
    scores = [score(values, labels) for values in (chosen, best) for score in (hits, log_losses)]
    found = _parts("class", labels, classes, scores, weights, shown)
    if groups is not None and group_names is not None:
        found += _parts("group", groups, group_names, scores, weights, shown)
    confidence = chosen.max(axis=-1)
    bins = equal_mass_bins(confidence, _CONFIDENCE_BINS)
    ends = [(confidence[bins == each].min(), confidence[bins == each].max()) for each in np.unique(bins)]
    names = [f"{low:.{digits}f} to {high:.{digits}f}" for digits in [_digits(ends)] for low, high in ends]
    return tuple(found + _parts("confidence", bins, names, scores, weights, _CONFIDENCE_BINS, by_size=False))


def _parts(
    kind: Literal["class", "group", "confidence"],
    numbers: IntArray,
    names: Sequence[str],
    scores: Sequence[npt.NDArray[np.float64]],
    weights: RowWeights,
    shown: int,
    *,
    by_size: bool = True,
) -> list[Slice]:
    rows, mass = np.bincount(numbers, minlength=len(names)), np.bincount(numbers, weights, len(names))
    order = np.argsort(-rows, kind="stable") if by_size else np.arange(len(names))
    if by_size:
        # The largest, in their own order where all are shown.
        order = np.arange(len(names)) if len(names) <= shown else order[:shown]
    means = [np.bincount(numbers, weights * each, len(names)) / np.where(mass > 0, mass, 1) for each in scores]
    return [
        Slice(kind, names[part], int(rows[part]), *(float(each[part]) for each in means))
        for part in order
        if rows[part]
    ]


def _digits(ends: Sequence[tuple[float, float]]) -> int:
    """Return how many digits tell the ends of the ranges apart, from two to four."""
    for digits in range(2, _MOST_DIGITS):
        if all(low == high or f"{low:.{digits}f}" != f"{high:.{digits}f}" for low, high in ends):
            return digits
    return _MOST_DIGITS
