"""What members answered: one immutable array, in one form, whichever models it came from."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Alignment
from kerasemble.core.arrays import FloatArray, first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, check_suffix
from kerasemble.core.outputs import Diagnosis, check_finite, decide, diagnose_column, refuse, standardise
from kerasemble.core.tasks import Task, parse_task


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of every member for every sample, over the same classes in the same order.

    Make one with `kerasemble.predict`, with `Predictions.from_arrays`, or with `Predictions.load`.

    Args:
        values: (members, samples, ..., classes) float array; the last axis sums to one.
        members: unique member names, in the order of the first axis.
        classes: class names, in the order of the last axis.
        task: what the last axis means.
        alignment: how each member was read, where models were run; it is what lets a fitted combiner become a
            Keras model again.
        ordered: False where members name the classes in different orders and nobody said which one integer labels
            follow.

    Example:
        >>> import numpy as np
        >>> a = np.array([[0.9, 0.1], [0.2, 0.8]])
        >>> b = np.array([[0.6, 0.4], [0.4, 0.6]])
        >>> Predictions.from_arrays({"a": a, "b": b}, classes=["cat", "dog"])
        Predictions: 2 members (a, b), 2 samples, 2 classes (cat, dog), binary
    """

    values: FloatArray
    members: tuple[str, ...]
    classes: tuple[str, ...]
    task: Task
    alignment: Alignment | None = None
    ordered: bool = True

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.ArrayLike],
        classes: Sequence[object] | None = None,
        *,
        output: str = "probabilities",
        task: str | None = None,
    ) -> Predictions:
        """Return the predictions that were saved as one array per member.

        Args:
            arrays: member name to (samples, classes) floats; (samples,) or (samples, 1) is the probability of the
                second class and needs `classes` with two names or `task="binary"`.
            classes: class names in the columns' order; "0", "1", ... where left out.
            output: "probabilities", or "logits", to which a softmax (one column: a sigmoid) is applied.
            task: "multiclass" or "binary"; taken from the number of classes where left out.

        Raises:
            KerasembleError: an array is ragged, holds NaN, is not what `output` says, or differs in shape.
        """
        if not arrays:
            msg = 'There are no members. Give at least one, e.g. {"a": array of shape (samples, classes)}.'
            raise KerasembleError(msg)
        if output not in ("probabilities", "logits"):
            msg = f"output must be 'probabilities' or 'logits'. Received: output={output!r}."
            raise KerasembleError(msg)
        names = tuple(str(name) for name in arrays)
        if len(set(names)) < len(names):
            msg = f"Two members have one name: {first(names)}. Names are compared as text; give each its own."
            raise KerasembleError(msg)
        binary = task == Task.BINARY or (classes is not None and len(classes) == 2)
        read = {str(name): _as_table(str(name), array) for name, array in arrays.items()}
        _check_same_rows(read)
        _check_columns(read, None if classes is None else len(classes), binary=binary)
        columns = {name: table if table.ndim == 2 else table[:, None] for name, table in read.items()}
        tables = []
        for name, table in columns.items():
            kind = decide(table, output, name)
            # Half precision misses a sum of one by up to 3e-3.
            precise = table.astype(np.float64) if kind == "logits" or table.dtype.itemsize == 2 else table
            if kind == "probabilities" and table.dtype.itemsize == 2 and table.shape[1] > 1:
                precise = precise / precise.sum(axis=-1, keepdims=True)
            tables.append(standardise(precise, kind, tuple(range(max(2, table.shape[1]))), np))
        width = tables[0].shape[1]
        labels = check_classes(classes, width)
        values = np.stack(tables).astype(np.float32, copy=False)
        return cls(values, names, labels, parse_task(task, width))

    def __post_init__(self) -> None:
        """Make the array read-only, without touching the caller's own."""
        view = self.values.view()
        view.flags.writeable = False
        object.__setattr__(self, "values", view)

    @property
    def samples(self) -> int:
        """How many rows there are."""
        return int(self.values.shape[1])

    def rows(self, index: npt.NDArray[np.integer] | slice) -> Predictions:
        """Return the predictions for some of the rows, an index array or a slice."""
        return dataclasses.replace(self, values=self.values[:, index])

    def only(self, names: Sequence[str]) -> Predictions:
        """Return the predictions of some of the members, in the order of `names`.

        Raises:
            KerasembleError: a name is not a member's, or there are none or the same one twice.
        """
        missing = [name for name in names if name not in self.members]
        if missing or not names:
            asked = f"No such members: {first(missing)}" if missing else "No members were asked for"
            msg = f"{asked}. The members are: {first(self.members, 20)}."
            raise KerasembleError(msg)
        if len(set(names)) < len(names):
            msg = f"Members are asked for more than once: {first(names, 20)}. Ask for each once."
            raise KerasembleError(msg)
        index = [self.members.index(name) for name in names]
        alignment = self.alignment
        if alignment is not None:
            readings = tuple(alignment.readings[position] for position in index)
            alignment = dataclasses.replace(alignment, readings=readings)
        return dataclasses.replace(self, values=self.values[index], members=tuple(names), alignment=alignment)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write an `.npz` with `values`, `members`, `classes` and how they were read; return its path.

        Raises:
            KerasembleError: the path does not end in .npz, or exists and `overwrite` is False.
        """
        check_suffix(path, ".npz", "Predictions are")
        record = {
            "task": self.task.value,
            "ordered": self.ordered,
            "alignment": None if self.alignment is None else self.alignment.to_json(),
        }
        with atomic_target(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                values=self.values,
                members=np.array(self.members),
                classes=np.array(self.classes),
                record=np.array(json.dumps(record)),
            )
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Predictions:
        """Return what `save` wrote.

        Raises:
            KerasembleError: the file is missing or is not one that `save` wrote.
        """
        try:
            # Opened here, since NumPy leaves a damaged archive open.
            with Path(path).open("rb") as handle, np.load(handle, allow_pickle=False) as file:
                values, members, classes = file["values"], file["members"].tolist(), file["classes"].tolist()
                record = json.loads(str(file["record"]))
            alignment = None if record["alignment"] is None else Alignment.from_json(record["alignment"])
            return cls(values, tuple(members), tuple(classes), Task(record["task"]), alignment, record["ordered"])
        except (
            Exception
        ) as error:  # NumPy raises OSError, ValueError, KeyError, BadZipFile, EOFError, ... for a bad file
            msg = f"{path} is not a predictions file that 'kerasemble predict' wrote: {error}"
            raise KerasembleError(msg) from error

    def __repr__(self) -> str:
        """Say in a line what is in it."""
        return (
            f"Predictions: {len(self.members)} members ({first(self.members)}), {self.samples} samples, "
            f"{len(self.classes)} classes ({first(self.classes)}), {self.task}"
        )


def check_classes(classes: Sequence[object] | None, width: int) -> tuple[str, ...]:
    """Return the class names for `width` columns; "0", "1", ... where `classes` is None.

    Raises:
        KerasembleError: there are too few, too many or repeated names.
    """
    if classes is None:
        return tuple(str(index) for index in range(width))
    names = tuple(str(name) for name in classes)
    if len(names) != width:
        msg = f"{len(names)} class names were given ({first(names)}) for {width} classes. Give one for each."
        raise KerasembleError(msg)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        msg = f"Class names must be unique. Given more than once: {first(repeated)}."
        raise KerasembleError(msg)
    return names


def _as_table(name: str, array: npt.ArrayLike) -> FloatArray:
    try:
        table = np.asarray(array)
    except ValueError as error:
        msg = f"Member '{name}' is a ragged list: its rows differ in length. Give (samples, classes) floats. ({error})"
        raise KerasembleError(msg) from error
    if table.dtype.kind not in "fiub":
        msg = f"Member '{name}' has dtype {table.dtype}. Give (samples, classes) floats."
        raise KerasembleError(msg)
    if table.ndim == 2 and table.shape[1] == 1:
        table = table[:, 0]
    if table.ndim not in (1, 2):
        msg = (
            f"Member '{name}' has shape {table.shape}. Multiclass and binary members have (samples, classes); "
            "other tasks are not supported yet."
        )
        raise KerasembleError(msg)
    if not len(table):
        msg = f"Member '{name}' has no rows. Give at least one sample."
        raise KerasembleError(msg)
    if table.dtype.kind != "f" and table.ndim == 1:
        raise refuse(name, Diagnosis("label indices", f"dtype {table.dtype}", "Pass the probabilities."))
    return table if table.dtype.kind == "f" else table.astype(np.float32)


def _check_same_rows(tables: Mapping[str, FloatArray]) -> None:
    counts = {name: len(table) for name, table in tables.items()}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"'{name}' {count}" for name, count in counts.items())
        msg = f"Members have different numbers of rows: {listed}. All must answer the same samples, in the same order."
        raise KerasembleError(msg)


def _check_columns(tables: Mapping[str, FloatArray], width: int | None, *, binary: bool) -> None:
    """Refuse columns that do not fit the classes, naming each member's."""
    for name, table in tables.items():
        if table.ndim == 1 and not binary:
            check_finite(table, name)
            found = diagnose_column(table)
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
        msg = f"{width} class names were given, but the members answer over {received} classes: {listed}."
        raise KerasembleError(msg)
    if received == 1:
        msg = f"Members have one class: {listed}. There is nothing to decide with fewer than two."
        raise KerasembleError(msg)
