"""Scores on rows that the fit did not see."""

from __future__ import annotations

import numpy as np

from kerasemble.combiners.base import Combiner
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.predictions import Predictions


def stratified_folds(labels: IntArray, folds: int, seed: int) -> IntArray:
    """Return the fold (samples,) of each row, every class spread evenly over 0 .. folds - 1.

    Example:
        >>> import numpy as np
        >>> np.bincount(stratified_folds(np.array([0, 0, 0, 1, 1, 1]), 3, seed=0))
        array([2, 2, 2])
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    # Sorted by class and dealt out like cards: the folds differ by at most one row, in all and in every class.
    order = order[np.argsort(labels[order], kind="stable")]
    result = np.empty(len(labels), dtype=np.int64)
    result[order] = np.arange(len(labels)) % folds
    return result


def cross_fit(combiner: Combiner, predictions: Predictions, labels: IntArray, folds: IntArray) -> FloatArray:
    """Return probabilities (samples, ..., classes), each row's from a fit to the folds that it is not in.

    A combiner that learns nothing is fitted once.
    """
    combiner = combiner.settled(predictions.samples)
    if combiner.given(predictions.members) is not None:
        return combiner.fit(predictions)(predictions)
    result = np.empty(predictions.values.shape[1:], dtype=predictions.values.dtype)
    for fold in np.unique(folds):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        fitted = combiner.fit(predictions.rows(outside), labels[outside])
        result[inside] = fitted(predictions.rows(inside))
    return result
