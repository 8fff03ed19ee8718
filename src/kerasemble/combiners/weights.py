"""Members' weights: given ones checked, all of them kept as logarithms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, counted
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import check_number, check_whole, freeze, is_number
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.sparse import Solver, select

# One number for each member in order, or pairs of a member's name and its number.
GivenWeights: TypeAlias = tuple[float | tuple[str, float], ...]

# As above, or as a user writes them; costs are one each where None.
Given: TypeAlias = GivenWeights | Sequence[float] | Mapping[str, float]
Costs: TypeAlias = Given | None

# A weight is a softmax or an exponential of what is stored, so that training in Keras can never make it
# negative. Zero would be minus infinity, which files must not hold; this weight moves no digit of a float32.
_LEAST = 1e-12
# What no score shows, in nats.
_GAP_WORTH_SAYING = 1e-6


def check_numbers(name: str, value: object, remedy: str = "") -> None:
    """Refuse an option, frozen, that is not numbers in order, or numbers by name.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    items = value if isinstance(value, tuple) else ()
    in_order = all(is_number(item) for item in items)
    by_name = all(isinstance(item, tuple) and _is_named(*item) for item in items)
    if not items or not (in_order or by_name):
        msg = f"{name} must be numbers, one for each member, in order or by name. Received: {name}={value!r}.{remedy}"
        raise KerasembleError(msg, code=Code.OPTION)


def _is_named(*pair: object) -> bool:
    return len(pair) == 2 and isinstance(pair[0], str) and is_number(pair[1])


def check_weights(weights: Given, members: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return given weights as an array (members,) that sums to one.

    Raises:
        KerasembleError: they are not one finite, non-negative number for each member, or all are zero.
    """
    array = _in_order(freeze(weights), members, "weight")
    if not array.any():
        msg = "All weights are zero. At least one member needs a weight above zero."
        raise KerasembleError(msg)
    # Scaled first, because the sum of the largest floats is infinite.
    array = array / array.max()
    return np.asarray(array / array.sum())


def _in_order(weights: GivenWeights, members: Sequence[str], what: str) -> npt.NDArray[np.float64]:
    """Return given numbers (members,), called `what`, in the members' order.

    Raises:
        KerasembleError: they are not one finite, non-negative number for each member.
    """
    named = dict(item for item in weights if isinstance(item, tuple))
    if named:
        if set(named) != set(members) or len(named) != len(weights):
            given = f"{what.capitalize()}s are given for {list(weights)}"
            msg = f"{given}. The members are {list(members)}. Give one for each."
            raise KerasembleError(msg)
        array = np.array([named[name] for name in members], dtype=np.float64)
    else:
        array = np.array(weights, dtype=np.float64)
    if len(array) != len(members):
        counts = f"{counted(len(array), what)} for {counted(len(members), 'member')}"
        msg = f"{counts} ({', '.join(members)}). Give one for each, in order."
        raise KerasembleError(msg)
    for name, weight in zip(members, array.tolist(), strict=True):
        if not np.isfinite(weight) or weight < 0:
            msg = f"The {what} of member '{name}' is {weight}. {what.capitalize()}s are finite and not negative."
            raise KerasembleError(msg)
    return array


def log_weights(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the logarithms of weights (members,), of at least 1e-12."""
    return np.log(np.maximum(weights, _LEAST))


def used_members(log_weights: npt.NDArray[np.float64]) -> IntArray:
    """Return the indices of the members whose weight is not zero."""
    return np.flatnonzero(log_weights > np.log(_LEAST) + 1e-6)


def check_sparsity(max_members: int | None, cost_weight: float) -> None:
    """Refuse options of a sparse ensemble that make no sense.

    Raises:
        KerasembleError: fewer than one member may be kept, or the cost's weight is negative or not finite.
    """
    if max_members is not None:
        check_whole("max_members", max_members, 1)
    check_number("cost_weight", cost_weight, lambda number: 0 <= number < np.inf, "finite and not negative")


def prices(cost_weight: float, costs: Costs, members: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return what keeping each member costs (members,), in nats; members cost one each where `costs` is None.

    Raises:
        KerasembleError: costs are not one finite, non-negative number for each member.
    """
    return cost_weight * (np.ones(len(members)) if costs is None else _in_order(freeze(costs), members, "cost"))


def solve_sparsely(
    solve: Solver,
    price: npt.NDArray[np.float64],
    max_members: int | None,
) -> Solution:
    """Return the solution over all members, zero for those that are not kept.

    Args:
        solve: gives the solution for some of the members.
        price: (members,) what keeping each costs, in nats.
        max_members: how many may be kept; None for as many as are worth their price.
    """
    members = len(price)
    full = solve(np.arange(members))
    most = members if max_members is None else max_members
    if np.count_nonzero(full.weights) <= most and not price.any():
        return full
    kept = select(solve, price, most)
    found = solve(kept)
    weights = np.zeros(members)
    weights[kept] = found.weights
    return found._replace(weights=weights)


def not_converged(solution: Solution, what: str) -> tuple[str, ...]:
    """Return a sentence with the trace of the loss where a solver stopped short of its bound."""
    if solution.gap <= _GAP_WORTH_SAYING:  # false for NaN too
        return ()
    trace = ", ".join(f"{value:.6g}" for value in solution.values[-5:])
    sentence = (
        f"The weights of {what} did not converge in {len(solution.values) - 1} steps: their loss is within "
        f"{solution.gap:.1e} of the least. It went {trace}. Look for members that are nearly copies of each other."
    )
    return (sentence,)
