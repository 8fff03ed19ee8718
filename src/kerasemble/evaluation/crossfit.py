"""Scores on rows that the fit did not see, and on rows that neither the fit nor a choice saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights

# The losses (rows,) of probabilities (rows, classes) for rows of these positions.
Loss: TypeAlias = Callable[[FloatArray, IntArray], npt.NDArray[np.float64]]


def cross_fit(
    combiner: Combiner,
    predictions: Predictions,
    labels: IntArray,
    folds: IntArray,
    weights: RowWeights,
) -> FloatArray:
    """Return probabilities (samples, ..., classes), each row's from a fit to the folds that it is not in.

    A combiner that learns nothing is fitted once. The others learn all folds at once, so that they can share work
    and begin each where all rows lead to: the answer is that of a fit from scratch, within the solver's bound.

    Args:
        combiner: what is fitted.
        predictions: of all members.
        labels: (samples,) class indices.
        folds: (samples,) the fold of each row.
        weights: (samples,) how much each row counts.
    """
    if combiner.given(predictions.members) is not None:
        return combiner.fit(predictions)(predictions)
    left_out = [(int(fold),) for fold in np.unique(folds)]
    result: FloatArray | None = None
    for _, rows, fitted, unseen in _fits(combiner, predictions, labels, folds, weights, left_out):
        answers = fitted(unseen)
        if result is None:
            result = np.empty((predictions.samples, *answers.shape[1:]), dtype=answers.dtype)
        result[rows] = answers
    return np.empty(0) if result is None else result


def cross_fit_outputs(
    combiner: Combiner,
    predictions: Predictions,
    labels: IntArray,
    folds: IntArray,
    weights: RowWeights,
) -> dict[str, npt.NDArray[Any]]:
    """Return all outputs by name (samples, ...), each row's from a fit to the folds that it is not in.

    As `cross_fit`, for a combiner with stages.
    """
    left_out = [(int(fold),) for fold in np.unique(folds)]
    parts = [
        (rows, fitted.outputs(unseen))
        for _, rows, fitted, unseen in _fits(combiner, predictions, labels, folds, weights, left_out)
    ]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
    return {name: np.concatenate([outputs[name] for _, outputs in parts])[order] for name in parts[0][1]}


def losses_without(
    combiner: Combiner,
    predictions: Predictions,
    labels: IntArray,
    folds: IntArray,
    weights: RowWeights,
    loss: Loss,
) -> FloatArray:
    """Return losses (folds, samples): entry (k, i) is row i's under a fit to neither its own fold nor fold k.

    These are the losses by which a choice can be made for fold k that saw nothing of it. A fit to all folds but two
    serves both of them, so there are folds * (folds - 1) / 2 fits. Where row i is in fold k itself, it is NaN.
    """
    numbers = np.unique(folds)
    if combiner.given(predictions.members) is not None:
        given = loss(combiner.fit(predictions)(predictions), np.arange(len(labels))).astype(np.float32)
        return np.asarray(np.where(folds == numbers[:, None], np.float32(np.nan), given))
    result: npt.NDArray[np.float32] = np.full((len(numbers), len(labels)), np.nan, dtype=np.float32)
    place = {int(number): index for index, number in enumerate(numbers)}
    pairs = list(combinations(place, 2))
    for pair, rows, fitted, unseen in _fits(combiner, predictions, labels, folds, weights, pairs):
        values = loss(fitted(unseen), rows)
        for own_fold, other in (pair, pair[::-1]):
            inside = folds[rows] == own_fold
            result[place[other], rows[inside]] = values[inside]
    return result


def _fits(
    combiner: Combiner,
    predictions: Predictions,
    labels: IntArray,
    folds: IntArray,
    weights: RowWeights,
    left_out: Sequence[tuple[int, ...]],
) -> Iterator[tuple[tuple[int, ...], IntArray, FittedCombiner, Predictions]]:
    """Yield for each of several sets of folds: the set, its rows, a fit to all others, and the rows' predictions."""
    inside = [np.flatnonzero(np.isin(folds, each)) for each in left_out]
    if combiner.given(predictions.members) is None:
        found = combiner.learn_each(predictions, labels, [_without(weights, rows) for rows in inside])
        fitted = [combiner.fitted(each, predictions) for each in found]
    else:
        fitted = [combiner.fit(predictions)] * len(left_out)
    for each, rows, fit in zip(left_out, inside, fitted, strict=True):
        yield each, rows, fit, predictions.rows(rows)


def _without(weights: RowWeights, rows: IntArray) -> RowWeights:
    result = np.array(weights)
    result[rows] = 0
    return result
