"""Which of what is compared is taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.candidates import Candidates
from kerasemble.evaluation.picks import DRAWS, draw_means
from kerasemble.evaluation.scored import Losses, Rows
from kerasemble.evaluation.significance import Interval, paired_interval

# A lower loss by less than this, in nats or as a share of rows, is not worth leaving the default for, however sure.
_WORTH_IT = 0.001
# Losses closer than this are equal.
_TIE = 1e-6


class Evidence(NamedTuple):
    """The losses that a choice is made by, all of the same rows.

    Args:
        losses: (candidates, rows) in the measure.
        if_wrong: (candidates, rows) the log loss of each row if the most probable class were not the true one.
        weights: (rows,) how much each row counts.
        groups: (rows,) group numbers from 0, without gaps, or None.
        rows: all rows of the comparison, in whose measure the losses are.
    """

    losses: Losses
    if_wrong: Losses
    weights: RowWeights
    groups: IntArray | None
    rows: Rows

    @property
    def means(self) -> Losses:
        """The mean loss of each candidate (candidates,)."""
        return np.asarray(self.losses @ (self.weights / self.weights.sum()))

    def against(self, baseline: int, other: int) -> Interval:
        """Return by how much one candidate's loss is below another's, with its interval."""
        unseen = self.rows.unseen(self.if_wrong[baseline], self.if_wrong[other])
        return paired_interval(self.losses[baseline], self.losses[other], self.weights, self.groups, unseen)


class Taken(NamedTuple):
    """What is taken: its position, and that of one whose loss is lower, but not surely so."""

    position: int
    not_surely: int | None = None


def take(evidence: Evidence, candidates: Candidates) -> Taken:
    """Return what to use: the default unless another is surely better, and one member where that loses no more.

    A candidate other than the default is taken where the 95 % interval of what it gains over the default is above
    zero. A combination that shows no gain over the best member is no reason to run the others: then that is kept.

    Args:
        evidence: the losses.
        candidates: which of them is the default, and what may be chosen.
    """
    means, default = evidence.means, candidates.default
    # What is not lower by enough need not be tested.
    worth = [each for each in candidates.eligible if means[default] - means[each] > _WORTH_IT]
    better = [each for each in worth if evidence.against(default, each).low > 0]
    taken = min(better, key=lambda each: float(means[each])) if better else default
    kept = _member_kept(means, candidates)
    if means[kept] <= means[taken] + _TIE:
        taken = kept
    lowest = min(worth, key=lambda each: float(means[each])) if worth and taken == default else None
    return Taken(taken, lowest)


def _member_kept(means: Losses, candidates: Candidates) -> int:
    """Return the position of the best member, recalibrated where that is worth it."""
    best, recalibrated = candidates.best, candidates.recalibrated
    return recalibrated if means[best] - means[recalibrated] > _WORTH_IT else best


def likely_takes(evidence: Evidence, candidates: Candidates, seed: int = 0) -> Losses:
    """Return how often each candidate would be taken by another sample of the rows (candidates,).

    Two samples differ by twice the variance of one. What is surely better is so by as much as its interval is wide.

    Args:
        evidence: the losses.
        candidates: which of them is the default, and what may be chosen.
        seed: of the draws.
    """
    count, default = len(evidence.losses), candidates.default
    drawn = draw_means(evidence.losses, evidence.weights, evidence.groups, np.random.default_rng(seed))
    needed = np.full(count, np.inf)
    for each in candidates.eligible:
        gain = evidence.against(default, each)
        needed[each] = max(_WORTH_IT, gain.mean - gain.low)
    better = np.where(drawn[:, [default]] - drawn > needed, drawn, np.inf)
    taken = np.where(np.isfinite(better).any(axis=1), better.argmin(axis=1), default)
    every = np.arange(DRAWS)
    best, recalibrated = candidates.best, candidates.recalibrated
    kept = np.where(drawn[:, best] - drawn[:, recalibrated] > _WORTH_IT, recalibrated, best)
    taken = np.where(drawn[every, kept] <= drawn[every, taken] + _TIE, kept, taken)
    return np.bincount(taken, minlength=count) / DRAWS
