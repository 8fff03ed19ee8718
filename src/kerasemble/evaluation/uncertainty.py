"""How unsure the members' mean is, and whether because members are unsure or because they disagree."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.analysis import Doubtful, Uncertainty


def uncertainty_of(
    predictions: Predictions,
    labels: IntArray,
    weights: RowWeights,
    combined: FloatArray,
    positions: IntArray,
    shown: int = 24,
) -> Uncertainty | None:
    """Return entropies in nats, and the rows on which members disagree most; None where members give labels only.

    Args:
        predictions: (members, samples, classes), read in blocks.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        combined: (samples, classes) what is answered.
        positions: (samples,) of the rows in the data.
        shown: how many rows are given.

    Reference:
        Depeweg et al. 2018, ICML: entropy of the mean = mean entropy + mutual information.
    """
    if predictions.labels_only:
        return None
    total, expected = np.empty(predictions.samples), np.empty(predictions.samples)
    for rows in blocks(predictions.samples, len(predictions.members) * len(predictions.classes)):
        block = predictions.block(rows)
        total[rows] = entropy(block.mean(axis=0))
        expected[rows] = entropy(block).mean(axis=0)
    # Rounding may leave what cannot be negative a little below zero.
    information = np.maximum(0, total - expected)
    order = np.argsort(-information, kind="stable")[:shown]
    order = order[information[order] > 0]
    members = np.asarray(predictions.rows(order).values) if len(order) else np.empty((len(predictions.members), 0, 1))
    shares = weights / weights.sum()
    return Uncertainty(
        float(shares @ total),
        float(shares @ expected),
        float(shares @ information),
        tuple(
            _doubtful(
                predictions.classes, labels[row], combined[row], members[:, place], information[row], positions[row]
            )
            for place, row in enumerate(order)
        ),
    )


def entropy(probabilities: FloatArray) -> FloatArray:
    """Return -sum p log p over the last axis, in nats, where 0 log 0 is 0."""
    values = np.where(probabilities > 0, probabilities, 1.0)
    return np.asarray(-(values * np.log(values)).sum(axis=-1))


def _doubtful(
    classes: tuple[str, ...], label: int, answer: FloatArray, members: FloatArray, information: float, position: int
) -> Doubtful:
    tops = members.argmax(axis=-1)
    return Doubtful(
        row=int(position),
        label=classes[label],
        answer=classes[int(answer.argmax())],
        probability=float(answer.max()),
        information=float(information),
        answers=tuple(classes[int(top)] for top in tops),
        probabilities=tuple(float(each) for each in members.max(axis=-1)),
    )
