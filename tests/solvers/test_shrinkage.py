"""The strength of the pull toward the pool against the rule, worked out on the rows of each fold."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kerasemble.solvers.multinomial import (
    Features,
    loss_basis,
    pool_coefficients,
    row_losses,
    solve_multinomial,
)
from kerasemble.solvers.shrinkage import STRENGTHS, choose_strength


def by_the_rule(seen, labels, weights, fold, pools):
    """Every strength on every fold's own rows, none left out, each from the pool."""
    held_out = np.empty((len(STRENGTHS), len(labels)))
    for number, pool in enumerate(pools):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        center = pool_coefficients(pool, len(seen.classes))
        features, test = Features(seen.rows(outside)), Features(seen.rows(inside))
        rest = labels[outside], weights[outside]
        basis, rows = loss_basis(features, *rest, center), rest[1].sum() ** 2 / (rest[1] ** 2).sum()
        for index, strength in enumerate(STRENGTHS):
            at = center
            if np.isfinite(strength):
                at = solve_multinomial(features, *rest, center, strength / rows, basis=basis).weights
            held_out[index, inside] = row_losses(test, labels[inside], at)
    shares = weights / weights.sum()
    losses = held_out @ shares
    best = int(losses.argmin())
    error = np.sqrt((shares**2 * (held_out[best] - losses[best]) ** 2).sum())
    return STRENGTHS[(int(np.argmax(losses <= losses[best] + error)) + best) // 2]


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("power", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("confused", [False, True])
def test_it_is_halfway_from_as_good_as_the_best_to_the_best(planted, confused, power, uneven):
    seen, labels = planted
    labels = np.where(labels == 0, 1, labels) if confused else labels
    weights = np.random.default_rng(0).gamma(1, size=len(labels)) if uneven else np.ones(len(labels))
    fold, pools = np.arange(len(labels)) % 5, [np.full(len(seen.members), power)] * 5
    chosen = choose_strength(Features(seen), labels, weights, fold, pools)
    assert chosen == by_the_rule(seen, labels, weights, fold, pools)


def test_the_better_the_pool_the_stronger_the_pull_toward_it(planted):
    seen, labels = planted
    fold, even = np.arange(len(labels)) % 5, np.ones(len(labels))
    # The truth is a mean of members 1 and 4, which a log-linear pool of the two comes near.
    near = np.array([0, 0.5, 0, 0, 0.5, 0])
    chosen = [choose_strength(Features(seen), labels, even, fold, [factor * near] * 5) for factor in (1, -3)]
    assert chosen[0] >= 1000
    assert chosen[1] <= 100


def test_only_the_pool_is_left_where_departures_are_in_vain(planted):
    seen, labels = planted
    uniform = dataclasses.replace(seen, values=np.full_like(seen.values, 1 / len(seen.classes)))
    even = np.tile(np.arange(len(seen.classes)), len(labels) // len(seen.classes))
    fold = np.arange(len(labels)) // len(seen.classes) % 5
    pools = [np.ones(len(seen.members))] * 5
    assert choose_strength(Features(uniform), even, np.ones(len(labels)), fold, pools) == np.inf
