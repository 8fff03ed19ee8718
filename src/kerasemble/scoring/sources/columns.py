"""The columns of a table: which are features, which labels, and how they become arrays."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import refuse_rows

# What labels are called; a number of that name among the features would give the answer away.
_LABEL_NAMES = ("label", "labels", "y", "target", "class")


class Chosen(NamedTuple):
    """Names of the columns that are read: the features, and the labels and the row ids where there are some."""

    features: tuple[str, ...]
    label: str | None
    id: str | None

    @property
    def every(self) -> list[str]:
        """All of them."""
        return [*self.features, *(name for name in (self.label, self.id) if name is not None)]


def choose(schema: Any, where: str, features: Sequence[str] | None, label: str | None, ids: str | None) -> Chosen:  # noqa: ANN401 - PyArrow is not typed
    """Return which columns of a PyArrow schema are read.

    Raises:
        KerasembleError: a column is not there, or is not numeric and was not asked for.
    """
    if isinstance(features, str):
        msg = f"features must be a list of columns. Received: {features!r}. Give features=[{features!r}]."
        raise KerasembleError(msg)
    names = list(schema.names)
    for name in [*(features or ()), *(name for name in (label, ids) if name is not None)]:
        if names.count(name) != 1:
            raise _no_column(name, names, where)
    chosen = list(features) if features is not None else [name for name in names if name not in (label, ids)]
    if not chosen:
        msg = f"{where} has no columns of features. It has: {first(names)}. Give features=[...]."
        raise KerasembleError(msg)
    if features is None and label is None and (found := [name for name in chosen if name.lower() in _LABEL_NAMES]):
        msg = f"{where} has a column '{found[0]}', which looks like labels. Give label='{found[0]}', or features=[...]."
        raise KerasembleError(msg)
    types = {name: value_type(schema.field(name).type) for name in chosen}
    for name, (kind, nested) in types.items():
        if kind is None or (nested and len(chosen) > 1):
            what = "holds lists beside other features" if kind is not None else f"is {schema.field(name).type}"
            msg = f"Column '{name}' of {where} {what}, not numbers. Give features=[...], the columns of numbers."
            raise KerasembleError(msg)
    return Chosen(tuple(chosen), label, ids)


def _no_column(name: str, names: list[str], where: str) -> KerasembleError:
    if name in names:
        return KerasembleError(f"{where} has several columns '{name}'. Give each a name of its own.")
    near = get_close_matches(name, names, 1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return KerasembleError(f"{where} has no column '{name}'. It has: {first(names)}.{hint}")


def value_type(kind: Any) -> tuple[np.dtype[Any] | None, bool]:  # noqa: ANN401 - PyArrow is not typed
    """Return the NumPy type of a column's numbers, None for others, and whether each value is a list of them."""
    import pyarrow as pa

    kind, nested = getattr(kind, "storage_type", kind), False
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, nested = kind.value_type, True
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return np.dtype(kind.to_pandas_dtype()), nested
    return (np.dtype(np.float64) if pa.types.is_null(kind) else None), nested


def dtype_of(schema: Any, features: Sequence[str]) -> np.dtype[Any]:  # noqa: ANN401 - PyArrow is not typed
    """Return the type that holds the numbers of all features without loss."""
    found = [value_type(schema.field(name).type)[0] for name in features]
    return np.result_type(*(kind for kind in found if kind is not None))


def rows_of(table: Any, chosen: Chosen, dtype: np.dtype[Any], start: int = 0) -> npt.NDArray[Any]:  # noqa: ANN401 - PyArrow is not typed
    """Return the features of a PyArrow table (rows, features); of one column of lists (rows, length, ...).

    Raises:
        KerasembleError: lists differ in length, or there is nothing where a whole number should be.
    """
    if value_type(table.schema.field(chosen.features[0]).type)[1]:
        return _from_lists(table.column(chosen.features[0]), chosen.features[0], start).astype(dtype, copy=False)
    x = np.empty((len(table), len(chosen.features)), dtype)
    for index, name in enumerate(chosen.features):
        column = table.column(name)
        if column.null_count and dtype.kind != "f":
            bad = start + np.flatnonzero(np.asarray(column.is_null()))
            raise refuse_rows(bad, start + len(table), _namer(table, chosen, start), [name])
        x[:, index] = column.cast("float64") if column.null_count else column
    return x


def _namer(table: Any, chosen: Chosen, start: int) -> Any:  # noqa: ANN401 - PyArrow is not typed
    if chosen.id is None:
        return str
    ids = table.column(chosen.id)
    return lambda row: str(ids[row - start].as_py())


def _from_lists(column: Any, name: str, start: int) -> npt.NDArray[Any]:  # noqa: ANN401 - PyArrow is not typed
    import pyarrow as pa
    import pyarrow.compute as pc

    values, shape = pa.chunked_array(column).combine_chunks(), [len(column)]
    values = getattr(values, "storage", values)
    while value_type(values.type)[1]:
        lengths = np.asarray(pc.list_value_length(values).fill_null(-1))
        if len(lengths) and (lengths.min() != lengths.max() or lengths.min() < 0):
            other = start + int(np.flatnonzero(lengths != lengths[0])[0]) // max(1, int(np.prod(shape[1:])))
            msg = f"Column '{name}' has lists of different lengths (row {other}). Give all rows one length."
            raise KerasembleError(msg)
        shape.append(int(lengths[0]) if len(lengths) else 0)
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(shape)


def labels_of(column: Any, name: str, where: str) -> npt.NDArray[Any]:  # noqa: ANN401 - PyArrow is not typed
    """Return a column of labels as numbers or text.

    Raises:
        KerasembleError: some are missing, or are neither.
    """
    import pyarrow as pa

    if column.null_count:
        rows = np.flatnonzero(np.asarray(column.is_null()))
        msg = f"Labels ('{name}' of {where}) are missing in rows {first(rows)}. Leave those rows out."
        raise KerasembleError(msg)
    kind = getattr(column.type, "value_type", column.type)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.asarray(column.to_pylist(), dtype=np.str_)
    values = np.asarray(column)
    with contextlib.suppress(ValueError):
        if values.dtype.kind in "biuf":
            return values
        values = np.asarray(values.tolist())
    if values.dtype.kind not in "biuf":
        msg = f"Labels ('{name}' of {where}) are {column.type}. Give numbers or names."
        raise KerasembleError(msg)
    return values


def class_names(y: npt.NDArray[Any] | None) -> tuple[str, ...] | None:
    """Return the classes that labels by name have, in alphabetical order; None for others."""
    return tuple(np.unique(y).tolist()) if y is not None and y.dtype.kind == "U" else None
