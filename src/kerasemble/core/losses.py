"""The losses by which members and combinations can be compared: means over rows, lower is better."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.row_weights import RowWeights

# By name, and whether probabilities matter to it or the most probable class alone.
LOSSES = {"log loss": True, "brier": True, "error rate": False, "balanced error rate": False}


def row_losses(
    loss: str, probabilities: FloatArray, labels: IntArray, balance: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Return what each row loses: float64 (samples,), of which the weighted mean is the loss.

    Args:
        loss: one of `LOSSES`.
        probabilities: (samples, classes).
        labels: (samples,) class indices.
        balance: (classes,) what `class_balance` gives, for the balanced error rate; that of these rows where left out.

    Example:
        >>> row_losses("error rate", np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 1]))
        array([0., 1.])
    """
    if loss == "log loss":
        return log_losses(probabilities, labels)
    if loss == "brier":
        return brier_scores(probabilities, labels)
    wrong = 1 - hits(probabilities, labels)
    if loss == "error rate":
        return wrong
    factors = class_balance(labels, np.ones(len(labels)), probabilities.shape[1]) if balance is None else balance
    return np.asarray(wrong * factors[labels])


def class_balance(labels: IntArray, weights: RowWeights, classes: int) -> npt.NDArray[np.float64]:
    """Return a factor for each class (classes,) by which a mean over rows becomes a mean over the classes that occur.

    Example:
        >>> class_balance(np.array([0, 0, 0, 1]), np.ones(4), 2).round(2)
        array([0.67, 2.  ])
    """
    counts = np.bincount(labels, weights, classes).astype(np.float64)
    present = counts > 0
    return np.where(present, counts.sum() / np.count_nonzero(present) / np.where(present, counts, 1), 0.0)


def brier_scores(probabilities: FloatArray, labels: IntArray) -> npt.NDArray[np.float64]:
    """Return the squared distance of each row (samples, classes) from the true class: float64 (samples,), 0 to 2.

    Reference:
        Brier 1950, Monthly Weather Review 78(1).
    """
    values = probabilities.astype(np.float64)
    true = values[np.arange(len(labels)), labels]
    return np.asarray((values**2).sum(axis=-1) - 2 * true + 1)
