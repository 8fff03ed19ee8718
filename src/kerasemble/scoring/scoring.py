"""Members run over one array of data: what was opened and run once is not opened and run again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.arrays import FloatArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import parse_task
from kerasemble.members.backend import reason
from kerasemble.members.classes import align_classes
from kerasemble.members.inspection.record import Inspection
from kerasemble.members.loading import Loaded
from kerasemble.members.member import Member, name_of
from kerasemble.members.opening import Opened, decide_output, input_of, open_member, to_probabilities
from kerasemble.members.outside import Outside, open_outside
from kerasemble.members.preprocessing import detect_range, fits, warn_of_other_range
from kerasemble.scoring.repeatable import check_repeatable
from kerasemble.scoring.sources import check_data, check_whole
from kerasemble.scoring.store import Store, data_fingerprint, member_key

# Called with a member's name, the rows done and the rows in all.
Progress: TypeAlias = Callable[[str, int, int], None]

# Rows between two calls of `progress`, in batches: often enough for a bar, rare enough to cost nothing.
_BATCHES_PER_CALL = 16


class Answer(NamedTuple):
    """What a member answered to the data.

    Args:
        member: with the class names that its source says, where it was given none.
        opened: the member, ready to be run.
        values: (samples, columns) raw, as the member gives them.
        inspection: of its file; None where there is none.
    """

    member: Member
    opened: Opened | Outside
    values: FloatArray
    inspection: Inspection | None


@final
class Scoring:
    """Data that members are run over, and what they answered so far.

    Args:
        x: (samples, ...) finite numbers.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        store: folder in which raw answers are kept.
        batch_size: samples at a time.
        progress: called with a member's name, the rows done and the rows in all.

    Raises:
        KerasembleError: the data or an option cannot be used.
    """

    def __init__(
        self,
        x: npt.ArrayLike,
        *,
        data_range: tuple[float, float] | None = None,
        store: str | os.PathLike[str] | None = None,
        batch_size: int = 256,
        progress: Progress | None = None,
    ) -> None:
        """Check the data and the options; nothing is run yet."""
        if batch_size < 1:
            msg = f"batch_size must be at least 1. Received: batch_size={batch_size}."
            raise KerasembleError(msg)
        if data_range is not None and not data_range[0] < data_range[1]:
            msg = f"data_range must be (low, high) with low below high. Received: {data_range}."
            raise KerasembleError(msg)
        self.x = check_data(x)
        self.data_range = data_range
        self.fingerprint = data_fingerprint(self.x)
        self._store = None if store is None else Store(store)
        self.batch_size = batch_size
        self._progress = progress
        self._loaded: dict[object, Loaded] = {}
        self._opened: dict[object, Opened | Outside] = {}
        self._answers: dict[object, FloatArray] = {}

    def predictions(self, members: Sequence[Member], classes: Sequence[object] | None = None) -> Predictions:
        """Return the probabilities of members, which went through `as_members`, over the same classes.

        Raises:
            KerasembleError: members or what they return cannot be used; the message says which and the cure.
        """
        for member in members:
            warn_of_other_range(self.x, member.range, f"'{member.name}'")
        inputs = self.describe_input(members)
        opened = [self.open(member, inputs) for member in members]
        named = [_with_classes(member, each) for member, each in zip(members, opened, strict=True)]
        # Before anything is run: members of different classes fail in seconds.
        align_classes(named, [max(2, each.columns) for each in opened], classes)
        return self.align([self.answer(member, inputs) for member in members], inputs, classes)

    def align(
        self, answers: Sequence[Answer], inputs: InputSpec, classes: Sequence[object] | None = None
    ) -> Predictions:
        """Return what members answered as probabilities over the same classes in the same order.

        Raises:
            KerasembleError: the answers are not what the members' options say, or over other classes.
        """
        widths = [answer.values.shape[1] for answer in answers]
        order = align_classes([answer.member for answer in answers], [max(2, width) for width in widths], classes)
        values = np.empty((len(answers), len(self.x), len(order.classes)), dtype=np.float32)
        readings = []
        for row, answer, columns in zip(values, answers, order.orders, strict=True):
            member, opened, raw, inspection = answer
            output = decide_output(raw, opened, member)
            row[:] = to_probabilities(raw, opened, output, columns)
            found = (None, (), ()) if inspection is None else _of_file(inspection)
            readings.append(Reading(output, raw.shape[1], columns, opened.steps, *found))
        names = tuple(name_of(answer.member) for answer in answers)
        task = parse_task(None, len(order.classes))
        alignment = Alignment(inputs, tuple(readings))
        return Predictions(values, names, order.classes, task, alignment, order.ordered, self.fingerprint)

    def describe_input(self, members: Sequence[Member]) -> InputSpec:
        """Return the one input that all members will share: the data's shape, and its range where a member needs it.

        Raises:
            KerasembleError: a member cannot be opened, or takes whole numbers and the data has others.
        """
        known = [member for member in members if member.is_keras]
        taken = [input_of(self._load(member).model, name_of(member)) for member in known]
        for member, (shape, dtype) in zip(known, taken, strict=True):
            if shape is not None and fits(self.x.shape, shape):
                msg = f"The data has the shape of one sample of member '{member.name}', {self.x.shape}. Give x[None]."
                raise KerasembleError(msg)
            if member.preprocess is None:
                check_whole(self.x, dtype, f"Member '{member.name}'")
        dtypes = {dtype for _, dtype in taken}
        # Whole numbers (word indices) stay so where all members take them so, just as they are.
        whole = self.x.dtype.kind != "f" and len(dtypes) == 1 and "int" in next(iter(dtypes))
        untouched = all(member.preprocess is None for member in members)
        dtype = next(iter(dtypes)) if whole and untouched else "float32"
        needed = any(member.convention.scale is not None for member in members)
        return InputSpec(self.x.shape[1:], dtype, (self.data_range or detect_range(self.x)) if needed else None)

    def open(self, member: Member, inputs: InputSpec) -> Opened | Outside:
        """Return a member ready to be run on the data.

        Raises:
            KerasembleError: it cannot be opened, or the data cannot become what it takes.
        """
        key = (*_read_key(member), str(inputs))
        if key not in self._opened:
            loaded = self._load(member) if member.is_keras else None
            self._opened[key] = (
                open_outside(member, self.x, self.fingerprint)
                if loaded is None
                else open_member(member, loaded.model, inputs)
            )
        return self._opened[key]

    def answer(self, member: Member, inputs: InputSpec) -> Answer:
        """Return what a member answers to the data; it is run unless it was before, here or in the store.

        Raises:
            KerasembleError: it fails, or answers otherwise each time it is asked.
        """
        opened = self.open(member, inputs)
        loaded = self._load(member) if member.is_keras else None
        key = (*_read_key(member), str(inputs))
        if key not in self._answers:
            self._answers[key] = self._stored(member, opened, inputs, loaded)
        inspection = None if loaded is None else loaded.inspection
        return Answer(_with_classes(member, opened), opened, self._answers[key], inspection)

    def _stored(self, member: Member, opened: Opened | Outside, inputs: InputSpec, loaded: Loaded | None) -> FloatArray:
        if self._store is None or loaded is None:
            return self._run(member, opened)
        key = member_key(member, loaded, inputs, opened.steps, self.fingerprint)
        values = self._store.get(key)
        if values is None:
            values = self._run(member, opened)
            self._store.put(key, name_of(member), values)
        elif self._progress is not None:
            self._progress(name_of(member), len(self.x), len(self.x))
        return values

    def _run(self, member: Member, opened: Opened | Outside) -> FloatArray:
        """Return the member's raw float32 values (samples, columns).

        Raises:
            KerasembleError: the member fails, or answers otherwise each time it is asked.
        """
        rows = self.batch_size * _BATCHES_PER_CALL
        name, samples = name_of(member), len(self.x)
        values = np.empty((samples, opened.columns), dtype=np.float32)
        if self._progress is not None:
            self._progress(name, 0, samples)  # compiling comes first and takes a while
        for start in range(0, samples, rows):
            part = slice(start, min(start + rows, samples))
            try:
                values[part] = opened.run(self.x, part, self.batch_size)
            except KerasembleError:
                raise
            except Exception as error:  # whatever the backend or a custom class raises
                msg = f"Member '{name}' failed when it was run on rows {start} and after: {reason(error)}"
                raise KerasembleError(msg) from error
            if self._progress is not None:
                self._progress(name, part.stop, samples)
        if member.kind != "predictions":
            check_repeatable(name, opened, self.x, values, self.batch_size)
        return values

    def _load(self, member: Member) -> Loaded:
        key = _source_key(member)
        if key not in self._loaded:
            self._loaded[key] = member.open()
        return self._loaded[key]


def _source_key(member: Member) -> tuple[object, ...]:
    """Return what tells sources apart in this process; their content may be large, or not be readable at all."""
    source = id(member.source) if member.path is None else str(member.path)
    return source, member.trust, id(member.architecture), id(member.custom_objects)


def _read_key(member: Member) -> tuple[object, ...]:
    """Return what tells apart how a source is run; what its answers mean does not count."""
    convention = member.preprocess if isinstance(member.preprocess, str) else tuple(map(id, member.layers))
    return *_source_key(member), convention, member.head


def _with_classes(member: Member, opened: Opened | Outside) -> Member:
    """Return the member with the class names that its source says, where it was given none."""
    if member.classes is not None or not isinstance(opened, Outside) or opened.classes is None:
        return member
    return dataclasses.replace(member, classes=opened.classes)


def _of_file(inspection: Inspection) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    return inspection.sha256, inspection.mended, inspection.vouched
