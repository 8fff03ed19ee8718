"""Files of predictions are joined by the ids of their rows and the names of their columns, or refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasemble as ke
from kerasemble.core.codes import Code
from kerasemble.members.saved import load_label_column

CLASSES = ("cat", "dog", "eel")
VALUES = np.random.default_rng(0).dirichlet(np.ones(3), 8)
IDS = tuple(f"r{row}" for row in range(8))


def write(path, values=VALUES, classes=CLASSES, ids=IDS, called="id"):
    header = ",".join([*([called] if ids is not None else []), *classes])
    rows = [
        ",".join([*([ids[row]] if ids is not None else []), *map(repr, map(float, values[row]))])
        for row in range(len(values))
    ]
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@settings(max_examples=25)
@given(rows=st.permutations(range(8)), columns=st.permutations(range(3)), wanted=st.permutations(range(8)))
def test_15_12_rows_are_joined_by_id_and_columns_by_name_whatever_their_order(tmp_path_factory, rows, columns, wanted):
    folder = tmp_path_factory.mktemp("saved")
    one = write(folder / "a.csv")
    names = [CLASSES[column] for column in columns]
    other = write(folder / "b.csv", VALUES[rows][:, columns], names, [IDS[row] for row in rows], "image_id")
    with warnings.catch_warnings(action="ignore", category=ke.KerasembleWarning):
        seen = ke.load_predictions([one, other])
    assert (seen.members, seen.classes) == (("a", "b"), CLASSES)
    for values in seen.values:
        np.testing.assert_allclose(values, VALUES, atol=1e-7)
    ordered = ke.load_predictions({"x": one, "y": other}, ids=[IDS[row] for row in wanted])
    assert ordered.members == ("x", "y")
    for values in ordered.values:
        np.testing.assert_allclose(values, VALUES[wanted], atol=1e-7)


@pytest.mark.parametrize("called", ["", "id", "ID", "image_id"])
def test_15_12_numbers_that_name_rows_are_no_class(tmp_path, called):
    path = write(tmp_path / "a.csv", ids=[str(row) for row in range(8)], called=called)
    seen = ke.load_predictions([path])
    assert seen.classes == CLASSES
    np.testing.assert_allclose(seen.values[0], VALUES, atol=1e-7)


def test_15_12_arrays_archives_tables_and_our_own_files_stand_side_by_side(tmp_path):
    np.save(tmp_path / "a.npy", VALUES)
    np.savez(tmp_path / "b.npz", VALUES)
    write(tmp_path / "c.csv", ids=None)
    ke.Predictions.from_arrays({"d": VALUES, "e": VALUES}, CLASSES).save(tmp_path / "run.npz")
    seen = ke.load_predictions([tmp_path / name for name in ("a.npy", "b.npz", "c.csv", "run.npz")])
    assert (seen.members, seen.classes) == (("a", "b", "c", "d", "e"), CLASSES)
    assert np.ptp(seen.values, axis=0).max() < 1e-7


@pytest.mark.parametrize("header", [False, True], ids=["no-header", "counted"])
def test_15_12_a_table_without_names_has_classes_by_number(tmp_path, header):
    path = write(tmp_path / "a.csv", classes=("0", "1", "2"), ids=None)
    if not header:
        path.write_text(path.read_text().split("\n", 1)[1])
    seen = ke.load_predictions([path])
    assert (seen.classes, seen.samples) == (("0", "1", "2"), 8)


def test_15_12_one_column_is_the_probability_of_the_second_class(tmp_path):
    path = write(tmp_path / "a.csv", VALUES[:, :1], ("target",))
    seen = ke.load_predictions([path], ["no", "yes"])
    np.testing.assert_allclose(seen.values[0, :, 1], VALUES[:, 0], atol=1e-7)


def other_ids(folder):
    return [write(folder / "a.csv"), write(folder / "b.csv", ids=[*IDS[:-1], "r99"])]


def ids_twice(folder):
    return [write(folder / "a.csv"), write(folder / "b.csv", ids=[*IDS[:-1], "r0"])]


def ids_in_another_order_beside_none(folder):
    np.save(folder / "c.npy", VALUES)
    return [write(folder / "a.csv"), write(folder / "b.csv", VALUES[::-1], ids=IDS[::-1]), folder / "c.npy"]


def other_classes(folder):
    return [write(folder / "a.csv"), write(folder / "b.csv", classes=("cat", "dog", "fox"))]


def no_number(folder):
    path = write(folder / "a.csv")
    path.write_text(path.read_text().replace(repr(float(VALUES[3, 1])), "much"))
    return [path]


def ragged(folder):
    path = write(folder / "a.csv")
    path.write_text(path.read_text() + "r8,0.5\n")
    return [path]


def damaged(folder):
    (folder / "a.npy").write_bytes(b"nothing")
    return [folder / "a.npy"]


def other_data(folder):
    import dataclasses

    for name in "ab":
        seen = dataclasses.replace(ke.Predictions.from_arrays({name: VALUES}), data=f"of {name}")
        seen.save(folder / f"{name}.npz")
    return [folder / "a.npz", folder / "b.npz"]


@pytest.mark.parametrize(
    ("make", "code", "subject"),
    [
        (other_ids, Code.IDS_DIFFER, "r7"),
        (ids_twice, Code.IDS_DIFFER, "r0"),
        (ids_in_another_order_beside_none, Code.IDS_DIFFER, "c"),
        (other_classes, Code.CLASSES_DIFFER, "fox"),
        (no_number, Code.NOT_A_NUMBER, "row 3"),
        (ragged, Code.UNREADABLE, "row 8"),
        (damaged, Code.UNREADABLE, "a.npy"),
        (other_data, Code.ROWS_DIFFER, "'b'"),
    ],
)
def test_15_12_files_that_cannot_be_joined_are_refused(tmp_path, make, code, subject):
    with pytest.raises(ke.KerasembleError) as caught:
        ke.load_predictions(make(tmp_path))
    assert caught.value.code == code
    assert subject in str(caught.value)


@pytest.mark.parametrize(
    ("text", "labels", "ids"),
    [
        pytest.param("id,kind\nx,1\ny,0\n", [1, 0], ("x", "y"), id="numbers"),
        pytest.param('id,kind\n7,"10"\n8,"2"\n', ["10", "2"], ("7", "8"), id="numbers-in-quotes"),
        pytest.param('"id","kind"\n"7","1"\n"8","0"\n', [1, 0], ("7", "8"), id="everything-in-quotes"),
        pytest.param("kind\ncat\ndog\n", ["cat", "dog"], None, id="names-alone"),
    ],
)
def test_15_18_labels_in_a_csv_are_text_where_quotes_or_letters_say_so(tmp_path, text, labels, ids):
    path = tmp_path / "y.csv"
    path.write_text(text, encoding="utf-8")
    found, names = load_label_column(path)
    assert (found.tolist(), names) == (labels, ids)


def test_15_18_a_csv_of_probabilities_is_a_member(tmp_path):
    x = np.arange(16, dtype=np.float32).reshape(8, 2)
    path = write(tmp_path / "a.csv")
    seen = ke.predict([path], x)
    assert seen.classes == CLASSES
    np.testing.assert_allclose(seen.values[0], VALUES, atol=1e-7)
    path.write_text("no\nnumbers\n")
    with pytest.raises(ke.KerasembleError) as caught:
        ke.predict([path], x)
    assert caught.value.code == Code.NOT_A_NUMBER
    assert "row 0" in str(caught.value)


@pytest.mark.parametrize(("order", "warned"), [([1, 0, 2, 3, 4, 5, 6, 7], True), (range(8), False)])
def test_15_12_ids_that_the_others_lack_are_warned_of_where_their_order_is_no_plain_one(tmp_path, order, warned):
    one = write(tmp_path / "a.csv", ids=None)
    other = write(tmp_path / "b.csv", ids=[IDS[row] for row in order])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ke.load_predictions([one, other])
    assert [each.message.code for each in caught] == [Code.IDS_DIFFER] * warned


@pytest.mark.parametrize(("order", "refused"), [([1, 0, 2, 3, 4, 5, 6, 7], True), (range(8), False)])
def test_15_12_ids_of_labels_that_no_member_has_are_not_ignored(tmp_path, order, refused):
    files = [write(tmp_path / f"{name}.csv", ids=None) for name in "ab"]
    wanted = [IDS[row] for row in order]
    if not refused:
        assert ke.load_predictions(files, ids=wanted).samples == 8
        return
    with pytest.raises(ke.KerasembleError) as caught:
        ke.load_predictions(files, ids=wanted)
    assert caught.value.code == Code.IDS_DIFFER


def test_15_12_files_whose_ids_are_in_two_orders_say_whose_order_the_rows_have(tmp_path):
    one, other = write(tmp_path / "a.csv"), write(tmp_path / "b.csv", VALUES[::-1], ids=IDS[::-1])
    with pytest.warns(ke.KerasembleWarning, match="in the order of 'a'") as caught:
        seen = ke.load_predictions([one, other])
    assert [each.message.code for each in caught] == [Code.IDS_DIFFER]
    np.testing.assert_allclose(seen.values, [VALUES, VALUES], atol=1e-6)


def test_15_12_a_column_that_looks_like_row_ids_is_not_left_out_in_silence(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("image,kind\n" + "".join(f"{row},cat\n" for row in (3, 1, 2)), encoding="utf-8")
    with pytest.raises(ke.KerasembleError, match="--id image") as caught:
        load_label_column(path, "kind")
    assert caught.value.code == Code.IDS_DIFFER
    assert load_label_column(path, "kind", "image")[1] == ("3", "1", "2")


def test_15_18_a_model_is_no_file_of_predictions(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"x")
    with pytest.raises(ke.KerasembleError, match="is a model"):
        ke.load_predictions([tmp_path / "a.h5"])
