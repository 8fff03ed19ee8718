"""What is compared where nothing is named, and which of the compared is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.combiners import find
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import name_of
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.report import Measure, Score
from kerasemble.evaluation.significance import paired_interval

# What is taken unless another is surely better, for members that give probabilities and for those that give labels.
_DEFAULT, _DEFAULT_FOR_LABELS = "weighted-geometric-average", "bayesian-vote"
# What is compared with it where nothing is named: what was surely better on one of the pools of benchmarks/quality.py,
# and what people ask for.
_FOR_PROBABILITIES = ("average", "geometric-average", "majority-vote", "weighted-average", _DEFAULT)
_FOR_LABELS = ("average", "majority-vote", "weighted-average", "weighted-geometric-average", _DEFAULT_FOR_LABELS)
# A lower log loss by less than this, in nats, is not worth leaving the default for, however sure.
_WORTH_IT = 0.001
# Stacking is compared too where it has at most so many numbers to learn, which takes seconds.
_STACKING, _MOST_TO_STACK = "stacking", 20_000


class Rows(NamedTuple):
    """What is scored: predictions, the class index (samples,) of each row, and how much it counts (samples,)."""

    predictions: Predictions
    labels: IntArray
    weights: RowWeights

    def mean(self, values: RowWeights) -> float:
        """Return the weighted mean of numbers (samples,)."""
        return float(self.weights @ values / self.weights.sum())

    def losses(self, values: FloatArray, measure: Measure) -> npt.NDArray[np.float64]:
        """Return each row's loss under probabilities (samples, classes)."""
        return log_losses(values, self.labels) if measure == "log loss" else 1 - hits(values, self.labels)


def default_combiners(predictions: Predictions) -> list[Combiner]:
    """Return the combiners that are compared where none are named."""
    names: tuple[str, ...] = _FOR_LABELS if predictions.labels_only else _FOR_PROBABILITIES
    to_stack = len(predictions.members) * len(predictions.classes) ** 2
    if not predictions.labels_only and to_stack <= _MOST_TO_STACK:
        names = (*names, _STACKING)
    return [find(name)() for name in names]


def default_among(combiners: Sequence[Combiner], predictions: Predictions) -> int | None:
    """Return where among the combiners the first of the default's kind stands, None where there is none."""
    wanted = _DEFAULT_FOR_LABELS if predictions.labels_only else _DEFAULT
    return next((index for index, each in enumerate(combiners) if name_of(each) == wanted), None)


def picked_on_others(losses: RowWeights, weights: RowWeights, folds: IntArray) -> RowWeights:
    """Return each row's loss (samples,) under the member that is best on the folds that the row is not in.

    The best of many on the same rows is so partly by chance, and looks better than it is.
    """
    result = np.empty(len(folds))
    for fold in np.unique(folds):
        inside = folds == fold
        best = int(np.argmin(losses[:, ~inside] @ weights[~inside]))
        result[inside] = losses[best, inside]
    return result


def surely_best(
    candidates: Sequence[Score], combined: Mapping[str, FloatArray], rows: Rows, default: str | None
) -> tuple[Score, str]:
    """Return the combiner to take, and what to add to the verdict where another has a lower loss.

    `default` is the name of the default among the candidates, None where it is not one of them: then the lowest loss
    decides. By log loss, for members that give labels only too: their combinations' probabilities show more by it.
    """
    lowest = min(candidates, key=lambda each: each.log_loss or 0.0)
    if default is None:
        return lowest, ""
    own = log_losses(combined[default], rows.labels)
    better = []
    for each in candidates:
        gain = paired_interval(own, log_losses(combined[each.name], rows.labels), rows.weights)
        if gain.low > 0 and gain.mean > _WORTH_IT:
            better.append(each)
    if better:
        return min(better, key=lambda each: each.log_loss or 0.0), ""
    taken = next(each for each in candidates if each.name == default)
    if (taken.log_loss or 0.0) - (lowest.log_loss or 0.0) <= _WORTH_IT:
        return taken, ""
    return taken, f" {lowest.name} has log loss {lowest.log_loss:.3f}, which is not surely better than the default."
