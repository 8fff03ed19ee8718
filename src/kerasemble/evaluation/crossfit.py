"""Scores on rows that the fit did not see."""

from __future__ import annotations

import numpy as np

from kerasemble.combiners.base import Combiner
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights


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


def cross_fit(
    combiner: Combiner, predictions: Predictions, labels: IntArray, folds: IntArray, weights: RowWeights
) -> FloatArray:
    """Return probabilities (samples, ..., classes), each row's from a fit to the folds that it is not in.

    A combiner that learns nothing is fitted once. The others learn all folds at once, so that they can share work
    and begin each where all rows lead to: the answer is that of a fit from scratch, within the solver's bound.
    """
    if combiner.given(predictions.members) is not None:
        return combiner.fit(predictions)(predictions)
    numbers = np.unique(folds)
    found = combiner.learn_each(predictions, labels, [np.where(folds == fold, 0.0, weights) for fold in numbers])
    inside = [np.flatnonzero(folds == fold) for fold in numbers]
    answers = [
        combiner.fitted(each, predictions)(predictions.rows(rows)) for each, rows in zip(found, inside, strict=True)
    ]
    result = np.empty((predictions.samples, *answers[0].shape[1:]), dtype=answers[0].dtype)
    for rows, each in zip(inside, answers, strict=True):
        result[rows] = each
    return result
