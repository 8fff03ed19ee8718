"""The member that does best, alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.weights import log_weights, used_members
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, clipped_log, softmax
from kerasemble.core.losses import LOSSES, class_balance, row_losses
from kerasemble.core.options import check_choice, check_flag
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool

# Losses closer than this are equal, and the first member is taken.
_TIE = 1e-9
# Of the pull of an exponent toward one, in rows, as in `WeightedGeometricAverage`.
_STRENGTH = 10.0
# An exponent of zero, as of a member that knows nothing, would leave no member at all.
_LEAST = 1e-3


@final
@dataclasses.dataclass(frozen=True)
class SingleBest(Combiner):
    """The one member of least loss, as it is or recalibrated; the others are neither run nor saved.

    combined = p_b, or softmax(t log max(p_b, 2**-24)) where it is recalibrated, from (members, samples, ..., classes)
    to (samples, ..., classes). It is what a combination has to beat. The exponent t of each member is the one of least
    log loss, pulled toward one by ten rows, and members are compared with their exponents: one that is right but too
    sure is better than its own log loss says.

    Args:
        recalibrate: fit an exponent to each member before they are compared.
        loss: by which they are compared: "log loss", "brier", "error rate" or "balanced error rate".

    Raises:
        KerasembleError: there is no such loss.

    Example:
        >>> from kerasemble import Predictions, SingleBest
        >>> seen = Predictions.from_arrays({"a": [[0.6, 0.4], [0.3, 0.7]], "b": [[0.9, 0.1], [0.2, 0.8]]})
        >>> SingleBest().fit(seen, [0, 1])
        Fitted single best: b (left out: a)

    Reference:
        The exponent is temperature scaling: Guo, Pleiss, Sun and Weinberger 2017, ICML.
    """

    shrunk: ClassVar[bool] = True
    recalibrate: bool = False
    loss: str = "log loss"

    def check_options(self) -> None:
        """Refuse a loss that is not known."""
        check_flag("recalibrate", self.recalibrate)
        check_choice("loss", self.loss, LOSSES)

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the member's probabilities, or the softmax of its logarithms times the exponent."""
        weights = xp.exp(learned["log_weights"])
        if not self.recalibrate:
            return xp.tensordot(weights / xp.sum(weights), values, axes=1)
        return softmax(xp.tensordot(weights, clipped_log(values, xp), axes=1), xp)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return None: which member is the best shows in labels."""
        del members
        return None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the exponent of the best member, one where it is taken as it is, and zero for the others."""
        exponents = np.ones(len(predictions.members))
        losses = np.empty(len(predictions.members))
        balance = class_balance(labels, weights, len(predictions.classes))
        for index, (name, values) in enumerate(zip(predictions.members, predictions.each(), strict=True)):
            answers = values
            if self.recalibrate:
                exponents[index] = best_exponent(predictions.only([name]), labels, weights)
                answers = recalibrated(values, exponents[index])
            losses[index] = row_losses(self.loss, answers, labels, balance) @ weights / weights.sum()
        best = int(np.flatnonzero(losses <= losses.min() + _TIE)[0])
        return Fit({"log_weights": log_weights(np.where(np.arange(len(losses)) == best, exponents, 0.0))})

    def used(self, learned: Learned) -> IntArray:
        """Return the index of the member."""
        return used_members(learned["log_weights"])

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return whether the member gives them, or its labels are softened by the exponent."""
        return self.recalibrate or not labels_only

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the exponent of the member, and zero for the others (members,)."""
        return np.exp(learned["log_weights"])

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the member, and the temperature that it is recalibrated by."""
        del classes
        (exponent,) = np.exp(learned["log_weights"])
        return f": {members[0]}" + (f", recalibrated by temperature {1 / exponent:.4g}" if self.recalibrate else "")


def best_exponent(alone: Predictions, labels: IntArray, weights: RowWeights) -> float:
    """Return the power of one member's probabilities that has the least log loss, pulled toward one."""
    solved = solve_log_linear_pool(alone, labels, weights, _STRENGTH / effective_rows(weights))
    return max(float(solved.weights[0]), _LEAST)


def recalibrated(values: npt.NDArray[np.floating], exponent: float) -> npt.NDArray[np.floating]:
    """Return probabilities (samples, ..., classes) raised to a power and normalised."""
    return np.asarray(softmax(exponent * clipped_log(values, np), np))
