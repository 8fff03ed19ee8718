"""A combiner of the few members that are worth their cost."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.combiners.weights import Costs, check_numbers, check_sparsity, prices
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.metrics import hits
from kerasemble.core.options import check_positive
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows, rows_that_count
from kerasemble.solvers.folds import content_part
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.sparse import select
from kerasemble.solvers.subsets import best_within, candidates, subset_losses

# Subsets are told apart by the weights of so many rows, to this gap in nats.
_ROWS, _GAP = 2_000, 1e-6
# Of more members those are tried that have the most weight among all of them, or the most for their cost.
_MOST_TRIED = 12
# Sums of costs that are equal but for rounding are equal.
_ROUNDING = 1 + 1e-9
# The name of the learned array that says which members are in; it is gone once the others are.
_CHOSEN = "selected"
# Several combiners of a comparison select by the same rows, one after the other.
_REMEMBERED = 128
_selected: OrderedDict[bytes, tuple[int, ...]] = OrderedDict()


@final
@dataclasses.dataclass(frozen=True)
class Select(Combiner):
    """A combiner of some of the members, selected by the same labels; the others are neither run nor saved.

    From (members, samples, ..., classes) to the combiner's (samples, ..., classes) of those that are selected. They
    are the ones of least log loss in a weighted geometric average, which is fitted for each subset that a forward
    selection passes, and for that of the best plain mean: a mean suffers from what a weight mends, so that the best
    mean of at most three may be that of one. Members that give labels only are taken by their accuracy.

    Args:
        combiner: of those that are selected.
        max_members: how many may be; None for any number.
        budget: for the sum of their costs; None for any.
        costs: of the members, in order or by name; one each where left out.

    Raises:
        KerasembleError: the limits make no sense, or no member is within the budget.

    Example:
        >>> from kerasemble import Average, Predictions, Select
        >>> tables = {"a": [[0.8, 0.2], [0.3, 0.7]], "b": [[0.7, 0.3], [0.1, 0.9]], "c": [[0.4, 0.6], [0.6, 0.4]]}
        >>> Select(Average(), max_members=2).fit(Predictions.from_arrays(tables), [0, 1])
        Fitted select: average of 1 member (b) (left out: a, c)

    Reference:
        Forward selection: Elenberg, Khanna, Dimakis and Negahban 2018, Annals of Statistics 46(6B).
    """

    # It warns of few rows as its combiner does.
    shrunk: ClassVar[bool] = True
    combiner: Combiner = dataclasses.field(default_factory=WeightedGeometricAverage)
    max_members: int | None = None
    budget: float | None = None
    costs: Costs = None

    def check_options(self) -> None:
        """Refuse limits that make no sense, and what is no combiner."""
        from kerasemble.combiners import as_combiner  # which imports every combiner

        object.__setattr__(self, "combiner", as_combiner(self.combiner))
        if isinstance(self.combiner, Select):
            msg = f"Select takes a combiner such as Average(). Received: {self.combiner!r}. Give the limits to one."
            raise KerasembleError(msg, code=Code.OPTION)
        check_sparsity(self.max_members, 0.0)
        if self.budget is not None:
            check_positive("budget", self.budget)
        if self.costs is not None:
            check_numbers("costs", self.costs)

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return what the combiner makes of the selected members."""
        if _CHOSEN in learned:
            # Only while it is fitted: a fitted combiner has no other members.
            values = values[np.flatnonzero(learned[_CHOSEN])]
        return self.combiner.combine(values, _without_chosen(learned), xp)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return what the combiner knows without labels where all members may stay, else None."""
        cost = prices(1.0, self.costs, members)
        return self.combiner.given(members) if self._holds(cost) else None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return which members are selected, and what the combiner learned of them."""
        cost = prices(1.0, self.costs, predictions.members)
        if self.budget is not None and not cost.min() <= self.budget * _ROUNDING:
            cheapest = predictions.members[int(cost.argmin())]
            msg = f"No member is within a budget of {self.budget:g}: the cheapest, '{cheapest}', costs {cost.min():g}."
            raise KerasembleError(msg, code=Code.OPTION)
        inside = np.arange(len(cost))
        if not self._holds(cost):
            inside = self._selected(predictions, labels, weights, cost)
        few = predictions.only([predictions.members[index] for index in inside])
        known = self.combiner.given(few.members)
        found = self.combiner.learn(few, labels, weights) if known is None else Fit(known)
        if len(inside) == len(cost):
            return found
        mask = np.isin(np.arange(len(cost)), inside).astype(np.float64)
        return found._replace(learned={**found.learned, _CHOSEN: mask})

    def learn_unlabelled(self, predictions: Predictions) -> Fit | None:
        """Return what the combiner learns without labels where all members may stay."""
        cost = prices(1.0, self.costs, predictions.members)
        return self.combiner.learn_unlabelled(predictions) if self._holds(cost) else None

    def used(self, learned: Learned) -> IntArray | None:
        """Return the indices of the members that are selected and matter to the combiner."""
        own = self.combiner.used(_without_chosen(learned))
        if _CHOSEN not in learned:
            return own
        inside = np.flatnonzero(learned[_CHOSEN])
        # Where none of them has a weight, as labels that no member knows make it, the selected ones stay.
        return inside if own is None or not len(own) else inside[own]

    def kept(self, learned: Learned, used: IntArray) -> Learned:
        """Return the combiner's arrays of the members that are used."""
        own = _without_chosen(learned)
        if _CHOSEN not in learned:
            return self.combiner.kept(own, used)
        inside = np.flatnonzero(learned[_CHOSEN])
        return own if len(inside) == len(used) else self.combiner.kept(own, np.searchsorted(inside, used))

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return whether the combiner does."""
        return self.combiner.gives_probabilities(labels_only=labels_only)

    def outputs(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> dict[str, Tensor]:
        """Return the combiner's further outputs."""
        return self.combiner.outputs(probabilities, _without_chosen(learned), xp)

    def output_names(self) -> tuple[str, ...]:
        """Return the names of the combiner's further outputs."""
        return self.combiner.output_names()

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64] | None:
        """Return the combiner's weights of the members that are left (members,)."""
        return None if _CHOSEN in learned else self.combiner.weights_of(learned)

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the combiner's name and what it learned."""
        return f": {label(self.combiner)}{self.combiner.describe(learned, members, classes)}"

    def _holds(self, cost: npt.NDArray[np.float64]) -> bool:
        """Return whether members of these costs (some,) are within the limits together."""
        return (self.max_members is None or len(cost) <= self.max_members) and (
            self.budget is None or float(cost.sum()) <= self.budget * _ROUNDING
        )

    def _selected(
        self, predictions: Predictions, labels: IntArray, weights: RowWeights, cost: npt.NDArray[np.float64]
    ) -> IntArray:
        """Return the indices of the selected members, ascending; found once for the same rows and limits."""
        seen, labels, weights = rows_that_count(predictions, labels, weights)
        if seen.labels_only:
            return self._most_accurate(seen, labels, weights, cost)
        part = content_part(seen, labels, weights, _ROWS)
        few, labels, weights = seen.rows(part), labels[part], weights[part]
        key = hashlib.sha256(repr((self.max_members, self.budget, cost.tolist())).encode())
        for array in (np.asarray(few.values), labels, weights / weights.sum()):
            key.update(np.ascontiguousarray(array).tobytes())
        if key.digest() not in _selected:
            found = self._search(few, labels, weights, cost)
            _selected[key.digest()] = tuple(found.tolist())
            while len(_selected) > _REMEMBERED:
                _selected.popitem(last=False)
        return np.array(_selected[key.digest()])

    def _most_accurate(
        self, seen: Predictions, labels: IntArray, weights: RowWeights, cost: npt.NDArray[np.float64]
    ) -> IntArray:
        """Return the indices, ascending, of the most accurate members, as long as they are within the limits."""
        right = np.array([hits(values, labels) @ weights for values in seen.each()])
        inside: list[int] = []
        for index in np.argsort(-right, kind="stable").tolist():
            if self._holds(cost[[*inside, index]]):
                inside.append(index)
        return np.sort(np.array(inside))

    def _search(
        self, seen: Predictions, labels: IntArray, weights: RowWeights, cost: npt.NDArray[np.float64]
    ) -> IntArray:
        """Return the indices, ascending, of the members with which the weighted geometric average is best."""
        true = seen.of_true_class(labels).astype(np.float64)
        shares = weights / weights.sum()
        masks = candidates(true, shares, cost)
        of_mean = best_within(masks, subset_losses(true, shares, masks), cost, self.budget, self.max_members)
        ridge = WeightedGeometricAverage().strength / effective_rows(weights)

        @functools.cache
        def solved(inside: tuple[int, ...]) -> Solution:
            return solve_log_linear_pool(seen, labels, weights, ridge, kept=np.array(inside), gap=_GAP)

        def solve(inside: IntArray) -> Solution:
            return solved(tuple(inside.tolist()))

        count = len(cost)
        tried = np.arange(count)
        if count > _MOST_TRIED:
            every = solve(tried).weights
            orders = (np.argsort(-every, kind="stable"), np.argsort(-every / cost, kind="stable"))
            tried = np.unique(np.concatenate([order[: _MOST_TRIED // 2] for order in orders]))
        forward = select(solve, np.zeros(count), count, among=tried, within=lambda inside: self._holds(cost[inside]))
        return min((forward, of_mean), key=lambda inside: solve(inside).loss)


def _without_chosen(learned: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: array for name, array in learned.items() if name != _CHOSEN}
