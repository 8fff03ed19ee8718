"""Another order of classes is found where it is certain, and never where the member is read rightly."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from kerasemble.evaluation.class_order import (
    find_background,
    find_class_order,
    hits_in_order,
    hits_without_background,
    least_accuracy,
)


def member(classes, rows_of_class, skill, seed=0, columns=None):
    """Return probabilities of a member that knows something of each class, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), rows_of_class))
    logits = rng.standard_normal((len(labels), columns or classes), dtype=np.float32)
    logits[np.arange(len(labels)), labels] += skill
    return softmax(logits, axis=1), labels


classes_and_seeds = given(classes=st.integers(3, 60), seed=st.integers(0, 10**6))


@settings(max_examples=25, deadline=None)
@classes_and_seeds
def test_28_any_order_of_a_good_members_classes_is_recovered(classes, seed):
    values, labels = member(classes, 20, 4.0, seed)
    shown = np.random.default_rng(seed + 1).permutation(classes)
    found = find_class_order(values[:, shown], labels)
    if (shown == np.arange(classes)).all():
        assert found is None
    else:
        assert found.order == tuple(np.argsort(shown))
        assert found.moved == (shown != np.arange(classes)).sum()
        assert found.after == pytest.approx((values.argmax(axis=1) == labels).mean())
        assert found.before == pytest.approx((values[:, shown].argmax(axis=1) == labels).mean())


@settings(max_examples=25, deadline=None)
@given(
    classes=st.integers(2, 60),
    seed=st.integers(0, 10**6),
    skill=st.floats(1.0, 5.0),
    rows=st.integers(2, 30),
)
def test_28_no_order_is_proposed_for_a_member_that_is_read_rightly(classes, seed, skill, rows):
    assert find_class_order(*member(classes, rows, skill, seed)) is None


@settings(max_examples=25, deadline=None)
@given(classes=st.integers(2, 60), seed=st.integers(0, 10**6), rows=st.integers(2, 30))
def test_28_no_order_is_proposed_for_a_member_that_knows_nothing(classes, seed, rows):
    values, labels = member(classes, rows, 0.0, seed)
    assert find_class_order(values, labels) is None


@pytest.mark.parametrize("classes", [2, 3, 10, 200, 1000])
def test_28_few_and_many_classes_are_put_in_order_and_left_in_order(classes):
    values, labels = member(classes, 20 if classes < 1000 else 16, 5.0)
    shown = np.roll(np.arange(classes), 1)
    assert find_class_order(values, labels) is None
    assert find_class_order(values[:, shown], labels).order == tuple(np.argsort(shown))


@pytest.mark.parametrize("classes", [3, 10, 300])
def test_28_two_classes_that_were_swapped_are_found_and_no_others_moved(classes):
    values, labels = member(classes, 20, 4.0)
    shown = np.arange(classes)
    shown[[0, classes - 1]] = classes - 1, 0
    found = find_class_order(values[:, shown], labels)
    assert (found.order, found.moved) == (tuple(shown), 2)
    assert found.before > 0.2


def test_28_two_classes_in_unequal_shares_are_reversed():
    values, labels = member(2, 40, 3.0)
    rows = np.append(np.flatnonzero(labels == 0)[:12], np.flatnonzero(labels == 1))
    found = find_class_order(values[rows][:, ::-1], labels[rows])
    assert found.order == (1, 0)
    assert found.before == pytest.approx(1 - found.after)


def test_28_members_that_give_labels_only_are_put_in_order():
    values, labels = member(10, 20, 4.0)
    shown = np.random.default_rng(1).permutation(10)
    votes = np.eye(10, dtype=np.float32)[values[:, shown].argmax(axis=1)]
    assert find_class_order(votes, labels).order == tuple(np.argsort(shown))


def test_28_where_a_class_has_no_rows_the_others_are_put_in_order():
    values, labels = member(10, 20, 4.0)
    rows = labels != 7
    shown = np.roll(np.arange(10), 3)
    found = find_class_order(values[rows][:, shown], labels[rows])
    assert found.order == tuple(np.argsort(shown))


@pytest.mark.parametrize("seed", range(10))
def test_28_a_network_that_was_never_trained_is_not_put_in_order(seed):
    with (files("kerasemble") / "demo" / "valid.npz").open("rb") as file, np.load(file) as data:
        x, labels = data["x"].reshape(len(data["y"]), -1) / 16, data["y"]
    rng = np.random.default_rng(seed)
    hidden = np.maximum(x @ rng.normal(0, 0.2, (x.shape[1], 32)), 0)
    assert find_class_order(softmax(hidden @ rng.normal(0, 0.3, (32, 10)), axis=1), labels) is None


def test_28_what_is_asked_of_an_order_falls_with_the_number_of_classes():
    asked = [least_accuracy(classes) for classes in (2, 3, 10, 1000)]
    assert asked == sorted(asked, reverse=True)
    assert asked[0] == 0.7


@settings(max_examples=20, deadline=None)
@given(classes=st.integers(3, 40), seed=st.integers(0, 10**6), data=st.data())
def test_29_the_column_that_is_no_class_is_found_wherever_it_is(classes, seed, data):
    values, labels = member(classes, 20, 4.0, seed, columns=classes + 1)
    column = data.draw(st.integers(0, classes))
    order = np.insert(np.arange(classes), column, classes)
    assert find_background(values[:, order], labels, classes) == column


def test_29_no_column_is_named_where_the_classes_are_in_another_order_too():
    values, labels = member(10, 20, 4.0, columns=11)
    assert find_background(values[:, ::-1], labels, 10) is None


def test_29_no_column_is_named_where_two_may_be_meant():
    values, labels = member(10, 20, 4.0, columns=11)
    # The member's class 3 is not to be told from the background, which stands beside it.
    order = [0, 1, 2, 3, 10, 4, 5, 6, 7, 8, 9]
    alike = values[:, order]
    alike[:, 4] = alike[:, 3]
    assert find_background(alike, labels, 10) is None


@settings(max_examples=20, deadline=None)
@classes_and_seeds
def test_15_1_the_order_that_one_half_of_the_rows_speaks_for_is_judged_on_the_other(classes, seed):
    values, labels = member(classes, 20, 4.0, seed)
    shown = np.random.default_rng(seed + 1).permutation(classes)
    own = (values.argmax(axis=1) == labels).mean()
    assert hits_in_order(values[:, shown], labels).mean() > own - 0.1
    # What knows nothing is right as often as a blind guess on rows that its order was not found on.
    blind = np.random.default_rng(seed + 2).permutation(labels)
    assert hits_in_order(values, blind).mean() < 1 / classes + 4 * np.sqrt(1 / classes / len(labels))


def test_15_1_a_background_that_one_half_of_the_rows_speaks_for_is_judged_on_the_other():
    values, labels = member(10, 20, 4.0, columns=11)
    order = np.insert(np.arange(10), 3, 10)
    assert hits_without_background(values[:, order], labels, 10).mean() > 0.9
    assert hits_without_background(values[:, order], np.random.default_rng(0).permutation(labels), 10).mean() < 0.25
