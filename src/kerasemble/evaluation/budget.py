"""Which members may be kept, where running them must not cost more than so much."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.weights import check_numbers
from kerasemble.core.arrays import IntArray
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import freeze, is_number
from kerasemble.core.predictions import Predictions

Costs = npt.NDArray[np.float64]

# Of costs that were given without a unit.
NO_UNIT = "cost"

# Sums of costs that are equal but for rounding are equal.
_ROUNDING = 1 + 1e-9


class Budget(NamedTuple):
    """What the members that are kept may cost together, and how many they may be; None for any."""

    cost: float | None = None
    members: int | None = None

    @property
    def limits(self) -> bool:
        """Whether anything is limited."""
        return self != Budget()

    def prices(self, priced: Priced) -> Costs:
        """Return what a search for members goes by: one each where no cost is limited.

        What was measured is another number each time, and must not decide where nobody asked for it.
        """
        return np.ones(len(priced.costs)) if self.cost is None else priced.costs

    def holds(self, costs: Costs) -> bool:
        """Return whether members of these costs (kept,) are within it together."""
        return (self.members is None or len(costs) <= self.members) and (
            self.cost is None or float(costs.sum()) <= self.cost * _ROUNDING
        )


class Priced(NamedTuple):
    """What each member costs.

    Args:
        costs: (members,), each above zero.
        unit: of these, such as "ms a row", "parameters" or "members"; "cost" where it has no name.
        stands_in: whether something else is counted, since nobody knows what members cost; no budget is held to that.
    """

    costs: Costs
    unit: str
    stands_in: bool = False

    def only(self, positions: IntArray) -> Priced:
        """Return the costs of some of the members."""
        return self._replace(costs=self.costs[positions])

    def amount(self, cost: float) -> str:
        """Return an amount with its unit, for people."""
        return f"a cost of {cost:.3g}" if self.unit == NO_UNIT else f"{cost:.3g} {self.unit}"


def as_costs(
    given: Mapping[str, float] | Sequence[float] | None, predictions: Predictions, unit: str = NO_UNIT
) -> Priced:
    """Return the members' costs: as given, in a unit that the user names, as measured, their parameters, or one each.

    Raises:
        KerasembleError: what is given is not one finite number above zero for each member.
    """
    members = predictions.members
    if given is None:
        known = predictions.costs or ()
        if known and all(cost.milliseconds is not None for cost in known):
            return Priced(np.array([cost.milliseconds for cost in known], dtype=np.float64), "ms a row")
        if known and all(cost.parameters for cost in known):
            return Priced(np.array([cost.parameters for cost in known], dtype=np.float64), "parameters", stands_in=True)
        return Priced(np.ones(len(members)), "members", stands_in=True)
    listed = freeze(given)
    check_numbers("costs", listed)
    if isinstance(listed[0], tuple):
        named = dict(listed)
        if set(named) != set(members):
            msg = f"costs must name every member once. The members are {members}. Received: {sorted(named)}."
            raise KerasembleError(msg)
        listed = tuple(named[name] for name in members)
    costs = np.asarray(listed, dtype=np.float64)
    if costs.shape != (len(members),) or not np.isfinite(costs).all() or (costs <= 0).any():
        msg = f"costs must be a finite number above zero for each of {len(members)} members. Received: {given}."
        raise KerasembleError(msg)
    return Priced(costs, unit)


def check_budget(budget: Budget, priced: Priced, members: Sequence[str]) -> None:
    """Refuse a budget that no member meets, or that limits a cost which nobody knows.

    Raises:
        KerasembleError: it is so.
    """
    if budget.members is not None and (not isinstance(budget.members, numbers.Integral) or budget.members < 1):
        msg = f"max_members must be a whole number of at least 1. Received: max_members={budget.members}."
        raise KerasembleError(msg)
    if budget.cost is None:
        return
    if not is_number(budget.cost) or isinstance(budget.cost, bool):
        msg = f"budget must be a number, in the unit of the costs. Received: budget={budget.cost!r}."
        raise KerasembleError(msg)
    if priced.stands_in:
        msg = (
            f"budget={budget.cost:g} is in milliseconds a row, and it is not known what the members take. Run them "
            "with kerasemble.predict, which measures it, or give costs={'name': cost, ...}, in any unit."
        )
        raise KerasembleError(msg, code=Code.COST_UNKNOWN)
    if not budget.cost >= priced.costs.min():
        cheapest = int(priced.costs.argmin())
        msg = (
            f"No member fits into a budget of {budget.cost:g}: the cheapest, '{members[cheapest]}', takes "
            f"{priced.amount(priced.costs[cheapest])}. Give more, or leave the budget out."
        )
        raise KerasembleError(msg, code=Code.BEYOND_BUDGET)


def affordable(budget: Budget, priced: Priced, members: Sequence[str]) -> tuple[str, ...]:
    """Return the members that are within the budget alone: no other can be kept, alone or among several."""
    alone = Budget(budget.cost)
    return tuple(name for name, cost in zip(members, priced.costs, strict=True) if alone.holds(np.array([cost])))
