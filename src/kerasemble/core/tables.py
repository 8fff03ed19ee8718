"""What users hand over becomes tables (samples, columns) with names, or is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, counted, first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_array, as_names
from kerasemble.core.outputs import Diagnosis, check_finite, look_at, refuse


def check_members(given: Mapping[str, object]) -> tuple[str, ...]:
    """Return the names of members as text.

    Raises:
        KerasembleError: there are none, or two are the same.
    """
    if not given:
        msg = 'There are no members. Give at least one, e.g. {"a": array of shape (samples, classes)}.'
        raise KerasembleError(msg)
    names = tuple(str(name) for name in given)
    if len(set(names)) < len(names):
        msg = f"Two members have one name: {first(names)}. Names are compared as text; give each its own."
        raise KerasembleError(msg)
    return names


def check_classes(classes: Sequence[object] | None, width: int) -> tuple[str, ...]:
    """Return the class names for `width` columns; "0", "1", ... where `classes` is None.

    Raises:
        KerasembleError: there are too few, too many or repeated names.
    """
    if classes is None:
        return tuple(str(index) for index in range(width))
    names = as_names("classes", classes)
    if len(names) != width:
        msg = f"{counted(len(names), 'class name')} ({first(names)}) for {counted(width, 'class')}. Give one for each."
        raise KerasembleError(msg)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"Class names must be unique. Given more than once: {first(repeated)}."
        raise KerasembleError(msg)
    return names


def as_table(name: str, array: npt.ArrayLike) -> FloatArray:
    """Return what member `name` gave as floats (samples,) or (samples, classes).

    Raises:
        KerasembleError: it is ragged, empty, of another rank, or whole numbers in one column.
    """
    table = as_array(array, f"Member '{name}'")
    if table.dtype.kind not in "fiub":
        msg = f"Member '{name}' has dtype {table.dtype}. Give (samples, classes) floats."
        raise KerasembleError(msg)
    if table.ndim == 2 and table.shape[1] == 1:
        table = table[:, 0]
    if table.ndim not in (1, 2):
        per_pixel = table.ndim > 2
        what = " This looks like a class for each pixel, and Kerasemble combines one answer a row for now." * per_pixel
        msg = f"Member '{name}' has shape {table.shape}; a classifier has (samples, classes).{what}"
        raise KerasembleError(msg, code=Code.TASK_PER_PIXEL if per_pixel else Code.INVALID)
    if not len(table):
        msg = f"Member '{name}' has no rows. Give at least one sample."
        raise KerasembleError(msg)
    if table.dtype.kind != "f" and table.ndim == 1:
        raise refuse(name, Diagnosis("label indices", f"dtype {table.dtype}", "Pass the probabilities."))
    return table if table.dtype.kind == "f" else table.astype(np.float32)


def check_same_rows(tables: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise a `KerasembleError` with every member's number of rows where they differ."""
    counts = {name: len(table) for name, table in tables.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"'{name}' {count}" for name, count in counts.items())
        msg = f"Members have different numbers of rows: {listed}. All must answer the same samples, in the same order."
        raise KerasembleError(msg)


def check_columns(tables: Mapping[str, FloatArray], width: int | None, *, binary: bool) -> None:
    """Refuse columns that do not fit the classes, naming each member's."""
    for name, table in tables.items():
        if table.ndim == 1 and not binary:
            found = look_at(table[:, None], name)
            if found.kind == "label indices":
                raise refuse(name, found)
            msg = (
                f"Member '{name}' has one column. If it is the probability of the second of two classes, pass "
                "task='binary' or classes with two names; otherwise give one column for each class."
            )
            raise KerasembleError(msg)
        if table.ndim == 2 and width is not None and table.shape[1] != width == len(table):
            check_finite(table, name)
            if np.abs(table.sum(axis=0) - 1).max() < 1e-3:
                figures = f"shape {table.shape} for {width} classes, columns sum to one"
                raise refuse(name, Diagnosis("transposed", figures, "Transpose it: rows are samples."))
    check_widths({name: 2 if table.ndim == 1 else table.shape[1] for name, table in tables.items()}, width)


def check_widths(widths: Mapping[str, int], width: int | None = None) -> None:
    """Raise a `KerasembleError` with a table of members where they, or the class names, differ in number.

    `widths` is member name to number of classes; `width` the number of class names where they are given.
    """
    listed = ", ".join(f"'{name}' {count}" for name, count in widths.items())
    if len(set(widths.values())) > 1:
        msg = (
            f"Members have different numbers of classes: {listed}. Only members that answer over the same classes can "
            "be combined."
        )
        raise KerasembleError(msg)
    received = next(iter(widths.values()))
    if width is not None and received != width:
        names = f"{counted(width, 'class name')} {'was' if width == 1 else 'were'} given"
        msg = f"{names}, but the members answer over {counted(received, 'class')}: {listed}."
        raise KerasembleError(msg)
    if received == 1:
        msg = f"Members have one class: {listed}. There is nothing to decide with fewer than two."
        raise KerasembleError(msg)
