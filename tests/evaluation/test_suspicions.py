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


def test_one_row_is_no_evidence_of_duplicates_or_constants(seen):
    assert suspicions(changed(seen, d=seen.values[0]).rows(slice(1))) == ()
