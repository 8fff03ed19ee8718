"""How many rows a second one actor of a cluster scores on one thread, and what that makes of 10^9 rows.

    pip install 'kerasemble[ray,jax]'
    python benchmarks/cluster.py

Prints a table in Markdown. The actor is called as Ray Data calls it, without Ray: it reads Parquet, runs the model and
writes shards. What Ray adds is not in it; nor is a network share, so both are to be measured on a real cluster.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

# Before anything computes: one thread, as an actor that shares its machine has.
os.environ |= {"KERAS_BACKEND": "jax", "NPROC": "1", "OMP_NUM_THREADS": "1"}

import keras
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from kerasemble.core.files import digest
from kerasemble.members.member import as_members
from kerasemble.scoring.cluster_actor import Actor, Item, Plan, Work, look, open_data, versions
from kerasemble.scoring.keeping import OnDisk
from kerasemble.scoring.scoring import Scoring

SECONDS_AN_HOUR, MANY, ACTORS = 3600, 10**9, (1, 16, 64, 256)
CLASSES = 10


class Measured(NamedTuple):
    """Of one model.

    Args:
        name: of it.
        looked: rows a second that the driver looks through before anything is run.
        scored: rows a second of one actor.
        row_bytes: of the store, for one member.
    """

    name: str
    looked: float
    scored: float
    row_bytes: float


def cnn() -> Any:
    """Return a small network for images, which come as lists of 784 numbers."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def dense() -> Any:
    """Return a network for 64 features."""
    layers = keras.layers
    hidden = [layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu")]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(CLASSES, activation="softmax")])


def measure(name: str, model: Any, rows: int, folder: Path) -> Measured:
    """Time one actor over some shards, the first of which compiles and is not counted."""
    import cloudpickle

    width = model.input_shape[1]
    x = np.random.default_rng(0).random((rows, width), dtype=np.float32)
    values = pa.FixedSizeListArray.from_arrays(x.ravel(), width)
    parquet.write_table(pa.table({"x": values}), folder / "x.parquet", row_group_size=8192)
    model.save(folder / "m.keras")
    began = time.perf_counter()
    scoring = Scoring(folder / "x.parquet", store=folder / "store")
    looked = rows / (time.perf_counter() - began)
    (member,) = as_members([folder / "m.keras"])
    inputs = scoring.prepare([member])
    keeper = scoring.keeper(member, inputs)
    assert isinstance(keeper, OnDisk)
    with keeper.working(wait=True) as missing:
        table = keeper.shards
        work = Work(member, digest(member.source), inputs, table.folder, table.layout, table.about, 256)
        path = str(folder / "x.parquet")
        seen = look(path, open_data(path, {}))
        actor = Actor(Plan(path, {}, seen, "float32", versions(), cloudpickle.dumps((work,))))
        items = [Item(0, each.start, each.stop) for each in missing]
        _call(actor, items[:1])
        began = time.perf_counter()
        _call(actor, items[1:])
        scored = (rows - items[0].stop) / (time.perf_counter() - began)
    written = sum(file.stat().st_size for file in table.folder.glob("*.npy"))
    return Measured(name, looked, scored, written / rows)


def _call(actor: Actor, items: list[Item]) -> None:
    found = actor(pa.Table.from_pylist([item._asdict() for item in items])).to_pylist()
    assert not any(row["error"] for row in found), found


def main() -> None:
    """Print the tables."""
    jobs = {"CNN on 28x28": (cnn(), 40_960), "dense on 64 features": (dense(), 409_600)}
    measured = []
    for name, (model, rows) in jobs.items():
        with tempfile.TemporaryDirectory() as folder:
            measured.append(measure(name, model, rows, Path(folder)))
    print("| model | rows/s of one actor | rows/s looked through | bytes a row in the store |")
    print("| --- | --- | --- | --- |")
    for each in measured:
        print(f"| {each.name} | {each.scored:,.0f} | {each.looked:,.0f} | {each.row_bytes:.2f} |")
    print("\n10^9 rows, one member:\n")
    print("| model | look | " + " | ".join(f"{count} actors" for count in ACTORS) + " | store |")
    print("| --- | --- |" + " --- |" * (len(ACTORS) + 1))
    for each in measured:
        hours = [MANY / each.scored / count / SECONDS_AN_HOUR for count in ACTORS]
        look_hours = MANY / each.looked / SECONDS_AN_HOUR
        columns = " | ".join(f"{hour:.2f} h" for hour in hours)
        print(f"| {each.name} | {look_hours:.2f} h | {columns} | {each.row_bytes:.1f} GB |")


if __name__ == "__main__":
    main()
