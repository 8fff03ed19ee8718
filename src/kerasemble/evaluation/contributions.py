"""What each member brings to the plain mean, and which subsets of members are worth their cost."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, IntArray
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.analysis import Contribution, Subset
from kerasemble.solvers.folds import content_part
from kerasemble.solvers.subsets import MOST_TO_ENUMERATE, all_subsets, candidates, mean_loss, subset_losses

# Of more rows a part tells enough: the loss of a subset on 20,000 rows is known within a hundredth.
_ROWS = 20_000
# Orders of the members that are drawn, in pairs of one and its reverse; fewer where that is enough.
_MOST_PAIRS, _FEWEST_PAIRS, _ENOUGH = 500, 50, 0.02
_QUANTILE = 1.959963984540054
# Subsets that are drawn beside the front.
_SHOWN = 200


def contributions_of(
    predictions: Predictions, labels: IntArray, weights: RowWeights, costs: npt.NDArray[np.float64], seed: int
) -> tuple[tuple[Contribution, ...], bool]:
    """Return what each member brings to the plain mean in log loss, and whether it is exact.

    The value of some members is what their mean gains over knowing how frequent classes are. The Shapley value of a
    member is what it adds to those before it, the mean over all orders of the members: shares that sum to the value
    of all.

    Args:
        predictions: read by the true class's probability alone; of many rows a part.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        costs: (members,) of each, which is given beside.
        seed: of the orders, where they are drawn.

    Reference:
        Shapley 1953; sampled as Castro, Gomez and Tejada 2009, Computers and Operations Research 36(5), in antithetic
        pairs as Mitchell et al. 2022, JMLR 23.
    """
    true, shares, nothing = _true_class(predictions, labels, weights)
    count = len(true)
    everyone = mean_loss(true.mean(axis=0), shares)
    sums = true.sum(axis=0)
    # Two members are left with one.
    without = [mean_loss((sums - each) / (count - 1), shares) - everyone for each in true]
    exact = count <= MOST_TO_ENUMERATE
    shapley: FloatArray
    error: FloatArray
    if exact:
        values = nothing - np.append(nothing, subset_losses(true, shares, all_subsets(count)))
        shapley, error = _exact(values, count), np.zeros_like(values[:count])
    else:
        shapley, error = _sampled(true, shares, nothing, seed)
    half = _QUANTILE * error
    rows = zip(predictions.members, shapley, half, without, costs, strict=True)
    return tuple(
        Contribution(name, float(value), float(value - width), float(value + width), float(left_out), float(cost))
        for name, value, width, left_out, cost in rows
    ), exact


def subsets_of(
    predictions: Predictions, labels: IntArray, weights: RowWeights, costs: npt.NDArray[np.float64]
) -> tuple[Subset, ...]:
    """Return the subsets of members that none beats in cost and log loss of their mean, by cost, and some others.

    Args:
        predictions: read by the true class's probability alone; of many rows a part.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        costs: (members,) of each; that of a subset is their sum.
    """
    true, shares, _ = _true_class(predictions, labels, weights)
    masks = candidates(true, shares, costs)
    losses, prices = subset_losses(true, shares, masks), masks @ costs
    order = np.lexsort((losses, prices))
    # Better than everything that is as cheap.
    before = np.append(np.inf, np.minimum.accumulate(losses[order])[:-1])
    front = losses[order] < before
    # The others by how far they are above the front at their price.
    above = (losses[order] - before)[~front]
    others = order[~front][np.argsort(above, kind="stable")[:_SHOWN]]
    return tuple(
        Subset(
            tuple(predictions.members[index] for index in np.flatnonzero(masks[number])),
            float(losses[number]),
            float(prices[number]),
            on_front,
        )
        for numbers, on_front in ((order[front], True), (others, False))
        for number in numbers
    )


def _exact(values: FloatArray, count: int) -> FloatArray:
    """Return the Shapley values of a game, given the value of each subset by its number in binary."""
    sizes = np.array([number.bit_count() for number in range(2**count)])
    factor = np.array([1 / (count * math.comb(count - 1, size)) for size in range(count)])
    numbers, result = np.arange(2**count), np.empty(count)
    for member in range(count):
        outside = numbers[(numbers >> member & 1) == 0]
        result[member] = factor[sizes[outside]] @ (values[outside | 1 << member] - values[outside])
    return result


def _sampled(true: FloatArray, shares: RowWeights, nothing: float, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return estimates of the Shapley values and their standard errors."""
    rng, count = np.random.default_rng(seed), len(true)
    total = nothing - mean_loss(true.mean(axis=0), shares)
    found: list[FloatArray] = []
    while len(found) < _MOST_PAIRS:
        order = rng.permutation(count)
        found.append((_added(order, true, shares, nothing) + _added(order[::-1], true, shares, nothing)) / 2)
        if len(found) >= _FEWEST_PAIRS:
            error = np.std(found, axis=0, ddof=1) / math.sqrt(len(found))
            if _QUANTILE * error.max() < _ENOUGH * abs(total):
                break
    return np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / math.sqrt(len(found))


def _added(order: IntArray, true: FloatArray, shares: RowWeights, nothing: float) -> FloatArray:
    """Return what each member adds to those before it in an order."""
    means = np.cumsum(true[order], axis=0) / np.arange(1, len(order) + 1)[:, None]
    losses = -np.log(np.maximum(means, CLIP)) @ shares
    result = np.empty(len(order))
    result[order] = np.append(nothing, losses[:-1]) - losses
    return result


def _true_class(
    predictions: Predictions, labels: IntArray, weights: RowWeights
) -> tuple[npt.NDArray[np.float64], RowWeights, float]:
    """Return the true class's probability (members, rows), the rows' shares, and the loss of classes' frequencies."""
    part = _part(predictions, labels, weights)
    true = predictions.rows(part).of_true_class(labels[part]).astype(np.float64)
    shares = weights[part] / weights[part].sum()
    frequent = np.bincount(labels[part], shares, len(predictions.classes)).astype(np.float64)
    return true, shares, mean_loss(frequent[labels[part]], shares)


def _part(predictions: Predictions, labels: IntArray, weights: RowWeights) -> IntArray:
    if predictions.samples <= _ROWS:
        return np.arange(predictions.samples)
    return content_part(predictions, labels, weights, _ROWS)
