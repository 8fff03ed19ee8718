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
from kerasemble.evaluation.significance import Interval, Tested, Unseen, paired_test

Losses = npt.NDArray[np.float64]


def doubt_of(probabilities: FloatArray) -> Losses:
    """Return the log loss of each row (samples,), were one of the classes true that are not the most probable one.

    It is that of what these have on the average: of a row that is sure as much as a loss can be.

    Args:
        probabilities: (samples, classes).
    """
    left = np.maximum(1 - probabilities.max(axis=-1).astype(np.float64), 0)
    return np.asarray(-np.log(np.maximum(left / max(1, probabilities.shape[-1] - 1), CLIP)))


class Rows(NamedTuple):
    """The rows that are scored.

    Args:
        predictions: of the members.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        groups: (samples,) group numbers; None where each row stands for itself.
        positions: (samples,) of the rows in the data that was given.
        measure: the loss by which members and combiners are compared, one of `core.losses.LOSSES`.
        named: whether labels were given as names, which cannot be shifted.
    """

    predictions: Predictions
    labels: IntArray
    weights: RowWeights
    groups: IntArray | None
    positions: IntArray
    measure: str = "log loss"
    named: bool = False

    @property
    def by_probabilities(self) -> bool:
        """Whether the measure judges probabilities, and not the most probable class alone."""
        return LOSSES[self.measure]

    @property
    def names(self) -> npt.NDArray[np.str_]:
        """The labels as names (samples,), which what is fitted takes whatever the names are: numbers, for one."""
        return np.asarray(self.predictions.classes)[self.labels]

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
        return self.tested(baseline, other, added, unseen).interval

    def tested(self, baseline: Losses, other: Losses, added: float = 0.0, unseen: Unseen = None) -> Tested:
        """Return the same, how surprising it would be if there were none, and whether the rows are enough to tell."""
        return paired_test(baseline, other, self.weights, self.groups, added, unseen)

    def unseen(self, baseline: Losses, other: Losses) -> Unseen:
        """Return the differences on rows on which the other is wrong, and on which the baseline is: see `paired_test`.

        Of log losses both lose there what their doubt says; of others it is the most that a row can differ by.
        """
        if self.measure == "log loss":
            return baseline - other, baseline - other
        most = 2.0 if self.measure == "brier" else 1.0
        if self.measure == "balanced error rate":
            most = float(class_balance(self.labels, self.weights, len(self.predictions.classes)).max())
        return -most, most


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

    def doubt(self) -> Losses:
        """Return what wrong answers would cost on each row (samples,), the mean of all divisions into folds."""
        return np.asarray(np.mean([doubt_of(values) for values in self.answers], axis=0))


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
