"""Rows that come in batches, one after the other, from what can be read anew as often as it is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import hash_rows
from kerasemble.scoring.sources.batches import Batch
from kerasemble.scoring.sources.source import Source
from kerasemble.scoring.sources.survey import Expected, Survey, check_batch, survey

# The cure for what can be read only once.
AFRESH = "Give a function that returns it afresh (`lambda: batches()`), a list of batches, or a Dataset."


@final
class Stream(Source):
    """Rows in batches, which are looked at once when it is made, and compared with that each time they are read.

    Reading goes forward; going back starts at the first batch again. Of rows that were read 8 bytes are kept.

    Args:
        open_batches: starts at the first batch, each time it is called.
        expected: what is known of the batches.
        place: where they come from, for people.
        classes: class names; then labels are names.
    """

    def __init__(
        self,
        open_batches: Callable[[], Iterable[Batch]],
        expected: Expected,
        *,
        place: str = "",
        classes: tuple[str, ...] | None = None,
    ) -> None:
        """Look at all rows.

        Raises:
            KerasembleError: as `survey`, or there are ids more than once.
        """
        seen = survey(open_batches(), expected)
        super().__init__(
            seen.shape, seen.dtype, place=place, y=seen.y, classes=classes, ids=seen.ids, columns=expected.columns
        )
        self.fingerprint = seen.fingerprint
        self.row_hashes = seen.hashes
        self.extent = seen.extent
        self._reading = _Reading(open_batches, seen, expected.who)

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the rows from `start` up to `stop`.

        Raises:
            KerasembleError: they are not those that came the first time.
        """
        return self._reading.read(start, stop)


class _Reading:
    """Where in the batches somebody reads; sources that differ in their labels only share it."""

    def __init__(self, open_batches: Callable[[], Iterable[Batch]], seen: Survey, who: str) -> None:
        self._open = open_batches
        self._seen = seen
        self._who = who
        self._batches: Iterator[Batch] | None = None
        self._start = 0
        self._held = np.empty((0, *seen.shape[1:]), seen.dtype)
        self._lock = threading.Lock()

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        found = np.empty((stop - start, *self._seen.shape[1:]), self._seen.dtype)
        with self._lock:
            if self._batches is None or start < self._start:
                self._begin()
            at = start
            while at < stop:
                while self._start + len(self._held) <= at:
                    self._advance()
                part = self._held[at - self._start : stop - self._start]
                found[at - start : at - start + len(part)] = part
                at += len(part)
        return found

    def _begin(self) -> None:
        self._close()
        self._batches = iter(self._open())
        self._start, self._held = 0, self._held[:0]

    def _close(self) -> None:
        close = getattr(self._batches, "close", None)
        if close is not None:
            close()
        self._batches = None

    def _advance(self) -> None:
        """Take the next batch, which must be what it was before."""
        try:
            self._take()
        except BaseException:
            # What comes after a fault is not where we think it is: whoever reads again begins again.
            self._close()
            raise

    def _take(self) -> None:
        position, total = self._start + len(self._held), len(self._seen.hashes)
        x = self._next()
        if x is None:
            again = f"It can be read once only. {AFRESH}" if not position else "Give the same rows each time."
            msg = f"{self._who} gives {position} of {total} rows when it is read again. {again}"
            raise KerasembleError(msg)
        check_batch(x, self._seen.shape[1:], self._seen.dtype, position, self._who)
        self._compare(x, position)
        self._start, self._held = position, x
        if position + len(x) == total and self._next() is not None:
            raise self._more()

    def _next(self) -> npt.NDArray[Any] | None:
        """Return the rows of the next batch that has some; None at the end."""
        if self._batches is None:
            return None
        return next((batch.x for batch in self._batches if len(batch.x)), None)

    def _more(self) -> KerasembleError:
        total = len(self._seen.hashes)
        return KerasembleError(
            f"{self._who} gives more than {total} rows when it is read again. Give the same rows each time."
        )

    def _compare(self, x: npt.NDArray[Any], position: int) -> None:
        if position + len(x) > len(self._seen.hashes):
            raise self._more()
        hashes = hash_rows(x)
        other = np.flatnonzero(hashes != self._seen.hashes[position : position + len(x)])
        if not other.size:
            return
        row = position + int(other[0])
        if np.isin(hashes[other], self._seen.hashes).all():
            msg = (
                f"{self._who} gives its rows in another order each time (row {row} is another). Give shuffle=False, or "
                "leave out shuffle(): members are compared row by row."
            )
            raise KerasembleError(msg)
        msg = (
            f"{self._who} gives other rows when it is read again (row {row} is another): augmentation or randomness? "
            "Leave them out, so that every member sees the same rows."
        )
        raise KerasembleError(msg)
