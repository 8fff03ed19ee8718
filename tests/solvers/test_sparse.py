"""Which members are kept: those that were planted, none that is not worth its price, nearly the best of all subsets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from kerasemble.core.arrays import CLIP
from kerasemble.solvers.brier_pool import gram, solve_brier_pool
from kerasemble.solvers.linear_pool import solve_linear_pool
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.sparse import select


def linear(seen, labels):
    true = np.maximum(seen.of_true_class(labels), CLIP)
    return lambda kept: solve_linear_pool(true[kept], np.ones(len(labels)))


def log_linear(seen, labels):
    names = np.array(seen.members)
    return lambda kept: solve_log_linear_pool(seen.only(names[kept].tolist()), labels, np.ones(len(labels)), 0.01)


def brier(seen, labels):
    products, true = gram(seen, labels, np.ones(len(labels)))
    return lambda kept: solve_brier_pool(products[np.ix_(kept, kept)], true[kept])


SOLVERS = [linear, log_linear, brier]


def total(solve, kept, prices):
    # Not the pull toward equal weights, which is another for each number of members.
    return solve(np.asarray(kept)).loss + prices[list(kept)].sum()


def best_of_all(solve, prices, most):
    """Return the least loss plus prices of any subset of one to `most` members."""
    sizes = range(1, most + 1)
    return min(total(solve, kept, prices) for size in sizes for kept in combinations(range(len(prices)), size))


@pytest.mark.parametrize("make", SOLVERS)
def test_members_of_which_the_truth_is_made_are_found(planted, make):
    np.testing.assert_array_equal(select(make(*planted), np.zeros(6), 2), [1, 4])


@pytest.mark.parametrize("make", SOLVERS)
@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("price", [0.0, 0.01])
def test_the_total_is_nearly_the_best_of_all_subsets(case, make, most, price):
    seen, labels = case
    seen = seen.only(seen.members[:6])
    solve, prices = make(seen, labels), np.full(len(seen.members), price)
    kept = select(solve, prices, most)
    assert len(kept) <= most
    assert (np.diff(kept) > 0).all()
    best = best_of_all(solve, prices, min(most, len(seen.members)))
    # 5 %: forward selection may take a member that it would not have taken with a later one.
    assert best - 1e-12 <= total(solve, kept, prices) <= 1.05 * best + 1e-6


@pytest.mark.parametrize("make", SOLVERS)
def test_no_member_is_added_that_saves_less_than_its_price(planted, make):
    solve = make(*planted)
    saved = solve(np.array([1])).loss - solve(np.array([1, 4])).loss
    alone = np.argmin([solve(np.array([member])).loss for member in range(6)])
    np.testing.assert_array_equal(select(solve, np.full(6, 1.0), 6), [alone])
    cheap, dear = (len(select(solve, np.full(6, share * saved), 6)) for share in (0.5, 2.0))
    assert (cheap, dear) == (2, 1)


def test_a_member_that_is_dear_gives_way_to_a_cheaper_one_that_is_nearly_as_good(planted):
    prices = np.zeros(6)
    prices[4] = 1.0
    kept = select(linear(*planted), prices, 2)
    assert 1 in kept
    assert 4 not in kept


def test_one_member_at_least_is_kept_whatever_it_costs(planted):
    assert len(select(linear(*planted), np.full(6, 1e9), 6)) == 1


@pytest.mark.parametrize("most", [1, 2])
def test_shrinkage_does_not_speak_for_or_against_a_member(most):
    def shrunk(kept):
        # Each member lowers the loss, and raises what is minimised.
        loss, penalty = 1.0 - 0.1 * len(kept), float(len(kept))
        return Solution(np.ones(len(kept)), 0.0, (loss + penalty,), np.eye(len(kept)), penalty)

    assert len(select(shrunk, np.zeros(3), most)) == most


@pytest.mark.parametrize("most", [1, 3, 6, 100])
def test_no_more_are_kept_than_may_be(most):
    def each_saves_one(kept):
        return Solution(np.ones(len(kept)), 0.0, (-float(len(kept)),), np.eye(len(kept)))

    assert len(select(each_saves_one, np.zeros(6), most)) == min(most, 6)


def test_the_solver_is_asked_for_ascending_indices_once_for_each_candidate(planted):
    asked, solve = [], linear(*planted)

    def remembered(kept):
        asked.append(tuple(kept.tolist()))
        return solve(kept)

    select(remembered, np.zeros(6), 2)
    assert len(asked) == len(set(asked)) == 6 + 5
    assert all(list(each) == sorted(each) for each in asked)


def test_members_that_may_not_be_kept_together_are_not():
    losses = {(0,): 3.0, (1,): 2.0, (2,): 2.5, (0, 1): 0.5, (1, 2): 1.0, (0, 2): 0.7, (0, 1, 2): 0.1}

    def solve(kept):
        return Solution(np.zeros(len(kept)), 0.0, (losses[tuple(kept.tolist())],), np.empty((0, 0)))

    costs = np.array([2.0, 1.0, 1.0])
    kept = select(solve, np.zeros(3), 3, within=lambda tried: costs[tried].sum() <= 2)
    assert kept.tolist() == [1, 2]
    assert select(solve, np.zeros(3), 3, among=np.array([0, 2])).tolist() == [0, 2]
    assert select(solve, np.zeros(3), 3).tolist() == [0, 1, 2]
