"""Subsets of members, and what their plain means lose."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, IntArray
from kerasemble.core.row_weights import RowWeights

# Up to so many members every subset is scored: 4,095 of them. Above, some.
MOST_TO_ENUMERATE = 12

Masks = npt.NDArray[np.bool_]


def all_subsets(members: int) -> Masks:
    """Return every subset but the empty one: (2**members - 1, members)."""
    numbers = np.arange(1, 2**members)
    return (numbers[:, None] >> np.arange(members) & 1).astype(bool)


def best_within(
    masks: Masks,
    losses: FloatArray,
    costs: npt.NDArray[np.float64],
    budget: float | None = None,
    max_members: int | None = None,
) -> IntArray:
    """Return the indices of the members of the subset of least loss among those that are within the limits.

    Args:
        masks: (subsets, members).
        losses: (subsets,).
        costs: (members,), of which none alone is above the budget for all.
        budget: for their sum.
        max_members: how many they may be.
    """
    fits = np.ones(len(masks), dtype=bool)
    if budget is not None:
        fits &= masks @ costs <= budget * (1 + 1e-9)
    if max_members is not None:
        fits &= masks.sum(axis=1) <= max_members
    best = np.flatnonzero(fits)[np.argmin(losses[fits])]
    return np.flatnonzero(masks[best])


def candidates(true: FloatArray, shares: RowWeights, costs: npt.NDArray[np.float64]) -> Masks:
    """Return the subsets to score: all where members are few; else each alone and those that greedy searches pass.

    A search adds the member by which the loss falls most, or falls most for its cost.
    """
    count = len(true)
    if count <= MOST_TO_ENUMERATE:
        return all_subsets(count)
    found = list(np.eye(count, dtype=bool))
    for prices in (np.ones(count), costs):
        mask, total, loss = np.zeros(count, dtype=bool), np.zeros(true.shape[1]), math.inf
        while not mask.all():
            open_ones = np.flatnonzero(~mask)
            losses = np.array([mean_loss((total + true[each]) / (mask.sum() + 1), shares) for each in open_ones])
            # The first one is the best, or the best for its cost: nothing has been lost yet to be saved.
            gains = (-losses * prices[open_ones]) if math.isinf(loss) else (loss - losses) / prices[open_ones]
            best = int(np.argmax(gains))
            mask, total, loss = mask.copy(), total + true[open_ones[best]], float(losses[best])
            mask[open_ones[best]] = True
            found.append(mask)
    return np.unique(np.stack(found), axis=0)


def subset_losses(true: FloatArray, shares: RowWeights, masks: Masks) -> FloatArray:
    """Return the weighted sum over rows of -log of the mean of some members' (members, rows), for each subset."""
    means = masks / masks.sum(axis=1, keepdims=True)
    result = np.zeros(len(masks))
    # A megabyte or so at a time, which stays in the cache.
    step = max(1, 2**17 // len(masks))
    for start in range(0, true.shape[1], step):
        rows = slice(start, start + step)
        result -= np.log(np.maximum(means @ true[:, rows], CLIP)) @ shares[rows]
    return result


def mean_loss(probabilities: FloatArray, shares: RowWeights) -> float:
    """Return the weighted sum of -log of probabilities (rows,), whose weights sum to one."""
    return float(-np.log(np.maximum(probabilities, CLIP)) @ shares)
