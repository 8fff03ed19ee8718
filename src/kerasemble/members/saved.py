"""Files of saved predictions: one member's, or those of several to be compared without running anything."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, first
from kerasemble.core.codes import Code
from kerasemble.core.csv_files import Columns, labels_from, places_of, read_columns
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.predictions import Predictions
from kerasemble.core.tables import as_table, check_same_rows

_OURS = {"values", "members", "classes", "record"}

# Of fewer rows nobody can say what whole numbers are.
_FEW = 2


class Saved(NamedTuple):
    """A member's saved predictions.

    Args:
        table: (samples,) or (samples, columns).
        classes: names of the columns, where the file has such.
        data: SHA-256 of the data that they were made for, where the file says so.
        ids: names of the rows, where the file has such.
    """

    table: FloatArray
    classes: tuple[str, ...] | None = None
    data: str | None = None
    ids: tuple[str, ...] | None = None


def load_predictions(
    files: Sequence[str | os.PathLike[str]] | Mapping[str, str | os.PathLike[str]],
    classes: Sequence[object] | None = None,
    *,
    output: str = "probabilities",
    id: str | None = None,  # noqa: A002 - what users call it
    ids: Sequence[object] | None = None,
) -> Predictions:
    """Return the predictions in files, one for each member, over the same rows.

    Rows that have ids are joined by them, and columns that have class names are put in one order. Files without ids
    hold the rows in the order of the others.

    Args:
        files: paths, which name the members, or member name to path: an `.npy` or `.npz` of (samples, classes) floats,
            what `Predictions.save` wrote, or a `.csv` with a column for each class, whose first line may name them. One
            column is the probability of the second of two classes.
        classes: class names in the order wanted; those of the first file that names them where left out.
        output: "probabilities", "logits" or "unnormalised", as in `Predictions.from_arrays`.
        id: the column of a `.csv` that names its rows; a first column of text, or one called id, where left out.
        ids: (samples,) the ids in the order wanted, such as that of the labels; that of the first file where left out.

    Returns:
        Predictions with float32 values (members, samples, classes).

    Raises:
        KerasembleError: a file cannot be read, files are of other rows or classes, or the rows cannot be joined.

    Example:
        >>> seen = load_predictions(["a.npy", "b.csv"], ["cat", "dog"])  # doctest: +SKIP
    """
    if isinstance(files, str | os.PathLike) or not isinstance(files, Sequence | Mapping) or not files:
        msg = f"Give a list of files, or member name to file. Received: {files!r}."
        raise KerasembleError(msg)
    named = files if isinstance(files, Mapping) else None
    paths = [Path(path) for path in (named.values() if named is not None else files)]
    names = [str(name) for name in named] if named is not None else [path.stem for path in paths]
    if len(paths) == 1 and named is None and classes is None and ids is None and _is_ours(paths[0]):
        return Predictions.load(paths[0])  # with all that it says, such as what members cost
    found: dict[str, Saved] = {}
    for name, path in zip(names, paths, strict=True):
        for each, saved in _members_in(path, name, id).items():
            if each in found:
                msg = f"Two members have one name: {each}. Give names: {{'name': 'path', ...}}, or rename a file."
                raise KerasembleError(msg)
            found[each] = saved
    _check_same_data(found)
    tables = _joined(found, None if ids is None else [str(each) for each in ids])
    wanted = None if classes is None else [str(each) for each in classes]
    wanted = wanted or next((list(saved.classes) for saved in found.values() if saved.classes is not None), None)
    ordered = {name: _in_order(name, table, found[name].classes, wanted) for name, table in tables.items()}
    binary = all(table.ndim == 1 for table in ordered.values())
    return Predictions.from_arrays(ordered, wanted, output=output, task="binary" if binary else None)


def load_label_column(
    path: Path,
    label: str | None = None,
    id: str | None = None,  # noqa: A002 - as in `load_predictions`
) -> tuple[npt.NDArray[np.generic], tuple[str, ...] | None]:
    """Return the labels in a `.csv` (rows,), and the ids of its rows where it has such.

    Args:
        path: of the file.
        label: the column of the labels; the only one besides the ids where left out.
        id: the column of the ids, as in `load_predictions`.

    Raises:
        KerasembleError: it cannot be read, or it is not said which column has the labels.
    """
    columns = read_columns(path)
    place = columns.id_position(id, path)
    others = [each for each in range(len(columns.values)) if each != place]
    if label is None and len(others) != 1:
        msg = (
            f"{path} has {len(others)} columns besides row ids. Name the column of labels: label= (--label), and that "
            "of row ids where there is one: id= (--id)."
        )
        raise KerasembleError(msg, code=Code.NO_COLUMN)
    if place is None and label is not None:
        _refuse_unnamed_ids(columns, columns.position(label, path), path)
    ids = None if place is None else columns.values[place]
    return labels_from(columns, others[0] if label is None else columns.position(label, path)), ids


def _refuse_unnamed_ids(columns: Columns, label: int, path: Path) -> None:
    """Refuse a column beside the labels that looks like row ids and was not said to be: rows would not be joined by it.

    Raises:
        KerasembleError: it has another whole number in each row, out of order.
    """
    for position, values in enumerate(columns.values):
        whole = position != label and all(text.strip().isdecimal() for text in values)
        if whole and len(set(values)) == len(values) and not ascending(values):
            name = columns.names[position] if columns.names else position
            msg = f"Column '{name}' of {path} looks like row ids. Say so, id={name!r} (--id {name}), or leave it out."
            raise KerasembleError(msg, code=Code.IDS_DIFFER)


def _refuse_whole(columns: Columns, path: Path) -> None:
    """Refuse a column of whole numbers, another in each row, among those of probabilities: it would be a class.

    Raises:
        KerasembleError: there is one.
    """
    for position, values in enumerate(columns.values):
        if len(values) > _FEW and len(set(values)) == len(values) and all(text.strip().isdecimal() for text in values):
            name = columns.names[position] if columns.names else position
            msg = f"Column '{name}' of {path} looks like row ids. Say so: id={name!r} (--id {name})."
            raise KerasembleError(msg, code=Code.IDS_DIFFER)


def read_saved(path: Path, name: str, head: str | None = None, id: str | None = None) -> Saved:  # noqa: A002 - as above
    """Return a member's predictions in a file: an array, a table, or one member of what `Predictions.save` wrote.

    Args:
        path: of the file.
        name: of the member, for people.
        head: which of several arrays or members.
        id: the column of a `.csv` that names its rows.

    Raises:
        KerasembleError: it cannot be read, or has several members and none was chosen.
    """
    if path.suffix.lower() == ".csv":
        return _read_csv(path, name, id)
    arrays = _arrays(path)
    if isinstance(arrays, np.ndarray):
        return Saved(as_table(name, arrays))
    if set(arrays) >= _OURS:
        seen = Predictions.load(path)
        if head is None and len(seen.members) > 1:
            msg = f"{path} has {len(seen.members)} members: {first(seen.members, 20)}. Choose one with head=NAME."
            raise KerasembleError(msg)
        return _of_ours(seen, head or seen.members[0])
    key = head or next(iter(arrays), "")
    if (len(arrays) != 1 and head is None) or key not in arrays:
        msg = f"{path} has the arrays {first(list(arrays), 20) or 'none'}. Choose one with head=NAME."
        raise KerasembleError(msg)
    return Saved(as_table(name, arrays[key]))


def _members_in(path: Path, name: str, id_column: str | None) -> dict[str, Saved]:
    """Return what is in a file by the member's name: that of the file, or those in it where it has several."""
    if _is_ours(path):
        seen = Predictions.load(path)
        return {each if len(seen.members) > 1 else name: _of_ours(seen, each) for each in seen.members}
    return {name: read_saved(path, name, id=id_column)}


def _is_ours(path: Path) -> bool:
    content = _arrays(path) if path.suffix.lower() == ".npz" else ()
    return not isinstance(content, np.ndarray) and set(content) >= _OURS


def _of_ours(seen: Predictions, member: str) -> Saved:
    chosen = seen.only([member])
    counted = chosen.classes == tuple(map(str, range(len(chosen.classes))))
    return Saved(next(iter(chosen.each())), None if counted else chosen.classes, seen.data)


def _arrays(path: Path) -> npt.NDArray[np.generic] | dict[str, npt.NDArray[np.generic]]:
    if path.suffix.lower() in (".keras", ".h5", ".hdf5"):
        msg = (
            f"{path} is a model, and files of predictions are compared here. Use kerasemble combine, or predict first."
        )
        raise KerasembleError(msg, code=Code.UNREADABLE)
    try:
        with path.open("rb") as handle:
            content = np.load(handle, allow_pickle=False)
            return content if isinstance(content, np.ndarray) else {key: content[key] for key in content.files}
    except Exception as error:  # NumPy raises ValueError, BadZipFile, EOFError, OSError, ... for a bad file
        msg = f"{path} cannot be read as saved predictions: {str(error).splitlines()[0]}."
        raise KerasembleError(msg, code=Code.UNREADABLE) from error


def _read_csv(path: Path, name: str, id_column: str | None) -> Saved:
    columns = read_columns(path)
    place = columns.id_position(id_column, path)
    others = [each for each in range(len(columns.values)) if each != place]
    if place is None and len(others) > 1:
        _refuse_whole(columns, path)
    values = np.stack([columns.numbers(each, path) for each in others], axis=1) if others else np.empty((0, 0))
    one = values.shape[1] == 1
    if one and all(text.strip().isdecimal() for text in columns.values[others[0]]):
        values = values.astype(np.int64)  # so they are refused as labels
    names = None if columns.names is None or one else tuple(columns.names[each] for each in others)
    counted = names == tuple(map(str, range(len(others))))
    return Saved(
        as_table(name, values), None if counted else names, ids=None if place is None else columns.values[place]
    )


def _check_same_data(found: Mapping[str, Saved]) -> None:
    made_from = {saved.data: name for name, saved in found.items() if saved.data is not None}
    if len(made_from) > 1:
        listed = " and ".join(f"'{name}'" for name in list(made_from.values())[:2])
        msg = f"Members {listed} were run on other data, or on the rows in another order. Give predictions of one set."
        raise KerasembleError(msg, code=Code.ROWS_DIFFER)


def _joined(found: Mapping[str, Saved], wanted: Sequence[str] | None) -> dict[str, FloatArray]:
    """Return the tables with their rows in one order."""
    check_same_rows({name: saved.table for name, saved in found.items()})
    named = {name: saved.ids for name, saved in found.items() if saved.ids is not None}
    if not named and wanted is not None and not ascending(wanted):
        msg = (
            f"The labels have row ids, and {first(list(found))} none, so nobody can say which row is which. Save "
            "predictions with ids, or give labels without, in the order of the rows."
        )
        raise KerasembleError(msg, code=Code.IDS_DIFFER)
    if not named:
        return {name: saved.table for name, saved in found.items()}
    owner = next(iter(named))
    order = named[owner] if wanted is None else tuple(wanted)
    by = f"'{owner}'" if wanted is None else "the labels"
    places = {name: places_of(ids, order, f"Member '{name}'", by) for name, ids in named.items()}
    plain = np.arange(len(order))
    moved = [name for name, each in places.items() if not np.array_equal(each, plain)]
    unnamed = [name for name in found if name not in named]
    if moved and unnamed:
        msg = (
            f"Members {first(unnamed)} have no row ids, and those of {first(moved)} stand in another order, so nobody "
            "can say which row is which. Save all with ids, or all in one order without."
        )
        raise KerasembleError(msg, code=Code.IDS_DIFFER)
    if wanted is None and moved:
        msg = (
            f"Row ids of {first(moved)} stand in another order than those of {by}. Rows are in the order of {by}, and "
            "labels without ids must be too: give labels with ids (--labels FILE.csv --id COLUMN)."
        )
        warn(msg, Code.IDS_DIFFER)
    if unnamed and not ascending(order):
        msg = (
            f"Members {first(unnamed)} have no row ids, and are taken to be in the order of {by}. Save all with ids, "
            "so that nobody has to trust that."
        )
        warn(msg, Code.IDS_DIFFER)
    return {name: saved.table[places.get(name, plain)] for name, saved in found.items()}


def ascending(ids: Sequence[str]) -> bool:
    """Return whether ids are in an order that a file without ids may well be in too."""
    try:
        numbers = [float(each) for each in ids]
    except ValueError:
        return list(ids) == sorted(ids)
    return numbers == sorted(numbers)


def _in_order(name: str, table: FloatArray, classes: Sequence[str] | None, wanted: Sequence[str] | None) -> FloatArray:
    """Return a table with its columns in the order wanted, where they have names."""
    if classes is None or wanted is None or list(classes) == list(wanted):
        return table
    if set(classes) != set(wanted):
        msg = (
            f"Member '{name}' has columns {first(list(classes), 20)}; the classes are {first(list(wanted), 20)}. Give "
            "the columns the classes' names, or say which column has row ids: id= (--id)."
        )
        raise KerasembleError(msg, code=Code.CLASSES_DIFFER)
    return table[:, [list(classes).index(each) for each in wanted]]
