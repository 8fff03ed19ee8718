"""What is scored, and row by row what it loses."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, IntArray
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.picks import Picks
from kerasemble.evaluation.report import Measure
from kerasemble.evaluation.significance import Interval, Unseen, paired_test

Losses = npt.NDArray[np.float64]


def losses_of(probabilities: FloatArray, labels: IntArray, measure: Measure) -> Losses:
    """Return each row's loss (samples,) under probabilities (samples, classes)."""
    return log_losses(probabilities, labels) if measure == "log loss" else 1 - hits(probabilities, labels)


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
    """

    predictions: Predictions
    labels: IntArray
    weights: RowWeights
    groups: IntArray | None
    positions: IntArray

    @property
    def measure(self) -> Measure:
        """The loss by which is compared: members that give labels only have no log loss."""
        return "error rate" if self.predictions.labels_only else "log loss"

    def mean(self, values: Losses) -> float:
        """Return the weighted mean of numbers (samples,)."""
        return float(self.weights @ values / self.weights.sum())

    def gain(self, baseline: Losses, other: Losses, added: float = 0.0, unseen: Unseen = None) -> Interval:
        """Return by how much the other's losses (samples,) are lower, with the interval; see `paired_test`."""
        return paired_test(baseline, other, self.weights, self.groups, added, unseen).interval

    def unseen(self, baseline: Doubt, other: Doubt) -> Unseen:
        """Return the differences on rows on which the other is wrong, and on which the baseline is: see `paired_test`.

        Where a row is wrong in both, both lose what their doubt says. One error more or less is the most that a row's
        errors differ by.
        """
        if self.measure == "error rate":
            return -1.0, 1.0
        difference = baseline.losses - other.losses
        return difference, difference


class Scored(NamedTuple):
    """A member or a combiner, and what it answers.

    Args:
        name: of it.
        kind: which of the two.
        answers: (samples, classes) probabilities, one array for each division into folds; a member's one is the same
            in all.
        certain: whether they are labels, zeros and ones that say nothing of how sure it is.
    """

    name: str
    kind: Literal["member", "combiner"]
    answers: tuple[FloatArray, ...]
    certain: bool = False

    def losses(self, labels: IntArray, measure: Measure) -> Losses:
        """Return each row's loss (samples,), the mean of all divisions into folds."""
        found = [losses_of(values, labels, measure) for values in self.answers]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    def doubt(self) -> Doubt:
        """Return what wrong answers would cost, the mean of all divisions into folds."""
        found = [doubt_of(values) for values in self.answers]
        losses, claimed = np.mean(found, axis=0)
        return Doubt(losses, claimed)


def best_on_others(members: list[Scored], losses: Losses, weights: RowWeights, folds: IntArray) -> Scored:
    """Return the member that is best on the folds that a row is not in, as if that were one member.

    The best of many on the same rows is so partly by chance, and looks better than it is.

    Args:
        members: to choose from.
        losses: (members, samples) of them.
        weights: (samples,) how much each row counts.
        folds: (repeats, samples) the fold of each row.
    """
    answers = []
    for division in folds:
        values = np.empty_like(members[0].answers[0])
        for fold in np.unique(division):
            inside = division == fold
            best = int(np.argmin(losses[:, ~inside] @ weights[~inside]))
            values[inside] = members[best].answers[0][inside]
        answers.append(values)
    return Scored("best member", "member", tuple(answers), members[0].certain)


class Table(NamedTuple):
    """All that is scored, on the same rows.

    Args:
        rows: which.
        members: as they are.
        combined: the combiners, cross-fitted.
        best_member: the member that is best on the folds that a row is not in, as if that were one.
        picks: how surely it was picked.
        mean: the plain mean of the members, which may be among the combiners too.
    """

    rows: Rows
    members: list[Scored]
    combined: list[Scored]
    best_member: Scored
    picks: Picks
    mean: Scored

    @property
    def entries(self) -> list[Scored]:
        """Members, then combiners."""
        return [*self.members, *self.combined]

    def added(self, contributions: Losses) -> float:
        """Return the variance that picking the best member adds to a mean of what members (members, samples) have."""
        return self.picks.variance(contributions, self.rows.weights, self.rows.groups)
