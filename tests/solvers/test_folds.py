"""Folds and parts that depend on what stands in the rows alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kerasemble.core import arrays
from kerasemble.solvers.folds import content_folds, content_part


def with_classes_moved(seen, labels, order):
    values = order.argsort()[seen.values].astype(seen.values.dtype) if seen.labels_only else seen.values[..., order]
    return dataclasses.replace(seen, values=values), order.argsort()[labels]


def test_every_class_is_spread_evenly(case):
    seen, labels = case
    fold = content_folds(seen, labels, np.ones(len(labels)), 5)
    for chosen in [np.ones(len(labels), dtype=bool), *(labels == label for label in np.unique(labels))]:
        counts = np.bincount(fold[chosen], minlength=5)
        # A class may begin anywhere in the deal, and so may end one short and one over.
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_rows_keep_their_folds_in_another_order(planted, seed):
    seen, labels = planted
    even = np.ones(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    moved = content_folds(seen.rows(order), labels[order], even, 5)
    np.testing.assert_array_equal(moved, content_folds(seen, labels, even, 5)[order])


@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_rows_keep_their_folds_with_classes_in_another_order(planted, kind):
    seen, labels = planted
    if kind == "labels":
        seen = dataclasses.replace(seen, values=seen.values.argmax(axis=-1).astype(np.uint8))
    moved = with_classes_moved(seen, labels, np.random.default_rng(0).permutation(len(seen.classes)))
    even = np.ones(len(labels))
    np.testing.assert_array_equal(content_folds(*moved, even, 5), content_folds(seen, labels, even, 5))


def test_equal_rows_are_dealt_by_their_weights(planted):
    seen, labels = planted
    twins, labels = seen.rows(np.zeros(6, dtype=int)), labels[np.zeros(6, dtype=int)]
    weights = np.array([3.0, 1, 2, 6, 5, 4])
    np.testing.assert_array_equal(content_folds(twins, labels, weights, 3), [2, 0, 1, 2, 1, 0])


def test_blocks_make_no_difference(planted, monkeypatch):
    seen, labels = planted
    even = np.ones(len(labels))
    folds, part = content_folds(seen, labels, even, 5), content_part(seen, labels, even, 50)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", 100)
    np.testing.assert_array_equal(content_folds(seen, labels, even, 5), folds)
    np.testing.assert_array_equal(content_part(seen, labels, even, 50), part)


def test_a_part_is_as_large_as_asked_for_and_the_same_in_any_order(many):
    seen, labels = many
    even = np.ones(len(labels))
    part = content_part(seen, labels, even, 3000)
    assert len(np.unique(part)) == len(part) == 3000
    order = np.random.default_rng(0).permutation(len(labels))
    moved = order[content_part(seen.rows(order), labels[order], even, 3000)]
    np.testing.assert_array_equal(np.sort(moved), part)


@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_a_part_is_like_the_rest(many, kind):
    seen, labels = many
    if kind == "labels":
        seen = dataclasses.replace(seen, values=seen.values.argmax(axis=-1).astype(np.uint8))
    part = content_part(seen, labels, np.ones(len(labels)), 3000)
    right = seen.of_true_class(labels)
    # Five standard errors of a mean of 3,000 numbers between zero and one.
    np.testing.assert_allclose(right[:, part].mean(axis=1), right.mean(axis=1), atol=5 * 0.5 / np.sqrt(3000))


def test_few_rows_are_their_own_part(planted):
    seen, labels = planted
    np.testing.assert_array_equal(content_part(seen, labels, np.ones(len(labels)), 400), np.arange(400))
