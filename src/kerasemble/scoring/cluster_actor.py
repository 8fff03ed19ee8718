"""What runs on the nodes of a Ray cluster: it opens data and members once, and writes shards."""

from __future__ import annotations

import hashlib
import itertools
import os
import pickle
import socket
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import InputSpec
from kerasemble.core.arrays import IntArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import TEMPORARY
from kerasemble.core.rows import not_finite, refuse_rows
from kerasemble.members.member import Member, name_of
from kerasemble.scoring.batch_size import BatchSize
from kerasemble.scoring.keeping import Form
from kerasemble.scoring.models import Models
from kerasemble.scoring.running import Job, run
from kerasemble.scoring.shards import Layout, Shards
from kerasemble.scoring.sources.opening import open_data
from kerasemble.scoring.sources.source import Source

# How often rows are begun: a member that ends its process (memory, a fault in native code) would do so for ever.
_TRIES = 5


class Work(NamedTuple):
    """A member, and the table that its answers go into.

    Args:
        member: with absolute paths.
        sha256: of its file.
        inputs: what it is shown.
        folder: of the table.
        layout: of the table.
        about: what its manifest says of it.
        batch_size: samples at a time.
    """

    member: Member
    sha256: str
    inputs: InputSpec
    folder: Path
    layout: Layout
    about: dict[str, Any]
    batch_size: int


class Plan(NamedTuple):
    """What an actor needs to know.

    Args:
        data: absolute path of it.
        options: of `open_data`, by which it is opened.
        seen: what `look` returns for it.
        dtype: what is kept of an answer.
        versions: of what computes, as `versions` returns them.
        works: `Work` for each member, pickled: what a node cannot unpickle is then said in our words.
    """

    data: str
    options: dict[str, Any]
    seen: str
    dtype: str
    versions: str
    works: bytes


class Item(NamedTuple):
    """Rows to be run: a member by its position, and a shard."""

    member: int
    start: int
    stop: int


class Done(NamedTuple):
    """A shard that was written, or why there is none.

    Args:
        member: by its position.
        start: first row of the shard.
        sha256: of its file.
        batch_size: by which it was run.
        output: what its values were, where labels are kept of them; else empty.
        error: for people; empty where all is well.
    """

    member: int
    start: int = -1
    sha256: str = ""
    batch_size: int = 0
    output: str = ""
    error: str = ""


def look(path: str, x: Source) -> str:
    """Return a digest of what is quickly seen of data: its shape, its files' names and sizes, its ends."""
    digest = hashlib.sha256(f"{x.shape} {x.dtype.str}".encode())
    for name, size in _sizes(path):
        digest.update(f"\0{name}\0{size}".encode())
    for row in (0, len(x) - 1):
        digest.update(np.ascontiguousarray(x[row : row + 1]).data)
    return digest.hexdigest()


def _sizes(path: str) -> Iterable[tuple[str, int]]:
    if not os.path.isdir(path):  # noqa: PTH112 - pathlib takes seconds for a million of names
        yield "", os.stat(path).st_size  # noqa: PTH116 - as above
        return
    with os.scandir(path) as found:
        shown = sorted((each for each in found if not each.name.startswith(".")), key=lambda each: each.name)
    for entry in shown:
        if entry.is_dir():
            yield from ((f"{entry.name}/{name}", size) for name, size in _sizes(entry.path))
        else:
            yield entry.name, entry.stat().st_size


def versions() -> str:
    """Return in words what computes here."""
    import keras

    return f"kerasemble {version('kerasemble')}, Keras {keras.__version__} on {keras.config.backend()}"


@final
class Actor:
    """Runs members over shards, for Ray Data; what it opened stays open."""

    def __init__(self, plan: Plan) -> None:
        """Open nothing yet: what fails here would be tried again for ever."""
        self._plan = plan
        self._x: _Finite | None = None
        self._works: tuple[Work, ...] = ()
        self._models = Models()
        self._asked: set[int] = set()

    def __call__(self, batch: Any) -> Any:  # noqa: ANN401 - PyArrow is not typed
        """Return a table of `Done` for a table of `Item`; what fails ends it, and is its last row."""
        import pyarrow as pa

        items = [Item(**row) for row in batch.to_pylist()]
        done: list[Done] = []
        for member, group in itertools.groupby(items, lambda item: item.member):
            try:
                self._run(member, [slice(item.start, item.stop) for item in group], done)
            except Exception as error:  # noqa: BLE001 - it is raised where the run was begun, without Ray's frames
                said = error if isinstance(error, KerasembleError) else f"{type(error).__name__}: {error}"
                done.append(Done(member, error=f"{said} (on node {socket.gethostname()})"))
                break
        return pa.Table.from_pylist([each._asdict() for each in done])

    def _run(self, index: int, shards: Sequence[slice], done: list[Done]) -> None:
        """Run a member over shards.

        Raises:
            KerasembleError: data or member are not those that the run was begun with, or as `run`.
        """
        x = self._open_data()
        work = self._works[index]
        opened = self._models.open(work.member, work.inputs, x, "")
        self._check_file(work)
        table = Shards(work.folder, work.layout, work.about)
        form = Form(work.member, opened.signature, self._plan.dtype)
        batch = BatchSize(work.batch_size)

        def put(rows: slice, values: npt.NDArray[Any]) -> None:
            digest = table.write(rows, form.kept(values))
            done.append(Done(index, rows.start, digest, batch.size, form.output or ""))

        mark = _begin(work, shards)
        job = Job(name_of(work.member), opened, x, repeatable=index not in self._asked)
        run(job, shards, put, batch, lambda _count: None)
        mark.unlink(missing_ok=True)
        self._asked.add(index)

    def _open_data(self) -> _Finite:
        """Return the data, having made sure that all here is as where the run was begun.

        Raises:
            KerasembleError: it is not.
        """
        if self._x is not None:
            return self._x
        if versions() != self._plan.versions:
            msg = f"The run was begun with {self._plan.versions}; here is {versions()}. Install the same on all nodes."
            raise KerasembleError(msg)
        try:
            self._works = pickle.loads(self._plan.works)  # noqa: S301 - our own, which Ray brought
        except Exception as error:  # classes that cannot be imported here, and whatever they raise
            msg = f"Members cannot be brought to a node: {error}. Install the modules of their classes on all nodes."
            raise KerasembleError(msg) from error
        x = open_data(self._plan.data, **self._plan.options)
        if look(self._plan.data, x) != self._plan.seen:
            msg = (
                f"{self._plan.data} is not the data that the run was begun with: other files, sizes or rows. Give a "
                "folder that all nodes see, and leave it as it is while members run."
            )
            raise KerasembleError(msg)
        self._x = _Finite(x)
        return self._x

    def _check_file(self, work: Work) -> None:
        inspection = self._models.load(work.member).inspection
        if inspection is None or inspection.sha256 != work.sha256:
            msg = (
                f"Member '{work.member.name}': {work.member.path} is not the file that the run was begun with. Put the "
                "same file where all nodes see it."
            )
            raise KerasembleError(msg)


class _Finite:
    """Rows that are refused where they have NaN or infinity."""

    def __init__(self, x: Source) -> None:
        self._x = x
        self.shape, self.dtype = x.shape, x.dtype

    def __len__(self) -> int:
        return len(self._x)

    def __getitem__(self, rows: slice | IntArray) -> npt.NDArray[Any]:
        block = self._x[rows]
        bad = not_finite(block)
        if bad.size:
            positions = np.r_[rows] if isinstance(rows, slice) else np.asarray(rows)
            raise refuse_rows(positions[bad], len(self._x), self._x.row_name)
        return block


def _begin(work: Work, shards: Sequence[slice]) -> Path:
    """Mark in the store, which outlives this process, that rows are begun, and return the mark.

    Raises:
        KerasembleError: the store is not there, or they were begun too often.
    """
    rows = f"{shards[0].start}..{shards[-1].stop - 1}"
    mark = work.folder / f"{TEMPORARY}tried-{shards[0].start:012d}"
    try:
        with mark.open("ab") as file:
            file.write(b".")
            tries = file.tell()
    except OSError as error:
        msg = f"{mark} could not be written: {error.strerror}. Give a store that all nodes see and may write to."
        raise KerasembleError(msg) from error
    if tries > _TRIES:
        mark.unlink(missing_ok=True)
        msg = (
            f"Member '{work.member.name}' ended its process, or its node went away, {_TRIES} times on rows {rows}. Is "
            "memory short? Run fewer actors, or give a smaller batch_size."
        )
        raise KerasembleError(msg)
    return mark
