"""What looks wrong is said, by number; what does not is not."""

from __future__ import annotations

import numpy as np
import pytest

from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.suspicions import suspicions


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


def test_random_labels_are_not_called_shifted(seen):
    assert suspicions(seen, np.random.default_rng(0).integers(0, 3, 600)) == ()


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


def test_a_member_that_is_only_better_is_not_suspected(seen, labels):
    assert suspicions(sure(seen, labels, 12), labels) == ()


def test_among_few_mistakes_a_member_without_any_is_not_suspected(seen, labels):
    some = sure(seen, labels, 0)
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
