"""What is scored, and row by row what it loses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, IntArray
from kerasemble.core.losses import LOSSES, class_balance, row_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.picks import Picks
from kerasemble.evaluation.report import Kind
from kerasemble.evaluation.significance import Interval, Unseen, paired_test

Losses = npt.NDArray[np.float64]


class Doubt(NamedTuple):
    """What wrong answers would cost, and how probable the answers say that they are.

    Args:
        losses: (samples,) the log loss of each row, were one of the classes true that are not the most probable one:
            that of what these have on the average. Of a row that is sure it is as much as a loss can be.
        claimed: (samples,) the probability that is left for that.
    """

    losses: Losses
    claimed: Losses


def doubt_of(probabilities: FloatArray) -> Doubt:
    """Return the doubt of probabilities (samples, classes)."""
    claimed = np.maximum(1 - probabilities.max(axis=-1).astype(np.float64), 0)
    return Doubt(-np.log(np.maximum(claimed / max(1, probabilities.shape[-1] - 1), CLIP)), claimed)


def one_more(baseline: Losses, other: Losses, claimed: Losses, weights: RowWeights) -> float:
    """Return the difference of what two lose on a row that these do not show, on which both are wrong.

    It is such a row as one of the two would be wrong on: as it says itself, and one in all of n + 2 wherever it may be,
    as nothing of n rows is surer than that (Laplace's rule of succession).

    Args:
        baseline: (samples,) what one loses where it is wrong.
        other: (samples,) what the other does.
        claimed: (samples,) how probable the one whose mistakes these are says that they are.
        weights: (samples,) how much each row counts.
    """
    likely = weights * (claimed + 1 / (len(claimed) + 2))
    return float(likely @ (baseline - other) / likely.sum())


class Rows(NamedTuple):
    """The rows that are scored.

    Args:
        predictions: of the members.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        groups: (samples,) group numbers; None where each row stands for itself.
        positions: (samples,) of the rows in the data that was given.
        measure: the loss by which members and combiners are compared, one of `core.losses.LOSSES`.
    """

    predictions: Predictions
    labels: IntArray
    weights: RowWeights
    groups: IntArray | None
    positions: IntArray
    measure: str = "log loss"

    @property
    def by_probabilities(self) -> bool:
        """Whether the measure judges probabilities, and not the most probable class alone."""
        return LOSSES[self.measure]

    def losses(self, answers: FloatArray, rows: IntArray | None = None) -> Losses:
        """Return what answers (rows, classes) to some of the rows lose, in the measure: (rows,)."""
        labels = self.labels if rows is None else self.labels[rows]
        balance = class_balance(self.labels, self.weights, len(self.predictions.classes))
        return row_losses(self.measure, answers, labels, balance)

    def mean(self, values: Losses) -> float:
        """Return the weighted mean of numbers (samples,)."""
        return float(self.weights @ values / self.weights.sum())

    def gain(self, baseline: Losses, other: Losses, added: float = 0.0, unseen: Unseen = None) -> Interval:
        """Return by how much the other's losses (samples,) are lower, with the interval; see `paired_test`."""
        return paired_test(baseline, other, self.weights, self.groups, added, unseen).interval

    def unseen(self, baseline: Doubt, other: Doubt) -> Unseen:
        """Return the differences on a row on which the other is wrong, and on which the baseline is.

        None of losses that a single row cannot move far.
        """
        if self.measure != "log loss":
            return None
        low, high = (
            one_more(baseline.losses, other.losses, whose.claimed, self.weights) for whose in (other, baseline)
        )
        return low, high


class Scored(NamedTuple):
    """A member or a combiner, and what it answers.

    Args:
        name: of it.
        kind: a member as it is, a baseline (the best member as folds pick it), a combiner, or the choice among all.
        answers: (samples, classes) probabilities, one array for each division into folds; a member's one is the same
            in all.
        certain: whether they are labels, zeros and ones that say nothing of how sure it is.
    """

    name: str
    kind: Kind
    answers: tuple[FloatArray, ...]
    certain: bool = False

    def losses(self, rows: Rows) -> Losses:
        """Return each row's loss (samples,) in the measure, the mean of all divisions into folds."""
        found = [rows.losses(values) for values in self.answers]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    def doubt(self) -> Doubt:
        """Return what wrong answers would cost, the mean of all divisions into folds."""
        found = [doubt_of(values) for values in self.answers]
        losses, claimed = np.mean(found, axis=0)
        return Doubt(losses, claimed)


class Table(NamedTuple):
    """All that is scored, on the same rows.

    Args:
        rows: which.
        members: as they are.
        combined: the baselines and the combiners, cross-fitted.
        best_member: the best member as it is picked in each fold by the others, which gains are over.
        recalibrated: the best member as it is picked in each fold once all are recalibrated; None where nothing is
            fitted, and the same where labels cannot be recalibrated.
        mean: the plain mean of the members, which may be among the combiners too.
        picks: how surely the best member was picked.
    """

    rows: Rows
    members: list[Scored]
    combined: list[Scored]
    best_member: Scored
    recalibrated: Scored | None
    mean: Scored
    picks: Picks

    @property
    def entries(self) -> list[Scored]:
        """Members, then combiners."""
        return [*self.members, *self.combined]

    def added(self, contributions: Losses) -> float:
        """Return the variance that picking the best member adds to a mean of what members (members, samples) have."""
        return self.picks.variance(contributions, self.rows.weights, self.rows.groups)
