"""Arrays and files of arrays become sources, or an error that names the file and the cure."""

from __future__ import annotations

import io

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.scoring.labels import labels_of
from kerasemble.scoring.sources.opening import as_source, check_whole

X = np.arange(24, dtype=np.float32).reshape(4, 6)
Y = np.array([0, 1, 1, 0])


@pytest.fixture
def npz(tmp_path):
    """Save arrays as data.npz and return its path."""

    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return save


def test_an_npz_gives_what_is_in_it(npz):
    x, y, classes = ke.load_data(npz(x=X, y=Y, classes=np.array(["cat", "dog"]), more=Y))
    np.testing.assert_array_equal(x, X)
    # By name, whatever order members have the classes in.
    np.testing.assert_array_equal(y, np.array(["cat", "dog"])[Y])
    assert classes == ("cat", "dog")


def test_labels_and_classes_may_be_absent(npz):
    assert ke.load_data(npz(x=X))[1:] == (None, None)


def test_an_npz_is_one_whatever_its_suffix(npz, tmp_path):
    npz(x=X).rename(tmp_path / "data.bin")
    np.testing.assert_array_equal(ke.load_data(tmp_path / "data.bin").x, X)


def test_what_must_have_labels_says_how_to_give_them(npz):
    with pytest.raises(ke.KerasembleError, match=r"data\.npz has no labels\. Give y; or save them as 'y'"):
        labels_of(as_source(npz(x=X)), None)
    np.testing.assert_array_equal(labels_of(as_source(npz(x=X, y=Y)), None), Y)
    np.testing.assert_array_equal(labels_of(as_source(X), Y), Y)


def raw_bytes(save, **arrays):
    buffer = io.BytesIO()
    save(buffer, **arrays)
    return buffer.getvalue()


OBJECTS = np.array([np.zeros(3), np.zeros(4)], dtype=object)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(raw_bytes(np.savez, a=X, b=Y), "has no 'x'. It has: a, b. Save it with np.savez", id="48-no-x"),
        pytest.param(raw_bytes(np.savez), "has no 'x'. It has: nothing", id="48-nothing"),
        pytest.param(raw_bytes(np.savez, x=X)[:-40], "cannot be read as an .npz", id="6-truncated"),
        pytest.param(b"x,y\n1,2\n", "cannot be read as an .npz", id="5-csv"),
        pytest.param(b"", "cannot be read as an .npz", id="3-empty"),
        pytest.param(raw_bytes(np.savez, x=OBJECTS), "it holds objects", id="48-objects"),
        pytest.param(raw_bytes(np.savez, x=X[:0]), "no rows", id="37-no-rows"),
    ],
)
def test_a_bad_npz_is_named_with_the_cure(tmp_path, content, said):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(ke.KerasembleError) as error:
        ke.load_data(path)
    assert said in str(error.value)
    assert str(path) in str(error.value) or said == "no rows"


def test_1_data_that_is_missing_is_named(tmp_path):
    with pytest.raises(ke.KerasembleError, match=r"none\.npz does not exist\. Data is an \.npz"):
        ke.load_data(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("x", "said"),
    [
        pytest.param(np.zeros((0, 3)), "no rows", id="37-no-rows"),
        pytest.param([[1, 2], [3]], "ragged", id="48-ragged"),
        pytest.param(OBJECTS, "dtype object", id="48-objects"),
        pytest.param([["a"], ["b"]], "is text", id="48-text"),
        pytest.param(np.zeros(3), "first axis is samples", id="24-one-sample"),
        pytest.param([[1, np.nan], [2, 3], [np.inf, 1]], "in 2 of 3 rows: 0, 2", id="42-nan"),
        pytest.param(np.full((12, 2, 2), np.nan), "12 rows: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more", id="42-many"),
    ],
)
def test_data_that_cannot_be_used_is_refused(x, said):
    with pytest.raises(ke.KerasembleError, match=said):
        _ = as_source(x).extent


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_numbers_of_any_type_are_data_as_they_are(dtype):
    assert as_source(np.ones((2, 3), dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("x", "dtype", "said"),
    [
        pytest.param([[0.0, 0.5]], "uint8", r"Mine takes whole numbers from 0 to 255 \(uint8\).*fractions", id="half"),
        pytest.param([[-1.0, 3.0]], "uint8", "values from -1 to 3", id="negative"),
        pytest.param([[0, 300]], "uint8", "values from 0 to 300", id="beyond"),
    ],
)
def test_43_data_that_a_member_of_whole_numbers_would_change_is_refused(x, dtype, said):
    with pytest.raises(ke.KerasembleError, match=said):
        check_whole(np.array(x), dtype, "Mine")


@pytest.mark.parametrize(("x", "dtype"), [([[0.0, 255.0]], "uint8"), ([[0.5]], "float32"), ([[-3, 9]], "int32")])
def test_data_that_stays_what_it_is_passes(x, dtype):
    check_whole(np.array(x), dtype, "Mine")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("x", [X, np.asfortranarray(X), X.astype(">i2"), X > 3], ids=["c", "fortran", "big", "bool"])
def test_an_npz_is_mapped_where_it_is_not_compressed(tmp_path, save, x):
    save(tmp_path / "data.npz", y=Y, x=x)
    found = ke.load_data(tmp_path / "data.npz").x
    np.testing.assert_array_equal(found, x)
    assert isinstance(found.base, np.memmap) == (save is np.savez)


def test_an_npy_is_rows_without_labels_and_mapped(tmp_path):
    np.save(tmp_path / "x.npy", X)
    x, y, classes = ke.load_data(tmp_path / "x.npy")
    assert isinstance(x.base, np.memmap)
    np.testing.assert_array_equal(x, X)
    assert (y, classes) == (None, None)


def test_a_changed_byte_in_an_npz_is_noticed(npz):
    path = npz(x=X)
    content = bytearray(path.read_bytes())
    content[content.index(X.tobytes()) + 9] ^= 1
    path.write_bytes(content)
    with pytest.raises(ke.KerasembleError, match=r"cannot be read as an \.npz: Bad CRC"):
        ke.load_data(path)


def test_a_source_is_sliced_as_an_array(npz):
    source = as_source(X.tolist(), Y)
    assert source[1:9].shape == (3, 6)
    np.testing.assert_array_equal(source[np.array([0, 2, 3])], X[[0, 2, 3]])
    np.testing.assert_array_equal(source[np.array([True, False, False, True])], X[[0, 3]])
    assert source[np.array([], int)].shape == (0, 6)
    np.testing.assert_array_equal(source.y, Y)
    assert as_source(source) is source
    assert as_source(ke.load_data(npz(x=X, y=Y))).fingerprint == as_source(X).fingerprint
    with pytest.raises(ke.KerasembleError, match="without steps"):
        source[::2]


def test_59_labels_are_as_many_as_rows():
    with pytest.raises(ke.KerasembleError, match="4 rows and 3 labels"):
        as_source(X, Y[:3])


def test_48_a_ragged_list_is_refused():
    with pytest.raises(ke.KerasembleError, match="ragged"):
        as_source([[1, 2], [3]])


@pytest.mark.parametrize("path", ["hf://owner/data", "gs://data/x.npz", "https://data/x.npz", "s3://data"])
def test_131_what_is_elsewhere_is_refused(path):
    with pytest.raises(ke.KerasembleError, match=r"is not on this computer\. Download it"):
        ke.load_data(path)


@pytest.mark.parametrize("option", [{"label": "y"}, {"image_size": (3, 3)}, {"features": ["a"]}, {"workers": 2}])
def test_127_an_option_for_other_data_is_refused(npz, option):
    with pytest.raises(ke.KerasembleError, match=f"takes no {next(iter(option))}="):
        ke.load_data(npz(x=X), **option)
