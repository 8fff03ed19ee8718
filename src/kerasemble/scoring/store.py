"""Members' raw answers on disk: run once, read many times.

    run/
      data-3f2a9c.../         a set of data, by its fingerprint
        data.json             what it is
        labels.npy            where the source has labels
        rows.npy              64 bits of each row, equal for copies of a row
        predictions.json      the members that were last asked for, and how their answers are read
        9b1c.../              a member's raw answers, by its content and options
          manifest.json       the shards with their SHA-256
          000000000000.npy    a shard, called by its first row

All of it is immutable but for the `.json` files, which are replaced whole. Whatever else lies there is left alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import warn
from kerasemble.core.files import holds, write_whole
from kerasemble.core.predictions import Predictions
from kerasemble.scoring.checked_json import DamagedError, read_json, to_bytes
from kerasemble.scoring.lock import lock
from kerasemble.scoring.shards import MANIFEST, Shards, clean, layout_of, make_folder

DATA, LABELS, PREDICTIONS, ROWS = "data.json", "labels.npy", "predictions.json", "rows.npy"
# The arrays, by the key under which their SHA-256 is noted.
_NOTED = (("labels", LABELS), ("rows", ROWS))
_LOCK = ".lock"
# Of a fingerprint or key in the name of a folder; the whole of it stands in the file within.
NAME = 16


class DataSet(NamedTuple):
    """What a store notes of the data.

    Args:
        shape: (samples, ...).
        dtype: of its numbers.
        fingerprint: SHA-256 of it.
        place: where it comes from; empty for what was in memory.
    """

    shape: tuple[int, ...]
    dtype: str
    fingerprint: str
    place: str = ""


class About(NamedTuple):
    """What a store notes of a member's answers.

    Args:
        name: of the member.
        key: of the answers: all that they depend on.
        columns: numbers for a row; None for one label.
        dtype: of the numbers.
    """

    name: str
    key: str
    columns: int | None
    dtype: str


class Noted(NamedTuple):
    """A member as a store notes it for those who read without it.

    Args:
        name: of the member.
        key: of its answers.
        columns: numbers for a row; None for one label.
        dtype: of the numbers.
        precision: the dtype that the numbers were computed in.
        path: of its file; None where it was an object.
        sha256: of a file of saved predictions; that of a model stands in the alignment.
    """

    name: str
    key: str
    columns: int | None
    dtype: str
    precision: str
    path: str | None
    sha256: str | None = None


@final
class Store:
    """The answers of members to one set of data, in a folder that may hold other sets too."""

    def __init__(self, folder: str | os.PathLike[str], data: DataSet) -> None:
        """Open or make the folder, and note the data.

        Raises:
            KerasembleError: it cannot be made, or a newer version of kerasemble wrote it.
        """
        self.root = Path(folder)
        self.data = data
        self.folder = self.root / f"data-{data.fingerprint[:NAME]}"
        if not (self.folder / DATA).exists():
            _say_changed(self.root, data)
        make_folder(self.folder)
        self._write({DATA: to_bytes({**data._asdict(), "shape": list(data.shape)})})

    def answers(self, about: About) -> Shards:
        """Return the table of a member's answers, of which none or only some may be there."""
        folder = self.folder / about.key[:NAME]
        if not (folder / MANIFEST).exists() and self._has(about.name):
            warn(
                f"Member '{about.name}' is not the one whose answers are in {self.root}: its file or its options have "
                "changed. It is run again."
            )
        return open_shards(folder, self.data.shape, about)

    @contextlib.contextmanager
    def working_on(self, answers: Shards, *, wait: bool = True) -> Iterator[bool]:
        """Keep other processes from a member's answers while the block adds to them; yield False where one has them.

        Raises:
            KerasembleError: the folder cannot be written.
        """
        make_folder(answers.folder)
        member = answers.about["member"]

        def say(holder: str) -> None:
            warn(f"{holder} is running member '{member}' for {self.root}: waiting for it.")

        with lock(answers.folder / _LOCK, say, wait=wait) as held:
            if held:
                clean(answers.folder)
                answers.refresh()
            yield held

    def note(self, predictions: Predictions, members: Sequence[Noted], y: npt.NDArray[Any] | None) -> None:
        """Note what was asked for last and how it is read, and the labels, for who reads it without the members.

        Args:
            predictions: of all members.
            members: those whose answers are here.
            y: (samples, ...) labels, None where there are none.

        Raises:
            KerasembleError: it cannot be written.
        """
        arrays = {LABELS: y, ROWS: predictions.row_hashes}
        files = {name: _to_bytes(array) for name, array in arrays.items() if array is not None}
        here = predictions.only([each.name for each in members])
        alignment = here.alignment
        body = {
            "task": here.task.value,
            "classes": list(here.classes),
            "ordered": here.ordered,
            "alignment": None if alignment is None else alignment.to_json(),
            "members": [each._asdict() for each in members],
            **{key: hashlib.sha256(files[name]).hexdigest() if name in files else None for key, name in _NOTED},
        }
        # The arrays come first: what names their SHA-256 is there when they are.
        self._write({**files, PREDICTIONS: to_bytes(body)})

    def _write(self, files: dict[str, bytes]) -> None:
        """Write files, one process at a time, and remove what one that died had begun; those that are there stay."""
        for note in (DATA, PREDICTIONS):
            with contextlib.suppress(DamagedError):  # what a newer version wrote is refused
                read_json(self.folder / note)
        if all(holds(self.folder / name, content) for name, content in files.items()):
            return
        with lock(self.folder / _LOCK, lambda _holder: None):  # for an instant, of which nobody need hear
            clean(self.folder)
            for name, content in files.items():
                write_whole(self.folder / name, content)

    def _has(self, member: str) -> bool:
        """Return whether there are answers by a member of this name."""
        for manifest in self.folder.glob(f"*/{MANIFEST}"):
            with contextlib.suppress(DamagedError):
                body = read_json(manifest)
                if body is not None and body["about"]["member"] == member:
                    return True
        return False


def open_shards(folder: Path, shape: tuple[int, ...], about: About) -> Shards:
    """Return the table of a member's answers to data of a shape (samples, ...)."""
    return Shards(folder, layout_of(shape, about.columns, about.dtype), {"member": about.name, "key": about.key})


def _to_bytes(y: npt.NDArray[Any]) -> bytes:
    """Return labels as an `.npy` file."""
    buffer = io.BytesIO()
    np.save(buffer, y.astype(str) if y.dtype == object else y, allow_pickle=False)
    return buffer.getvalue()


def _say_changed(root: Path, data: DataSet) -> None:
    """Warn where answers to what lay at the same place before are there."""
    if not data.place:
        return
    for note in root.glob(f"data-*/{DATA}"):
        with contextlib.suppress(DamagedError):
            body = read_json(note)
            if body is not None and body["place"] == data.place:
                warn(f"{data.place} has changed since its rows were scored into {root}: members are run again.")
                return
