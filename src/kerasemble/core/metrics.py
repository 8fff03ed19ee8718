"""Scores of probabilities against labels, row by row, so that differences can be paired."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, IntArray


def log_losses(probabilities: FloatArray, labels: IntArray) -> npt.NDArray[np.float64]:
    """Return -log of the true class's probability, clipped at 2**-24, for each row.

    Args:
        probabilities: (samples, classes), rows sum to one.
        labels: (samples,) class indices.

    Returns:
        float64 array (samples,), in nats.

    Example:
        >>> import numpy as np
        >>> log_losses(np.array([[0.5, 0.5]]), np.array([1])).round(3)
        array([0.693])
    """
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(true, CLIP))


def hits(probabilities: FloatArray, labels: IntArray) -> npt.NDArray[np.float64]:
    """Return for each row 1 where its most probable class is the true one, else 0: float64 (samples,).

    Where classes tie for most probable, the true one among them counts as its share, as a blind draw would: by
    lowest index a member that cannot decide would look as good as class 0 is frequent.

    Example:
        >>> import numpy as np
        >>> hits(np.array([[0.2, 0.8], [0.5, 0.5]]), np.array([1, 0]))
        array([1. , 0.5])
    """
    top = probabilities == probabilities.max(axis=-1, keepdims=True)
    return np.asarray(top[np.arange(len(labels)), labels] / top.sum(axis=-1))
