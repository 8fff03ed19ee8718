"""Which members are kept within a budget, picked without the rows that they are to be scored on."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import effective_rows
from kerasemble.evaluation.budget import Budget, Costs, Priced
from kerasemble.evaluation.contributions import best_within, subset_losses_by_fold
from kerasemble.evaluation.crossfit import Pool
from kerasemble.evaluation.scored import Rows
from kerasemble.solvers.folds import content_part
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.sparse import select

# Subsets are told apart by the weights of so many rows, to this gap in nats.
_ROWS, _GAP = 2_000, 1e-6
# Of more members those are tried that have the most weight among all of them, or the most for their cost.
_MOST_TRIED = 12


def pool_within(budget: Budget, priced: Priced, rows: Rows, division: IntArray | None) -> Pool | None:
    """Return which members are kept where some folds are unseen.

    They are those of least log loss in their weighted geometric average, which is fitted for each subset that a
    forward selection passes, and for that of the best plain mean. A mean suffers from what a weight mends, so that the
    best mean of at most three members may be that of one. Where members give labels only, the plain mean alone decides.

    Args:
        budget: the limits.
        priced: what members cost.
        rows: with labels.
        division: (samples,) the fold of each row; None where all rows are one fold.

    Returns:
        A function of unseen folds; None where all members are within the limits.
    """
    costs = budget.prices(priced)
    if budget.holds(costs):
        return None
    folds = np.zeros(len(rows.labels), dtype=np.int64) if division is None else division
    masks, sums = subset_losses_by_fold(rows.predictions, rows.labels, rows.weights, folds, costs)
    part = content_part(rows.predictions, rows.labels, rows.weights, _ROWS)
    few = rows._replace(
        predictions=rows.predictions.rows(part), labels=rows.labels[part], weights=rows.weights[part], groups=None
    )

    @functools.cache
    def pool(unseen: tuple[int, ...]) -> tuple[str, ...]:
        seen = np.delete(sums, list(unseen), axis=1).sum(axis=1)
        kept = best_within(masks, seen, costs, budget=budget.cost, max_members=budget.members)
        if not rows.predictions.labels_only:
            kept = _by_weights(budget, costs, few, ~np.isin(folds[part], unseen), kept)
        return tuple(rows.predictions.members[index] for index in kept)

    return pool


def _by_weights(budget: Budget, costs: Costs, rows: Rows, seen: npt.NDArray[np.bool_], of_mean: IntArray) -> IntArray:
    """Return the indices, ascending, of the members with which the weighted geometric average is best on some rows."""
    weights = np.where(seen, rows.weights, 0.0)
    ridge = WeightedGeometricAverage().strength / effective_rows(weights)

    @functools.cache
    def solved(kept: tuple[int, ...]) -> Solution:
        return solve_log_linear_pool(rows.predictions, rows.labels, weights, ridge, kept=np.array(kept), gap=_GAP)

    def solve(kept: IntArray) -> Solution:
        return solved(tuple(kept.tolist()))

    count = len(costs)
    tried = np.arange(count)
    if count > _MOST_TRIED:
        every = solve(tried).weights
        orders = (np.argsort(-every, kind="stable"), np.argsort(-every / costs, kind="stable"))
        tried = np.unique(np.concatenate([order[: _MOST_TRIED // 2] for order in orders]))
    forward = select(solve, np.zeros(count), count, among=tried, within=lambda kept: budget.holds(costs[kept]))
    return min((forward, of_mean), key=lambda kept: solve(kept).loss)
