"""Columns are matched by class name, or not at all."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kerasemble as ke
from kerasemble.members.classes import align_classes

ABC = ("a", "b", "c")


def members(*classes):
    source = SimpleNamespace(name="net", predict=None, weights=())
    return [ke.Member(source, name=f"m{index}", classes=names) for index, names in enumerate(classes)]


def align(*classes, wanted=None, widths=None):
    return align_classes(members(*classes), widths or [3] * len(classes), wanted)


@given(st.permutations("abcde"), st.permutations("abcde"), st.permutations("abcde"))
def test_columns_are_found_by_name(one, other, wanted):
    chosen, orders, ordered = align(one, other, wanted=wanted, widths=[5, 5])
    assert chosen == tuple(wanted)
    assert ordered
    for names, order in zip((one, other), orders, strict=True):
        # A row of the member's own names, taken in that order, reads as the names wanted.
        assert np.array(names)[list(order)].tolist() == wanted


def test_members_that_agree_say_the_order():
    assert align([*"cab"], [*"cab"]) == (("c", "a", "b"), ((0, 1, 2), (0, 1, 2)), True)


def test_where_members_disagree_the_first_gives_the_order_and_nobody_stated_it():
    assert align([*"cab"], [*"abc"]) == (("c", "a", "b"), ((0, 1, 2), (2, 0, 1)), False)


def test_members_without_names_have_numbers_for_names():
    assert align(None, None) == (("0", "1", "2"), ((0, 1, 2),) * 2, True)


@pytest.mark.parametrize("numbers", [("0", "1", "2"), (0, 1, 2)])
def test_numbers_in_order_are_no_names(numbers):
    assert align(numbers, None) == (("0", "1", "2"), ((0, 1, 2),) * 2, True)


def test_members_without_names_follow_the_order_that_was_given():
    assert align([*"cab"], None, wanted=[*"abc"]) == (ABC, ((1, 2, 0), (0, 1, 2)), True)


def test_23_different_numbers_of_classes_are_an_error_with_a_table_of_members():
    with pytest.raises(ke.KerasembleError, match="'m0' 3, 'm1' 4, 'm2' 3"):
        align(None, None, None, widths=[3, 4, 3])


def test_different_sets_of_classes_are_an_error_that_shows_both():
    with pytest.raises(ke.KerasembleError, match=r"'m1' .*lacks c and has d.*are d, b, a; the others' a, b, c"):
        align([*"abc"], [*"dba"])


def test_126_as_many_names_as_columns():
    with pytest.raises(ke.KerasembleError, match=r"'m1' answers over 3 classes, but 2 names were given: a, b"):
        align([*"abc"], [*"ab"])


def test_126_as_many_names_given_as_classes():
    with pytest.raises(ke.KerasembleError, match=r"2 class names \(a, b\) for 3 classes"):
        align(None, None, wanted=[*"ab"])


def test_members_with_and_without_names_cannot_be_matched():
    with pytest.raises(ke.KerasembleError, match=r"'m1' names its classes and m0, m2 do not.*classes=\[...\]"):
        align(None, [*"abc"], None)


def test_numbers_in_another_order_are_names():
    with pytest.raises(ke.KerasembleError, match="names its classes"):
        align(("2", "1", "0"), None)
