"""CSV and Parquet become the arrays of their columns, or an error that names column and row."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.labels import encode_labels
from kerasemble.scoring.sources.opening import as_source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
csv = pytest.importorskip("pyarrow.csv")

A = np.random.default_rng(0).normal(size=200)
B = np.arange(200) / 2
KIND = np.array(["cat", "dog", "ant", "dog"] * 50)
NAME = np.array([f"r{row}" for row in range(200)])
X = np.stack([A, B], axis=1)
TABLE = pa.table({"a": A, "b": B, "kind": KIND, "name": NAME})


def write(table, path, rows=7):
    if path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        pq.write_table(table, path, row_group_size=rows)
    return path


@pytest.fixture(params=[".csv", ".parquet"])
def save(request, tmp_path):
    return lambda table, name="data": write(table, tmp_path / f"{name}{request.param}")


def test_a_table_is_its_columns(save):
    x, y, classes = ke.load_data(save(TABLE), label="kind", id="name")
    np.testing.assert_array_equal(np.asarray(x), X)
    np.testing.assert_array_equal(y, KIND)
    assert classes == ("ant", "cat", "dog")
    assert x.row_name(3) == "r3"
    for start, stop in [(190, 200), (3, 4), (5, 30), (0, 0)]:
        np.testing.assert_array_equal(x[start:stop], X[start:stop])
    np.testing.assert_array_equal(x[np.array([0, 1, 99, 199])], X[[0, 1, 99, 199]])


def test_a_folder_of_tables_is_one(tmp_path, save):
    for index in (2, 0, 1):
        save(TABLE.slice(index * 70, 70), f"part{index}")
    x, y, _ = ke.load_data(tmp_path, label="kind", features=["b", "a"])
    np.testing.assert_array_equal(np.asarray(x), X[:, ::-1])
    np.testing.assert_array_equal(y, KIND)


def test_whole_numbers_stay_so_and_are_indices_as_labels(save):
    x, y, classes = ke.load_data(
        save(pa.table({"n": np.arange(5), "m": np.arange(5), "y": [0, 1, 1, 0, 2]})), label="y"
    )
    assert (x.dtype, x.shape, y.tolist(), classes) == (np.int64, (5, 2), [0, 1, 1, 0, 2], None)


def test_float32_stays_so(tmp_path):
    x = ke.load_data(write(pa.table({"a": A.astype("f4")}), tmp_path / "a.parquet")).x
    assert x.dtype == np.float32


def test_a_csv_whose_later_rows_have_fractions_or_names(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("n,kind\n" + "1,0\n" * 400_000 + "1.5,cat\n", encoding="utf-8")
    x, y, classes = ke.load_data(path, label="kind")
    assert x[400_000:].tolist() == [[1.5]]
    assert classes == ("0", "cat")
    assert len(y) == len(x) == 400_001


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2)], ids=["list", "fixed"])
def test_a_column_of_lists_is_rows(tmp_path, kind):
    table = pa.table({"v": pa.array(X.astype("f4").tolist(), kind), "kind": KIND})
    x = ke.load_data(write(table, tmp_path / "a.parquet"), label="kind", features=["v"]).x
    np.testing.assert_array_equal(np.asarray(x), X.astype("f4"))
    np.testing.assert_array_equal(x[8:50], X[8:50].astype("f4"))


def test_only_the_row_groups_that_are_asked_for_are_read_and_once(tmp_path, monkeypatch):
    path, read, groups = write(TABLE, tmp_path / "a.parquet", rows=50), pq.ParquetFile.read_row_group, []

    def counted(file, group, columns):
        groups.append((group, *columns))
        return read(file, group, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    source = ke.load_data(path, label="kind", features=["b"]).x
    groups.clear()
    source.read(160, 170)
    source.read(170, 180)
    assert [group for group, *_ in groups] == [3]
    assert not {"a", "name"} & set(groups[0])


def test_a_fingerprint_is_of_the_content(tmp_path):
    first = ke.load_data(write(TABLE, tmp_path / "a.parquet"), label="kind", id="name").x.fingerprint
    assert ke.load_data(write(TABLE, tmp_path / "b.parquet"), label="kind", id="name").x.fingerprint == first
    assert ke.load_data(tmp_path / "b.parquet", features=["a"]).x.fingerprint != first


NULLS = pa.table({"a": [1.0, None, 3.0], "name": ["x", "y", "z"]})
HOLES = pa.table({"a": [1, None, 3], "name": ["x", "y", "z"]})
BAD = {
    "48-text": (TABLE, {"label": "kind"}, "Column 'name' .* not numbers. Give features="),
    "124-no-column": (TABLE, {"label": "knd"}, "no column 'knd'. It has: a, b, kind, name. Did you mean 'kind'"),
    "127-features-text": (TABLE, {"features": "a"}, r"Give features=\['a'\]"),
    "46-ids": (TABLE, {"id": "kind", "features": ["a"]}, "Row ids in .* more than once: cat, dog, ant"),
    "42-nulls": (NULLS, {"id": "name"}, r"in 1 of 3 rows: y \(column a\)"),
    "42-holes": (HOLES, {"id": "name"}, r"in 1 of 3 rows: y \(column a\)"),
    "37-no-rows": (TABLE.slice(0, 0), {"features": ["a"]}, "no rows"),
    "57-labels": (pa.table({"a": [1, 2], "kind": ["cat", None]}), {"label": "kind"}, "missing in rows? 1"),
    "127-label-as-feature": (pa.table({"a": [1, 2], "label": [1, 0]}), {}, "looks like labels. Give label='label'"),
    "127-image-size": (TABLE, {"image_size": (3, 3)}, "takes no image_size="),
}


@pytest.mark.parametrize(("table", "options", "said"), BAD.values(), ids=BAD)
def test_a_table_that_cannot_be_used_is_refused(save, table, options, said):
    path = save(table)
    with pytest.raises(ke.KerasembleError, match=said):
        _ = ke.load_data(path, **options).x.extent


def test_5_what_is_no_table_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"no table at all")
    with pytest.raises(ke.KerasembleError, match=r"a\.parquet cannot be read as a table"):
        ke.load_data(path)


def test_lists_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ke.KerasembleError, match="lists of different lengths"):
        ke.load_data(write(pa.table({"v": [[1.0], [1.0, 2.0]]}), tmp_path / "a.parquet"))


def test_a_csv_without_names_and_a_folder_of_two_kinds_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(ke.KerasembleError, match="no names of columns"):
        ke.load_data(tmp_path / "a.csv")
    write(TABLE, tmp_path / "b.parquet")
    with pytest.raises(ke.KerasembleError, match="files of one kind"):
        as_source(tmp_path)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        pytest.param('x,kind\n0.5,"10"\n0.25,"2"\n', ["10", "2"], id="in-quotes"),
        pytest.param("x,kind\n0.5,10\n0.25,2\n", [10, 2], id="without-quotes"),
        pytest.param('"x","kind"\n"0.5","10"\n"0.25","2"\n', [10, 2], id="everything-in-quotes"),
    ],
)
def test_15_18_labels_in_quotes_are_text_so_that_numbers_can_be_names(tmp_path, text, labels):
    path = tmp_path / "data.csv"
    path.write_text(text, encoding="utf-8")
    assert ke.load_data(path, label="kind").y.tolist() == labels


def test_15_18_the_advice_to_give_labels_as_text_can_be_followed_in_a_csv(tmp_path):
    path = tmp_path / "data.csv"
    rows = [(0.5, 10), (0.25, 2), (0.75, 30)]
    member = ke.Member(lambda x: np.tile([0.2, 0.3, 0.5], (len(x), 1)), name="a", classes=["2", "10", "30"])
    found = []
    for quote in ("", '"'):
        path.write_text("\n".join(["x,kind", *(f"{x},{quote}{kind}{quote}" for x, kind in rows)]), encoding="utf-8")
        data = ke.load_data(path, label="kind")
        seen = ke.predict([member], data.x)
        try:
            labels = encode_labels(data.y, seen.classes, seen.samples)
            found.append(seen.values[0][np.arange(3), labels].round(3).tolist())
        except ke.KerasembleError:
            found.append(None)
    # Of the classes 10, 2 and 30.
    assert found == [None, pytest.approx([0.3, 0.2, 0.5])]
