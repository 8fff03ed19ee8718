"""Members run over one set of data on a Ray cluster, into the same store as on one machine."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, final

from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.files import digest
from kerasemble.core.options import check_whole
from kerasemble.core.predictions import Predictions
from kerasemble.members.member import Member, Source, as_members, name_of
from kerasemble.scoring.batch_size import batch_size_for, check_batch_size
from kerasemble.scoring.cluster_actor import Done, Item, Plan, Work, look, versions
from kerasemble.scoring.cluster_ray import connected, need_ray, run_on_actors
from kerasemble.scoring.keeping import OnDisk
from kerasemble.scoring.scoring import Progress, Scoring
from kerasemble.scoring.sources.images import Images
from kerasemble.scoring.sources.opening import open_data
from kerasemble.scoring.sources.source import Source as Rows
from kerasemble.scoring.sources.tables import table_files

# Seconds between two writes of the manifests.
_OFTEN = 1.0


def predict_on_ray(
    members: Sequence[Member | Source],
    data: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    dtype: str = "float32",
    batch_size: int | None = None,
    image_size: tuple[int, int] | None = None,
    label: str | None = None,
    features: Sequence[str] | None = None,
    id: str | None = None,  # noqa: A002 - what users call it
    address: str = "local",
    actors: int = 1,
    progress: Progress | None = None,
) -> Predictions:
    """Run every member over the data on a Ray cluster, and return what `predict` returns.

    The store becomes what `predict` with this `batch_size` makes of it, and each goes on with what the other left.
    Data, members and store must lie where all nodes see them by the same paths.

    Args:
        members: paths of models, or `Member`s of such. Files of saved predictions are read here.
        data: path of (samples, ...) rows that can be read anywhere: Parquet, images, `.npy` or `.npz`.
        store: folder in which raw answers are kept as they come.
        classes: class names in the order wanted; the members' own, else "0", "1", ..., where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        dtype: what is kept of an answer: "float32", "float16" or "labels", as in `predict`.
        batch_size: samples at a time; that of the run which is gone on with, else as in `predict`, where left out.
        image_size: as in `load_data`.
        label: as in `load_data`.
        features: as in `load_data`.
        id: as in `load_data`.
        address: of the cluster, such as "auto"; "local" starts Ray on this machine. A Ray that was initialised before
            is used as it is.
        actors: processes that run members; each opens the data and the members for itself.
        progress: called with a member's name, the rows done and the rows in all.

    Returns:
        Predictions with float32 values (members, samples, classes), or with labels (members, samples).

    Raises:
        KerasembleError: Ray is missing or cannot be reached; data, members or what they return cannot be used. What was
            stored stays, and a run with the same arguments goes on from there.

    Example:
        >>> seen = predict_on_ray(["a.keras"], "images/", "run/", address="auto", actors=8)  # doctest: +SKIP
    """
    need_ray()
    check_whole("actors", actors, 1)
    check_batch_size(batch_size)
    named = as_members(members)
    _refuse_objects(named)
    source = open_data(_readable(data), image_size, label=label, features=features, id=id)
    folder = os.path.abspath(store)  # noqa: PTH100 - links stay, which may lead elsewhere on another node
    scoring = Scoring(
        source, data_range=data_range, store=folder, dtype=dtype, batch_size=batch_size, progress=progress
    )
    wanted = source.classes if classes is None else classes
    inputs = scoring.prepare(named, wanted)
    tables = _tables([(member, scoring.keeper(member, inputs)) for member in named])
    with contextlib.ExitStack() as held:
        # All lock in one order, so that two runs never wait for each other.
        missing = [held.enter_context(table.keeper.working(wait=True)) for table in tables]
        items = [Item(index, rows.start, rows.stop) for index, each in enumerate(missing) for rows in each]
        if items:
            sizes = [batch_size_for(source.shape, batch_size or table.keeper.batch_size) for table in tables]
            works = [table.work(inputs, size) for table, size in zip(tables, sizes, strict=True)]
            plan = Plan(_absolute(data), _afresh(source, image_size), look(_absolute(data), source), dtype, versions(),
                        _pickled(works))  # fmt: skip
            held.enter_context(connected(address))
            _collect(run_on_actors(items, plan, actors), tables, progress or (lambda _name, _done, _total: None))
    return scoring.predictions(named, wanted)


class _Table(NamedTuple):
    """A member, and where its answers go."""

    member: Member
    keeper: OnDisk

    def work(self, inputs: Any, batch_size: int) -> Work:  # noqa: ANN401 - an InputSpec
        shards, member = self.keeper.shards, self.member
        path = _absolute(cast("Path", member.path))
        changes: dict[str, Any] = {"source": path}
        if isinstance(member.architecture, str | os.PathLike):
            changes["architecture"] = _absolute(member.architecture)
        moved = dataclasses.replace(member, **changes)
        return Work(moved, digest(path), inputs, shards.folder, shards.layout, shards.about, batch_size)


def _tables(kept: Sequence[tuple[Member, object]]) -> list[_Table]:
    """Return each table of a model once, in the order of their folders: members may share one."""
    tables = {
        keeper.shards.folder: _Table(member, keeper)
        for member, keeper in kept
        if isinstance(keeper, OnDisk) and member.is_keras
    }
    return [tables[folder] for folder in sorted(tables)]


def _collect(results: Iterator[list[Done]], tables: Sequence[_Table], progress: Progress) -> None:
    """List the shards as they come.

    Raises:
        KerasembleError: a member failed on a node; what was written by then is listed.
    """
    listing = _Listing(tables)
    with contextlib.closing(results), listing:  # type: ignore[type-var]  # Ray's generators close
        for found in results:
            for done in found:
                if done.error:
                    raise KerasembleError(done.error)
                listing.add(done)
            for index in {done.member for done in found}:
                total = len(tables[index].keeper.shards)
                progress(name_of(tables[index].member), total - listing.open_rows(index), total)


@final
class _Listing:
    """Shards that are to be listed: a manifest is written whole, so not for each of them."""

    def __init__(self, tables: Sequence[_Table]) -> None:
        self._tables = tables
        self._waiting: dict[int, dict[int, str]] = {}
        self._written = time.monotonic()

    def add(self, done: Done) -> None:
        table = self._tables[done.member]
        shards = table.keeper.shards
        path = shards.folder / f"{done.start:012d}.npy"
        if not path.is_file():
            msg = f"{path} was written on another node and is not there. Give a store that all nodes see."
            raise KerasembleError(msg)
        self._note(table, done)
        self._waiting.setdefault(done.member, {})[done.start] = done.sha256
        if time.monotonic() - self._written > _OFTEN:
            self.write()

    def open_rows(self, member: int) -> int:
        """Return how many rows of a member are missing."""
        waiting = self._waiting.get(member, {})
        missing = self._tables[member].keeper.shards.missing()
        return sum(rows.stop - rows.start for rows in missing if rows.start not in waiting)

    def write(self) -> None:
        """List all that waits."""
        waiting, self._waiting = self._waiting, {}
        for member, written in waiting.items():
            self._tables[member].keeper.shards.list(written)
        self._written = time.monotonic()

    def __enter__(self) -> _Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self.write()

    def _note(self, table: _Table, done: Done) -> None:
        """Note how a shard was run, as a local run does.

        Raises:
            KerasembleError: its values were something else than those of other shards.
        """
        about, name = table.keeper.shards.about, table.member.name
        before = about.get("output")
        if done.output and before not in (None, done.output):
            msg = (
                f"Member '{name}' gives {before} in some rows and {done.output} in others. Say what they are: "
                "Member(..., output=...)."
            )
            raise KerasembleError(msg)
        size = about.get("batch_size")
        if size is not None and done.batch_size < size:
            warn(f"Memory was short for member '{name}' at {size} rows a batch; it was run at {done.batch_size}.")
            about = {"halved_from": size, **about}
        size = done.batch_size if size is None else min(size, done.batch_size)
        table.keeper.shards.about = about | {"batch_size": size, "output": done.output or before}


def _refuse_objects(members: Sequence[Member]) -> None:
    for member in members:
        if member.path is None:
            msg = (
                f"Member '{member.name}' is {member.describe_kind()} in memory, which other nodes cannot open. Save it "
                "where all nodes see it, and give the file."
            )
            raise KerasembleError(msg)


def _readable(data: object) -> str:
    """Return the path of data that any rows can be read of.

    Raises:
        KerasembleError: it is no path, or its rows are read from the beginning only.
    """
    if not isinstance(data, str | os.PathLike):
        msg = f"Data for a cluster is the path of a file or folder that all nodes see. Received: {type(data).__name__}."
        raise KerasembleError(msg)
    path = Path(data)
    files = table_files(path) if path.is_dir() else [path]
    if any(file.suffix.lower() == ".csv" for file in files):
        msg = f"{path} is CSV, which is read from its beginning, so nodes cannot share it. Convert it to Parquet."
        raise KerasembleError(msg)
    return os.fspath(data)


def _afresh(source: Rows, image_size: tuple[int, int] | None) -> dict[str, Any]:
    """Return the options by which an actor opens the data: labels and ids, which may be many, stay here."""
    if isinstance(source, Images):
        return {"image_size": image_size, "workers": 1}
    return {"features": source.columns} if source.columns else {}


def _pickled(works: Sequence[Work]) -> bytes:
    from ray import cloudpickle

    dumps: Any = cloudpickle.dumps  # not typed
    try:
        return bytes(dumps(tuple(works)))
    except Exception as error:
        msg = f"Members cannot be sent to other nodes: {error}. Give files, and classes of modules that all nodes have."
        raise KerasembleError(msg) from error


def _absolute(path: str | os.PathLike[str]) -> str:
    return os.path.abspath(path)  # noqa: PTH100 - links stay, which may lead elsewhere on another node
