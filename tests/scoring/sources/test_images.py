"""A folder of images is a source, or an error that names the file and the cure."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import kerasemble as ke
from kerasemble.core.rows import Extent
from kerasemble.scoring.sources.opening import as_source


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


def loaded(folder, **options):
    data = ke.load_data(folder, **options)
    return data._replace(x=np.asarray(data.x))


def grey(value=7, size=(5, 4)):
    return Image.new("L", size, value)


def colour(value=(1, 2, 3), size=(5, 4)):
    return Image.new("RGB", size, value)


def test_a_folder_gives_images_in_order_with_the_names_of_their_subfolders(images):
    x, y, classes = loaded(images(dog__b=grey(3), cat__z=grey(2), cat__a=grey(1)))
    assert (x.shape, x.dtype) == ((3, 4, 5, 1), np.uint8)
    assert x[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert y.tolist() == ["cat", "cat", "dog"]
    assert classes == ("cat", "dog")


def test_a_folder_without_subfolders_is_data_without_labels(images):
    x, y, classes = loaded(images(b=grey(2), a=grey(1)))
    assert x[:, 0, 0, 0].tolist() == [1, 2]
    assert (y, classes) == (None, None)


def test_colour_stays_colour(images):
    x = loaded(images(a__a=colour(), b__b=colour((4, 5, 6)))).x
    assert x[:, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_grey_among_colour_becomes_colour(images):
    x = loaded(images(a__a=grey(9), b__b=colour())).x
    assert x[:, 0, 0].tolist() == [[9, 9, 9], [1, 2, 3]]


def test_a_palette_becomes_the_colours_that_it_stands_for(images):
    palette = colour((10, 20, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    assert loaded(images(a=palette)).x[0, 0, 0].tolist() == [10, 20, 30]


def test_a_transparent_grey_is_grey(images):
    assert loaded(images(a=Image.new("LA", (5, 4), (9, 255)))).x[0, 0, 0].tolist() == [9]


def test_more_than_eight_bits_are_refused_not_cut(images):
    folder = images(deep=Image.fromarray(np.full((4, 5), 30_000, dtype=np.uint16)))
    with pytest.raises(ke.KerasembleError, match=r"deep\.png has pixels beyond 8 bits"):
        loaded(folder)


def test_hidden_folders_are_no_classes(images):
    folder = images(cat__a=grey())
    (folder / ".thumbnails").mkdir()
    assert loaded(folder).classes == ("cat",)


@pytest.mark.parametrize("stray", ["stray", "cat__deeper__stray"])
def test_an_image_that_would_be_passed_over_is_an_error(images, stray):
    folder = images(cat__a=grey(), **{stray: grey()})
    with pytest.raises(ke.KerasembleError, match="is not where it belongs"):
        loaded(folder)


def test_images_of_different_sizes_need_one_to_be_given(images):
    folder = images(a__small=grey(size=(5, 4)), b__large=grey(size=(10, 8)))
    with pytest.raises(ke.KerasembleError, match=r"small\.png is 4x5, .*large\.png is 8x10\. Give image_size"):
        loaded(folder)
    assert loaded(folder, image_size=(6, 3)).x.shape == (2, 6, 3, 1)


@pytest.mark.parametrize("damage", ["no-image", "truncated", "empty"])
def test_45_an_image_that_cannot_be_read_is_named(images, damage):
    folder = images(a__good=grey(size=(50, 40)), b__bad=grey(size=(50, 40)))
    bad = folder / "b" / "bad.png"
    bad.write_bytes({"no-image": b"not an image", "truncated": bad.read_bytes()[:60], "empty": b""}[damage])
    with pytest.raises(ke.KerasembleError, match=r"bad\.png cannot be read as an image.*take it out"):
        loaded(folder)


def test_a_folder_without_images_says_what_counts_as_one(images, tmp_path):
    with pytest.raises(ke.KerasembleError, match=r"has no images \(\.png, \.jpg"):
        loaded(tmp_path)
    (images(a__a=grey()) / "a" / "notes.txt").write_text("not an image", encoding="utf-8")
    assert len(loaded(tmp_path / "images").x) == 1


def test_images_are_decoded_when_they_are_read_and_damage_is_named_then(images):
    folder = images(a__one=grey(), a__two=grey())
    bad = folder / "a" / "two.png"
    bad.write_bytes(bad.read_bytes()[:50])
    source = as_source(folder)
    assert source.shape == (2, 4, 5, 1)
    assert source.extent == Extent(0.0, 255.0, fractions=False)
    assert source[0:1].shape == (1, 4, 5, 1)
    with pytest.raises(ke.KerasembleError, match=r"two\.png cannot be read as an image"):
        source[0:2]


def test_a_row_is_called_by_its_path_in_the_folder(images):
    source = as_source(images(dog__b=grey(), cat__a=grey()))
    assert [source.row_name(row) for row in range(2)] == ["cat/a.png", "dog/b.png"]


def test_the_fingerprint_depends_on_content_and_size_and_not_on_where_it_lies(images):
    folder = images(a=grey(3), b=grey(4))
    first = as_source(folder).fingerprint
    assert ke.load_data(folder, workers=1).x.fingerprint == first
    assert ke.load_data(folder, image_size=(2, 2)).x.fingerprint != first
    moved = folder.rename(folder.parent / "moved")
    assert as_source(moved).fingerprint == first
    grey(5).save(moved / "b.png")
    assert as_source(moved).fingerprint != first


def test_one_thread_reads_what_many_read(images):
    folder = images(**{f"n{number}": grey(number) for number in range(20)})
    one, many = (np.asarray(ke.load_data(folder, workers=workers).x) for workers in (1, 7))
    np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize("option", [{"workers": 0}, {"image_size": (0, 3)}, {"label": "y"}])
def test_127_options_that_cannot_be_are_refused(images, option):
    with pytest.raises(ke.KerasembleError, match=next(iter(option))):
        ke.load_data(images(a=grey()), **option)


def test_reading_images_imports_no_framework(images):
    folder = images(a=grey())
    script = (
        "import sys, numpy; from kerasemble.scoring.sources.opening import as_source; "
        f"numpy.asarray(as_source({str(folder)!r})); "
        "print(sorted({'keras', 'tensorflow', 'torch', 'jax', 'pyarrow', 'datasets'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
