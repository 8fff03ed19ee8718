"""Which few members to keep: forward selection, each step by the exact solution for the members tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.quadratic import Vector

# Gives the solution for the members of some indices, ascending.
Solver: TypeAlias = Callable[[IntArray], Solution]


def select(
    solve: Solver,
    prices: Vector,
    most: int,
    *,
    among: IntArray | None = None,
    within: Callable[[IntArray], bool] | None = None,
) -> IntArray:
    """Return the indices, ascending, of at most `most` members for which loss plus prices is least.

    Members are added one by one, each time the one with which the solved loss and the prices of all that are kept are
    lowest, until none lowers it. For losses like these the result is provably near the best subset.

    Args:
        solve: gives the solution for some members.
        prices: (members,) what keeping each costs, in the unit of the loss.
        most: how many members may be kept.
        among: the indices of those that are tried; all where left out.
        within: whether some members may be kept together; any where left out. At least one of them may alone.

    Reference:
        Elenberg, Khanna, Dimakis and Negahban 2018, Annals of Statistics 46(6B).
    """
    kept, best = np.array([], dtype=np.int64), np.inf
    among = np.arange(len(prices)) if among is None else among
    while len(kept) < most:
        totals = np.full(len(prices), np.inf)
        for candidate in np.setdiff1d(among, kept):
            tried = np.append(kept, candidate)
            if within is not None and not within(tried):
                continue
            totals[candidate] = solve(np.sort(tried)).loss + prices[tried].sum()
        if totals.min() >= best:
            break
        kept, best = np.append(kept, totals.argmin()), float(totals.min())
    return np.sort(kept)
