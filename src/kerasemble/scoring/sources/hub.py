"""Data sets of Hugging Face's `datasets`: columns of numbers or images, by name."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.sources.batches import Batch
from kerasemble.scoring.sources.columns import Chosen, choose, class_names, dtype_of, labels_of, rows_of
from kerasemble.scoring.sources.images import Images
from kerasemble.scoring.sources.source import Source
from kerasemble.scoring.sources.stream import Stream
from kerasemble.scoring.sources.survey import Expected

_WHO = "The Hugging Face data set"
_BATCH = 256


@final
class HubRows(Source):
    """Columns of numbers of a `datasets.Dataset`, of which any rows are read."""

    def __init__(
        self,
        dataset: Any,  # noqa: ANN401 - `datasets` is not typed
        chosen: Chosen,
        y: npt.NDArray[Any] | None,
        classes: tuple[str, ...] | None,
    ) -> None:
        """Read the first row.

        Raises:
            KerasembleError: there are no rows, or no numbers.
        """
        self._table = dataset.select_columns(chosen.every).with_format("arrow")
        self._chosen = chosen
        self._dtype = dtype_of(dataset.features.arrow_schema, chosen.features)
        row = self._rows(0, 1).shape[1:] if len(dataset) else (len(chosen.features),)
        ids = None if chosen.id is None else [str(name) for name in dataset.with_format(None)[chosen.id]]
        super().__init__((len(dataset), *row), self._dtype, y=y, classes=classes, ids=ids, columns=chosen.features)

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the rows from `start` up to `stop`."""
        return self._rows(start, stop).reshape(stop - start, *self.shape[1:])

    def _rows(self, start: int, stop: int) -> npt.NDArray[Any]:
        return rows_of(self._table[start:stop], self._chosen, self._dtype, start)


def from_hub(data: object, label: str | None, features: Sequence[str] | None, ids: str | None) -> Source | None:
    """Return a data set of Hugging Face as a source; None where it is none.

    A column named "label" is the labels, where no other is named.

    Raises:
        KerasembleError: it has several splits, or columns that are no features.
    """
    datasets = sys.modules.get("datasets")
    if datasets is None or not hasattr(datasets, "IterableDataset"):
        return None
    if isinstance(data, (datasets.DatasetDict, datasets.IterableDatasetDict)):
        splits = [str(name) for name in data]
        msg = f"{_WHO} has several splits: {first(splits)}. Choose one: data['{splits[0] if splits else 'test'}']."
        raise KerasembleError(msg)
    if isinstance(data, datasets.IterableDataset):
        return _from_stream(data, label, features, ids)
    return _from_rows(data, label, features, ids) if isinstance(data, datasets.Dataset) else None


def _from_rows(dataset: Any, label: str | None, features: Sequence[str] | None, ids: str | None) -> Source:  # noqa: ANN401 - `datasets` is not typed
    from datasets import Image

    if dataset.format["type"] == "custom":
        msg = f"{_WHO} has a transform that is applied when rows are read. Give dataset.map(...), or reset_format()."
        raise KerasembleError(msg)
    label = label or ("label" if "label" in dataset.column_names else None)
    names = [name for name in features or dataset.column_names if name not in (label, ids)]
    images = [name for name in names if isinstance(dataset.features.get(name), Image)]
    if images and (features is None or list(features) == images) and len(images) == 1:
        y, classes = _labels(dataset, label)
        return _images(dataset, images[0], y, classes, ids)
    chosen = choose(dataset.features.arrow_schema, _WHO, features, label, ids)
    return HubRows(dataset, chosen, *_labels(dataset, label))


def _labels(dataset: Any, label: str | None) -> tuple[npt.NDArray[Any] | None, tuple[str, ...] | None]:  # noqa: ANN401 - `datasets` is not typed
    if label is None:
        return None, None
    _need(dataset, label)
    table = dataset.select_columns([label]).with_format("arrow")[:]
    y = labels_of(table.column(label), label, _WHO)
    names = getattr(dataset.features[label], "names", None)
    if names is None:
        return y, class_names(y)
    unknown = np.flatnonzero((y < 0) | (y >= len(names)))
    if unknown.size:
        msg = f"{_WHO} has no label in rows {first(unknown)} (-1). Leave those rows out, or choose another split."
        raise KerasembleError(msg)
    return np.array(names)[y], tuple(names)


def _need(dataset: Any, name: str) -> None:  # noqa: ANN401 - `datasets` is not typed
    if name not in dataset.column_names:
        msg = f"{_WHO} has no column '{name}'. It has: {first(dataset.column_names)}."
        raise KerasembleError(msg)


def _images(
    dataset: Any,  # noqa: ANN401 - `datasets` is not typed
    column: str,
    y: npt.NDArray[Any] | None,
    classes: tuple[str, ...] | None,
    ids: str | None,
) -> Source:
    from datasets import Image

    encoded = dataset.with_format(None).select_columns([column]).cast_column(column, Image(decode=False))

    def open_image(row: int) -> io.BufferedReader | io.BytesIO:
        found = encoded[row][column]
        if found is None:
            msg = "there is none"
            raise OSError(msg)
        return Path(found["path"]).open("rb") if found["bytes"] is None else io.BytesIO(found["bytes"])

    if ids is not None:
        _need(dataset, ids)
    names = range(len(dataset)) if ids is None else dataset.with_format(None)[ids]
    called = "Image" if ids is None else "Image of"
    shown = [str(name) for name in names]
    return Images(shown, open_image, y=y, classes=classes, path_of=lambda row: f"{called} {shown[row]}")


def _from_stream(dataset: Any, label: str | None, features: Sequence[str] | None, ids: str | None) -> Stream:  # noqa: ANN401 - `datasets` is not typed
    known = dataset.features or {}
    label = label or ("label" if "label" in (dataset.column_names or ()) else None)
    names = getattr(known.get(label), "names", None)

    def batches() -> Iterator[Batch]:
        start = 0
        for table in dataset.with_format("arrow").iter(batch_size=_BATCH):
            chosen = choose(table.schema, _WHO, features, label, ids)
            x = rows_of(table, chosen, dtype_of(table.schema, chosen.features), start)
            y = None if label is None else labels_of(table.column(label), label, _WHO)
            found = None if ids is None else np.asarray([str(name) for name in table.column(ids).to_pylist()])
            yield Batch(x, y if y is None or names is None else np.array(names)[y], found)
            start += len(x)

    stream = Stream(batches, Expected(_WHO), classes=None if names is None else tuple(names))
    stream.classes = stream.classes or class_names(stream.y)
    return stream
