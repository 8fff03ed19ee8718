"""Which of what is compared is taken."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.picks import DRAWS, draw_means
from kerasemble.evaluation.report import Measure
from kerasemble.evaluation.scored import Losses, one_more
from kerasemble.evaluation.significance import Interval, paired_interval

# A lower log loss by less than this, in nats, is not worth leaving the default for, however sure.
_WORTH_IT = 0.001
# Losses closer than this are equal.
_TIE = 1e-6


class Evidence(NamedTuple):
    """The losses that a choice is made by, all of the same rows.

    Args:
        members: (members, rows) in the measure.
        best_member: (rows,) of the best member as it is picked on other rows.
        combiners: (combiners, rows) in the measure.
        log_losses: (combiners, rows), by which combiners are told apart: their probabilities show more by it, for
            members that give labels only too.
        if_wrong: (combiners, rows) the log loss of each row if the most probable class were not the true one.
        claimed: (combiners, rows) how probable they say that is.
        best_if_wrong: (rows,) as `if_wrong`, of the best member.
        weights: (rows,) how much each row counts.
        groups: (rows,) group numbers from 0, without gaps, or None.
        measure: the loss.
    """

    members: Losses
    best_member: Losses
    combiners: Losses
    log_losses: Losses
    if_wrong: Losses
    claimed: Losses
    best_if_wrong: Losses
    weights: RowWeights
    groups: IntArray | None
    measure: Measure

    def one_more(self, baseline: Losses, combiner: int) -> float:
        """Return what the baseline's loss is above a combiner's on a row more on which that combiner is wrong."""
        return one_more(baseline, self.if_wrong[combiner], self.claimed[combiner], self.weights)


class Taken(NamedTuple):
    """What is taken: the position of a combiner or of a member, and of a combiner that is better, but not surely so."""

    kind: Literal["member", "combiner"]
    position: int
    not_surely: int | None = None


def take(evidence: Evidence, default: int | None) -> Taken:
    """Return what to use: the default combiner unless another is surely better, or a member where none is better.

    Args:
        evidence: the losses.
        default: position of the default among the combiners; None where it is not one of them, and then the lowest
            loss decides.
    """
    weights, baseline = evidence.weights, evidence.best_member
    shares = weights / weights.sum()
    best_member = Taken("member", int(np.argmin(evidence.members @ shares)))
    if len(evidence.members) == 1:
        return best_member
    picked = float(baseline @ shares)
    taken = _surely_best(evidence, default)
    if evidence.measure == "error rate":
        # Few rows err, and of many members one errs in none of them by chance.
        worse = (
            paired_interval(baseline, evidence.combiners[taken.position], weights, evidence.groups, (-1.0, 1.0)).high
            < 0
        )
        gains = picked - evidence.combiners @ shares
    else:
        # A combination that is but the member itself is no reason to run the others.
        worse = default is None or picked < float(evidence.combiners[taken.position] @ shares) + _TIE
        gains = _with_one_more(evidence, shares)
    if not worse:
        return taken
    most = int(np.argmax(gains))
    return Taken("combiner", most) if gains[most] > _TIE else best_member


def _with_one_more(evidence: Evidence, shares: RowWeights) -> Losses:
    """Return the combiners' gains (combiners,) on the rows, and on one more where that is worse than any of these.

    What is never unsure loses nothing on a few rows on which it is right, and more than all others on new ones.
    """
    gains = evidence.best_member - evidence.combiners
    one = np.array([evidence.one_more(evidence.best_if_wrong, index) for index in range(len(gains))])
    count = gains.shape[1]
    means = gains @ shares
    return np.asarray(np.where(one < gains.min(axis=1), (count * means + one) / (count + 1), means))


def likely_takes(evidence: Evidence, default: int | None, seed: int = 0) -> Losses:
    """Return how often each combiner would be taken by another sample of the rows, and last a member (combiners + 1,).

    Two samples differ by twice the variance of one. What is surely better is so by as much as its interval is wide.

    Args:
        evidence: the losses, in log loss.
        default: position of the default among the combiners; None where it is not one of them.
        seed: of the draws.
    """
    weights, count = evidence.weights, len(evidence.combiners)
    options = np.vstack([evidence.combiners, evidence.best_member])
    drawn = draw_means(options, weights, evidence.groups, np.random.default_rng(seed))
    lowest = drawn[:, :count].argmin(axis=1)
    taken = lowest
    if default is not None:
        ahead = drawn[:, default, None] - drawn[:, :count]
        needed = np.array([_needed(evidence, default, index) for index in range(count)])
        better = np.where(ahead > needed, drawn[:, :count], np.inf)
        taken = np.where(np.isfinite(better).any(axis=1), better.argmin(axis=1), default)
        worse = drawn[:, count] < drawn[np.arange(DRAWS), taken]
        taken = np.where(worse, lowest, taken)
    taken = np.where(drawn[np.arange(DRAWS), taken] < drawn[:, count], taken, count)
    return np.bincount(taken, minlength=count + 1) / DRAWS


def _needed(evidence: Evidence, default: int, index: int) -> float:
    """Return by how much a combiner's mean loss must be below the default's for it to be surely better."""
    mean, low, _ = _against_default(evidence, default, index)
    return max(_WORTH_IT, mean - low)


def _against_default(evidence: Evidence, default: int, index: int) -> Interval:
    """Return by how much a combiner's log loss is below the default's, with its interval."""
    wrong = evidence.if_wrong[default] - evidence.if_wrong[index]
    losses = evidence.log_losses
    return paired_interval(losses[default], losses[index], evidence.weights, evidence.groups, (wrong, wrong))


def _surely_best(evidence: Evidence, default: int | None) -> Taken:
    losses, weights = evidence.log_losses, evidence.weights
    means = losses @ (weights / weights.sum())
    lowest = int(np.argmin(means))
    if default is None:
        return Taken("combiner", lowest)
    # What is not lower by enough need not be tested.
    worth = np.flatnonzero(means[default] - means > _WORTH_IT)
    better = [index for index in worth.tolist() if _against_default(evidence, default, index).low > 0]
    if better:
        return Taken("combiner", int(min(better, key=lambda index: means[index])))
    return Taken("combiner", default, lowest if lowest in worth else None)
