"""Whatever users call data becomes a source."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import Rows, extent_of
from kerasemble.scoring.sources.arrays import Array, open_arrays
from kerasemble.scoring.sources.frameworks import from_function, from_iterable, from_loader
from kerasemble.scoring.sources.hub import from_hub
from kerasemble.scoring.sources.images import open_images
from kerasemble.scoring.sources.source import Source
from kerasemble.scoring.sources.tables import SUFFIXES, open_table, table_files

# Two letters at least: C:\data is a path.
_REMOTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:/{1,2}")
_OPTIONS = {"image_size": "images", "workers": "images", "label": "tables", "features": "tables", "id": "tables"}


class Data(NamedTuple):
    """Samples (samples, ...), their labels (samples, ...) and the class names; None where there are none.

    Where classes are named, labels are their names.
    """

    x: npt.NDArray[Any] | Source
    y: npt.NDArray[Any] | None
    classes: tuple[str, ...] | None


def load_data(
    path: object,
    image_size: tuple[int, int] | None = None,
    *,
    label: str | None = None,
    features: Sequence[str] | None = None,
    id: str | None = None,  # noqa: A002 - what users call it
    workers: int | None = None,
) -> Data:
    """Open an `.npz`, an `.npy`, a table, or a folder of images or tables; rows are read when they are needed.

    Args:
        path: of an `.npz` with `x`, and `y` and `classes` if it has them; of an `.npy` of rows; of a `.csv` or
            `.parquet` table or a folder of such; or of a folder of images, whose subfolders are named by the classes.
            Also a data set or loader itself, such as a `datasets.Dataset` whose columns are to be named.
        image_size: (height, width) that images are resized to; needed where they differ in size.
        label: the column of a table that has the labels.
        features: the columns of a table that are the input; all others, where left out.
        id: the column of a table that names the rows.
        workers: threads that decode images; up to 8 where left out.

    Returns:
        Data with x (samples, ...), an array where the file is one, else a source, which is read in slices.

    Raises:
        KerasembleError: there is nothing there, it cannot be read, or an option is for another kind of data.

    Example:
        >>> x, y, classes = load_data("flowers.parquet", label="species")  # doctest: +SKIP
    """
    source = open_data(path, image_size, label=label, features=features, id=id, workers=workers)
    x = source.array if isinstance(source, Array) else source
    return Data(x, source.y, source.classes)


def open_data(
    path: object,
    image_size: tuple[int, int] | None = None,
    *,
    label: str | None = None,
    features: Sequence[str] | None = None,
    id: str | None = None,  # noqa: A002 - as in `load_data`
    workers: int | None = None,
) -> Source:
    """Return what `load_data` opens as the source that it is, which knows where it comes from.

    Raises:
        KerasembleError: as `load_data`.
    """
    options = {"image_size": image_size, "workers": workers, "label": label, "features": features, "id": id}
    if isinstance(path, str | os.PathLike):
        return _open_path(path, options)
    _refuse_options(options, "images", "This data")
    return _from_object(path, label, features, id)


def as_source(data: object, y: npt.ArrayLike | None = None) -> Source:
    """Return whatever has rows as a source: an array, a list, a path, what `load_data` returned, a loader.

    Args:
        data: (samples, ...) rows, in any of these forms.
        y: (samples, ...) labels; those of the data, where left out.

    Raises:
        KerasembleError: it has no rows of numbers, or other rows each time it is read.
    """
    source = _from_path_or_object(data)
    return source if y is None else source.labelled(y)


def _from_path_or_object(data: object) -> Source:
    if isinstance(data, str | os.PathLike):
        return _open_path(data, dict.fromkeys(_OPTIONS))
    return _from_object(data)


def check_whole(x: Rows, dtype: str, who: str) -> None:
    """Refuse data that a cast to `dtype` would change, where that is a type of whole numbers.

    Raises:
        KerasembleError: the data has fractions, or numbers beyond the type's.
    """
    if "int" not in dtype:
        return
    limits = np.iinfo(dtype)
    low, high, fractions = extent_of(x)
    if fractions or low < limits.min or high > limits.max:
        what = "fractions" if fractions else f"values from {low:g} to {high:g}"
        msg = (
            f"{who} takes whole numbers from {limits.min} to {limits.max} ({dtype}); the data has {what}. Give the "
            "data as it was in training, or Member(..., preprocess='0..255') or layers that make it so."
        )
        raise KerasembleError(msg)


def _open_path(path: str | os.PathLike[str], options: dict[str, Any]) -> Source:
    if _REMOTE.match(os.fspath(path)):
        msg = f"{os.fspath(path)} is not on this computer. Download it, and give the path of the file or folder."
        raise KerasembleError(msg)
    target = Path(path)
    if not target.exists():
        msg = (
            f"{target} does not exist. Data is an .npz with x (and y), a .csv or .parquet table, or a folder with a "
            "subfolder for each class."
        )
        raise KerasembleError(msg)
    if target.suffix.lower() in SUFFIXES or (target.is_dir() and table_files(target)):
        _refuse_options(options, "images", f"{target} is a table, and")
        return open_table(target, label=options["label"], features=options["features"], ids=options["id"])
    if target.is_dir():
        _refuse_options(options, "tables", f"{target} is a folder of images, and")
        return open_images(target, options["image_size"], options["workers"])
    _refuse_options(options, "images", f"{target} is a file of arrays, and")
    _refuse_options(options, "tables", f"{target} is a file of arrays, and")
    return open_arrays(target)


def _refuse_options(options: dict[str, Any], kind: str, what: str) -> None:
    for name, value in options.items():
        if value is not None and _OPTIONS[name] == kind:
            msg = f"{what} takes no {name}=, which is for {kind}. Leave it out. Received: {name}={value!r}."
            raise KerasembleError(msg)


def _from_object(
    data: object, label: str | None = None, features: Sequence[str] | None = None, ids: str | None = None
) -> Source:
    hub = from_hub(data, label, features, ids)
    if hub is not None:
        return hub
    _refuse_options({"label": label, "features": features, "id": ids}, "tables", "This data")
    if isinstance(data, Source):
        return data
    if isinstance(data, Data):
        return _from_loaded(data)
    return from_loader(data) or _from_plain(data)


def _from_loaded(data: Data) -> Source:
    source = _from_object(data.x)
    if data.y is None:
        return source
    labelled = source.labelled(data.y)
    labelled.classes = data.classes
    return labelled


def _from_plain(data: Any) -> Source:  # noqa: ANN401 - anything
    """Return an array as a source, or a function or an iterable that gives batches."""
    if not hasattr(data, "__array__") and not isinstance(data, list | tuple | dict | set | bytes | type):
        if callable(data):
            return from_function(data)
        if isinstance(data, Iterable):
            return from_iterable(data)
    return Array(data)
