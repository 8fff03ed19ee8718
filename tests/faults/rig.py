"""Members and data that need no Keras and take no time, for a store with shards as small as they get."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

import numpy as np

import kerasemble as ke
from kerasemble.core.rows import Extent
from kerasemble.members.opening import Opened
from kerasemble.members.signature import Signature
from kerasemble.scoring.sources.source import Source

# So wide that a shard holds 256 rows; the rows are views of one number each.
WIDTH, SHARD = 2**16, 256
NAMES = ("a", "b")
BATCH = 16


class Wide(Source):
    """Rows that say their own number, and whose fingerprint and hashes nobody computes."""

    fingerprint = hashlib.sha256(b"wide").hexdigest()

    def __init__(self, rows: int) -> None:
        super().__init__((rows, WIDTH), np.dtype(np.float32), y=(np.arange(rows) % 2).astype(np.uint8))
        self.extent = Extent(0, rows - 1, fractions=False)
        self.row_hashes = np.arange(rows, dtype=np.uint64)

    def read(self, start: int, stop: int):
        return np.broadcast_to(np.arange(start, stop, dtype=np.float32)[:, None], (stop - start, WIDTH))


class Stub:
    """What answers like a Keras model with one sigmoid.

    Args:
        name: of the member.
        log: file that gets a line for each call: the process, the member and the last row.
        seconds: that a call takes.
        gate: file that a call waits for; what it waits for is said by a file beside it.
    """

    weights = ()
    built = True

    def __init__(self, name: str, log: Path | None = None, seconds: float = 0, gate: Path | None = None) -> None:
        self.name = name
        self._log = log
        self._seconds = seconds
        self._gate = gate

    def predict(self, x, batch_size, verbose):  # noqa: ARG002 - Keras's own words
        if self._gate is not None:
            self._gate.with_suffix(".waiting").touch()
            while not self._gate.exists():
                time.sleep(0.01)
        time.sleep(self._seconds)
        rows = x[:, 0].astype(np.int64)
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(f"{os.getpid()} {self.name} {rows[-1]}\n")
        return answers(self.name, rows)

    def get_config(self):
        return {"name": self.name}

    def get_weights(self):
        return []

    def count_params(self):
        return 0


def answers(name: str, rows):
    """Return the right answers of a member to rows, by their numbers."""
    return ((rows * 0.6180339887 + ord(name) * 0.1) % 1).astype(np.float32)[:, None]


def open_stub(_member, model, _inputs) -> Opened:
    """Stand in for `open_member`, which builds a Keras model."""
    return Opened(model, Signature(1, ("as it is",), activation="sigmoid"))


def predict(store: Path, rows: int, names=NAMES, batch_size: int | None = BATCH, **stub):
    """Predict into a store with the members of the rig."""
    members = [ke.Member(Stub(name, **stub), name=name) for name in names]
    return ke.predict(members, Wide(rows), store=store, batch_size=batch_size)


def right(rows: int, names=NAMES):
    """Return what `predict` must give: (members, samples, classes)."""
    ones = np.stack([answers(name, np.arange(rows)) for name in names])
    return np.concatenate([1 - ones, ones], axis=-1)


def contents(store: Path) -> dict[str, bytes]:
    """Return all files of a store, but locks, and what the run cost, which is another each time."""
    files = [path for path in store.rglob("*") if path.is_file() and path.name not in (".lock", "cost.json")]
    return {str(path.relative_to(store)): path.read_bytes() for path in files}


def computed(log: Path, rows: int) -> list[tuple[str, int]]:
    """Return the member and the first row of each shard that was computed to its end, as often as it was."""
    calls = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    last = [(name, int(row)) for _, name, row in calls]
    return [(name, row // SHARD * SHARD) for name, row in last if row % SHARD == SHARD - 1 or row == rows - 1]


def committed(store: Path) -> set[tuple[str, int]]:
    """Return the member and the first row of each shard that is listed."""
    found = set()
    for path in store.glob("data-*/*/manifest.json"):
        body = json.loads(path.read_bytes())["body"]
        found |= {(body["about"]["member"], int(start)) for start in body["shards"]}
    return found
