"""Data files become arrays: an `.npz`, or a folder with one subfolder of images for each class."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import encode_labels

_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


# What Pillow calls pixels of 8 bits or fewer, and what they are read as; transparency is left out.
_MODES = {"1": "L", "L": "L", "LA": "L", "P": "RGB", "PA": "RGB", "RGB": "RGB", "RGBA": "RGB", "CMYK": "RGB"}
_MODES |= {"YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB", "RGBX": "RGB", "La": "L", "RGBa": "RGB"}


class Data(NamedTuple):
    """Samples (samples, ...), their labels (samples, ...) and the class names; None where there are none.

    Where classes are named, labels are their names.
    """

    x: npt.NDArray[Any]
    y: npt.NDArray[Any] | None
    classes: tuple[str, ...] | None


class LabelledData(NamedTuple):
    """As `Data`, with labels."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    classes: tuple[str, ...] | None


def load_labelled(path: str | os.PathLike[str], image_size: tuple[int, int] | None = None) -> LabelledData:
    """Return what `load_data` returns, which must have labels.

    Raises:
        KerasembleError: as `load_data`, or there are no labels.
    """
    data = load_data(path, image_size)
    if data.y is None:
        msg = f"{path} has no labels. Save them as 'y' beside x, or sort images into a subfolder for each class."
        raise KerasembleError(msg)
    return LabelledData(data.x, data.y, data.classes)


def load_data(path: str | os.PathLike[str], image_size: tuple[int, int] | None = None) -> Data:
    """Return what is in an `.npz` with `x`, and `y` and `classes` if it has them, or in a folder of images.

    Args:
        path: of the file, or of a folder whose subfolders are named by the classes. A folder of images without
            subfolders is data without labels.
        image_size: (height, width) that images are resized to; needed where they differ in size.

    Raises:
        KerasembleError: there is nothing there, it cannot be read, or images differ in size.
    """
    target = Path(path)
    if image_size is not None and min(image_size) < 1:
        msg = f"image_size must be (height, width) of at least one pixel. Received: {image_size}."
        raise KerasembleError(msg)
    if target.is_dir():
        return _load_images(target, image_size)
    if not target.exists():
        msg = f"{target} does not exist. Data is an .npz with x (and y), or a folder with a subfolder for each class."
        raise KerasembleError(msg)
    try:
        # Opened here, since NumPy leaves a damaged archive open.
        with target.open("rb") as handle, _open(handle) as file:
            found = list(getattr(file, "files", ()))
            arrays = {key: file[key] for key in ("x", "y", "classes") if key in found}
    except Exception as error:  # NumPy raises ValueError, BadZipFile, EOFError, OSError, ... for a bad file
        reason = str(error).splitlines()[0]
        if "pickle" in reason:
            reason = "it holds objects or is something else. Save numbers with np.savez('data.npz', x=x, y=y)"
        msg = f"{target} cannot be read as an .npz: {reason}."
        raise KerasembleError(msg) from error
    if "x" not in arrays:
        msg = f"{target} has no 'x'. It has: {first(found) or 'nothing'}. Save it with np.savez('data.npz', x=x, y=y)."
        raise KerasembleError(msg)
    x, y = check_data(arrays["x"]), arrays.get("y")
    if "classes" not in arrays:
        return Data(x, y, None)
    if arrays["classes"].ndim != 1:
        msg = f"{target}: classes must be a list of names. Received: an array of shape {arrays['classes'].shape}."
        raise KerasembleError(msg)
    classes = tuple(arrays["classes"].astype(str).tolist())
    # By name, a label means the same in whichever order members have the classes.
    return Data(x, None if y is None else np.array(classes)[encode_labels(y, classes, len(x))], classes)


def _open(handle: IO[bytes]) -> Any:  # noqa: ANN401 - NumPy's archive
    """Open an `.npz`, whatever its suffix; a bare `.npy` has no names and counts as an archive of nothing."""
    opened = np.load(handle, allow_pickle=False)
    return contextlib.nullcontext() if isinstance(opened, np.ndarray) else opened


def check_data(x: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return data (samples, ...) as an array of finite numbers.

    Raises:
        KerasembleError: it is ragged, empty, not numeric, or has NaN or infinity; the message names the rows.
    """
    try:
        array = np.asarray(x)
    except ValueError as error:
        msg = f"The data is ragged: all rows must have one shape. ({error})"
        raise KerasembleError(msg) from error
    if array.dtype.kind not in "biuf":
        msg = f"The data has dtype {array.dtype}. Give numbers, all rows of one shape."
        raise KerasembleError(msg)
    if array.ndim < 2:
        msg = f"The data has shape {array.shape}. The first axis is samples; one sample needs x[None]."
        raise KerasembleError(msg)
    if not len(array):
        msg = f"The data has no rows (shape {array.shape}). Give at least one sample."
        raise KerasembleError(msg)
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array).all(axis=tuple(range(1, array.ndim)))
        if bad.any():
            rows = np.flatnonzero(bad)
            msg = f"The data has NaN or infinity in {len(rows)} of {len(array)} rows: {first(rows)}. Leave them out."
            raise KerasembleError(msg)
    return array


def check_whole(x: npt.NDArray[Any], dtype: str, who: str) -> None:
    """Refuse data that a cast to `dtype` would change, where that is a type of whole numbers.

    Raises:
        KerasembleError: the data has fractions, or numbers beyond the type's.
    """
    if "int" not in dtype:
        return
    limits = np.iinfo(dtype)
    low, high = x.min(), x.max()
    fractions = x.dtype.kind == "f" and bool((x % 1 != 0).any())
    if fractions or low < limits.min or high > limits.max:
        what = "fractions" if fractions else f"values from {low:g} to {high:g}"
        msg = (
            f"{who} takes whole numbers from {limits.min} to {limits.max} ({dtype}); the data has {what}. Give the "
            "data as it was in training, or Member(..., preprocess='0..255') or layers that make it so."
        )
        raise KerasembleError(msg)


def _load_images(folder: Path, size: tuple[int, int] | None) -> Data:
    groups = _folders_in(folder)
    stray = [*(_images_in(folder) if groups else []), *(inner for group in groups for inner in _folders_in(group))]
    if stray:
        msg = f"{stray[0]} is not where it belongs: images lie in a subfolder of {folder} for each class, none deeper."
        raise KerasembleError(msg)
    files = [path for group in groups or [folder] for path in _images_in(group)]
    if not files:
        msg = f"{folder} has no images ({', '.join(_IMAGE_SUFFIXES)}), neither in it nor in its subfolders."
        raise KerasembleError(msg)
    x = _read_images(files, size)
    if not groups:
        return Data(x, None, None)
    return Data(x, np.array([path.parent.name for path in files]), tuple(group.name for group in groups))


def _folders_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _images_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _IMAGE_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )


def _read_images(paths: Sequence[Path], size: tuple[int, int] | None) -> npt.NDArray[np.uint8]:
    try:
        from PIL import Image
    except ImportError as error:
        msg = "Reading images needs Pillow. Run: pip install 'kerasemble[images]'"
        raise KerasembleError(msg) from error
    arrays = []
    for path in paths:
        try:
            with Image.open(path) as image:
                mode = image.mode
                plain = image.convert(_MODES[mode]) if mode in _MODES else None
        except Exception as error:  # a damaged image raises OSError, TypeError, SyntaxError, ...
            msg = f"{path} cannot be read as an image: {error}. Mend it or take it out of the folder."
            raise KerasembleError(msg) from error
        if plain is None:
            # Pillow would cut each value at 255.
            msg = f"{path} has pixels beyond 8 bits (mode {mode}). Give an .npz, or convert it to 8 bits."
            raise KerasembleError(msg)
        fitted = plain if size is None else plain.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        arrays.append(np.asarray(fitted, dtype=np.uint8))
    if any(array.ndim == 3 for array in arrays):
        arrays = [array if array.ndim == 3 else np.repeat(array[..., None], 3, axis=-1) for array in arrays]
    else:
        arrays = [array[..., None] for array in arrays]
    odd = next((index for index, array in enumerate(arrays) if array.shape != arrays[0].shape), None)
    if odd is not None:
        one, other = (f"{paths[index]} is {arrays[index].shape[0]}x{arrays[index].shape[1]}" for index in (0, odd))
        msg = f"Images differ in size: {one}, {other}. Give image_size=(height, width) (--image-size HEIGHTxWIDTH)."
        raise KerasembleError(msg)
    return np.stack(arrays)
