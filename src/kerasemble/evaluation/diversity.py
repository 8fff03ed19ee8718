"""How members differ: pair by pair in what they get right, and in all by how far they are from their mean."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.analysis import Diversity, Table


def diversity_of(predictions: Predictions, labels: IntArray, weights: RowWeights) -> Diversity:
    """Return how members differ; what a pair is right on by the most probable class, the first of equals.

    Args:
        predictions: (members, samples, classes), read in blocks.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.

    Reference:
        Kuncheva and Whitaker 2003, Machine Learning 51; the ambiguity decomposition is Krogh and Vedelsby 1995, NIPS.
    """
    count, shares = len(predictions.members), weights / weights.sum()
    right_both, wrong_both, unlike = (np.zeros((count, count)) for _ in range(3))
    right = np.zeros(count)
    oracle = member_error = mean_error = 0.0
    for rows in blocks(predictions.samples, count * len(predictions.classes)):
        block, share, true = predictions.block(rows), shares[rows], labels[rows]
        answers = block.argmax(axis=-1)
        hit = (answers == true).astype(np.float64)
        right_both += (hit * share) @ hit.T
        wrong_both += ((1 - hit) * share) @ (1 - hit).T
        unlike += np.stack([(answers != one) @ share for one in answers])
        right += hit @ share
        oracle += float(hit.max(axis=0) @ share)
        truth = np.eye(len(predictions.classes))[true]
        member_error += float(((block - truth) ** 2).sum(axis=-1).mean(axis=0) @ share)
        mean_error += float(((block.mean(axis=0) - truth) ** 2).sum(axis=-1) @ share)
    return Diversity(
        predictions.members,
        _as_table(unlike),
        _pairs(right_both, wrong_both, right, _yules_q),
        _as_table(wrong_both),
        _pairs(right_both, wrong_both, right, _correlation),
        # Shares may sum to a little more than one.
        min(1.0, oracle),
        member_error,
        mean_error,
        member_error - mean_error,
    )


def _as_table(values: FloatArray) -> Table:
    return tuple(tuple(map(float, row)) for row in values)


def _pairs(
    both: FloatArray, neither: FloatArray, right: FloatArray, score: Callable[..., float | None]
) -> tuple[tuple[float | None, ...], ...]:
    """Return a score of each pair, of the shares that both, only one, only the other, and neither has right."""
    count = range(len(right))
    return tuple(
        tuple(score(both[i, j], right[i] - both[i, j], right[j] - both[i, j], neither[i, j]) for j in count)
        for i in count
    )


def _yules_q(both: float, one: float, other: float, neither: float) -> float | None:
    total = both * neither + one * other
    return None if total < 1e-15 else float((both * neither - one * other) / total)


def _correlation(both: float, one: float, other: float, neither: float) -> float | None:
    spread = (both + one) * (other + neither) * (both + other) * (one + neither)
    return None if spread < 1e-15 else float((both * neither - one * other) / np.sqrt(spread))
