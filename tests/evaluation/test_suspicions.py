"""What looks wrong is said, by number; what does not is not."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.codes import Code
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation import suspicions as looked_at


def suspicions(seen, labels=None):
    return tuple(str(finding) for finding in looked_at.suspicions(seen, labels))


def findings(seen, labels=None):
    return {(finding.code, finding.member): finding for finding in looked_at.suspicions(seen, labels)}


def changed(seen, **arrays):
    kept = dict(zip(seen.members, seen.values, strict=True))
    return Predictions.from_arrays({**kept, **arrays})


def test_good_members_and_labels_raise_no_suspicion(seen, labels):
    assert suspicions(seen, labels) == ()


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        pytest.param(
            lambda seen: changed(seen, d=seen.values[0]),
            ["'a' and 'd' give identical predictions", "counts twice", "Leave one out"],
            id="30-duplicate",
        ),
        pytest.param(
            lambda seen: changed(seen, b=np.tile([0.2, 0.3, 0.5], (600, 1))),
            ["'b' gives the same answer for all 600 rows", "trained"],
            id="31-constant",
        ),
    ],
)
def test_members_that_look_wrong_are_named_with_or_without_labels(seen, labels, alter, says):
    for given in (None, labels):
        (sentence,) = suspicions(alter(seen), given)
        for words in says:
            assert words in sentence


@pytest.mark.parametrize("shift", [pytest.param(-1, id="54-minus-one"), pytest.param(1, id="54-plus-one")])
def test_shifted_labels_are_noticed_with_the_shift_that_mends_them(seen, labels, shift):
    (sentence,) = suspicions(seen, (labels - shift) % 3)
    assert f"(y {'+' if shift > 0 else '-'} 1) % 3 raises the members' accuracy" in sentence
    assert "label 0 means the first class" in sentence


@pytest.mark.parametrize("members", [["a"], ["a", "b", "c"]], ids=len)
def test_63_and_15_2_random_labels_have_nothing_to_do_with_the_members_only_where_the_bound_says_so(
    make_members, members
):
    many, labels = make_members(20_000)
    wrong = np.random.default_rng(9).permutation(labels)
    (finding,) = looked_at.suspicions(many.only(members), wrong)
    assert (finding.code, finding.member, finding.level) == (Code.LABELS_UNRELATED, None, "warning")
    assert finding.figures["rows"] == 20_000
    assert finding.figures["chance"] == pytest.approx(1 / 3, abs=0.01)
    assert finding.figures["accuracy"] < finding.figures["highest"] < finding.figures["chance"] + 0.05
    (few,) = looked_at.suspicions(many.only(members).rows(slice(500)), wrong[:500])
    assert few.code in (Code.LABELS_NEAR_CHANCE, Code.LABELS_UNRELATED)
    assert (few.code == Code.LABELS_UNRELATED) == (few.figures["highest"] < few.figures["chance"] + 0.05)


@pytest.mark.parametrize("shift", [-1, 1])
def test_54_where_the_labels_are_shifted_no_member_is_said_to_have_its_classes_in_another_order(seen, labels, shift):
    assert list(findings(seen, (labels - shift) % 3)) == [(Code.LABELS_SHIFTED, None)]


@pytest.mark.parametrize("kind", ["probabilities", "labels only"])
@pytest.mark.parametrize("order", [[1, 0, 2], [2, 1, 0], [1, 2, 0]], ids=str)
def test_28_a_member_with_its_classes_in_another_order_gets_their_names_in_that_order(seen, labels, order, kind):
    other = seen.values[1][:, order]
    wrong = changed(seen, b=other) if kind == "probabilities" else votes_of(seen, b=other.argmax(axis=1))
    (finding,) = looked_at.suspicions(dataclasses.replace(wrong, classes=("x", "y", "z")), labels)
    assert (finding.code, finding.member, finding.level) == (Code.CLASS_ORDER, "b", "proposal")
    assert finding.options == {"classes": ["xyz"[index] for index in order]}
    names = ", ".join(repr(name) for name in finding.options["classes"])
    assert f"classes=[{names}]" in finding.remedy
    assert f"{sum(order[i] != i for i in range(3))} of 3 are elsewhere" in finding.evidence


def test_28_an_order_is_told_in_the_members_own_columns_where_they_were_put_in_order_once(seen, labels):
    own = [2, 0, 1]  # what each of the member's columns is
    stated = [1, 0, 2]  # what the user said of them
    read = [stated.index(place) for place in range(3)]
    columns = seen.values[1][:, own]
    readings = [Reading("probabilities", 3, tuple(order)) for order in ([0, 1, 2], read, [0, 1, 2])]
    wrong = changed(seen, b=columns[:, read])
    wrong = dataclasses.replace(wrong, alignment=Alignment(InputSpec((4,)), tuple(readings)), classes=("x", "y", "z"))
    assert findings(wrong, labels)[Code.CLASS_ORDER, "b"].options == {"classes": ["xyz"[index] for index in own]}


def test_28_the_members_own_columns_may_be_more_than_the_classes(seen, labels):
    # Its columns are y, nothing, x, z, and the user named them x, nothing, y, z.
    readings = [Reading("probabilities", 3, (0, 1, 2))] * 3
    readings[1] = Reading("probabilities", 4, (0, 2, 3))
    wrong = changed(seen, b=seen.values[1][:, [1, 0, 2]])
    wrong = dataclasses.replace(wrong, alignment=Alignment(InputSpec((4,)), tuple(readings)), classes=("x", "y", "z"))
    assert findings(wrong, labels)[Code.CLASS_ORDER, "b"].options == {"classes": ["y", "x", "z"]}


@pytest.mark.parametrize(("rows", "code"), [(20_000, Code.UNRELATED), (150, Code.NEAR_CHANCE)])
def test_39_a_member_whose_rows_are_in_another_order_is_named(make_members, rows, code):
    many, labels = make_members(20_000)
    many, labels = many.rows(slice(rows)), labels[:rows]
    wrong = changed(many, b=np.random.default_rng(0).permutation(many.values[1]))
    (finding,) = looked_at.suspicions(wrong, labels)
    assert (finding.code, finding.member, finding.level) == (code, "b", "warning")
    right = (many.values[0].argmax(axis=1) == labels).mean()
    assert finding.figures["best"] > right - 0.05
    assert finding.figures["accuracy"] < 0.45


def test_39_of_few_rows_no_single_member_is_called_shuffled(seen, labels):
    wrong = changed(seen, b=np.random.default_rng(0).permutation(seen.values[1]))
    assert suspicions(wrong.rows(slice(99)), labels[:99]) == ()


def test_a_constant_member_is_not_called_shuffled_too(seen, labels):
    assert list(findings(changed(seen, b=np.tile([0.2, 0.3, 0.5], (600, 1))), labels)) == [(Code.CONSTANT, "b")]


def test_a_member_that_is_no_better_than_chance_and_yet_knows_something_is_named(seen, labels):
    # Right in 30 % of the rows; with the classes rotated in half of them, which a network without training may reach.
    answers = (labels + np.random.default_rng(0).choice(3, 600, p=[0.3, 0.5, 0.2])) % 3
    (finding,) = looked_at.suspicions(changed(seen, b=np.eye(3)[answers] * 0.4 + 0.2), labels)
    assert (finding.code, finding.member, finding.level) == (Code.BELOW_CHANCE, "b", "warning")


@pytest.mark.parametrize(
    ("kept", "says"),
    [
        pytest.param([0, 2], "No row is labelled 1: the scores say nothing about it.", id="61-one-class"),
        pytest.param([1], "No row is labelled 0, 2: the scores say nothing about them.", id="61-two-classes"),
    ],
)
def test_classes_without_a_row_are_named(seen, labels, kept, says):
    rows = np.flatnonzero(np.isin(labels, kept))
    assert says in suspicions(seen.rows(rows), labels[rows])


@pytest.mark.parametrize(("others", "warned"), [(2, True), (40, False), (0, False)])
def test_62_that_nearly_all_rows_are_of_one_class_is_said_with_the_metric_to_look_at(seen, labels, others, warned):
    rows = np.concatenate([np.flatnonzero(labels == 1)[:100], np.flatnonzero(labels != 1)[:others]])
    said = [
        str(each) for each in looked_at.suspicions(seen.rows(rows), labels[rows]) if each.code == Code.UNEVEN_CLASSES
    ]
    assert len(said) == warned
    if warned:
        assert said[0].startswith("98.0% of the rows are labelled 1,")
        assert "balanced accuracy" in said[0]
        assert "class_weight='balanced'" in said[0]


def test_a_duplicate_in_all_but_one_row_is_none(seen):
    nearly = seen.values[0].copy()
    nearly[-1] = nearly[-1, ::-1]
    assert suspicions(changed(seen, d=nearly)) == ()


def sure(seen, labels, mistakes):
    """Return predictions of a member "c" that is wrong in so many rows, beside the two others."""
    wrong = (np.arange(len(labels)) < mistakes).astype(int)
    return changed(seen, c=np.eye(3)[(labels + wrong) % 3] * 0.97 + 0.01)


@pytest.mark.parametrize("mistakes", [0, 3, 8])
def test_79_a_member_that_makes_next_to_no_mistakes_where_others_do_may_have_been_trained_on_the_rows(
    seen, labels, mistakes
):
    (sentence,) = suspicions(sure(seen, labels, mistakes), labels)
    others = min((values.argmax(axis=1) != labels).sum() for values in seen.values[:2])
    assert sentence == (
        f"Member 'c' is wrong in {mistakes} of 600 rows, the next best in {others}: was it trained on these rows? "
        "What is fitted to them then trusts it too much."
    )


def certain(seen, labels, sure):
    """Return predictions of a member "c" that is hardly ever wrong and so sure, beside the two others."""
    return changed(seen, c=np.eye(3)[labels] * sure + (1 - sure) / 3)


def test_79_a_member_with_next_to_no_log_loss_where_others_have_may_have_been_trained_on_the_rows(seen, labels):
    rows = slice(100)
    assert (seen.values[:2, rows].argmax(axis=-1) != labels[rows]).sum(axis=1).min() < 20
    (finding,) = looked_at.suspicions(certain(seen, labels, 0.999).rows(rows), labels[rows])
    assert (finding.code, finding.member) == (Code.TRAINED_ON, "c")
    assert re.search(r"has a log loss of 0.00067 over 100 rows, the next best of 0\.\d+: was it trained", str(finding))
    assert suspicions(certain(seen, labels, 0.9).rows(rows), labels[rows]) == ()


def test_79_members_that_are_wrong_in_a_third_of_the_rows_are_no_measure(make_members):
    poor, labels = make_members(600, skills=(0.7, 0.8, 0.9))
    assert (poor.values[:2].argmax(axis=-1) != labels).mean(axis=1).min() > 1 / 3
    assert suspicions(certain(poor, labels, 0.999), labels) == ()


def test_a_member_that_is_only_better_is_not_suspected(seen, labels):
    assert suspicions(sure(seen, labels, 12), labels) == ()


def test_among_few_mistakes_a_member_without_any_is_not_suspected(seen, labels):
    some = certain(seen, labels, 0.9)
    rows = np.flatnonzero((some.values.argmax(axis=-1) == labels).all(axis=0))
    few = np.append(rows, np.flatnonzero((some.values[:2].argmax(axis=-1) != labels).all(axis=0))[:19])
    assert suspicions(some.rows(few), labels[few]) == ()


@pytest.mark.parametrize("members", [["c"], ["a", "c"], ["c", "b"]], ids=str)
def test_below_three_members_none_is_suspected_of_having_been_trained_on_the_rows(seen, labels, members):
    assert suspicions(sure(seen, labels, 0).only(members), labels) == ()
    assert suspicions(sure(seen, labels, 0), labels) != ()


def votes_of(seen, **arrays):
    votes = dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True))
    return Predictions.from_labels({**votes, **arrays}, classes=3)


def test_members_that_give_labels_only_raise_no_suspicion(seen, labels):
    assert suspicions(votes_of(seen), labels) == ()


def test_members_that_give_labels_only_are_suspected_as_others_are(seen, labels):
    votes = seen.values.argmax(axis=-1)
    (duplicate,) = suspicions(votes_of(seen, d=votes[0]), labels)
    assert "'a' and 'd' give identical predictions" in duplicate
    (constant,) = suspicions(votes_of(seen, b=np.full(600, 2)), labels)
    assert "'b' gives the same answer for all 600 rows" in constant
    (shifted,) = suspicions(votes_of(seen), (labels + 1) % 3)
    assert "(y - 1) % 3 raises" in shifted
    (trained,) = suspicions(votes_of(seen, c=labels), labels)
    assert "'c' is wrong in 0 of 600 rows" in trained


@pytest.mark.parametrize(("rows", "found"), [(99, 0), (100, 1)])
def test_few_rows_are_no_evidence_that_members_that_give_labels_only_are_one(seen, rows, found):
    votes = seen.values.argmax(axis=-1)
    assert len(suspicions(votes_of(seen, d=votes[0]).rows(slice(rows)))) == found


def test_one_row_is_no_evidence_of_duplicates_or_constants(seen):
    assert suspicions(changed(seen, d=seen.values[0]).rows(slice(1))) == ()


@pytest.mark.parametrize("members", [1, 4])
@pytest.mark.parametrize(("rows", "skill"), [(40, 0.8), (100, 0.7), (100, 0.5), (150, 0.5)])
def test_15_2_honest_weak_members_are_not_accused(make_members, rows, skill, members):
    codes = Counter()
    for seed in range(100):
        seen, labels = make_members(rows, skills=(skill,) * members, classes=2, seed=seed)
        found = looked_at.suspicions(seen, labels)
        codes.update({finding.code for finding in found})
        for finding in found:
            # Whatever is said, the bound and not the wording allows it.
            assert finding.code in (Code.NEAR_CHANCE, Code.LABELS_NEAR_CHANCE)
            assert finding.figures["rows"] == rows
            assert finding.figures["highest"] >= finding.figures["chance"] + 0.05
    assert codes.total() <= 60


@pytest.mark.parametrize("members", [1, 4])
def test_15_2_members_are_not_said_to_be_near_chance_on_three_rows_of_a_class(make_members, members):
    for seed in range(20):
        seen, labels = make_members(1000, skills=(2.0,) * members, classes=2, seed=seed)
        rows = np.concatenate([np.flatnonzero(labels == 0)[:137], np.flatnonzero(labels == 1)[:3]])
        found = {finding.code for finding in looked_at.suspicions(seen.rows(rows), labels[rows])}
        assert not found & {Code.NEAR_CHANCE, Code.LABELS_NEAR_CHANCE}


@pytest.mark.parametrize(("classes", "rows"), [(2, 500), (3, 500), (10, 500), (20, 2000)])
@pytest.mark.parametrize("members", [1, 4])
def test_15_2_shuffled_labels_on_500_rows_or_more_are_noticed(make_members, classes, rows, members):
    for seed in range(25):
        seen, labels = make_members(rows, skills=(3.0,) * members, classes=classes, seed=seed)
        (finding,) = looked_at.suspicions(seen, np.random.default_rng(seed).permutation(labels))
        assert finding.code in (Code.LABELS_UNRELATED, Code.LABELS_NEAR_CHANCE)
        assert (finding.member, finding.options) == (None, {})


def test_15_2_one_member_that_knows_something_beside_many_that_know_nothing_is_no_sign_of_shuffled_labels(make_members):
    seen, labels = make_members(600, skills=(1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), classes=2)
    found = looked_at.suspicions(seen, labels)
    assert not {Code.LABELS_UNRELATED, Code.LABELS_NEAR_CHANCE} & {finding.code for finding in found}
    assert "a" not in {finding.member for finding in found}
    assert {"b", "c", "d"} <= {finding.member for finding in found}


def in_order(seen, order, wrong):
    """Return predictions of which those members have their columns in this order."""
    return changed(seen, **{name: seen.values[seen.members.index(name)][:, list(order)] for name in wrong})


NOT_SHIFTED = [order for order in permutations(range(4)) if order not in ((0, 1, 2, 3), (1, 2, 3, 0), (3, 0, 1, 2))]


@pytest.mark.parametrize("wrong", ["a", "ab", "abc"])
@pytest.mark.parametrize("kept", ["a", "ab", "abc", "abcd"])
def test_15_1_an_order_that_members_share_is_proposed_as_it_is(make_members, kept, wrong):
    if not set(wrong) <= set(kept):
        pytest.skip("no such members")
    seen, labels = make_members(400, skills=(2.0, 2.1, 2.2, 2.3), classes=4)
    for order in NOT_SHIFTED:
        expected = {name: [str(place) for place in order] for name in wrong}
        for named in (True, False):
            found = looked_at.suspicions(in_order(seen.only(list(kept)), order, wrong), labels, named=named)
            assert {finding.member: finding.options["classes"] for finding in found} == expected
            assert all(finding.figures["held_out"] > finding.figures["before"] for finding in found)


@pytest.mark.parametrize("classes", [3, 5, 10])
@pytest.mark.parametrize("shift", [-1, 1])
def test_15_1_labels_by_name_are_never_shifted_and_indices_only_where_no_member_is_right(make_members, classes, shift):
    seen, labels = make_members(600, skills=(3.0, 3.1, 3.2), classes=classes)
    order = np.roll(np.arange(classes), shift)
    every = in_order(seen, order, "abc")
    found = looked_at.suspicions(every, labels, named=True)
    assert {(f.code, f.member) for f in found} == {(Code.CLASS_ORDER, name) for name in "abc"}
    (shifted,) = looked_at.suspicions(every, labels)
    assert (shifted.code, shifted.member, shifted.options) == (Code.LABELS_SHIFTED, None, {})
    assert shifted.figures["shift"] in (-1, 1)
    assert shifted.figures["held_out"] > shifted.figures["before"] + 0.1
    some = looked_at.suspicions(in_order(seen, order, "ab"), labels)
    assert {(f.code, f.member) for f in some} == {(Code.CLASS_ORDER, name) for name in "ab"}
