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
        >>> log_losses(np.array([[0.5, 0.5]]), np.array([1])).round(3)
        array([0.693])
    """
    true = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.maximum(true, CLIP))


def hits(probabilities: FloatArray, labels: IntArray) -> npt.NDArray[np.bool_]:
    """Return for each row whether its most probable class is the true one: (samples,) bool."""
    return np.asarray(probabilities.argmax(axis=-1) == labels)
