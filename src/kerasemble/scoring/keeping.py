"""Where a member's answers go: into memory, or into a store."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Output
from kerasemble.core.arrays import first
from kerasemble.core.costs import Cost
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.rows import Rows
from kerasemble.members.classes import kept_columns
from kerasemble.members.member import Member, name_of
from kerasemble.members.opening import decide_output
from kerasemble.members.signature import Signature
from kerasemble.scoring.batch_size import BatchSize
from kerasemble.scoring.shards import Shards, layout_of, read_cost, write_cost
from kerasemble.scoring.store import About, Store


@final
class Form:
    """What is kept of a member's raw values.

    Args:
        member: whose they are.
        signature: what they are like.
        dtype: one of `DTYPES`.
    """

    def __init__(self, member: Member, signature: Signature, dtype: str) -> None:
        """Begin without having seen a value."""
        self.member = name_of(member)
        self._member = member
        self._signature = signature
        self._labels = dtype == "labels"
        small = signature.columns <= np.iinfo(np.uint8).max + 1
        self.dtype = np.dtype(("uint8" if small else "uint16") if self._labels else dtype)
        self.columns = None if self._labels else signature.columns
        self.output: Output | None = None

    def kept(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return values as they are kept; the position of the greatest where labels are.

        Raises:
            KerasembleError: the values are not what the member's options say.
        """
        if not self._labels:
            return self._as_floats(values)
        found = decide_output(values, self._signature, self._member)
        if self.output not in (None, found):
            msg = (
                f"Member '{self._member.name}' gives {self.output} in some rows and {found} in others. Say what they "
                "are: Member(..., output=...)."
            )
            raise KerasembleError(msg)
        self.output = found
        if values.shape[1] == 1:
            # As the greater of two: of 0 and the logit, or of 1 - p and p.
            return (values[:, 0] > (0 if found == "logits" else 0.5)).astype(self.dtype)
        columns = np.asarray(kept_columns(self._member, values.shape[1]))
        return np.asarray(columns[values[:, columns].argmax(axis=1)], dtype=self.dtype)

    def _as_floats(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.dtype == values.dtype:
            return values
        most = float(np.abs(values).max())
        if np.isfinite(most) and most > float(np.finfo(self.dtype).max):
            msg = f"Member '{self._member.name}' gives values of {most:.3g}, beyond {self.dtype}. Keep them as float32."
            raise KerasembleError(msg)
        return values.astype(self.dtype)


class Keeper(Protocol):
    """What takes a member's raw answers and gives them back."""

    @property
    def output(self) -> Output | None:
        """What the values were, where labels are kept of them."""

    @property
    def batch_size(self) -> int | None:
        """By which what is there was run."""

    @property
    def cost(self) -> Cost:
        """What it cost to run the member."""

    def note_cost(self, cost: Cost) -> None:
        """Keep what it cost to run the member."""

    @property
    def rows(self) -> Rows:
        """What was kept, (samples, columns) or (samples,)."""

    def working(self, *, wait: bool) -> contextlib.AbstractContextManager[list[slice]]:
        """Give the rows that are missing, for as long as nobody else adds to them."""

    def open_rows(self) -> int:
        """Return how many rows are missing."""

    def put(self, rows: slice, values: npt.NDArray[Any], batch: BatchSize) -> None:
        """Keep the raw values (rows, columns) of some rows, which were run in batches of this size."""


@final
class InMemory:
    """Answers in memory."""

    def __init__(self, form: Form, samples: int) -> None:
        """Begin with none."""
        self._form = form
        layout = layout_of((samples, 1), form.columns, form.dtype.name)
        self._shards = list(layout.shards())
        self._values = np.empty(layout.shape, form.dtype)
        self._done = False
        self.batch_size: int | None = None
        self.cost = Cost()

    def note_cost(self, cost: Cost) -> None:
        """Keep what it cost to run the member."""
        self.cost = cost

    @property
    def output(self) -> Output | None:
        """What the values were, where labels are kept of them."""
        return self._form.output

    @property
    def rows(self) -> Rows:
        """What was kept."""
        return self._values

    @contextlib.contextmanager
    def working(self, *, wait: bool) -> Iterator[list[slice]]:  # noqa: ARG002 - there is nobody to wait for
        """Give the rows that are missing: all or none."""
        yield [] if self._done else self._shards
        self._done = True

    def open_rows(self) -> int:
        """Return how many rows are missing: all or none."""
        return 0 if self._done else len(self._values)

    def put(self, rows: slice, values: npt.NDArray[Any], batch: BatchSize) -> None:  # noqa: ARG002 - is of no use here
        """Keep some rows."""
        self._values[rows] = self._form.kept(values)


@final
class OnDisk:
    """Answers in a store."""

    def __init__(self, form: Form, store: Store, key: str) -> None:
        """Look at what is there."""
        self._form = form
        self._store = store
        self.shards: Shards = store.answers(About(form.member, key, form.columns, form.dtype.name))

    @property
    def output(self) -> Output | None:
        """What the values were, where labels are kept of them."""
        return self.shards.about.get("output")

    @property
    def batch_size(self) -> int | None:
        """By which what is there was run; a run that goes on keeps to it, so that it ends in the same bytes."""
        return self.shards.about.get("batch_size")

    @property
    def cost(self) -> Cost:
        """What it cost to run the member, when that was last done."""
        return read_cost(self.shards.folder)

    def note_cost(self, cost: Cost) -> None:
        """Write what it cost to run the member.

        Raises:
            KerasembleError: it cannot be written.
        """
        write_cost(self.shards.folder, cost)

    @property
    def rows(self) -> Rows:
        """What was kept."""
        return self.shards

    @contextlib.contextmanager
    def working(self, *, wait: bool) -> Iterator[list[slice]]:
        """Give the rows that are missing, or damaged, for as long as nobody else adds to them.

        Raises:
            KerasembleError: the store cannot be written.
        """
        if not self.shards.missing() and not self.shards.verify():
            yield []
            return
        with self._store.working_on(self.shards, wait=wait) as held:
            if held:
                damaged = self.shards.verify()
                if damaged:
                    warn(f"{first(damaged)} is damaged or missing: only these rows are run again.")
            yield self.shards.missing() if held else []

    def open_rows(self) -> int:
        """Return how many rows are missing."""
        return sum(rows.stop - rows.start for rows in self.shards.missing())

    def put(self, rows: slice, values: npt.NDArray[Any], batch: BatchSize) -> None:
        """Write some rows.

        Raises:
            KerasembleError: they cannot be written.
        """
        kept = self._form.kept(values)
        self.shards.about |= {"batch_size": batch.size, "output": self._form.output}
        if batch.halved_from is not None:
            self.shards.about["halved_from"] = batch.halved_from
        self.shards.put(rows, kept)
