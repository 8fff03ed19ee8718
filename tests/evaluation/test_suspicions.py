"""What looks wrong is said, by number; what does not is not."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation import suspicions as looked_at


def suspicions(seen, labels=None):
    return tuple(str(finding) for finding in looked_at.suspicions(seen, labels))


def findings(seen, labels=None):
    return {(finding.fault, finding.member): finding for finding in looked_at.suspicions(seen, labels)}


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
    assert f"adding {shift} to each raises the members' accuracy" in sentence
    assert "label 0 means the first class" in sentence


def test_63_random_labels_are_called_so_and_not_shifted(seen):
    (finding,) = looked_at.suspicions(seen, np.random.default_rng(9).integers(0, 3, 600))
    assert (finding.fault, finding.member, finding.level) == ("labels shuffled", None, "warning")
    assert re.fullmatch(
        r"No member's answers have to do with the labels: right in 3\d% to 3\d% of 600 rows, in any order. "
        "Are the labels in the order of the rows\\?",
        str(finding),
    )


def test_63_of_a_lone_member_one_figure_is_given(seen):
    (sentence,) = suspicions(seen.only(["a"]), np.random.default_rng(9).integers(0, 3, 600))
    assert re.search(r"right in 3\d% of 600 rows", sentence)


@pytest.mark.parametrize("shift", [-1, 1])
def test_54_where_the_labels_are_shifted_no_member_is_said_to_have_its_classes_in_another_order(seen, labels, shift):
    assert list(findings(seen, (labels - shift) % 3)) == [("labels shifted", None)]


@pytest.mark.parametrize("kind", ["probabilities", "labels only"])
@pytest.mark.parametrize("order", [[1, 0, 2], [2, 1, 0], [1, 2, 0]], ids=str)
def test_28_a_member_with_its_classes_in_another_order_gets_their_names_in_that_order(seen, labels, order, kind):
    other = seen.values[1][:, order]
    wrong = changed(seen, b=other) if kind == "probabilities" else votes_of(seen, b=other.argmax(axis=1))
    (finding,) = looked_at.suspicions(dataclasses.replace(wrong, classes=("x", "y", "z")), labels)
    assert (finding.fault, finding.member, finding.level) == ("class order", "b", "proposal")
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
    assert findings(wrong, labels)["class order", "b"].options == {"classes": ["xyz"[index] for index in own]}


def test_28_the_members_own_columns_may_be_more_than_the_classes(seen, labels):
    # Its columns are y, nothing, x, z, and the user named them x, nothing, y, z.
    readings = [Reading("probabilities", 3, (0, 1, 2))] * 3
    readings[1] = Reading("probabilities", 4, (0, 2, 3))
    wrong = changed(seen, b=seen.values[1][:, [1, 0, 2]])
    wrong = dataclasses.replace(wrong, alignment=Alignment(InputSpec((4,)), tuple(readings)), classes=("x", "y", "z"))
    assert findings(wrong, labels)["class order", "b"].options == {"classes": ["y", "x", "z"]}


def test_39_a_member_whose_rows_are_in_another_order_is_named(seen, labels):
    (finding,) = looked_at.suspicions(changed(seen, b=np.random.default_rng(0).permutation(seen.values[1])), labels)
    assert (finding.fault, finding.member, finding.level) == ("rows in another order", "b", "warning")
    assert "nothing to do with the labels" in finding.evidence
    assert "whatever the order of its classes" in finding.evidence


def test_39_of_few_rows_no_single_member_is_called_shuffled(seen, labels):
    wrong = changed(seen, b=np.random.default_rng(0).permutation(seen.values[1]))
    assert suspicions(wrong.rows(slice(99)), labels[:99]) == ()


def test_a_constant_member_is_not_called_shuffled_too(seen, labels):
    assert list(findings(changed(seen, b=np.tile([0.2, 0.3, 0.5], (600, 1))), labels)) == [("constant", "b")]


def test_a_member_that_is_no_better_than_chance_and_yet_knows_something_is_named(seen, labels):
    # Right in 30 % of the rows; with the classes rotated in half of them, which a network without training may reach.
    answers = (labels + np.random.default_rng(0).choice(3, 600, p=[0.3, 0.5, 0.2])) % 3
    (finding,) = looked_at.suspicions(changed(seen, b=np.eye(3)[answers] * 0.4 + 0.2), labels)
    assert (finding.fault, finding.member, finding.level) == ("no better than chance", "b", "warning")


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
    said = [str(each) for each in looked_at.suspicions(seen.rows(rows), labels[rows]) if each.fault == "uneven classes"]
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
    assert (finding.fault, finding.member) == ("trained on these rows", "c")
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
    assert "adding -1 to each" in shifted
    (trained,) = suspicions(votes_of(seen, c=labels), labels)
    assert "'c' is wrong in 0 of 600 rows" in trained


@pytest.mark.parametrize(("rows", "found"), [(99, 0), (100, 1)])
def test_few_rows_are_no_evidence_that_members_that_give_labels_only_are_one(seen, rows, found):
    votes = seen.values.argmax(axis=-1)
    assert len(suspicions(votes_of(seen, d=votes[0]).rows(slice(rows)))) == found


def test_one_row_is_no_evidence_of_duplicates_or_constants(seen):
    assert suspicions(changed(seen, d=seen.values[0]).rows(slice(1))) == ()
