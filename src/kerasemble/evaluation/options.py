"""The members that the best one is picked from, and how surely it is that one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.combiners.bayesian_vote import BayesianVote
from kerasemble.combiners.single_best import best_exponent, recalibrated
from kerasemble.core.arrays import IntArray
from kerasemble.evaluation.picks import Picks, picks_of
from kerasemble.evaluation.scored import Losses, Rows


class Options(NamedTuple):
    """What each member loses on each row, as it is and recalibrated on all rows, and how often it would be picked.

    Args:
        raw: (members, samples) losses in the measure.
        recalibrated: the same of recalibrated members; of labels, of what they say of each class.
        picks: how often each would be picked as it is.
        fair: how often each would be picked when all are recalibrated.
    """

    raw: Losses
    recalibrated: Losses
    picks: Picks
    fair: Picks

    def of_raw(self, rows: Rows) -> float:
        """Return the variance that picking adds to the mean loss of the best member as it is."""
        return self.picks.variance(self.raw, rows.weights, rows.groups)

    def of_recalibrated(self, rows: Rows) -> float:
        """Return the variance that picking adds to the mean loss of the best recalibrated member."""
        return self.fair.variance(self.recalibrated, rows.weights, rows.groups)


def options_of(rows: Rows, folds: IntArray) -> Options:
    """Return what the best member is picked from.

    Args:
        rows: with labels.
        folds: (repeats, samples) the fold of each row.
    """
    seen, labels, weights = rows.predictions, rows.labels, rows.weights
    raw = mended = None
    if rows.by_probabilities and seen.labels_only:
        alone = [seen.only([name]) for name in seen.members]
        raw = np.stack([rows.losses(BayesianVote().fit(one, rows.names, sample_weight=weights)(one)) for one in alone])
    else:
        raw = np.stack([rows.losses(values) for values in seen.each()])
    if rows.by_probabilities and not seen.labels_only:
        exponents = [best_exponent(seen.only([name]), labels, weights) for name in seen.members]
        pairs = zip(seen.each(), exponents, strict=True)
        mended = np.stack([rows.losses(recalibrated(values, exponent)) for values, exponent in pairs])
    picks = picks_of(raw, weights, folds, rows.groups)
    if mended is None:
        return Options(raw, raw, picks, picks)
    return Options(raw, mended, picks, picks_of(mended, weights, folds, rows.groups))
