"""Labels of any usual form become class indices, or an error that says which rows are wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray, counted, first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_array


def name_labels(y: npt.ArrayLike, classes: Sequence[str]) -> npt.NDArray[np.str_]:
    """Return the name of each label (samples,), given the classes in the order that indices follow.

    Raises:
        KerasembleError: as `encode_labels`.

    Example:
        >>> name_labels([1, 0], ["cat", "dog"])
        array(['dog', 'cat'], dtype='<U3')
    """
    labels = np.atleast_1d(_as_array(y))
    return np.asarray(classes)[encode_labels(labels, classes, len(labels))]


def are_names(y: npt.ArrayLike) -> bool:
    """Say whether labels are names of classes, and not indices.

    Example:
        >>> are_names(["dog", "cat"]), are_names([1, 0])
        (True, False)
    """
    return _as_array(y).dtype.kind in "US"


def encode_labels(y: npt.ArrayLike, classes: Sequence[str], samples: int, *, ordered: bool = True) -> IntArray:
    """Return the index into `classes` of each label.

    Args:
        y: (samples,) or (samples, 1) class indices from 0, or class names; or (samples, classes) one-hot rows.
        classes: the class names, in the order that indices follow.
        samples: how many labels there must be.
        ordered: False where nobody said which order of the classes integer labels follow.

    Returns:
        int64 array (samples,).

    Raises:
        KerasembleError: the labels are of another length or kind, or name classes that do not exist.

    Example:
        >>> encode_labels(["dog", "cat"], ["cat", "dog"], 2)
        array([1, 0])
    """
    labels = check_task(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 0:
        msg = f"Labels must be (samples,) indices or names, or (samples, classes) one-hot. Received: {str(y)[:80]}."
        raise KerasembleError(msg)
    if labels.ndim not in (1, 2):
        msg = f"Labels must be (samples,) indices or names, or (samples, classes) one-hot. Received: {labels.shape}."
        raise KerasembleError(msg)
    if len(labels) != samples:
        given = f"{counted(len(labels), 'label')} for {counted(samples, 'row')} of data"
        msg = f"Received: {given}. Give one label for each row, in its order."
        raise KerasembleError(msg)
    if labels.dtype.kind in "US":
        return _from_names(labels.astype(str), classes)
    if not ordered:
        msg = (
            "Labels are numbers, but the members name the same classes in different orders, so nobody can say which "
            "class a number means. Give classes=[...] in the order that the numbers follow, or labels by name."
        )
        raise KerasembleError(msg)
    if _are_other_numbers(classes):
        msg = (
            f"Labels are numbers and so are the names of the classes ({first(list(classes), 20)}), which do not count "
            "from 0 in order, so nobody can say whether a label is a name or a position. Give labels as text: "
            "y.astype(str), or in quotes in a CSV whose other numbers have none."
        )
        raise KerasembleError(msg)
    if labels.dtype.kind not in "biuf":
        msg = f"Labels must be class indices or class names. Received: dtype {labels.dtype}."
        raise KerasembleError(msg)
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        rows = np.flatnonzero(~np.isfinite(labels.reshape(samples, -1)).all(axis=1))
        msg = f"Labels are missing (NaN or infinity) in rows {first(rows)}. Leave those rows out."
        raise KerasembleError(msg)
    return _from_one_hot(labels, classes) if labels.ndim == 2 else _from_indices(labels, classes)


def check_task(y: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """Return targets as an array, where they can be those of a classifier.

    Raises:
        KerasembleError: they are those of another task, which the message and the code name.
    """
    labels = _as_array(y)
    for_now = "Kerasemble combines classifiers of one true class a row for now."
    if labels.ndim > 2:
        msg = f"Targets of shape {labels.shape} look like a class for each pixel or step. {for_now}"
        raise KerasembleError(msg, code=Code.TASK_PER_PIXEL)
    one_column = labels.ndim == 1 or (labels.ndim == 2 and labels.shape[1] == 1)
    if labels.dtype.kind == "f" and one_column:
        finite = labels[np.isfinite(labels)]
        fractions = finite[finite % 1 != 0]
        if len(fractions) > labels.size / 2:
            figures = f"{len(fractions)} of {labels.size} are no whole numbers, such as {fractions[0]:.4g}"
            msg = f"The targets look like regression: {figures}. {for_now} Give class indices or names."
            raise KerasembleError(msg, code=Code.TASK_REGRESSION)
    if labels.dtype.kind in "biuf" and labels.ndim == 2 and not one_column:
        sums = labels.sum(axis=1, dtype=np.float64)
        several = np.flatnonzero(sums > 1)
        # In one row or two it is a slip.
        if np.isin(labels, (0, 1)).all() and several.size and np.count_nonzero(sums != 1) > len(labels) / 2:
            figures = f"{several.size} of {len(labels)} rows have several true classes: {first(several)}"
            msg = f"The targets look like a multi-label task: {figures}. {for_now}"
            raise KerasembleError(msg, code=Code.TASK_MULTILABEL)
    return labels


def _are_other_numbers(classes: Sequence[str]) -> bool:
    """Say whether the class names are whole numbers, but not 0, 1, 2, ..., which mean the same either way."""
    counted = [str(index) for index in range(len(classes))]
    return all(name.isdecimal() for name in classes) and list(classes) != counted


def _as_array(y: npt.ArrayLike) -> npt.NDArray[np.generic]:
    labels = as_array(y, "y, one label for each row,")
    # Tables often hold numbers and text as objects; what they are shows once they are a list.
    return np.asarray(labels.tolist()) if labels.dtype == object else labels


def _from_names(labels: npt.NDArray[np.str_], classes: Sequence[str]) -> IntArray:
    if labels.ndim != 1:
        msg = f"Class names must be given one for each row. Received: shape {labels.shape}."
        raise KerasembleError(msg)
    position = {name: index for index, name in enumerate(classes)}
    unknown = sorted(set(labels.tolist()) - set(position))
    if unknown:
        msg = (
            f"Labels name classes that no member has: {first(unknown)}. The classes are: {first(list(classes), 20)}. "
            "Give classes=[...] (--classes) with the names that the labels use, in the members' order."
        )
        raise KerasembleError(msg)
    return np.array([position[label] for label in labels.tolist()], dtype=np.int64)


def _from_indices(labels: npt.NDArray[np.generic], classes: Sequence[str]) -> IntArray:
    indices = labels.astype(np.int64)
    if labels.dtype.kind == "f" and not np.array_equal(indices, labels):
        rows = np.flatnonzero(indices != labels)
        msg = f"Label {labels[rows[0]]} in row {rows[0]} is not a whole number. Labels are class indices from 0."
        raise KerasembleError(msg)
    count, low, high = len(classes), int(indices.min(initial=0)), int(indices.max(initial=0))
    if high == count and indices.size and int(indices.min()) >= 1:
        msg = f"The largest label is {high} with {count} classes: do labels count from 1? Give labels - 1."
        raise KerasembleError(msg)
    if low < 0 or high >= count:
        rows = np.flatnonzero((indices < 0) | (indices >= count))
        received = first(sorted({int(indices[row]) for row in rows}))
        msg = f"Labels must be 0 to {count - 1} for {count} classes. Received: {received}, in rows {first(rows)}."
        raise KerasembleError(msg)
    return indices


def _from_one_hot(labels: npt.NDArray[np.generic], classes: Sequence[str]) -> IntArray:
    values = labels.astype(np.float64)
    if values.shape[1] != len(classes):
        msg = f"One-hot labels have {values.shape[1]} columns for {len(classes)} classes."
        raise KerasembleError(msg)
    off = np.abs(values.sum(axis=1) - 1) > 1e-6
    if off.any() or (values < 0).any():
        rows = np.flatnonzero(off | (values < 0).any(axis=1))
        msg = f"Labels of shape {values.shape} must be one-hot rows that sum to one. Not so: rows {first(rows)}."
        raise KerasembleError(msg)
    soft = values.max(axis=1) < 1 - 1e-6
    if soft.any():
        rows = np.flatnonzero(soft)
        msg = f"Soft labels are not supported yet (rows {first(rows)}). Give the most likely class of each row."
        raise KerasembleError(msg)
    return np.asarray(values.argmax(axis=1), dtype=np.int64)
