"""One member over many rows: the next rows are loaded, and the last answers written, while it computes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import Rows
from kerasemble.members.backend import reason
from kerasemble.members.opening import Opened
from kerasemble.members.outside import Outside
from kerasemble.scoring.batch_size import BatchSize, is_short_of_memory
from kerasemble.scoring.repeatable import check_repeatable
from kerasemble.scoring.shards import rows_at_once

# Called with the rows that are done.
Done: TypeAlias = Callable[[int], None]
# Called with the rows of a shard and the member's raw values for them.
Put: TypeAlias = Callable[[slice, npt.NDArray[Any]], None]

# Seconds of one call of the model: long enough for its overhead to vanish, short enough for a bar to move.
_SHORT, _LONG = 0.25, 1.0
# What a row takes is the least of so many batches, or of as many as take so many seconds.
_TIMES, _TIMED = 10, 0.2


class Job(NamedTuple):
    """A member and the rows that it is run over.

    Args:
        name: of the member.
        opened: the member.
        x: (samples, ...) data.
        repeatable: whether to make sure that it answers a row alike each time.
    """

    name: str
    opened: Opened | Outside
    x: Rows
    repeatable: bool = True


def run(
    job: Job,
    shards: Sequence[slice],
    put: Put,
    batch: BatchSize,
    done: Done,
    took: Callable[[float], None] | None = None,
) -> None:
    """Run a member over the rows of some shards, one after the other.

    The batches of a shard begin at its first row, so that a shard's values are the same whichever others are run.

    Args:
        job: the member and the data.
        shards: which rows, in ascending order.
        put: takes each shard's raw values (rows, columns), on a thread of its own, in order.
        batch: samples at a time; halved where memory is short.
        done: called with the number of rows that this call has run so far.
        took: called once, before anything is put, with the milliseconds that a row takes.

    Raises:
        KerasembleError: the member fails, or answers otherwise each time it is asked; the data or a shard cannot be
            read or written.
    """
    steps = _Steps(job, batch)
    finished = 0
    with _Writer(put) as writer:
        parts: list[npt.NDArray[Any]] = []
        for rows, whole, x in _loaded(job.x, shards):
            values = steps.run(x, rows.start, lambda count: done(finished + count))  # noqa: B023 - called at once
            if not finished and job.repeatable:
                check_repeatable(job.name, job.opened, x, values, batch.size)
            if not finished and not parts and took is not None:
                took(steps.milliseconds(x, rows.start))
            finished += len(values)
            parts.append(values)
            if rows.stop == whole.stop:
                writer.put(whole, parts[0] if len(parts) == 1 else np.concatenate(parts))
                parts = []


def _loaded(x: Rows, shards: Sequence[slice]) -> Iterator[tuple[slice, slice, npt.NDArray[Any]]]:
    """Yield rows, the shard that they belong to, and the data of them; the next is read while one is used."""
    size = rows_at_once(x.shape)
    parts = [
        (slice(start, min(start + size, shard.stop)), shard)
        for shard in shards
        for start in range(shard.start, shard.stop, size)
    ]
    with ThreadPoolExecutor(1) as reader:
        ahead: Future[npt.NDArray[Any]] | None = None
        for place, (rows, shard) in enumerate(parts):
            block = x[rows] if ahead is None else ahead.result()
            ahead = reader.submit(x.__getitem__, parts[place + 1][0]) if place + 1 < len(parts) else None
            yield rows, shard, block


@final
class _Writer:
    """Writes on a thread of its own, one shard at a time; what fails there is raised at the next, or at the end."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def put(self, rows: slice, values: npt.NDArray[Any]) -> None:
        self._wait()
        self._last = self._thread.submit(self._put, rows, values)

    def _wait(self) -> None:
        last, self._last = self._last, None
        if last is not None:
            last.result()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._thread.shutdown()


@final
class _Steps:
    """Calls of a member, each of as many batches as take about a second, which changes no value."""

    def __init__(self, job: Job, batch: BatchSize) -> None:
        self._job = job
        self._batch = batch
        self._batches = 4

    def run(self, x: npt.NDArray[Any], start: int, done: Done) -> npt.NDArray[Any]:
        """Return the raw float32 values (rows, columns) of rows `x`, which begin at `start`.

        Raises:
            KerasembleError: the member fails, even with one row at a time where memory is short.
        """
        values = np.empty((len(x), self._job.opened.signature.columns), dtype=np.float32)
        at = 0
        while at < len(x):
            stop = min(at + self._batch.size * self._batches, len(x))
            began = time.perf_counter()
            with self._named(start + at):
                try:
                    values[at:stop] = self._job.opened.run(x[at:stop], start + at, self._batch.size)
                except Exception as error:
                    if is_short_of_memory(error) and self._batch.halve():
                        continue
                    raise
            self._adapt(time.perf_counter() - began)
            at = stop
            done(at)
        return values

    def milliseconds(self, x: npt.NDArray[Any], start: int) -> float:
        """Return what a row takes in one more full batch of rows `x`, which were run just now.

        Where a batch takes little it is the least of several: whatever else the machine does makes one of them longer.

        Raises:
            KerasembleError: the member fails.
        """
        batch = x[np.arange(self._batch.size) % len(x)]
        if len(x) < len(batch):  # a function that is no Keras model was not asked for so many: now it compiles
            with self._named(start):
                self._job.opened.run(batch, start, self._batch.size)
        taken: list[float] = []
        while sum(taken) < _TIMED and len(taken) < _TIMES:
            with self._named(start):
                began = time.perf_counter()
                self._job.opened.run(batch, start, self._batch.size)
            taken.append(time.perf_counter() - began)
        return 1000 * min(taken) / len(batch)

    @contextlib.contextmanager
    def _named(self, row: int) -> Iterator[None]:
        """Say of whatever the backend or a custom class raises which member and row it is about."""
        try:
            yield
        except KerasembleError:
            raise
        except Exception as error:
            raise self._failed(row, error) from error

    def _failed(self, row: int, error: Exception) -> KerasembleError:
        name = self._job.name
        if is_short_of_memory(error):
            return KerasembleError(
                f"Member '{name}' has too little memory even for one row at a time: {reason(error)} Run it on a "
                "machine with more memory, or end what else uses it; what was stored stays."
            )
        return KerasembleError(f"Member '{name}' failed when it was run on rows {row} and after: {reason(error)}")

    def _adapt(self, seconds: float) -> None:
        if seconds < _SHORT:
            self._batches *= 2
        elif seconds > _LONG:
            self._batches = max(1, self._batches // 2)
