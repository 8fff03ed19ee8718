"""Images, in files or elsewhere, that are decoded when they are read."""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import Extent, Hashes
from kerasemble.scoring.sources.source import Source

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
# What Pillow calls pixels of 8 bits or fewer, and what they are read as; transparency is left out.
_MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB", "CMYK": "RGB"}
_MODES |= {"YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB", "RGBX": "RGB", "La": "L", "RGBa": "RGB"}
# Decoding gains little from more.
_MOST_WORKERS = 8


class _Header(NamedTuple):
    """What the beginning of an image tells: what it becomes, and its size."""

    mode: str
    height: int
    width: int


@final
class Images(Source):
    """Images (samples, height, width, 1 or 3) of 0..255; grey where all are grey, else colour.

    Only the beginnings are read when it is made. Pixels are decoded by several threads, when rows are read.

    Args:
        ids: what people call the images, such as their paths.
        open_file: opens the image in a row.
        size: (height, width) that images are resized to; their own, where left out.
        workers: threads; as many as processors, up to 8, where left out.
        path_of: what errors call the image in a row; its id where left out.
    """

    def __init__(
        self,
        ids: Sequence[str],
        open_file: Callable[[int], io.BufferedReader | io.BytesIO],
        *,
        place: str = "",
        y: npt.NDArray[Any] | None = None,
        classes: tuple[str, ...] | None = None,
        size: tuple[int, int] | None = None,
        workers: int | None = None,
        path_of: Callable[[int], str] | None = None,
    ) -> None:
        """Read the beginnings.

        Raises:
            KerasembleError: Pillow is missing, or images are none, deeper than 8 bits, or of several sizes.
        """
        _need_pillow()
        if size is not None and min(size) < 1:
            msg = f"image_size must be (height, width) of at least one pixel. Received: {size}."
            raise KerasembleError(msg)
        if workers is not None and workers < 1:
            msg = f"workers must be at least 1. Received: {workers}."
            raise KerasembleError(msg)
        self._open = open_file
        self._path_of = path_of or ids.__getitem__
        self._size = size
        self._pool = ThreadPoolExecutor(workers or min(_MOST_WORKERS, os.cpu_count() or 1), "kerasemble-images")
        headers = list(self._pool.map(self._header, range(len(ids))))
        self._mode = "RGB" if any(header.mode == "RGB" for header in headers) else "L"
        height, width = size or self._common_size(headers)
        shape = (len(ids), height, width, 3 if self._mode == "RGB" else 1)
        super().__init__(shape, np.dtype(np.uint8), place=place, y=y, classes=classes, ids=ids)
        self.extent = Extent(0.0, 255.0, fractions=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the files' own, in their order, and of how they are resized."""
        digest = hashlib.sha256()
        for found in self._digests:
            digest.update(found)
        digest.update(f"{self._size} {self.shape}".encode())
        return digest.hexdigest()

    @functools.cached_property
    def row_hashes(self) -> Hashes:
        """(samples,) 64 bits for each image, those of its file."""
        return np.frombuffer(b"".join(found[:8] for found in self._digests), dtype=np.uint64)

    @functools.cached_property
    def _digests(self) -> list[bytes]:
        """SHA-256 of each file."""
        return list(self._pool.map(self._hash, range(len(self))))

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Decode the images from `start` up to `stop`.

        Raises:
            KerasembleError: one is damaged; the message names it.
        """
        found = np.empty((stop - start, *self.shape[1:]), np.uint8)
        for index, pixels in enumerate(self._pool.map(self._decode, range(start, stop))):
            found[index] = pixels
        return found

    def _header(self, row: int) -> _Header:
        from PIL import Image

        try:
            with self._open(row) as file, Image.open(file) as image:
                mode, (width, height) = image.mode, image.size
        except Exception as error:  # a damaged image raises OSError, TypeError, SyntaxError, ...
            raise self._unreadable(row, error) from error
        if mode not in _MODES:
            # Pillow would cut each value at 255.
            msg = f"{self._path_of(row)} has pixels beyond 8 bits (mode {mode}). Give an .npz, or convert it to 8 bits."
            raise KerasembleError(msg)
        return _Header(_MODES[mode], height, width)

    def _common_size(self, headers: list[_Header]) -> tuple[int, int]:
        sizes = [(header.height, header.width) for header in headers]
        odd = next((row for row, size in enumerate(sizes) if size != sizes[0]), None)
        if odd is not None:
            one, other = (f"{self._path_of(row)} is {sizes[row][0]}x{sizes[row][1]}" for row in (0, odd))
            msg = f"Images differ in size: {one}, {other}. Give image_size=(height, width) (--image-size HEIGHTxWIDTH)."
            raise KerasembleError(msg)
        return sizes[0] if sizes else (0, 0)

    def _decode(self, row: int) -> npt.NDArray[np.uint8]:
        from PIL import Image

        try:
            with self._open(row) as file, Image.open(file) as image:
                plain = image.convert(_MODES[image.mode])
        except Exception as error:  # as for the header
            raise self._unreadable(row, error) from error
        if self._size is not None:
            plain = plain.resize((self._size[1], self._size[0]), Image.Resampling.BILINEAR)
        pixels = np.asarray(plain, dtype=np.uint8)
        # A grey image among colours gets three equal channels when it is written into the rows.
        pixels = pixels if pixels.ndim == 3 else pixels[..., None]
        if pixels.shape[:2] != self.shape[1:3] or pixels.shape[2] > self.shape[3]:
            msg = f"{self._path_of(row)} has changed since it was opened. Open the data again."
            raise KerasembleError(msg)
        return pixels

    def _hash(self, row: int) -> bytes:
        try:
            with self._open(row) as file:
                return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise self._unreadable(row, error) from error

    def _unreadable(self, row: int, error: Exception) -> KerasembleError:
        return KerasembleError(
            f"{self._path_of(row)} cannot be read as an image: {error}. Mend it or take it out of the folder."
        )


def open_images(folder: Path, size: tuple[int, int] | None = None, workers: int | None = None) -> Images:
    """Return the images of a folder with one subfolder for each class, or without subfolders and so without labels.

    Raises:
        KerasembleError: there are none, they lie elsewhere, or cannot be read.
    """
    groups, beside = _entries(folder)
    names = [(group, name) for group in groups for name in _names_in(folder, group)]
    if groups and beside:
        raise _stray(folder, folder / beside[0])
    names = names or [("", name) for name in beside]
    if not names:
        msg = f"{folder} has no images ({', '.join(SUFFIXES)}), neither in it nor in its subfolders."
        raise KerasembleError(msg)
    ids = [f"{group}/{name}" if group else name for group, name in names]
    return Images(
        ids,
        lambda row: (folder / ids[row]).open("rb"),
        place=str(folder),
        y=np.array([group for group, _ in names]) if groups else None,
        classes=tuple(groups) or None,
        size=size,
        workers=workers,
        path_of=lambda row: str(folder / ids[row]),
    )


def _names_in(folder: Path, group: str) -> Iterator[str]:
    deeper, names = _entries(folder / group)
    if deeper:
        raise _stray(folder, folder / group / deeper[0])
    yield from names


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the images in a folder, without hidden ones."""
    with os.scandir(folder) as found:
        shown = [entry for entry in found if not entry.name.startswith(".")]
    folders = sorted(entry.name for entry in shown if entry.is_dir())
    return folders, sorted(entry.name for entry in shown if entry.name.lower().endswith(SUFFIXES) and entry.is_file())


def _stray(folder: Path, path: Path) -> KerasembleError:
    return KerasembleError(
        f"{path} is not where it belongs: images lie in a subfolder of {folder} for each class, none deeper."
    )


def _need_pillow() -> None:
    try:
        import PIL.Image  # noqa: F401 - is it there?
    except ImportError as error:
        msg = "Reading images needs Pillow. Run: pip install 'kerasemble[images]'"
        raise KerasembleError(msg) from error
