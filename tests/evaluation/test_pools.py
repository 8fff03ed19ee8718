"""Which members are kept within a budget: by the weights that they will have, and by no row that is unseen."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.budget import Budget, Priced
from kerasemble.evaluation.folds import stratified_folds
from kerasemble.evaluation.pools import pool_within
from kerasemble.evaluation.scored import Rows


def rows_of(seen, labels):
    return Rows(seen, labels, np.ones(len(labels)), None, np.arange(len(labels)))


def alike(members):
    return Priced(np.ones(len(members)), "members")


def too_sure(make_members, samples=600):
    """Two good members, of which one is too sure, which weights mend and a plain mean does not, and a poor one."""
    seen, labels = make_members(samples, skills=(1.9, 1.9, 1.0))
    a, b, c = seen.values.astype(np.float64)
    sure = b**6 / (b**6).sum(axis=1, keepdims=True)
    return Predictions.from_arrays({"a": a, "sure": sure, "poor": c}), labels


def test_where_all_members_are_within_the_limits_none_is_picked(seen, labels):
    rows = rows_of(seen, labels)
    assert pool_within(Budget(), alike(seen.members), rows, None) is None
    assert pool_within(Budget(members=3), alike(seen.members), rows, None) is None
    assert pool_within(Budget(cost=3.0), alike(seen.members), rows, None) is None


def test_members_are_picked_for_a_combination_with_weights(make_members):
    seen, labels = too_sure(make_members)
    kept = pool_within(Budget(members=2), alike(seen.members), rows_of(seen, labels), None)(())
    pairs = [("a", "sure"), ("a", "poor"), ("sure", "poor")]

    def fitted(pair):
        part = seen.only(pair)
        answers = ke.WeightedGeometricAverage().fit(part, labels)(part)
        return -np.log(answers[np.arange(600), labels]).mean()

    assert kept == min(pairs, key=fitted) == ("a", "sure")


def test_no_unseen_row_decides_what_is_kept(make_members):
    seen, labels = make_members(300, skills=(1.5, 1.5, 1.5, 1.5))
    folds = stratified_folds(labels, 5, 0)
    inside = np.isin(folds, (1, 3))
    changed = np.where(inside, (labels + 1) % 3, labels)
    values = seen.values.copy()
    values[:2, inside] = 1 / 3
    others = Predictions.from_arrays(dict(zip(seen.members, values, strict=True)))
    limit, price = Budget(members=2), alike(seen.members)
    one = pool_within(limit, price, rows_of(seen, labels), folds)
    other = pool_within(limit, price, rows_of(others, changed), folds)
    assert one((1, 3)) == other((1, 3))


@pytest.mark.parametrize("cost", [1.0, 2.5, 4.0])
def test_what_is_kept_costs_no_more_than_the_budget(make_members, cost):
    seen, labels = make_members(300, skills=(1.9, 1.5, 1.7, 1.2, 1.8))
    price = Priced(np.array([3.0, 1.0, 1.5, 0.5, 2.0]), "ms a row")
    kept = pool_within(Budget(cost), price, rows_of(seen, labels), None)(())
    assert price.costs[seen.positions(kept)].sum() <= cost
    assert kept


def test_of_many_members_those_of_the_most_weight_are_tried(make_members):
    rng = np.random.default_rng(0)
    seen, labels = make_members(400, skills=(1.9, 1.9, 1.9))
    noise = {f"n{index}": rng.dirichlet(np.ones(3), size=400) for index in range(15)}
    many = Predictions.from_arrays({**noise, **dict(zip(seen.members, seen.values, strict=True))})
    kept = pool_within(Budget(members=3), alike(many.members), rows_of(many, labels), None)(())
    assert kept == ("a", "b", "c")


def test_members_that_give_labels_only_are_picked_by_their_mean(seen, labels):
    votes = Predictions.from_labels(dict(zip("abc", seen.values.argmax(axis=-1), strict=True)), classes=3)
    kept = pool_within(Budget(members=1), alike(votes.members), rows_of(votes, labels), None)(())
    errors = [(values != labels).mean() for values in votes.values]
    assert kept == ("abc"[int(np.argmin(errors))],)
