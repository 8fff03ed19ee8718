"""Into which fold rows go: classes spread evenly, groups kept whole, more than once where rows are few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from kerasemble.core.errors import KerasembleError
from kerasemble.evaluation.folds import as_groups, grouped_folds, make_folds, stratified_folds


def unevenness(labels, folds):
    """Return how far the shares of classes in folds are from even: the sum of squares of what is off."""
    counts = np.array([np.bincount(labels[folds == fold], minlength=labels.max() + 1) for fold in np.unique(folds)])
    shares = counts / np.maximum(1, counts.sum(axis=0))
    return float(((shares - 1 / len(counts)) ** 2).sum())


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(2, 5))
def test_no_group_is_in_two_folds_and_no_fold_is_empty(seed, count, classes):
    rng = np.random.default_rng(seed)
    groups = np.append(np.arange(count), rng.integers(0, count + 4, 60))
    _, groups = np.unique(groups, return_inverse=True)
    labels = rng.integers(0, classes, len(groups))
    folds = grouped_folds(labels, groups, count, seed)
    assert set(folds) == set(range(count))
    for group in np.unique(groups):
        assert len(set(folds[groups == group])) == 1


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_spread_as_evenly_over_whole_groups_as_scikit_learn_spreads_them(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 1000)
    # Some patients have one disease, some another.
    labels = (rng.random(1000) < rng.beta(0.5, 0.5, 60)[groups]).astype(int) + (rng.random(1000) < 0.1)
    ours = unevenness(labels, grouped_folds(labels, groups, 5, seed))
    theirs = np.empty(1000, dtype=int)
    splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    for fold, (_, inside) in enumerate(splitter.split(labels, labels, groups)):
        theirs[inside] = fold
    assert ours <= 1.2 * unevenness(labels, theirs) + 1e-3


@pytest.mark.parametrize(("samples", "repeats", "times"), [(299, None, 3), (300, None, 1), (500, 3, 3), (20, 1, 1)])
def test_few_rows_are_divided_three_times_and_many_once_unless_it_is_said(samples, repeats, times):
    labels = np.arange(samples) % 3
    folds = make_folds(labels, None, 5, repeats, 0)
    assert folds.shape == (times, samples)
    for index, division in enumerate(folds):
        np.testing.assert_array_equal(division, stratified_folds(labels, 5, index))


def test_there_are_no_more_folds_than_groups_or_rows():
    labels = np.arange(30) % 2
    assert make_folds(labels, np.arange(30) % 3, 5, 1, 0).max() == 2
    assert make_folds(labels[:4], None, 5, 1, 0).max() == 3


def test_groups_may_be_of_any_kind_and_are_named():
    numbers, names = as_groups(["ann", "bob", "ann"], 3)
    assert numbers.tolist() == [0, 1, 0]
    assert names == ("ann", "bob")
    assert as_groups(np.array([7, 7, 3]), 3)[0].tolist() == [1, 1, 0]
    assert as_groups(np.array(["x", 3, "x"], dtype=object), 3)[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        pytest.param([1, 2], "one for each of the 3 rows", id="too-few"),
        pytest.param([1, 1, 1], r"All rows are of one group \('1'\)", id="one-group"),
        pytest.param([1.0, np.nan, 2.0], "Row 1 has no group", id="nan"),
    ],
)
def test_groups_that_cannot_be_are_refused(groups, says):
    with pytest.raises(KerasembleError, match=says):
        as_groups(groups, 3)
