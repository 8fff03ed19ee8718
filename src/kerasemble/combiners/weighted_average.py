"""Weighted averaging, the weights given, taken from scores, or learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner, OpinionPool
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.weights import (
    Costs,
    GivenWeights,
    check_numbers,
    check_sparsity,
    check_weights,
    log_weights,
    not_converged,
    prices,
    solve_sparsely,
    used_members,
)
from kerasemble.core.arrays import CLIP, FloatArray, IntArray, Tensor, Vocabulary, blocks, softmax
from kerasemble.core.errors import KerasembleError
from kerasemble.core.metrics import hits
from kerasemble.core.options import check_choice
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.brier_pool import gram, solve_brier_pool
from kerasemble.solvers.linear_pool import solve_linear_pool
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.sparse import Solver


@final
@dataclasses.dataclass(frozen=True)
class WeightedAverage(Combiner):
    """A weighted mean of the members' probabilities: a linear opinion pool.

    combined = sum_m w_m p_m with w = softmax(log_weights), from (members, samples, ..., classes) to
    (samples, ..., classes). In the saved Keras model `log_weights` is a trainable weight, so that `fit` trains it.

    Args:
        weights: "learn" (the default) for the weights of least loss, solved exactly; "scores" for weights
            proportional to each member's accuracy; or one number for each member, in order or by name, which are
            normalised to sum to one.
        loss: what learned weights minimise: "log_loss", or "brier", the mean squared distance to the true class,
            which one row that every member is sure and wrong about cannot dominate.
        max_members: how many members may be kept where weights are learned; None for all that help.
        cost_weight: loss that a member must save for each unit of its cost to be kept.
        costs: of the members, in any unit, in order or by name; one each where left out.

    Raises:
        KerasembleError: given weights are negative, not finite, all zero, or not one for each member, or another
            option is out of its range.

    Example:
        >>> from kerasemble import Predictions, WeightedAverage
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1]], "b": [[0.5, 0.5]]})
        >>> WeightedAverage(weights=[3, 1]).fit(seen)(seen).round(3)
        array([[0.8, 0.2]], dtype=float32)

    Reference:
        Stone 1961, Ann. Math. Statist. 32.
    """

    opinion_pool: ClassVar[OpinionPool | None] = "linear"

    weights: Literal["learn", "scores"] | GivenWeights | Sequence[float] | Mapping[str, float] = "learn"
    loss: Literal["log_loss", "brier"] = "log_loss"
    max_members: int | None = None
    cost_weight: float = 0.0
    costs: Costs = None

    def check_options(self) -> None:
        """Refuse options out of their range, and a word that is none of those known."""
        check_sparsity(self.max_members, self.cost_weight)
        if self.weights != "learn" and (self.max_members is not None or self.cost_weight):
            msg = "max_members and cost_weight go with weights='learn': given weights and scores choose no members."
            raise KerasembleError(msg)
        check_choice("loss", self.loss, ("log_loss", "brier"))
        if self.costs is not None:
            check_numbers("costs", self.costs)
        if self.weights not in ("learn", "scores"):
            check_numbers("weights", self.weights, " Or one of the words 'learn' and 'scores'.")

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the sum of the members' probabilities times their weights."""
        weights = softmax(learned["log_weights"], xp)
        return xp.tensordot(weights, values, axes=1)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return the weights that were given, or None where they come from labels."""
        if isinstance(self.weights, str):
            return None
        return {"log_weights": log_weights(check_weights(self.weights, members))}

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the weights from accuracy, or those of least loss."""
        if self.weights == "scores":
            scores = np.zeros(len(predictions.members))
            for rows in blocks(predictions.samples, len(predictions.members) * len(predictions.classes)):
                scores += [weights[rows] @ hits(member, labels[rows]) for member in predictions.block(rows)]
            # Where no member is ever right there is nothing to prefer one by.
            return Fit({"log_weights": log_weights(scores / scores.sum() if scores.any() else np.ones(len(scores)))})
        return self._solved(predictions.members, self._solver(predictions, labels, weights))

    def learn_each(self, predictions: Predictions, labels: IntArray, weights: Sequence[RowWeights]) -> list[Fit]:
        """Return the weights of least loss for each weighting of the rows, each begun where all rows lead to.

        What the loss depends on is read from the predictions once.
        """
        if self.weights != "learn" or self.loss != "log_loss":
            return Combiner.learn_each(self, predictions, labels, weights)
        true = _clipped(predictions, labels)
        start = solve_linear_pool(true, np.sum(weights, axis=0))
        return [self._solved(predictions.members, _linear_solver(true, each, start)) for each in weights]

    def _solver(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Solver:
        """Return what gives the solution for the members of some indices."""
        if self.loss == "brier":
            products, true = gram(predictions, labels, weights)
            return lambda kept: solve_brier_pool(products[np.ix_(kept, kept)], true[kept])
        return _linear_solver(_clipped(predictions, labels), weights)

    def _solved(self, members: Sequence[str], solve: Solver) -> Fit:
        solution = solve_sparsely(solve, prices(self.cost_weight, self.costs, members), self.max_members)
        return Fit({"log_weights": log_weights(solution.weights)}, solution.gap, not_converged(solution, label(self)))

    def used(self, learned: Learned) -> IntArray:
        """Return the indices of the members whose weight is not zero."""
        return used_members(learned["log_weights"])

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the weights (members,), which sum to one."""
        return np.asarray(softmax(learned["log_weights"], np))


def _clipped(predictions: Predictions, labels: IntArray) -> FloatArray:
    """Return the clipped probability of the true class (members, samples)."""
    true = predictions.of_true_class(labels)
    return np.maximum(true, true.dtype.type(CLIP), out=true)


def _linear_solver(true: FloatArray, weights: RowWeights, start: Solution | None = None) -> Solver:
    """Return what gives the weights of least log loss for the members of some indices."""

    def solve(kept: IntArray) -> Solution:
        everyone = len(kept) == len(true)
        return solve_linear_pool(true if everyone else true[kept], weights, start=start if everyone else None)

    return solve
