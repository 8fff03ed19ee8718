"""One pass over batches: how many rows there are, what they look like, and by what each is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import Extent, Hashes, extent_of_block, hash_rows, merged, not_finite, refuse_rows
from kerasemble.scoring.sources.batches import Batch
from kerasemble.scoring.sources.source import bad_columns, check_form

# Rows that are seen before anybody asks whether they repeat; real data of fewer may well repeat.
_FIRST_LOOK = 1024
# A row that came this often, as all others did, is no coincidence.
_TIMES = 3


class Survey(NamedTuple):
    """What one pass over all batches shows; 8 bytes a row are kept of the rows themselves."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    y: npt.NDArray[Any] | None
    ids: list[str] | None
    hashes: Hashes
    fingerprint: str
    extent: Extent


class Expected(NamedTuple):
    """What is known of a stream before it is read.

    Args:
        who: what people call it, the beginning of a sentence.
        rows: how many it says it has.
        ends: whether it certainly ends.
        columns: (features,) names of the last axis.
    """

    who: str
    rows: int | None = None
    ends: bool = False
    columns: tuple[str, ...] = ()


def survey(batches: Iterable[Batch], expected: Expected) -> Survey:
    """Look once at every row.

    Raises:
        KerasembleError: there are none, too few or endless many, they differ in form, or have NaN or infinity.
    """
    seen = _Seen(expected)
    for batch in batches:
        if len(batch.x):
            seen.add(batch)
    return seen.finished()


def check_batch(x: npt.NDArray[Any], shape: tuple[int, ...], dtype: np.dtype[Any], row: int, who: str) -> None:
    """Refuse a batch whose rows are of another form than those before.

    Raises:
        KerasembleError: they are.
    """
    if x.shape[1:] != shape or x.dtype != dtype:
        msg = (
            f"{who} gives rows of shape {shape} and dtype {dtype}, and from row {row} on of shape {x.shape[1:]} and "
            f"dtype {x.dtype}. Give all rows in one shape and dtype."
        )
        raise KerasembleError(msg)


class _Seen:
    """What was seen of the batches so far."""

    def __init__(self, expected: Expected) -> None:
        self.expected = expected
        self.rows = 0
        self.largest = 0
        self.digest = hashlib.sha256()
        self.batches: list[Batch] = []
        self.hashes: list[Hashes] = []
        self.extents: list[Extent] = []
        self.bad: list[IntArray] = []
        self.columns: set[str] = set()
        self.look_at = _FIRST_LOOK

    def add(self, batch: Batch) -> None:
        x, who = batch.x, self.expected.who
        if self.batches:
            start = self.batches[0]
            check_batch(x, start.x.shape[1:], start.x.dtype, self.rows, who)
            if (start.y is None) != (batch.y is None):
                msg = f"{who} gives some batches with labels and some without. Give all with labels, or none."
                raise KerasembleError(msg)
        else:
            check_form(x.shape, x.dtype, "")
        self.digest.update(np.ascontiguousarray(x).data)
        self.hashes.append(hash_rows(x))
        self._look_at_values(x)
        # A view would keep all rows.
        self.batches.append(batch._replace(x=np.empty((0, *x.shape[1:]), x.dtype)))
        self.rows += len(x)
        self.largest = max(self.largest, len(x))
        self._check_end()

    def _look_at_values(self, x: npt.NDArray[Any]) -> None:
        found = not_finite(x, self.rows)
        if found.size:
            self.bad.append(found)
            self.columns |= bad_columns(x, self.expected.columns)
        else:
            self.extents.append(extent_of_block(x))

    def _check_end(self) -> None:
        """Refuse what goes on without end, soon after it could have been noticed."""
        who, rows, ends, _ = self.expected
        if rows is not None and self.rows > rows:
            msg = f"{who} says that it has {rows} rows, and gives more. Give one pass over the rows."
            raise KerasembleError(msg)
        if rows is not None or ends or self.rows < self.look_at:
            return
        self.look_at = 2 * self.rows
        counts = np.unique(np.concatenate(self.hashes), return_counts=True)[1]
        if counts.min() >= _TIMES and counts.max() - counts.min() <= 1:
            msg = (
                f"In {who[0].lower()}{who[1:]} rows repeat: {len(counts)} rows again and again, {self.rows} so far; it "
                "seems endless. Give one pass: leave out repeat(), or give take(n). A list of batches or an array may "
                "repeat rows."
            )
            raise KerasembleError(msg)

    def finished(self) -> Survey:
        who, rows, _, _ = self.expected
        if not self.rows:
            msg = f"{who} has no rows. Give at least one sample."
            raise KerasembleError(msg)
        if rows is not None and self.rows < rows:
            what = "the last partial batch is dropped" if rows - self.rows < self.largest else "rows are left out"
            msg = f"{who}: {what}, {self.rows} of {rows} rows came. Give drop_last=False (drop_remainder=False)."
            raise KerasembleError(msg)
        ids = None
        if self.batches[0].ids is not None:
            ids = [str(name) for batch in self.batches if batch.ids is not None for name in batch.ids]
        if self.bad:
            every = np.concatenate(self.bad)
            name = str if ids is None else ids.__getitem__
            raise refuse_rows(every, self.rows, name, sorted(self.columns))
        labels = [batch.y for batch in self.batches if batch.y is not None]
        like = self.batches[0].x
        shape = (self.rows, *like.shape[1:])
        self.digest.update(f"{like.dtype.str} {shape}".encode())
        return Survey(
            shape=shape,
            dtype=like.dtype,
            y=_joined(labels, who) if labels else None,
            ids=ids,
            hashes=np.concatenate(self.hashes),
            fingerprint=self.digest.hexdigest(),
            extent=merged(self.extents),
        )


def _joined(labels: list[npt.NDArray[Any]], who: str) -> npt.NDArray[Any]:
    try:
        return np.concatenate(labels)
    except ValueError as error:
        msg = f"{who} gives labels of different shapes. Give them in one form. ({error})"
        raise KerasembleError(msg) from error
