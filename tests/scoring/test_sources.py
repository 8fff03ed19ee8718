"""Data files become arrays, or an error that names the file and the cure."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import kerasemble as ke
from kerasemble.scoring.sources import check_data, check_whole, load_labelled

X = np.arange(24, dtype=np.float32).reshape(4, 6)
Y = np.array([0, 1, 1, 0])


@pytest.fixture
def npz(tmp_path):
    """Save arrays as data.npz and return its path."""

    def save(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return tmp_path / "data.npz"

    return save


@pytest.fixture
def images(tmp_path):
    """Write images under a folder, by their path in it, and return the folder."""

    def write(**pictures):
        for name, picture in pictures.items():
            path = tmp_path / "images" / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path.with_suffix(".png"))
        return tmp_path / "images"

    return write


def grey(value=7, size=(5, 4)):
    return Image.new("L", size, value)


def colour(value=(1, 2, 3), size=(5, 4)):
    return Image.new("RGB", size, value)


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
    with pytest.raises(ke.KerasembleError, match=r"data\.npz has no labels\. Save them as 'y'"):
        load_labelled(npz(x=X))
    np.testing.assert_array_equal(load_labelled(npz(x=X, y=Y)).y, Y)


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
        pytest.param(raw_bytes(np.save, arr=X), "has no 'x'", id="48-npy"),
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
        pytest.param([["a"], ["b"]], "dtype <U1", id="48-text"),
        pytest.param(np.zeros(3), "first axis is samples", id="24-one-sample"),
        pytest.param([[1, np.nan], [2, 3], [np.inf, 1]], "in 2 of 3 rows: 0, 2", id="42-nan"),
        pytest.param(np.full((12, 2, 2), np.nan), "12 rows: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more", id="42-many"),
    ],
)
def test_data_that_cannot_be_used_is_refused(x, said):
    with pytest.raises(ke.KerasembleError, match=said):
        check_data(x)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_numbers_of_any_type_are_data_as_they_are(dtype):
    assert check_data(np.ones((2, 3), dtype)).dtype == dtype


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


def test_a_folder_gives_images_in_order_with_the_names_of_their_subfolders(images):
    x, y, classes = ke.load_data(images(dog__b=grey(3), cat__z=grey(2), cat__a=grey(1)))
    assert (x.shape, x.dtype) == ((3, 4, 5, 1), np.uint8)
    assert x[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert y.tolist() == ["cat", "cat", "dog"]
    assert classes == ("cat", "dog")


def test_a_folder_without_subfolders_is_data_without_labels(images):
    x, y, classes = ke.load_data(images(b=grey(2), a=grey(1)))
    assert x[:, 0, 0, 0].tolist() == [1, 2]
    assert (y, classes) == (None, None)


def test_colour_stays_colour(images):
    x = ke.load_data(images(a__a=colour(), b__b=colour((4, 5, 6)))).x
    assert x[:, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_grey_among_colour_becomes_colour(images):
    x = ke.load_data(images(a__a=grey(9), b__b=colour())).x
    assert x[:, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]


def test_a_palette_becomes_the_colours_that_it_stands_for(images):
    palette = colour((10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert ke.load_data(images(a=palette)).x[0, 0, 0].tolist() == [10, 20, 30]


def test_a_transparent_grey_is_grey(images):
    assert ke.load_data(images(a=Image.new("LA", (5, 4), (9, 255)))).x[0, 0, 0].tolist() == [9]


def test_more_than_eight_bits_are_refused_not_cut(images):
    folder = images(deep=Image.fromarray(np.full((4, 5), 30_000, dtype=np.uint16)))
    with pytest.raises(ke.KerasembleError, match=r"deep\.png has pixels beyond 8 bits"):
        ke.load_data(folder)


def test_hidden_folders_are_no_classes(images):
    folder = images(cat__a=grey())
    (folder / ".thumbnails").mkdir()
    assert ke.load_data(folder).classes == ("cat",)


@pytest.mark.parametrize("stray", ["stray", "cat__deeper__stray"])
def test_an_image_that_would_be_passed_over_is_an_error(images, stray):
    folder = images(cat__a=grey(), **{stray: grey()})
    with pytest.raises(ke.KerasembleError, match="is not where it belongs"):
        ke.load_data(folder)


def test_images_of_different_sizes_need_one_to_be_given(images):
    folder = images(a__small=grey(size=(5, 4)), b__large=grey(size=(10, 8)))
    with pytest.raises(ke.KerasembleError, match=r"small\.png is 4x5, .*large\.png is 8x10\. Give image_size"):
        ke.load_data(folder)
    assert ke.load_data(folder, image_size=(6, 3)).x.shape == (2, 6, 3, 1)


@pytest.mark.parametrize("damage", ["no-image", "truncated", "empty"])
def test_45_an_image_that_cannot_be_read_is_named(images, damage):
    folder = images(a__good=grey(), b__bad=grey(size=(50, 40)))
    bad = folder / "b" / "bad.png"
    bad.write_bytes({"no-image": b"not an image", "truncated": bad.read_bytes()[:60], "empty": b""}[damage])
    with pytest.raises(ke.KerasembleError, match=r"bad\.png cannot be read as an image.*take it out"):
        ke.load_data(folder)


def test_a_folder_without_images_says_what_counts_as_one(images, tmp_path):
    with pytest.raises(ke.KerasembleError, match=r"has no images \(\.png, \.jpg"):
        ke.load_data(tmp_path)
    (images(a__a=grey()) / "a" / "notes.txt").write_text("not an image", encoding="utf-8")
    assert len(ke.load_data(tmp_path / "images").x) == 1
