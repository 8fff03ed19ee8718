"""How hard to shrink a multinomial regression toward a pool, by what it makes of rows that it did not see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.multinomial import Features, loss_basis, pool_coefficients, row_losses, solve_multinomial
from kerasemble.solvers.quadratic import Vector

# In rows: a coefficient departs from the pool as if so many had been seen at it. Each is a third of the one before.
STRENGTHS = (np.inf, 1e4, 3e3, 1e3, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0)
# Held-out losses that are compared differ by a hundred times as much.
_GAP = 1e-5


def choose_strength(
    features: Features, labels: IntArray, weights: RowWeights, fold: IntArray, pools: Sequence[Vector]
) -> float:
    """Return one of STRENGTHS, of which the first, infinity, is the pool itself.

    It is the one halfway, in steps of the list, from the strongest whose held-out loss is within one standard error
    of the least to the one of the least, or next to it on the strong side. On 30 real and synthetic pools and sizes
    of 20 to 3,000 rows that lost at most .007 to the pool in any draw, and gained .005 to .034 on X-rays; the strongest
    lost nothing but gained .000 to .025, and the least lost up to .11.

    Args:
        features: of all rows.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        fold: (samples,) the fold in which each row is held out.
        pools: the pool's weights (members,) from the rows outside each fold.

    Reference:
        Breiman, Friedman, Olshen and Stone 1984, Classification and Regression Trees, 3.4.3.
    """
    outside = [weights * (fold != number) for number in range(len(pools))]
    centers = [pool_coefficients(pool, features.classes) for pool in pools]
    basis = loss_basis(features, labels, weights, np.mean(centers, axis=0))
    found, shares = list(centers), weights / weights.sum()
    losses: list[float] = []
    for strength in STRENGTHS:
        if np.isfinite(strength):
            found = [
                solve_multinomial(
                    features, labels, each, center, strength / effective_rows(each), basis=basis, gap=_GAP, start=start
                ).weights
                for each, center, start in zip(outside, centers, found, strict=True)
            ]
        held_out = np.empty(features.samples)
        for number, coefficients in enumerate(found):
            mine = fold == number
            held_out[mine] = row_losses(features, labels, coefficients)[mine]
        losses.append(float(shares @ held_out))
        if losses[-1] == min(losses):
            error = float(np.sqrt(((shares * (held_out - losses[-1])) ** 2).sum()))
        elif losses[-1] > min(losses) + error:
            # Weaker ones would be worse still, and take the longest.
            break
    strongest = next(index for index, loss in enumerate(losses) if loss <= min(losses) + error)
    return STRENGTHS[(strongest + int(np.argmin(losses))) // 2]
