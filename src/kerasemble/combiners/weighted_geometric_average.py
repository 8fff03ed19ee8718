"""The geometric mean with learned weights: the combiner to try first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner, OpinionPool
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.weights import (
    Costs,
    check_numbers,
    check_sparsity,
    log_weights,
    not_converged,
    prices,
    solve_sparsely,
    used_members,
)
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, clipped_log, softmax
from kerasemble.core.options import check_flag, check_positive
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool
from kerasemble.solvers.newton import Solution

# So near to the optimum that nothing of the rows left out, which the common start has seen, shows in the answer.
_FOLD_GAP = 1e-12


@final
@dataclasses.dataclass(frozen=True)
class WeightedGeometricAverage(Combiner):
    """A weighted geometric mean of the members' probabilities: a log-linear pool.

    combined = softmax(sum_m w_m log max(p_m, 2**-24)) with w = exp(log_weights) >= 0, from
    (members, samples, ..., classes) to (samples, ..., classes). The weights need not sum to one: a larger sum
    sharpens, a smaller one softens, so the pool also mends over- and underconfidence.

    The weights minimise log loss + (strength / rows) sum_m (w_m - 1 / members)**2, solved exactly. Rows are effective
    ones where they have weights: (sum of weights)**2 / sum of squared weights.

    Args:
        strength: of the pull toward equal weights, in rows.
        temperature: leave the weights' common factor free, and pull only their ratios toward one.
        free_sign: allow weights below zero, for members whose mistakes others share.
        max_members: how many members may be kept; None for all.
        cost_weight: log loss that a member must save for each unit of its cost to be kept.
        costs: of the members, in any unit, in order or by name; one each where left out.

    Raises:
        KerasembleError: the strength is not above zero, or another option is out of its range.

    Example:
        >>> from kerasemble import Predictions, WeightedGeometricAverage
        >>> seen = Predictions.from_arrays({"a": [[0.8, 0.2], [0.3, 0.7]], "b": [[0.5, 0.5], [0.5, 0.5]]})
        >>> WeightedGeometricAverage().fit(seen, [0, 1])
        Fitted weighted geometric average: a 0.539, b 0.500 (within 1e-8 of the optimum)

    Reference:
        Genest and Zidek 1986, Statistical Science 1(1).
    """

    opinion_pool: ClassVar[OpinionPool | None] = "log-linear"
    shrunk: ClassVar[bool] = True
    # Of 1 to 1,000 this was best or near it from 30 rows on, on three real pools out of three: benchmarks/quality.py.
    strength: float = 10.0
    temperature: bool = False
    free_sign: bool = False
    max_members: int | None = None
    cost_weight: float = 0.0
    costs: Costs = None

    def check_options(self) -> None:
        """Refuse options out of their range."""
        check_sparsity(self.max_members, self.cost_weight)
        check_positive("strength", self.strength)
        check_flag("temperature", self.temperature)
        check_flag("free_sign", self.free_sign)
        if self.costs is not None:
            check_numbers("costs", self.costs)

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the softmax of the weighted sum of log-probabilities."""
        weights = learned["weights"] if self.free_sign else xp.exp(learned["log_weights"])
        return softmax(xp.tensordot(weights, clipped_log(values, xp), axes=1), xp)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return None: the weights are learned."""
        del members
        return None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the weights of least shrunk log loss."""
        solve = partial(self._solve, predictions, labels, weights)
        price = prices(self.cost_weight, self.costs, predictions.members)
        solution = solve_sparsely(solve, price, self.max_members)
        return self._fit_of(solution)

    def learn_each(self, predictions: Predictions, labels: IntArray, weights: Sequence[RowWeights]) -> list[Fit]:
        """Return the weights for each weighting of the rows, each begun where all rows lead to."""
        if self.max_members is not None or self.cost_weight:
            return Combiner.learn_each(self, predictions, labels, weights)
        everyone = np.arange(len(predictions.members))
        start = self._solve(predictions, labels, np.sum(weights, axis=0), everyone)
        return [
            self._fit_of(self._solve(predictions, labels, each, everyone, start, gap=_FOLD_GAP)) for each in weights
        ]

    def _solve(
        self,
        predictions: Predictions,
        labels: IntArray,
        weights: RowWeights,
        kept: IntArray,
        start: Solution | None = None,
        gap: float = 1e-8,
    ) -> Solution:
        return solve_log_linear_pool(
            predictions,
            labels,
            weights,
            self.strength / effective_rows(weights),
            loose_scale=self.temperature,
            free_sign=self.free_sign,
            kept=kept,
            gap=gap,
            start=start,
        )

    def _fit_of(self, solution: Solution) -> Fit:
        learned = {"weights": solution.weights} if self.free_sign else {"log_weights": log_weights(solution.weights)}
        return Fit(learned, solution.gap, not_converged(solution, label(self)))

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return True: what the weights learn softens labels too."""
        del labels_only
        return True

    def used(self, learned: Learned) -> IntArray:
        """Return the indices of the members whose weight is not zero."""
        return np.flatnonzero(learned["weights"]) if self.free_sign else used_members(learned["log_weights"])

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the weights (members,), which need not sum to one."""
        return learned["weights"] if self.free_sign else np.exp(learned["log_weights"])
