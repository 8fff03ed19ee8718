"""Predictions from saved arrays: what is accepted, what is refused by number, and what never changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.special import expit, softmax

from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(2, 50, 3)) * 3
A, B = softmax(LOGITS, axis=-1)
# The probability of the second class, as a sigmoid gives it.
P = expit(LOGITS[0, :, 0])


def test_arrays_become_float32_members_in_their_order():
    seen = Predictions.from_arrays({"b": B, "a": A}, classes=["ant", "bee", 3])
    assert (seen.members, seen.classes, seen.task, seen.samples) == (("b", "a"), ("ant", "bee", "3"), "multiclass", 50)
    np.testing.assert_array_equal(seen.values, np.stack([B, A]).astype(np.float32))


def test_logits_become_probabilities_where_asked():
    seen = Predictions.from_arrays({"a": LOGITS[0], "b": LOGITS[1].astype(np.float16)}, output="logits")
    np.testing.assert_allclose(seen.values[0], A, atol=1e-7)
    np.testing.assert_allclose(seen.values[1], B, atol=5e-3)  # the rounding of logits near 8 to float16


@pytest.mark.parametrize(
    "arrays",
    [
        pytest.param({"one": P, "two": np.column_stack([1 - P, P])}, id="67-flat-column-and-two"),
        pytest.param({"one": P[:, None], "two": np.column_stack([1 - P, P])}, id="67-column-and-two"),
        pytest.param({"one": P.tolist(), "two": P[:, None].astype(np.float32)}, id="67-list-and-column"),
    ],
)
@pytest.mark.parametrize("options", [{"task": "binary"}, {"classes": ["no", "yes"]}], ids=["task", "classes"])
def test_binary_members_of_both_shapes_are_the_same_member(arrays, options):
    seen = Predictions.from_arrays(arrays, **options)
    assert (seen.task, seen.values.shape) == (Task.BINARY, (2, 50, 2))
    for values in seen.values:
        np.testing.assert_allclose(values, np.column_stack([1 - P, P]), atol=1e-7)


def test_a_column_of_logits_is_the_log_odds_of_the_second_class():
    seen = Predictions.from_arrays({"a": LOGITS[0, :, 0]}, task="binary", output="logits")
    np.testing.assert_allclose(seen.values[0, :, 1], P, atol=1e-7)


def _with(value, rows):
    changed = A.copy()
    changed[rows] = value
    return changed


@pytest.mark.parametrize(
    ("arrays", "options", "says"),
    [
        pytest.param({"a": A, "b": B[:, :2]}, {}, ["'a' 3, 'b' 2", "same classes"], id="23-numbers-of-classes"),
        pytest.param(
            {"a": A, "b": P}, {"task": "binary"}, ["'a' 3, 'b' 2", "same classes"], id="23-one-column-beside-three"
        ),
        pytest.param({"a": A[..., None]}, {}, ["'a' has shape (50, 3, 1)"], id="26-rank-that-no-task-has"),
        pytest.param({1: A, "1": B}, {}, ["Two members have one name: 1, 1"], id="34-two-of-one-name"),
        pytest.param({}, {}, ["There are no members", "at least one"], id="36-no-members"),
        pytest.param({"a": A[:0]}, {}, ["'a' has no rows", "at least one sample"], id="37-no-rows"),
        pytest.param({"a": A, "b": B[:-1]}, {}, ["'a' 50, 'b' 49", "same samples"], id="38-numbers-of-rows"),
        pytest.param({"a": [[0.5, 0.5], [1.0]]}, {}, ["'a' is ragged"], id="48-ragged"),
        pytest.param({"a": A.astype(object)}, {}, ["'a' has dtype object", "floats"], id="48-objects"),
        pytest.param({"a": A.astype(str)}, {}, ["'a' has dtype <U", "floats"], id="48-text"),
        pytest.param({"a": LOGITS[0]}, {}, ["'a'", "look like logits", "output='logits'"], id="64-logits"),
        pytest.param({"a": np.log(A)}, {}, ["'a'", "log-probabilities", "output='logits'"], id="65-log-probabilities"),
        pytest.param({"a": A, "b": expit(LOGITS[1])}, {}, ["'b'", "sigmoids", "divides each row"], id="66-sigmoids"),
        pytest.param(
            {"a": P}, {}, ["'a' has one column", "task='binary'", "classes with two names"], id="67-column-unexplained"
        ),
        pytest.param(
            {"a": _with([0.3, 0.3, 0.3], [4]), "b": B}, {}, ["'a'", "do not sum to one"], id="68-unnormalised"
        ),
        pytest.param({"a": A, "b": _with([1.2, -0.1, -0.1], [0])}, {}, ["'b'", "-0.1 to 1.2"], id="69-negative"),
        pytest.param({"a": P * 1.5}, {"task": "binary"}, ["'a'", "not probabilities"], id="69-column-above-one"),
        pytest.param({"a": A, "b": _with(np.nan, [5, 9])}, {}, ["'b'", "2 of 50 rows: 5, 9"], id="70-nan"),
        pytest.param({"a": _with(np.inf, [5])}, {"output": "logits"}, ["'a'", "50 rows: 5"], id="70-infinite-logit"),
        pytest.param({"a": np.where(P > 2, P, np.nan)}, {}, ["'a'", "50 of 50 rows"], id="70-nan-in-a-column"),
        pytest.param({"a": 100 * A}, {}, ["'a'", "percentages", "output='unnormalised'"], id="75-percentages"),
        pytest.param({"a": A.argmax(axis=1)}, {}, ["'a'", "label indices", "probabilities"], id="76-indices"),
        pytest.param(
            {"a": A.argmax(axis=1)}, {"task": "binary"}, ["'a'", "label indices"], id="76-indices-said-to-be-binary"
        ),
        pytest.param({"a": A.argmax(axis=1) * 1.0}, {}, ["'a'", "label indices"], id="76-indices-as-floats"),
        pytest.param({"a": A.T}, {}, ["'a'", "transposed", "Transpose it"], id="77-transposed"),
        pytest.param(
            {"a": A.T},
            {"classes": list("abc")},
            ["'a'", "transposed", "(3, 50) for 3 classes"],
            id="77-transposed-with-classes",
        ),
        pytest.param({"a": A, "b": B.T}, {}, ["'a' 50, 'b' 3"], id="77-one-of-two-transposed"),
        pytest.param({"a": np.ones((50, 1))}, {}, ["'a' has one column"], id="78-one-class"),
        pytest.param({"a": np.ones((50, 1))}, {"classes": ["all"]}, ["'a' has one column"], id="78-one-class-named"),
        pytest.param(
            {"a": A}, {"classes": ["x", "y"]}, ["2 class names", "3 classes", "'a' 3"], id="126-too-few-names"
        ),
        pytest.param({"a": A}, {"classes": list("wxyz")}, ["4 class names", "3 classes"], id="126-too-many-names"),
        pytest.param({"a": A}, {"classes": list("xyx")}, ["more than once: x"], id="126-repeated-name"),
        pytest.param({"a": A}, {"output": "odds"}, ["'probabilities', 'logits' or", "'odds'"], id="unknown-output"),
        pytest.param({"a": A}, {"task": "multilabel"}, ["'multilabel' is not supported yet"], id="unsupported-task"),
        pytest.param({"a": A}, {"output": "logits"}, ["'a'", "look like probabilities"], id="softmax-twice"),
    ],
)
def test_arrays_that_cannot_be_combined_are_refused_by_name(arrays, options, says):
    with pytest.raises(KerasembleError) as refusal:
        Predictions.from_arrays(arrays, **options)
    for words in says:
        assert words in str(refusal.value)


@pytest.fixture
def seen():
    steps = ("resize 8x8 to 16x16", "softmax")
    alignment = Alignment(
        InputSpec((8, 8, 1), "float32", (0.0, 16.0)),
        (Reading("logits", 3, (2, 0, 1), steps), Reading("probabilities", 3, (0, 1, 2))),
    )
    values = np.stack([A, B]).astype(np.float32)
    return Predictions(values, ("a", "b"), ("x", "y", "ü"), Task.MULTICLASS, alignment, ordered=False)


def test_predictions_cannot_be_written_to(seen):
    with pytest.raises(ValueError, match="read-only"):
        seen.values[0, 0, 0] = 1


def test_the_users_own_array_stays_writable_and_is_not_shared():
    own = A.astype(np.float32)
    seen = Predictions.from_arrays({"a": own})
    own[:] = 0
    np.testing.assert_array_equal(seen.values[0], A.astype(np.float32))


def test_saved_predictions_come_back_whole(seen, tmp_path):
    path = seen.save(tmp_path / "seen.npz")
    again = Predictions.load(path)
    np.testing.assert_array_equal(again.values, seen.values)
    kept = ("members", "classes", "task", "alignment", "ordered", "data")
    assert [getattr(again, name) for name in kept] == [getattr(seen, name) for name in kept]


@pytest.mark.parametrize("case", [pytest.param("seen.npz", id="101-target-exists")])
def test_saved_predictions_are_not_overwritten_unasked(seen, tmp_path, case):
    path = seen.save(tmp_path / case)
    with pytest.raises(KerasembleError, match=r"seen\.npz exists"):
        seen.rows(slice(3)).save(path)
    assert Predictions.load(path).samples == 50
    seen.rows(slice(3)).save(path, overwrite=True)
    assert Predictions.load(path).samples == 3


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(None, id="1-missing"),
        pytest.param(lambda _: b"", id="3-empty"),
        pytest.param(lambda whole: whole[: len(whole) // 2], id="6-truncated"),
        pytest.param(lambda _: b"<html>not found</html>", id="4-page"),
        pytest.param(lambda whole: whole.replace(b"values.npy", b"valuez.npy"), id="lacks-a-part"),
    ],
)
def test_a_file_that_is_not_whole_predictions_is_refused_by_name(seen, tmp_path, damage):
    path = seen.save(tmp_path / "seen.npz")
    whole = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage(whole))
    with pytest.raises(KerasembleError, match=r"seen\.npz is not a predictions file"):
        Predictions.load(path)


def test_a_bare_array_is_not_predictions(tmp_path):
    np.save(tmp_path / "a.npy", A)
    with pytest.raises(KerasembleError, match=r"a\.npy is not a predictions file"):
        Predictions.load(tmp_path / "a.npy")


@pytest.mark.parametrize("index", [slice(3, 9), np.array([4, 4, 1]), np.array([], dtype=int)])
def test_rows_takes_some_rows_of_every_member(seen, index):
    some = seen.rows(index)
    np.testing.assert_array_equal(some.values, seen.values[:, index])
    assert (some.members, some.alignment, some.ordered) == (seen.members, seen.alignment, False)


def test_only_takes_members_in_the_order_asked_with_their_readings(seen):
    some = seen.only(["b", "a"])
    np.testing.assert_array_equal(some.values, seen.values[::-1])
    assert some.members == ("b", "a")
    assert some.alignment.readings == seen.alignment.readings[::-1]
    assert seen.only(["b"]).alignment.readings == seen.alignment.readings[1:]


@pytest.mark.parametrize(
    ("names", "says"),
    [(["b", "c"], "No such members: c"), ([], "No members were asked for"), (["a", "a"], "more than once: a, a")],
    ids=["unknown", "none", "twice"],
)
def test_only_refuses_names_that_are_not_members(seen, names, says):
    with pytest.raises(KerasembleError, match=says):
        seen.only(names)


def test_predictions_say_in_a_line_what_is_in_them():
    seen = Predictions.from_arrays({str(number): A for number in range(12)})
    assert repr(seen) == (
        "Predictions: 12 members (0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more), 50 samples, 3 classes (0, 1, 2), multiclass"
    )


def test_half_precision_is_made_to_sum_to_one():
    odds = np.random.default_rng(0).uniform(size=(50, 7))
    half = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float16)
    assert np.abs(half.sum(axis=1, dtype=np.float64) - 1).max() > 1e-5
    seen = Predictions.from_arrays({"a": half})
    np.testing.assert_allclose(seen.values.sum(axis=-1), 1, atol=1e-6)


def test_68_probabilities_saved_with_few_decimals_are_refused_with_the_cure():
    odds = np.random.default_rng(0).uniform(size=(50, 7))
    rounded = np.round(odds / odds.sum(axis=1, keepdims=True), 3)
    with pytest.raises(KerasembleError, match=r"rounded probabilities .*divides each row by its sum"):
        Predictions.from_arrays({"a": rounded})
    Predictions.from_arrays({"a": rounded / rounded.sum(-1, keepdims=True)})


# What three members say of five rows, and the same by name.
NAMES = ("ant", "bee", "cow")
VOTES = {"a": [0, 1, 2, 0, 1], "b": [2, 2, 2, 0, 0], "c": [1, 1, 1, 1, 1]}
WORDS = {name: [NAMES[vote] for vote in votes] for name, votes in VOTES.items()}


@pytest.mark.parametrize(
    ("votes", "classes", "names"),
    [
        pytest.param(VOTES, NAMES, NAMES, id="indices"),
        pytest.param(VOTES, 3, ("0", "1", "2"), id="number-of-classes"),
        pytest.param(WORDS, NAMES, NAMES, id="names"),
        pytest.param({**VOTES, "b": WORDS["b"]}, NAMES, NAMES, id="both"),
        pytest.param(
            {name: np.array(votes, dtype=np.int8) for name, votes in VOTES.items()}, 3, None, id="small-integers"
        ),
        pytest.param(
            {name: np.array(votes, dtype=np.float32) for name, votes in VOTES.items()}, 3, None, id="whole-floats"
        ),
        pytest.param(
            {name: np.array(votes, dtype=object) for name, votes in WORDS.items()}, NAMES, NAMES, id="objects"
        ),
    ],
)
def test_labels_become_one_byte_a_vote(votes, classes, names):
    seen = Predictions.from_labels(votes, classes)
    np.testing.assert_array_equal(seen.values, list(VOTES.values()))
    assert (seen.values.dtype, seen.labels_only, seen.samples) == (np.uint8, True, 5)
    assert (seen.members, seen.classes) == (("a", "b", "c"), names or ("0", "1", "2"))
    assert (seen.task, seen.alignment, seen.ordered) == (Task.MULTICLASS, None, True)


@pytest.mark.parametrize(("classes", "dtype"), [(2, np.uint8), (256, np.uint8), (257, np.uint16), (65_536, np.uint16)])
def test_labels_take_two_bytes_where_one_cannot_count_the_classes(classes, dtype):
    seen = Predictions.from_labels({"a": [0, classes - 1]}, classes)
    assert seen.values.dtype == dtype
    assert seen.values.tolist() == [[0, classes - 1]]


def test_labels_of_two_classes_are_binary():
    assert Predictions.from_labels({"a": ["no", "yes"]}, ["no", "yes"]).task == Task.BINARY
    assert Predictions.from_labels({"a": [True, False]}, 2).values.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("votes", "classes", "says"),
    [
        pytest.param({}, 3, ["There are no members"], id="36-no-members"),
        pytest.param({1: [0], "1": [0]}, 3, ["Two members have one name"], id="34-two-of-one-name"),
        pytest.param({"a": [0, 1], "b": [0, -1]}, 3, ["Member 'b'", "0 to 2", "-1", "rows 1"], id="negative"),
        pytest.param({"a": [0, 3, 0]}, 3, ["Member 'a'", "0 to 2", "3", "rows 1"], id="too-large"),
        pytest.param({"a": [1, 2, 3]}, 3, ["Member 'a'", "count from 1"], id="counted-from-one"),
        pytest.param({"a": [0, 300]}, 3, ["Member 'a'", "300"], id="too-large-for-a-byte"),
        pytest.param({"a": [0.0, 3.7]}, 5, ["Member 'a'", "3.7", "row 1", "whole number"], id="fraction"),
        pytest.param({"a": [0.0, np.nan]}, 5, ["Member 'a'", "rows 1"], id="70-nan"),
        pytest.param({"a": ["ant", "fly"]}, NAMES, ["Member 'a'", "fly", "ant, bee, cow"], id="unknown-name"),
        pytest.param({"a": [0, 1], "b": [0]}, 3, ["'a' 2, 'b' 1", "same samples"], id="38-numbers-of-rows"),
        pytest.param({"a": []}, 3, ["one for each sample", "'a' (0,)"], id="37-no-rows"),
        pytest.param({"a": [[0], [1]]}, 3, ["one for each sample", "'a' (2, 1)"], id="a-column"),
        pytest.param({"a": A}, 3, ["one for each sample", "'a' (50, 3)"], id="probabilities"),
        pytest.param({"a": 1}, 3, ["one for each sample", "'a' ()"], id="one-number"),
        pytest.param({"a": [[0, 1], [2]]}, 3, ["Member 'a'", "ragged"], id="48-ragged"),
        pytest.param({"a": [0]}, 1, ["2 to 65536", "1 classes"], id="78-one-class"),
        pytest.param({"a": [0]}, ["all"], ["2 to 65536", "1 classes"], id="78-one-class-named"),
        pytest.param({"a": [0]}, 65_537, ["2 to 65536", "65537"], id="too-many-classes"),
        pytest.param({"a": [0]}, 0, ["2 to 65536", "0 classes"], id="no-classes"),
        pytest.param({"a": [0]}, ["x", "y", "x"], ["more than once: x"], id="126-repeated-name"),
    ],
)
def test_labels_that_cannot_be_votes_are_refused_by_name(votes, classes, says):
    with pytest.raises(KerasembleError) as refusal:
        Predictions.from_labels(votes, classes)
    for words in says:
        assert words in str(refusal.value)


@pytest.fixture(params=["labels", "float32", "float64"])
def votes(request):
    """Labels only, or the same as probabilities of zero and one: what reads them need not know which."""
    seen = Predictions.from_labels(VOTES, NAMES)
    if request.param == "labels":
        return seen
    return dataclasses.replace(seen, values=np.eye(3, dtype=request.param)[seen.values])


ONE_HOT = np.eye(3)[list(VOTES.values())]


@pytest.mark.parametrize("rows", [slice(0, 5), slice(1, 3), slice(4, 9), slice(2, 2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_block_is_a_new_array_of_the_rows_probabilities(votes, rows, dtype):
    block = votes.block(rows, dtype)
    np.testing.assert_array_equal(block, ONE_HOT[:, rows])
    assert block.dtype == dtype
    before = votes.values.copy()
    block[:] = 7
    np.testing.assert_array_equal(votes.values, before)


def test_each_member_is_read_as_probabilities(votes):
    np.testing.assert_array_equal(list(votes.each()), ONE_HOT)


@pytest.mark.parametrize("shift", range(3))
def test_the_true_classs_probability_is_that_of_its_column(votes, shift):
    labels = np.array([0, 1, 2, 1, 0]) + shift
    true = votes.of_true_class(labels % 3)
    np.testing.assert_array_equal(true, ONE_HOT[:, np.arange(5), labels % 3])
    assert true.dtype.kind == "f"


def test_the_true_classs_probability_is_found_in_rows_and_members_taken_out_of_others(seen):
    labels = np.random.default_rng(1).integers(0, 3, 50)
    for some, kept in (
        (seen.rows(slice(5, 40, 3)), np.arange(5, 40, 3)),
        (seen.rows(np.array([9, 1])), np.array([9, 1])),
    ):
        expected = seen.values[:, kept, labels[kept]][::-1]
        np.testing.assert_array_equal(some.only(["b", "a"]).of_true_class(labels[kept]), expected)


def test_saved_labels_come_back_whole(tmp_path):
    seen = Predictions.from_labels(WORDS, NAMES)
    again = Predictions.load(seen.save(tmp_path / "votes.npz"))
    np.testing.assert_array_equal(again.values, seen.values)
    assert again.values.dtype == np.uint8
    assert again.labels_only
    assert (again.members, again.classes, again.task) == (seen.members, seen.classes, seen.task)


def test_rows_and_members_of_labels_are_labels():
    seen = Predictions.from_labels(VOTES, NAMES)
    some = seen.rows(np.array([4, 0])).only(["c", "a"])
    assert (some.values.tolist(), some.members, some.labels_only) == ([[1, 1], [1, 0]], ("c", "a"), True)


def test_labels_cannot_be_written_to_nor_share_the_users_array():
    own = np.array([0, 1, 1], dtype=np.uint8)
    seen = Predictions.from_labels({"a": own}, 2)
    own[:] = 0
    assert seen.values.tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match="read-only"):
        seen.values[0, 0] = 1


def test_labels_only_say_so_in_their_line():
    assert repr(Predictions.from_labels(VOTES, NAMES)) == (
        "Predictions: 3 members (a, b, c), 5 samples, 3 classes (ant, bee, cow), multiclass, labels only"
    )


def test_thirty_real_models_votes_take_a_byte_each(shared):
    file = np.load(shared / "predictions" / "cifar10_1_v4_votes.npz", allow_pickle=False)
    votes = file["votes"] if len(file["votes"]) == len(file["members"]) else file["votes"].T
    names = [f"{index}-{name}" for index, name in enumerate(file["members"].tolist())]
    seen = Predictions.from_labels(dict(zip(names, votes, strict=True)), classes=file["classes"].tolist())
    np.testing.assert_array_equal(seen.values, votes)
    assert seen.values.nbytes == votes.size


def test_rows_are_taken_by_a_mask_as_by_their_indices():
    values = np.random.default_rng(0).dirichlet(np.ones(3), size=(2, 6)).astype(np.float32)
    seen = Predictions.from_arrays({"a": values[0], "b": values[1]})
    mask = np.array([True, False, False, True, True, False])
    np.testing.assert_array_equal(seen.rows(mask).values, values[:, mask])
    np.testing.assert_array_equal(seen.rows(np.flatnonzero(mask)).values, values[:, mask])


def test_an_array_that_is_neither_probabilities_nor_labels_is_refused():
    with pytest.raises(KerasembleError, match=r"floats, or uint8 or uint16 labels\. Received: int64\."):
        Predictions(np.zeros((2, 3), dtype=np.int64), ("a", "b"), ("x", "y"), Task.BINARY)


@pytest.mark.parametrize(
    ("labels", "classes", "said"),
    [
        ({"a": [0, 1]}, None, "classes"),
        ({"a": [0, 1]}, 2.0, "classes"),
        (3, 2, "by name"),
    ],
)
def test_labels_and_classes_of_another_kind_are_refused(labels, classes, said):
    with pytest.raises(KerasembleError, match=said):
        Predictions.from_labels(labels, classes)
