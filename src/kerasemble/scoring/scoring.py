"""Members run over one set of data: what was opened and run once is not opened and run again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from kerasemble.core.alignment import Alignment, InputSpec, Output, Reading
from kerasemble.core.codes import Code
from kerasemble.core.costs import Cost
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.options import as_path, check_function, check_range
from kerasemble.core.predictions import Predictions
from kerasemble.core.rows import Rows
from kerasemble.core.stacked import Stacked
from kerasemble.core.tasks import parse_task
from kerasemble.members.classes import align_classes
from kerasemble.members.inspection.record import Inspection
from kerasemble.members.member import Member, name_of
from kerasemble.members.opening import Opened, decide_output, input_of
from kerasemble.members.outside import Outside
from kerasemble.members.preprocessing import detect_range, fits, warn_of_other_range
from kerasemble.members.signature import Signature
from kerasemble.scoring.aligned import Aligned, in_memory_if_small
from kerasemble.scoring.batch_size import BatchSize, batch_size_for, check_batch_size
from kerasemble.scoring.dtypes import check_dtype
from kerasemble.scoring.keeping import Form, InMemory, Keeper, OnDisk
from kerasemble.scoring.keys import member_key, outside_content, outside_key
from kerasemble.scoring.models import Models, read_key, source_key
from kerasemble.scoring.running import Job, run
from kerasemble.scoring.sources.opening import as_source, check_whole
from kerasemble.scoring.store import DataSet, Noted, Store

# Called with a member's name, the rows done and the rows in all.
Progress: TypeAlias = Callable[[str, int, int], None]


class Answer(NamedTuple):
    """What a member answered to the data.

    Args:
        member: with the class names that its source says, where it was given none.
        signature: what its values are like.
        values: (samples, columns) raw, as the member gives them; or (samples,) positions of its columns.
        inspection: of its file; None where there is none.
        output: what the values were, where only labels are kept of them.
        cost: of running it.
    """

    member: Member
    signature: Signature
    values: Rows
    inspection: Inspection | None
    output: Output | None = None
    cost: Cost = Cost()


class _Known(NamedTuple):
    """What is known of a member once it was opened, whether it still is open or not."""

    signature: Signature
    inspection: Inspection | None
    key: str


@final
class Scoring:
    """Data that members are run over, and what they answered so far.

    Args:
        x: (samples, ...) finite numbers, or anything that `load_data` or `predict` takes.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        store: folder in which raw answers are kept.
        dtype: what is kept of an answer: "float32", "float16", or "labels", its most probable class.
        batch_size: samples at a time; at most 256, by the size of a row, where left out.
        progress: called with a member's name, the rows done and the rows in all.

    Raises:
        KerasembleError: the data or an option cannot be used.
    """

    def __init__(
        self,
        x: Any,  # noqa: ANN401 - whatever can be data
        *,
        data_range: tuple[float, float] | None = None,
        store: str | os.PathLike[str] | None = None,
        dtype: str = "float32",
        batch_size: int | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Check the data and the options; nothing is run yet."""
        check_batch_size(batch_size)
        check_dtype(dtype)
        check_function("progress", progress)
        self.x = as_source(x)
        self.data_range = check_range(data_range)
        self.fingerprint = self.x.fingerprint
        self.notes: list[str] = []
        self._batch_size = batch_size
        self._dtype = dtype
        self._progress = progress or (lambda _name, _done, _total: None)
        data = DataSet(self.x.shape, self.x.dtype.str, self.fingerprint, self.x.place)
        self._store = None if store is None else Store(as_path(store, "A store"), data)
        self._models = Models()
        self._inputs: dict[object, tuple[tuple[int | None, ...] | None, str]] = {}
        self._known: dict[object, _Known] = {}
        self._kept: dict[object, Keeper] = {}
        self._complete: set[object] = set()
        self._contents: dict[object, str | None] = {}
        self._sizes: dict[object, BatchSize] = {}

    def check_rows(self) -> None:
        """Refuse rows that are not finite, which takes a look at all of them, once.

        Raises:
            KerasembleError: there are such rows; the message names them.
        """
        _ = self.x.extent

    def predictions(self, members: Sequence[Member], classes: Sequence[object] | None = None) -> Predictions:
        """Return the probabilities of members, which went through `as_members`, over the same classes.

        Raises:
            KerasembleError: members or what they return cannot be used; the message says which and the cure.
        """
        inputs = self.prepare(members, classes)
        # What another process is running comes last: it may be there by then.
        for member in members:
            self._keep(member, inputs, wait=False)
        answers = [self.answer(member, inputs) for member in members]
        seen = self.align(answers, inputs, classes)
        noted = self._noted(members, inputs)
        if self._store is not None and noted:
            self._store.note(seen, noted, self.x.y)
        return seen

    def prepare(self, members: Sequence[Member], classes: Sequence[object] | None = None) -> InputSpec:
        """Return the input that members share, having made sure that they can be run and compared.

        Raises:
            KerasembleError: members cannot be opened, or answer over other classes; nothing was run by then.
        """
        for member in members:
            warn_of_other_range(self.x, member.range, f"'{member.name}'")
        inputs = self.describe_input(members)
        signatures = [self._about(member, inputs).signature for member in members]
        named = [_with_classes(member, each) for member, each in zip(members, signatures, strict=True)]
        align_classes(named, [max(2, each.columns) for each in signatures], classes)
        return inputs

    def align(
        self, answers: Sequence[Answer], inputs: InputSpec, classes: Sequence[object] | None = None
    ) -> Predictions:
        """Return what members answered as probabilities over the same classes in the same order.

        Raises:
            KerasembleError: the answers are not what the members' options say, or over other classes.
        """
        widths = [answer.signature.columns for answer in answers]
        order = align_classes([answer.member for answer in answers], [max(2, width) for width in widths], classes)
        parts = []
        for answer, columns in zip(answers, order.orders, strict=True):
            member, signature, raw, inspection, output, _ = answer
            found = (None, (), ()) if inspection is None else _of_file(inspection)
            output = output or decide_output(raw, signature, member)
            reading = Reading(output, signature.columns, columns, signature.steps, *found)
            parts.append(Aligned(raw, reading, signature.precision))
        names = tuple(name_of(answer.member) for answer in answers)
        stacked = Stacked(parts)
        values = np.asarray(stacked) if self._store is None else in_memory_if_small(stacked)
        task = parse_task(None, len(order.classes))
        alignment = Alignment(inputs, tuple(part.reading for part in parts))
        costs = tuple(answer.cost for answer in answers)
        known = None if Cost() in costs else costs
        return Predictions(
            values,
            names,
            order.classes,
            task,
            alignment,
            order.ordered,
            self.fingerprint,
            known,
            self.x.row_hashes,
        )

    def describe_input(self, members: Sequence[Member]) -> InputSpec:
        """Return the one input that all members will share: the data's shape, and its range where a member needs it.

        Raises:
            KerasembleError: a member cannot be opened, or takes whole numbers and the data has others.
        """
        self._know_content(members)
        known = [member for member in members if member.is_keras]
        taken = [self._input_of(member) for member in known]
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

    def _know_content(self, members: Sequence[Member]) -> None:
        """Learn how members that are no Keras models are known in the store, before anything is run.

        Warns of those that are not, since nobody could tell whether they have changed.
        """
        fresh = [each for each in members if not each.is_keras and source_key(each) not in self._contents]
        for member in fresh if self._store is not None else ():
            content = self._contents[source_key(member)] = outside_content(member)
            if content is None:
                warn(
                    f"Member '{member.name}' is {member.describe_kind()}, of which nobody could tell whether it has "
                    "changed. So the store does not keep its answers, and whoever reads the store goes without them. "
                    "Save them, np.save('name.npy', answers), and give that file as the member.",
                    Code.NOT_KEPT,
                )

    def open(self, member: Member, inputs: InputSpec) -> Opened | Outside:
        """Return a member ready to be run on the data.

        Raises:
            KerasembleError: it cannot be opened, or the data cannot become what it takes.
        """
        return self._models.open(member, inputs, self.x, self.fingerprint)

    def answer(self, member: Member, inputs: InputSpec) -> Answer:
        """Return what a member answers to the data; it is run unless it was before, here or in the store.

        Raises:
            KerasembleError: it fails, or answers otherwise each time it is asked.
        """
        kept = self._keep(member, inputs)
        known = self._about(member, inputs)
        signature = known.signature
        if self._dtype == "float16":
            signature = signature._replace(precision="float16")
        named = _with_classes(member, signature)
        return Answer(named, signature, kept.rows, known.inspection, kept.output, kept.cost)

    def batch_of(self, member: Member, inputs: InputSpec) -> int:
        """Return how many samples at a time a member was run with, which is what it has memory for."""
        size = self._sizes.get(self._key(member, inputs))
        stored = self.keeper(member, inputs).batch_size
        return batch_size_for(self.x.shape, stored or self._batch_size) if size is None else size.size

    def _input_of(self, member: Member) -> tuple[tuple[int | None, ...] | None, str]:
        key = source_key(member)
        if key not in self._inputs:
            self._inputs[key] = input_of(self._models.load(member).model, name_of(member))
        return self._inputs[key]

    def _about(self, member: Member, inputs: InputSpec) -> _Known:
        key = self._key(member, inputs)
        if key not in self._known:
            signature = self.open(member, inputs).signature
            loaded = self._models.load(member) if member.is_keras else None
            stored = "" if self._store is None else self._stored_key(member, inputs)
            self._known[key] = _Known(signature, None if loaded is None else loaded.inspection, stored)
        return self._known[key]

    def _stored_key(self, member: Member, inputs: InputSpec) -> str:
        signature = self.open(member, inputs).signature
        kept = [self.fingerprint, self._dtype]
        if self._dtype == "labels":  # of which the options decide too
            kept += [member.output, str(member.ignore)]
        if not member.is_keras:
            content = self._contents[source_key(member)]
            return "" if content is None else outside_key(member, content, signature.steps, "\0".join(kept))
        return member_key(member, self._models.load(member), inputs, signature.steps, "\0".join(kept))

    def _key(self, member: Member, inputs: InputSpec) -> object:
        labels = (member.output, member.ignore) if self._dtype == "labels" else ()
        return source_key(member), read_key(member, inputs), labels

    def keeper(self, member: Member, inputs: InputSpec) -> Keeper:
        """Return where a member's answers are kept, of which all, some or none may be there.

        Raises:
            KerasembleError: the member cannot be opened, or the store cannot be read.
        """
        key = self._key(member, inputs)
        if key not in self._kept:
            known = self._about(member, inputs)
            form = Form(member, known.signature, self._dtype)
            if self._store is None or not known.key:
                self._kept[key] = InMemory(form, len(self.x))
            else:
                self._kept[key] = OnDisk(form, self._store, known.key)
        return self._kept[key]

    def _keep(self, member: Member, inputs: InputSpec, *, wait: bool = True) -> Keeper:
        """Run a member unless that was done; without `wait` not where another process is at it."""
        keeper, key = self.keeper(member, inputs), self._key(member, inputs)
        if key in self._complete:
            return keeper
        with keeper.working(wait=wait) as missing:
            if missing:
                self._run(member, inputs, keeper, missing)
            else:
                self._progress(name_of(member), len(self.x) - keeper.open_rows(), len(self.x))
        if not keeper.open_rows():
            self._complete.add(key)
        return keeper

    def _noted(self, members: Sequence[Member], inputs: InputSpec) -> list[Noted]:
        """Return what the store is to note of the members whose answers it has."""
        noted: list[Noted] = []
        for member in members:
            keeper = self.keeper(member, inputs)
            if isinstance(keeper, OnDisk):
                precision = self.answer(member, inputs).signature.precision
                layout, path = keeper.shards.layout, None if member.path is None else str(member.path.resolve())
                key = keeper.shards.about["key"]
                sha256 = self._contents.get(source_key(member)) if path else None
                noted.append(Noted(name_of(member), key, layout.columns, layout.dtype, precision, path, sha256))
        return noted

    def _run(self, member: Member, inputs: InputSpec, keeper: Keeper, missing: Sequence[slice]) -> None:
        """Run a member over the rows that are missing.

        Raises:
            KerasembleError: the member fails, or answers otherwise each time it is asked.
        """
        self.check_rows()
        name, samples = name_of(member), len(self.x)
        there = samples - sum(rows.stop - rows.start for rows in missing)
        self._progress(name, there, samples)  # compiling comes first and takes a while
        batch = BatchSize(batch_size_for(self.x.shape, self._batch_size or keeper.batch_size))
        job = Job(name, self.open(member, inputs), self.x, member.kind != "predictions")

        def put(rows: slice, values: Any) -> None:  # noqa: ANN401 - an array
            keeper.put(rows, values, batch)

        self._sizes[self._key(member, inputs)] = batch
        parameters = job.opened.model.count_params() if isinstance(job.opened, Opened) else None

        # Before the first answers: whoever is killed while it is written still has them to run, and cleans up then.
        def took(milliseconds: float) -> None:
            keeper.note_cost(Cost(milliseconds, parameters))

        noted = took if member.kind != "predictions" else None
        run(job, missing, put, batch, lambda count: self._progress(name, there + count, samples), noted)
        if batch.halved_from is not None:
            note = (
                f"Memory was short for member '{name}' at {batch.halved_from} rows a batch; it was run at {batch.size}."
            )
            self.notes.append(note)
            warn(note)


def _with_classes(member: Member, signature: Signature) -> Member:
    """Return the member with the class names that its source says, where it was given none."""
    if member.classes is not None or signature.classes is None:
        return member
    return dataclasses.replace(member, classes=signature.classes)


def _of_file(inspection: Inspection) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    return inspection.sha256, inspection.mended, inspection.vouched
