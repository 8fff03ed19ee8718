"""How right members may be at most, and whether that can be told from a blind guess."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest

from kerasemble.evaluation.chance import bounds, compared, look


def member(classes, rows_of_class, skill, seed=0):
    """Return probabilities of a member that knows something of each class, and the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(classes), rows_of_class))
    return softmax(rng.normal(size=(len(labels), classes)) + skill * np.eye(classes)[labels], axis=1), labels


@given(rows=st.integers(1, 300), data=st.data())
def test_15_2_where_classes_have_as_many_rows_the_bounds_are_those_of_clopper_and_pearson(rows, data):
    right = data.draw(st.integers(0, 2 * rows))
    exact = binomtest(right, 2 * rows).proportion_ci(0.95, method="exact")
    assert bounds(right / (2 * rows), np.repeat([0, 1], rows)) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(few=st.integers(1, 50), many=st.integers(51, 500), accuracy=st.floats(0, 1))
def test_15_2_a_class_of_few_rows_widens_the_bounds(few, many, accuracy):
    uneven = bounds(accuracy, np.repeat([0, 1], [few, many]))
    even = bounds(accuracy, np.repeat([0, 1], [many, many]))
    assert uneven[0] <= even[0] + 1e-9 <= accuracy + 2e-9
    assert uneven[1] >= even[1] - 1e-9 >= accuracy - 2e-9


@pytest.mark.parametrize(("classes", "rows"), [(2, 50), (3, 20), (10, 20), (200, 10)])
def test_63_rows_in_another_order_are_not_told_from_chance(classes, rows):
    values, labels = member(classes, rows, 3.0)
    own = compared([look(values, labels)], labels)
    assert own.told > 5
    assert own.low > own.blind + 0.1
    shuffled = compared([look(np.random.default_rng(1).permutation(values), labels)], labels)
    assert shuffled.told < 3.5
    assert shuffled.low < shuffled.blind < shuffled.highest


@pytest.mark.parametrize("classes", [3, 10, 100])
def test_63_another_order_of_classes_is_told_from_chance(classes):
    values, labels = member(classes, 20, 3.0)
    rolled = compared([look(np.roll(values, 1, axis=1), labels)], labels)
    assert rolled.above < 0
    assert rolled.informed > 5
    assert rolled.highest > rolled.blind + 0.3 > rolled.high + 0.1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_15_2_members_that_err_apart_tell_more_together_and_copies_do_not(seed):
    values, labels = member(2, 50, 0.6, seed)
    one = look(values, labels)
    assert compared([one] * 4, labels).above == pytest.approx(compared([one], labels).above)
    apart = [
        look(softmax(np.random.default_rng([seed, i]).normal(size=(100, 2)) + np.eye(2)[labels], axis=1), labels)
        for i in range(4)
    ]
    assert compared(apart, labels).above > np.mean([compared([each], labels).above for each in apart])
