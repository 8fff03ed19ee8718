"""The area under the ROC curve: how well probabilities rank rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.row_weights import RowWeights


def ranked_area(probabilities: FloatArray, labels: IntArray) -> Callable[[RowWeights], float]:
    """Return the area under the ROC curve as a function of row weights (samples,).

    Of two classes it is that of the second; of more, the mean over classes of each against the rest. It is the share
    of pairs of a row of the class and one of another in which the former has the higher probability, ties by half.
    Rows are sorted once, so that many weightings are quick. NaN under weights that leave a class without rows.

    Args:
        probabilities: (samples, classes).
        labels: (samples,) class indices.

    Reference:
        Hanley and McNeil 1982, Radiology 143(1).
    """
    width = probabilities.shape[1]
    columns = [1] if width == 2 else range(width)
    ranked = [_ranked(probabilities[:, column], labels == column) for column in columns]
    return lambda weights: float(np.mean([area(weights) for area in ranked]))


def _ranked(scores: FloatArray, positive: np.ndarray) -> Callable[[RowWeights], float]:
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    # The number of the tie that each row is of, in ascending order.
    tie = np.cumsum(np.append(0, ordered[1:] != ordered[:-1]))
    of_class = positive[order]

    def area(weights: RowWeights) -> float:
        own = weights[order]
        inside = np.bincount(tie, np.where(of_class, own, 0.0))
        outside = np.bincount(tie, np.where(of_class, 0.0, own))
        below = np.cumsum(outside) - outside / 2
        pairs = inside.sum() * outside.sum()
        return float(inside @ below / pairs) if pairs else float("nan")

    return area
