"""Which of what is compared is taken: the default, unless another is better by its standard error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.candidates import Candidates
from kerasemble.evaluation.picks import DRAWS, draw_means
from kerasemble.evaluation.scored import Losses
from kerasemble.evaluation.significance import standard_error

# A lower loss by less than this, in nats or as a share of rows, is not worth leaving the default for, however sure.
WORTH_IT = 0.001
# A member that loses no more is kept where the difference is known as well as this: whatever a combination may gain
# then is not worth running the others.
_KNOWN = 0.02
# Losses closer than this are equal.
_TIE = 1e-6


class Evidence(NamedTuple):
    """The losses that a choice is made by, all of the same rows.

    Args:
        losses: (candidates, rows) in the measure.
        weights: (rows,) how much each row counts.
        groups: (rows,) group numbers from 0, without gaps, or None.
    """

    losses: Losses
    weights: RowWeights
    groups: IntArray | None

    @property
    def means(self) -> Losses:
        """The mean loss of each candidate (candidates,)."""
        return np.asarray(self.losses @ (self.weights / self.weights.sum()))

    def error(self, one: int, other: int) -> float:
        """Return the standard error of the difference of two candidates' mean losses."""
        return standard_error(self.losses[one] - self.losses[other], self.weights, self.groups)


class Taken(NamedTuple):
    """What is taken: its position, and that of one whose loss is lower by less than the standard error."""

    position: int
    not_surely: int | None = None


def take(evidence: Evidence, candidates: Candidates) -> Taken:
    """Return what to use: the default unless another, or one member alone, is better by its standard error.

    Of those that are better the one of least loss is taken. A member is also kept where it loses no more than the
    combination and the standard error is small: then there is no reason to run the others.

    Args:
        evidence: the losses.
        candidates: which of them is the default, and what may be chosen.

    Reference:
        The one-standard-error rule: Breiman, Friedman, Olshen and Stone 1984, Classification and Regression Trees, 3.4.
        Asking for two standard errors, or for none, was worse than always stacking in more settings
        (benchmarks/auto.py).
    """
    means, default = evidence.means, candidates.default
    # What is not lower by enough need not be tested.
    worth = [each for each in candidates.eligible if means[default] - means[each] > WORTH_IT]
    better = [each for each in worth if means[default] - means[each] > evidence.error(default, each)]
    taken = min(better, key=lambda each: float(means[each])) if better else default
    best, recalibrated = candidates.best, candidates.recalibrated
    kept = recalibrated if means[best] - means[recalibrated] > WORTH_IT else best
    ahead, error = means[taken] - means[kept], evidence.error(taken, kept)
    if ahead >= (0.0 if error < _KNOWN else error) - _TIE:
        return Taken(kept)
    lowest = min(worth, key=lambda each: float(means[each])) if worth and taken == default else None
    return Taken(taken, lowest)


def likely_takes(evidence: Evidence, candidates: Candidates, seed: int = 0) -> Losses:
    """Return how often each candidate would be taken by another sample of the rows (candidates,).

    Two samples differ by twice the variance of one. Standard errors are those of this sample.

    Args:
        evidence: the losses.
        candidates: which of them is the default, and what may be chosen.
        seed: of the draws.
    """
    count, default, every = len(evidence.losses), candidates.default, np.arange(DRAWS)
    errors = np.array([[evidence.error(one, other) for other in range(count)] for one in range(count)])
    drawn = draw_means(evidence.losses, evidence.weights, evidence.groups, np.random.default_rng(seed))
    needed = np.full(count, np.inf)
    eligible = list(candidates.eligible)
    needed[eligible] = np.maximum(WORTH_IT, errors[default, eligible])
    better = np.where(drawn[:, [default]] - drawn > needed, drawn, np.inf)
    taken = np.where(np.isfinite(better).any(axis=1), better.argmin(axis=1), default)
    best, recalibrated = candidates.best, candidates.recalibrated
    kept = np.where(drawn[:, best] - drawn[:, recalibrated] > WORTH_IT, recalibrated, best)
    ahead = drawn[every, taken] - drawn[every, kept]
    needed_to_keep = np.where(errors < _KNOWN, 0.0, errors)
    taken = np.where(ahead >= needed_to_keep[taken, kept] - _TIE, kept, taken)
    return np.bincount(taken, minlength=count) / DRAWS
