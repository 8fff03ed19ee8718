"""What members answered: one immutable array, in one form, whichever models it came from."""

from __future__ import annotations

import dataclasses
import json
import numbers
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Alignment
from kerasemble.core.arrays import FloatArray, IntArray, as_probabilities, blocks, counted, first
from kerasemble.core.codes import Code
from kerasemble.core.costs import Cost
from kerasemble.core.display import as_html
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, check_suffix
from kerasemble.core.labels import encode_labels
from kerasemble.core.options import as_array, as_names, check_choice
from kerasemble.core.outputs import decide, standardise
from kerasemble.core.rows import Hashes
from kerasemble.core.stacked import Stacked
from kerasemble.core.tables import as_table, check_classes, check_columns, check_members, check_same_rows
from kerasemble.core.tasks import Task, parse_task

_EVERY = slice(None)
# More members than this, and than rows, are rows that were taken for members.
_MANY = 30
# What uint8 and uint16 can count.
_MOST_CLASSES_IN_A_BYTE, _MOST_CLASSES = 2**8, 2**16


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What every member answered for every sample, over the same classes in the same order.

    Make one with `kerasemble.predict`, with `Predictions.from_arrays`, with `Predictions.from_labels` where members
    give labels only, or with `Predictions.load`.

    Args:
        values: (members, samples, ..., classes) floats, probabilities whose last axis sums to one; or
            (members, samples) uint8 or uint16, class indices, where members give labels only. `block` and `each` read
            either as probabilities. What lies in a store is a `Stacked`, which is read as it is needed.
        members: unique member names, in the order of the first axis.
        classes: class names, in the order of the last axis.
        task: what the last axis means.
        alignment: how each member was read, where models were run; it is what lets a fitted combiner become a
            Keras model again.
        data: SHA-256 of the data that models were run on, None where that is not known.
        ordered: False where members name the classes in different orders and nobody said which one integer labels
            follow.
        costs: what each member costs to run, None where that is not known.
        row_hashes: (samples,) uint64 of the rows that models were run on, equal for copies of a row; None where that is
            not known.

    Example:
        >>> import numpy as np
        >>> a = np.array([[0.9, 0.1], [0.2, 0.8]])
        >>> b = np.array([[0.6, 0.4], [0.4, 0.6]])
        >>> Predictions.from_arrays({"a": a, "b": b}, classes=["cat", "dog"])
        Predictions: 2 members (a, b), 2 samples, 2 classes (cat, dog), binary
    """

    values: npt.NDArray[Any] | Stacked
    members: tuple[str, ...]
    classes: tuple[str, ...]
    task: Task
    alignment: Alignment | None = None
    ordered: bool = True
    data: str | None = None
    costs: tuple[Cost, ...] | None = None
    row_hashes: Hashes | None = None

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike] | npt.ArrayLike,
        classes: Sequence[object] | None = None,
        *,
        output: str = "probabilities",
        task: str | None = None,
    ) -> Predictions:
        """Return the predictions that were saved as one array per member.

        Args:
            arrays: member name to (samples, classes) floats; (samples,) or (samples, 1) is the probability of the
                second class and needs `classes` with two names or `task="binary"`. Without names, a list of such or
                one array (members, samples, classes), the members are "m0", "m1", ...
            classes: class names in the columns' order; "0", "1", ... where left out.
            output: "probabilities"; "logits", to which a softmax (one column: a sigmoid) is applied; or "unnormalised",
                whose rows are divided by their sums.
            task: "multiclass" or "binary"; taken from the number of classes where left out.

        Raises:
            KerasembleError: an array is ragged, holds NaN, is not what `output` says, or differs in shape.
        """
        arrays = _by_name(arrays)
        names = check_members(arrays)
        check_choice("output", output, ("probabilities", "logits", "unnormalised"))
        classes = None if classes is None else as_names("classes", classes)
        binary = (isinstance(task, str) and task == Task.BINARY) or (classes is not None and len(classes) == 2)
        read = {str(name): as_table(str(name), array) for name, array in arrays.items()}
        check_same_rows(read)
        check_columns(read, None if classes is None else len(classes), binary=binary)
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

    @classmethod
    def from_labels(
        cls,
        labels: Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike] | npt.ArrayLike,
        classes: Sequence[object] | int,
    ) -> Predictions:
        """Return the predictions of members that give a class for each sample and nothing else.

        They are kept as uint8, or as uint16 where there are more than 256 classes: one or two bytes a vote. Every
        combiner takes them; to one that works on probabilities a label is a class of probability one.

        Args:
            labels: member name to (samples,) class indices from 0, or class names. Without names, a list of such or one
                array (members, samples), the members are "m0", "m1", ...
            classes: the class names, in the order that indices follow; or how many classes there are.

        Raises:
            KerasembleError: a label is no class, or members differ in length.

        Example:
            >>> Predictions.from_labels({"a": ["cat", "dog"], "b": ["dog", "dog"]}, classes=["cat", "dog"])
            Predictions: 2 members (a, b), 2 samples, 2 classes (cat, dog), binary, labels only
        """
        listed = None if isinstance(classes, numbers.Integral) else as_names("classes", classes)
        width = operator.index(classes) if listed is None else len(listed)  # type: ignore[arg-type]  # whole
        labels = _by_name(labels)
        if not 2 <= width <= _MOST_CLASSES:
            msg = f"Labels can tell 2 to {_MOST_CLASSES} classes apart. Received: {width} classes."
            raise KerasembleError(msg)
        names = check_classes(listed, width)
        members = check_members(labels)
        tables = {str(name): as_array(answers, f"Member '{name}'") for name, answers in labels.items()}
        wrong = [f"'{name}' {table.shape}" for name, table in tables.items() if table.ndim != 1 or not table.size]
        if wrong:
            msg = f"Labels are one for each sample, (samples,). Received: {', '.join(wrong)}."
            raise KerasembleError(msg)
        check_same_rows(tables)
        dtype = np.uint8 if width <= _MOST_CLASSES_IN_A_BYTE else np.uint16
        values = np.empty((len(members), len(tables[members[0]])), dtype=dtype)
        for row, (name, table) in zip(values, tables.items(), strict=True):
            try:
                row[:] = encode_labels(table, names, len(table))
            except KerasembleError as error:
                msg = f"Member '{name}': {error}"
                raise KerasembleError(msg) from error
        return cls(values, members, names, parse_task(None, width))

    def __post_init__(self) -> None:
        """Make the array read-only, without touching the caller's own.

        Raises:
            KerasembleError: the array holds neither floats nor uint8 or uint16, or is not of these members and classes.
        """
        if not isinstance(self.values, Stacked):
            object.__setattr__(self, "values", as_array(self.values, "values"))
        object.__setattr__(self, "members", as_names("members", self.members))
        object.__setattr__(self, "classes", as_names("classes", self.classes))
        if self.values.dtype.kind != "f" and self.values.dtype not in (np.uint8, np.uint16):
            msg = f"values must be floats, or uint8 or uint16 labels. Received: {self.values.dtype}. See from_labels."
            raise KerasembleError(msg)
        object.__setattr__(self, "task", parse_task(self.task, len(self.classes)))
        shape = self.values.shape
        if len(shape) < 2 or shape[0] != len(self.members) or (not self.labels_only and shape[-1] != len(self.classes)):
            msg = (
                "values must be (members, samples, ..., classes), or (members, samples) labels. Received: shape "
                f"{shape} for {len(self.members)} members and {len(self.classes)} classes."
            )
            raise KerasembleError(msg, code=Code.NOT_PREDICTIONS)
        if isinstance(self.values, Stacked):
            return
        view = self.values.view()
        view.flags.writeable = False
        object.__setattr__(self, "values", view)

    @property
    def samples(self) -> int:
        """How many rows there are."""
        return int(self.values.shape[1])

    @property
    def labels_only(self) -> bool:
        """Whether members gave labels and no probabilities."""
        return self.values.dtype.kind == "u"

    def block(self, rows: slice, dtype: npt.DTypeLike = np.float64, members: IntArray | slice = _EVERY) -> FloatArray:
        """Return the probabilities of some of the rows as a new array (members, rows, ..., classes).

        This is how solvers read predictions that may be larger than memory: a block of rows at a time.

        Args:
            rows: which rows.
            dtype: of the array.
            members: the indices of the members; all where left out.
        """
        block = as_probabilities(self.values[:, rows][members], len(self.classes), dtype)
        return block.copy() if block.base is not None else block

    def each(self) -> Iterator[FloatArray]:
        """Yield the probabilities of one member after the other, (samples, ..., classes)."""
        for values in self.values:
            yield as_probabilities(values, len(self.classes), np.float32) if self.labels_only else values

    def of_true_class(self, labels: IntArray) -> FloatArray:
        """Return the probability that each member gave to the true class: (members, samples).

        It is what the log loss of a linear pool depends on, and a class's share of the memory.

        Args:
            labels: (samples,) class indices.
        """
        if self.labels_only:
            return np.asarray(np.asarray(self.values) == labels, dtype=np.float32)
        true: FloatArray = np.empty(self.values.shape[:2], dtype=self.values.dtype)
        for rows in blocks(self.samples, len(self.members)):
            index = np.arange(rows.stop - rows.start) * len(self.classes) + labels[rows]
            for found, values in zip(true, self.values[:, rows], strict=True):
                # "clip" is twice as fast as checking an index that is known to be right.
                values.reshape(-1).take(index, out=found[rows], mode="clip")
        return true

    def rows(self, index: npt.NDArray[np.integer | np.bool_] | slice) -> Predictions:
        """Return the predictions for some of the rows: their positions, a mask or a slice.

        Raises:
            KerasembleError: positions are no whole numbers or not there, or a mask is of another length.
        """
        if not isinstance(index, slice):
            index = self._positions_of_rows(as_array(index, "The positions of rows"))
        if isinstance(self.values, Stacked):
            taken: Any = self.values.take(np.arange(self.samples)[index])
        else:
            # An index array itself would leave the rows, not the members, outermost in memory.
            taken = self.values[:, index] if isinstance(index, slice) else self.values.take(index, axis=1)
        hashes = None if self.row_hashes is None else self.row_hashes[index]
        return dataclasses.replace(self, values=taken, data=None, row_hashes=hashes)

    def _positions_of_rows(self, index: npt.NDArray[Any]) -> IntArray:
        is_mask = index.dtype == np.bool_ and index.shape == (self.samples,)
        if is_mask:
            return np.flatnonzero(index)
        # A list without anything in it is of floats.
        whole = index.ndim == 1 and (index.dtype.kind in "iu" or not index.size)
        if not whole or (index.size and not -self.samples <= index.min() <= index.max() < self.samples):
            msg = (
                f"Rows are chosen by positions from 0 to {self.samples - 1}, a mask of {self.samples}, or a slice. "
                f"Received: {index!r:.80}."
            )
            raise KerasembleError(msg, code=Code.OPTION)
        return index.astype(np.int64, copy=False)

    def only(self, names: Sequence[str]) -> Predictions:
        """Return the predictions of some of the members, in the order of `names`.

        Raises:
            KerasembleError: a name is not a member's, or there are none or the same one twice.
        """
        names = as_names("members", names)
        index = self.positions(names)
        alignment = self.alignment
        if alignment is not None:
            readings = tuple(alignment.readings[position] for position in index)
            alignment = dataclasses.replace(alignment, readings=readings)
        costs = None if self.costs is None else tuple(self.costs[position] for position in index)
        return dataclasses.replace(self, values=self.values[index], members=names, alignment=alignment, costs=costs)

    def positions(self, names: Sequence[str]) -> IntArray:
        """Return where the members of these names stand, in the order of `names`.

        Raises:
            KerasembleError: a name is not a member's, or there are none or the same one twice.
        """
        names = as_names("members", names)
        missing = [name for name in names if name not in self.members]
        if missing or not names:
            asked = f"No such members: {first(missing)}" if missing else "No members were asked for"
            msg = f"{asked}. The members are: {first(self.members, 20)}."
            raise KerasembleError(msg, code=Code.NO_SUCH_MEMBER)
        if len(set(names)) < len(names):
            msg = f"Members are asked for more than once: {first(names, 20)}. Ask for each once."
            raise KerasembleError(msg)
        return np.array([self.members.index(name) for name in names])

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write an `.npz` with `values`, `members`, `classes` and how they were read; return its path.

        Raises:
            KerasembleError: the path does not end in .npz, or exists and `overwrite` is False.
        """
        check_suffix(path, ".npz", "Predictions are")
        record = {
            "task": self.task.value,
            "ordered": self.ordered,
            "data": self.data,
            "alignment": None if self.alignment is None else self.alignment.to_json(),
            "costs": self.costs,
        }
        hashes: dict[str, Any] = {} if self.row_hashes is None else {"row_hashes": self.row_hashes}
        with atomic_target(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                values=np.asarray(self.values),
                members=np.array(self.members),
                classes=np.array(self.classes),
                record=np.array(json.dumps(record)),
                **hashes,
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
                hashes = file.get("row_hashes")
            alignment = None if record["alignment"] is None else Alignment.from_json(record["alignment"])
            named = (tuple(members), tuple(classes), Task(record["task"]))
            costs = None if record.get("costs") is None else tuple(Cost(*each) for each in record["costs"])
            return cls(values, *named, alignment, record["ordered"], record.get("data"), costs, hashes)
        except Exception as error:  # NumPy raises OSError, KeyError, BadZipFile, EOFError and others for a bad file
            msg = f"{path} is not a predictions file that 'kerasemble predict' wrote: {error}"
            raise KerasembleError(msg) from error

    def __repr__(self) -> str:
        """Say in a line what is in it."""
        return (
            f"Predictions: {counted(len(self.members), 'member')} ({first(self.members)}), "
            f"{counted(self.samples, 'sample')}, "
            f"{counted(len(self.classes), 'class')} ({first(self.classes)}), {self.task}"
            f"{', labels only' if self.labels_only else ''}"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the members, how each is read, and what it costs."""
        readings = (None,) * len(self.members) if self.alignment is None else self.alignment.readings
        costs = (Cost(),) * len(self.members) if self.costs is None else self.costs
        rows = [
            (
                name,
                "" if reading is None else reading.describe(),
                "" if cost.milliseconds is None else f"{cost.milliseconds:.3g}",
                "" if cost.parameters is None else f"{cost.parameters:,}",
            )
            for name, reading, cost in zip(self.members, readings, costs, strict=True)
        ]
        return as_html(repr(self), [("member", "read as", "ms a row", "parameters"), *rows])


# What can be read as predictions: themselves, or what `Predictions.from_arrays` takes.
PredictionsLike: TypeAlias = Predictions | Mapping[str, npt.ArrayLike] | Sequence[npt.ArrayLike] | npt.ArrayLike


def as_predictions(
    given: PredictionsLike, classes: Sequence[str] | None = None, members: Sequence[str] | None = None
) -> Predictions:
    """Return predictions as they are, and arrays of probabilities as predictions.

    Args:
        given: predictions, or what `Predictions.from_arrays` takes.
        classes: the names of the arrays' classes, where they are known.
        members: the names of arrays that have none and are as many; "m0", "m1", ... where left out.

    Raises:
        KerasembleError: it is neither.
    """
    if isinstance(given, Predictions):
        return given
    arrays = _by_name(given)
    if members is not None and len(members) == len(arrays) and not isinstance(given, Mapping):
        arrays = dict(zip(members, arrays.values(), strict=True))
    return Predictions.from_arrays(arrays, classes)


def _by_name(given: object) -> Mapping[str, npt.ArrayLike]:
    """Return members' answers by name; "m0", "m1", ... where they have none.

    Raises:
        KerasembleError: it is no mapping, list or array of members' answers.
    """
    if isinstance(given, Mapping):
        return given
    if hasattr(given, "__array__") and not isinstance(given, type):
        array = as_array(given, "Predictions")
        if array.ndim > 1 and array.shape[0] > max(array.shape[1], _MANY):
            msg = (
                f"An array of shape {array.shape} would be {array.shape[0]} members of {array.shape[1]} rows. Give "
                "(members, samples, classes), one member's answers as {'name': array}, or list(array) if that is meant."
            )
            raise KerasembleError(msg, code=Code.NOT_PREDICTIONS)
        given = list(array) if array.ndim else None
    if isinstance(getattr(given, "predictions", None), Predictions):
        msg = f"A {type(given).__name__} holds predictions and labels. Give its predictions: run.predictions, run.y."
        raise KerasembleError(msg, code=Code.NOT_PREDICTIONS)
    if isinstance(given, list | tuple) and any(
        isinstance(each, str | os.PathLike) or hasattr(each, "predict") for each in given
    ):
        msg = (
            "These are models or files, and members' answers are wanted. Use ke.combine or ke.predict for models, and "
            "ke.load_predictions for files of predictions."
        )
        raise KerasembleError(msg, code=Code.NOT_PREDICTIONS)
    if not isinstance(given, list | tuple):
        msg = (
            "Members' answers are given by name, {'a': array, ...}, as a list of arrays, or as one array (members, "
            f"samples, classes). Received: {given!r}."
        )
        raise KerasembleError(msg, code=Code.NOT_PREDICTIONS)
    return {f"m{position}": array for position, array in enumerate(given)}
