"""Labels of any usual form, and the numbered bad ones."""

from __future__ import annotations

import numpy as np
import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import encode_labels

CLASSES = ["ant", "bee", "cow"]
INDICES = [2, 0, 1, 2]


@pytest.mark.parametrize(
    "y",
    [
        pytest.param(INDICES, id="list"),
        pytest.param(np.array(INDICES, dtype=np.uint8), id="uint8"),
        pytest.param(np.array(INDICES, dtype=np.int32)[:, None], id="column"),
        pytest.param(np.array(INDICES, dtype=np.float32), id="whole-floats"),
        pytest.param(np.eye(3, dtype=np.float16)[INDICES], id="51-one-hot-floats"),
        pytest.param(np.eye(3, dtype=np.int64)[INDICES], id="51-one-hot-integers"),
        pytest.param(np.eye(3, dtype=bool)[INDICES], id="51-one-hot-booleans"),
        pytest.param(["cow", "ant", "bee", "cow"], id="52-names"),
        pytest.param(np.array(["cow", "ant", "bee", "cow"], dtype=object), id="52-names-as-objects"),
        pytest.param(np.array([b"cow", b"ant", b"bee", b"cow"]), id="52-names-as-bytes"),
        pytest.param(np.array([["cow"], ["ant"], ["bee"], ["cow"]]), id="52-column-of-names"),
    ],
)
def test_labels_of_any_usual_form_become_the_same_indices(y):
    encoded = encode_labels(y, CLASSES, 4)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == INDICES


@pytest.mark.parametrize(
    ("y", "says"),
    [
        pytest.param(
            ["ant", "eel", "cow", "yak"], ["eel, yak", "ant, bee, cow", "classes=[...] (--classes)"], id="52-unknown"
        ),
        pytest.param([1, 3, 2, 1], ["largest label is 3 with 3 classes", "from 1", "labels - 1"], id="53-from-one"),
        pytest.param([0, -1, 2, -2], ["0 to 2 for 3 classes", "-2, -1", "rows 1, 3"], id="55-negative"),
        pytest.param([0, 1, 9, 2], ["0 to 2 for 3 classes", "Received: 9", "rows 2"], id="55-too-large"),
        pytest.param([0, 3, 1, 2], ["0 to 2 for 3 classes", "Received: 3", "rows 1"], id="55-as-many-as-classes"),
        pytest.param([0, 1, 3.7, 2], ["3.7 in row 2", "not a whole number"], id="56-fraction"),
        pytest.param([0, np.nan, 1, np.inf], ["NaN or infinity", "rows 1, 3", "Leave those rows out"], id="57-nan"),
        pytest.param(
            [[1, 0, 0], [0, 1, 0], [np.nan, 0, 1], [1, 0, 0]], ["NaN or infinity", "rows 2"], id="57-nan-in-one-hot"
        ),
        pytest.param(
            [[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]], ["sum to one", "rows 1, 3"], id="58-do-not-sum-to-one"
        ),
        pytest.param(
            [[1, 0, 0], [1.5, -0.5, 0], [0, 0, 1], [1, 0, 0]], ["sum to one", "rows 1"], id="58-negative-share"
        ),
        pytest.param(
            [[1, 0, 0], [0.6, 0.4, 0], [0, 0, 1], [1, 0, 0]],
            ["Soft labels", "not supported yet", "rows 1"],
            id="58-soft",
        ),
        pytest.param([0, 1, 2], ["3 labels for 4 rows", "one label for each row"], id="59-too-short"),
        pytest.param(np.eye(3)[[0, 1, 2, 0, 1]], ["5 labels for 4 rows"], id="59-too-long"),
        pytest.param(np.eye(2)[[0, 1, 0, 1]], ["2 columns for 3 classes"], id="one-hot-of-other-width"),
        pytest.param([[0, 1], [2], [1], [0]], ["ragged", "one label for each row"], id="48-ragged"),
        pytest.param([0, None, 1, 2], ["class indices or class names", "object"], id="48-objects"),
        pytest.param(np.zeros((4, 2, 2)), ["(4, 2, 2)"], id="three-axes"),
        pytest.param(np.full((4, 2), "ant"), ["one for each row", "(4, 2)"], id="names-in-two-columns"),
    ],
)
def test_unusable_labels_are_refused_with_the_rows_and_the_cure(y, says):
    with pytest.raises(KerasembleError) as refusal:
        encode_labels(y, CLASSES, 4)
    for words in says:
        assert words in str(refusal.value)


def test_of_many_bad_rows_the_first_ten_are_named():
    with pytest.raises(KerasembleError, match="rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 5 more"):
        encode_labels(np.full(15, 7), CLASSES, 15)


def test_numbers_are_refused_where_nobody_said_which_order_they_follow():
    with pytest.raises(KerasembleError, match=r"different orders.*Give classes="):
        encode_labels(INDICES, CLASSES, 4, ordered=False)


def test_names_are_taken_whatever_order_the_classes_have():
    assert encode_labels(["cow", "ant"], CLASSES, 2, ordered=False).tolist() == [2, 0]


@pytest.mark.parametrize("y", [np.array(INDICES), np.eye(3)[INDICES]], ids=["indices", "one-hot"])
def test_the_users_labels_are_neither_changed_nor_shared(y):
    before = y.copy()
    encode_labels(y, CLASSES, 4)[:] = 0
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize("classes", [("1", "2", "3"), ("0", "1", "10"), ("2", "1", "0")])
def test_numbers_are_refused_where_class_names_are_other_numbers(classes):
    with pytest.raises(KerasembleError, match="name or a position"):
        encode_labels([1, 2], classes, 2)
    assert encode_labels(list(classes), classes, 3).tolist() == [0, 1, 2]


def test_numbers_are_positions_where_class_names_count_from_zero():
    assert encode_labels([2, 0], ("0", "1", "2"), 2).tolist() == [2, 0]
