"""What the best member would have alone, its confidence fitted as a combiner fits it."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import Chain
from kerasemble.combiners.recipes import with_options
from kerasemble.core.arrays import IntArray
from kerasemble.core.metrics import log_losses
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.scored import Rows, Scored, doubt_of

# A gain in confidence below this, in nats, is not worth a sentence.
_WORTH_SAYING = 0.001


class Alone(NamedTuple):
    """What the best member has alone, its confidence fitted as the chosen combiner fits it.

    Args:
        name: the best member's.
        loss: its log loss then.
        is_all: whether the combiner is not surely better than that.
    """

    name: str
    loss: float
    is_all: bool


def best_alone(combiner: Combiner, combined: Scored, best: str, rows: Rows, folds: IntArray) -> Alone | None:
    """Return what the best member gains alone by the same fit, None where that is nothing.

    A combiner whose weights need not sum to one sharpens or softens as well. What that alone brings is no merit of
    combining, and can be the whole of a gain.
    """
    predictions, labels, weights = rows.predictions, rows.labels, rows.weights
    if combiner.given(predictions.members) is not None or predictions.labels_only:
        return None
    alone = predictions.only([best])
    # What chooses among members has nothing to choose from.
    none = {"max_members": None, "cost_weight": 0.0, "costs": None}
    if isinstance(combiner, Chain):
        combiner = dataclasses.replace(combiner, combiner=with_options(combiner.combiner, none))
    combiner = with_options(combiner, none)
    answers = cross_fit(combiner, alone, labels, folds, weights)
    fitted = log_losses(answers, labels)
    if rows.mean(fitted) > rows.mean(log_losses(np.asarray(alone.values[0]), labels)) - _WORTH_SAYING:
        return None
    unseen = rows.unseen(doubt_of(answers), combined.doubt())
    gain = rows.gain(fitted, combined.losses(labels, "log loss"), unseen=unseen)
    return Alone(best, rows.mean(fitted), gain.low <= 0)
