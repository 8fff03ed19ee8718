"""How much rows count: by themselves, by their class, and how many rows that comes to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.utils.class_weight import compute_sample_weight

from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import effective_rows, row_weights, rows_that_count

CLASSES = ("cat", "dog", "eel")
LABELS = np.array([0, 0, 1, 2])


def test_without_weights_all_rows_count_one():
    np.testing.assert_array_equal(row_weights(LABELS, CLASSES), np.ones(4))


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=40))
def test_balanced_weights_are_scikit_learns(labels):
    found = row_weights(np.array(labels), tuple("abcde"), class_weight="balanced")
    np.testing.assert_allclose(found, compute_sample_weight("balanced", labels))


@pytest.mark.parametrize(
    ("given_weights", "each"),
    [
        ({"cat": 2, "dog": 3, "eel": 0.5}, [2, 3, 0.5]),
        ({0: 2, 1: 3, 2: 0.5}, [2, 3, 0.5]),
        (dict(zip(np.unique(LABELS), [2, 3, 0.5], strict=True)), [2, 3, 0.5]),
        ({"dog": 3}, [1, 3, 1]),
        ({1: 0, "eel": 4}, [1, 0, 4]),
        ({}, [1, 1, 1]),
    ],
    ids=["names", "indices", "numpys-indices", "one-name", "both", "none"],
)
def test_a_class_counts_what_its_name_or_index_is_given_and_one_otherwise(given_weights, each):
    found = row_weights(LABELS, CLASSES, class_weight=given_weights)
    np.testing.assert_array_equal(found, np.array(each)[LABELS])
    assert found.dtype == np.float64


@pytest.mark.parametrize("one", ["1", 1], ids=["text", "number"])
def test_classes_that_are_called_by_their_index_are_meant_either_way(one):
    np.testing.assert_array_equal(row_weights(LABELS, ("0", "1", "2"), class_weight={one: 5}), [1, 1, 5, 1])


def test_a_name_is_looked_up_before_an_index():
    np.testing.assert_array_equal(row_weights(LABELS, ("2", "1", "0"), class_weight={0: 5}), [1, 1, 1, 5])


@pytest.mark.parametrize("given_weights", [[1, 2, 3, 0], (1.0, 2.0, 3.0, 0.0), np.array([1, 2, 3, 0], dtype=np.uint8)])
def test_a_rows_own_weight_and_its_classs_are_multiplied(given_weights):
    np.testing.assert_array_equal(row_weights(LABELS, CLASSES, given_weights), [1, 2, 3, 0])
    np.testing.assert_array_equal(row_weights(LABELS, CLASSES, given_weights, {"cat": 10}), [10, 20, 3, 0])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param({"sample_weight": [1, np.nan, 1, 1]}, ["finite", "nan", "rows 1"], id="87-nan"),
        pytest.param({"sample_weight": [1, 1, np.inf, -1]}, ["finite", "inf", "rows 2, 3"], id="87-infinite"),
        pytest.param({"sample_weight": [1, -2, 1, 1]}, ["not negative", "-2", "rows 1"], id="negative"),
        pytest.param({"sample_weight": [1, 1]}, ["each of 4 rows", "(2,)"], id="too-few"),
        pytest.param({"sample_weight": np.ones((4, 1))}, ["each of 4 rows", "(4, 1)"], id="a-column"),
        pytest.param({"sample_weight": 2.0}, ["each of 4 rows", "()"], id="one-number"),
        pytest.param({"sample_weight": ["much"] * 4}, ["must be numbers", "much"], id="words"),
        pytest.param({"sample_weight": [[1], [1, 2], 3, 4]}, ["must be numbers"], id="ragged"),
        pytest.param({"sample_weight": [0, 0, 0, 0]}, ["All row weights are zero", "above zero"], id="all-zero"),
        pytest.param({"class_weight": {"cat": 0, "dog": 0, "eel": 0}}, ["All row weights are zero"], id="no-class"),
        pytest.param({"class_weight": "balance"}, ["'balanced'", "class_weight='balance'"], id="another-word"),
        pytest.param({"class_weight": {"cow": 1}}, ["'cow'", "no class", "cat, dog, eel"], id="unknown-name"),
        pytest.param({"class_weight": {3: 1}}, ["'3'", "no class", "cat, dog, eel"], id="index-too-large"),
        pytest.param({"class_weight": {-1: 1}}, ["'-1'", "no class"], id="index-below-zero"),
        pytest.param({"class_weight": {"cat": -1}}, ["'cat'", "not negative", "-1"], id="negative-class"),
        pytest.param({"class_weight": {"cat": np.nan}}, ["'cat'", "finite", "nan"], id="87-nan-class"),
        pytest.param({"class_weight": {"cat": "much"}}, ["'cat'", "much"], id="word-for-a-class"),
        pytest.param({"class_weight": [1, 2, 3]}, ["'balanced'", "class_weight=[1, 2, 3]"], id="no-mapping"),
    ],
)
def test_weights_that_cannot_be_are_refused_with_what_was_received(options, says):
    with pytest.raises(KerasembleError) as refusal:
        row_weights(LABELS, CLASSES, **options)
    for words in says:
        assert words in str(refusal.value)


def test_the_users_own_weights_are_not_written_to():
    own = np.array([1.0, 2.0, 3.0, 4.0])
    row_weights(LABELS, CLASSES, own, {"cat": 10})
    np.testing.assert_array_equal(own, [1, 2, 3, 4])


@pytest.mark.parametrize("scale", [1e-50, 1e-9, 1.0, 7.3, 1e9, 1e99])
def test_weights_keep_the_unit_that_they_are_given_in(scale):
    given_weights = scale * np.array([1.0, 0.5, 0.0, 0.25])
    np.testing.assert_array_equal(row_weights(LABELS, CLASSES, given_weights), given_weights)
    by_class = {"cat": scale, "dog": scale / 2}
    np.testing.assert_array_equal(row_weights(LABELS, CLASSES, class_weight=by_class), [scale, scale, scale / 2, 1.0])


@pytest.mark.parametrize("largest", [1.001e100, 1e200, np.finfo(np.float64).max])
def test_weights_whose_sums_could_be_infinite_keep_their_ratios_alone(largest):
    given_weights = largest * np.array([1.0, 0.5, 0.0, 0.25])
    found = row_weights(LABELS, CLASSES, given_weights)
    np.testing.assert_allclose(found / found.max(), [1.0, 0.5, 0.0, 0.25], rtol=1e-15)
    both = row_weights(LABELS, CLASSES, given_weights, {"cat": largest, "dog": largest / 4, "eel": largest / 2})
    np.testing.assert_allclose(both / both.max(), [1.0, 0.5, 0.0, 0.125], rtol=1e-15)
    for weights in (found, both):
        assert np.isfinite(weights.sum() ** 2)
        assert np.isfinite(weights @ weights)


@pytest.fixture
def seen():
    values = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 4)).astype(np.float32)
    return Predictions.from_arrays({"a": values[0], "b": values[1]}, CLASSES)


def test_the_rows_that_count_are_those_of_any_weight(seen):
    weights = np.array([2.0, 0.0, 1e-50, 0.5])
    kept, labels, left = rows_that_count(seen, LABELS, weights)
    np.testing.assert_array_equal(kept.values, seen.values[:, [0, 2, 3]])
    np.testing.assert_array_equal(labels, [0, 1, 2])
    np.testing.assert_array_equal(left, [2.0, 1e-50, 0.5])


def test_where_every_row_counts_nothing_is_copied(seen):
    weights = np.array([2.0, 1.0, 1e-50, 0.5])
    for one, other in zip(rows_that_count(seen, LABELS, weights), (seen, LABELS, weights), strict=True):
        assert one is other


WEIGHTS = arrays.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1e3)).filter(
    lambda drawn: drawn.max() > 1e-6
)


@settings(deadline=None, derandomize=True)
@given(WEIGHTS, st.sampled_from([1e-200, 1.0, 1e300]))
def test_effective_rows_are_the_square_of_the_sum_over_the_sum_of_squares_at_any_scale(weights, scale):
    expected = weights.sum() ** 2 / (weights**2).sum()
    assert effective_rows(scale * weights) == pytest.approx(expected)
    assert 1 - 1e-9 <= effective_rows(weights) <= np.count_nonzero(weights) + 1e-9


@pytest.mark.parametrize("rows", [1, 7])
def test_rows_that_count_alike_are_as_many_as_they_are_and_others_of_weight_zero_none(rows):
    assert effective_rows(np.append(np.full(rows, 0.3), [0, 0])) == pytest.approx(rows)


def test_balanced_counts_rows_as_they_are_weighted():
    labels = np.array([0, 0, 0, 1, 1, 2])
    given_weights = np.array([1.0, 1.0, 0.0, 3.0, 0.0, 2.0])
    found = row_weights(labels, CLASSES, given_weights, "balanced")
    in_all = np.bincount(labels, weights=found)
    np.testing.assert_allclose(in_all, in_all[0])
    kept = np.flatnonzero(given_weights)
    alone = row_weights(labels[kept], CLASSES, given_weights[kept], "balanced")
    np.testing.assert_allclose(found[kept] / found.sum(), alone / alone.sum())


def test_a_class_that_is_given_two_weights_is_refused():
    with pytest.raises(KerasembleError, match="gives class 'cat' two weights, by name and by index"):
        row_weights(LABELS, CLASSES, class_weight={"cat": 2, 0: 3})
