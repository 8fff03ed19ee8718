"""How many rows a second one actor of a cluster scores, and what that makes of 10^9 rows.

    pip install 'kerasemble[ray,jax]'
    python benchmarks/cluster.py

Prints a table in Markdown. The actor is called as Ray Data calls it, without Ray: it reads Parquet, runs the model and
writes shards. What Ray adds is not in it; nor is a network share, so both are to be measured on a real cluster.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

# Before anything computes: one thread for the model, as an actor that shares its machine has.
os.environ |= {"KERAS_BACKEND": "jax", "NPROC": "1", "OMP_NUM_THREADS": "1"}

import keras
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from kerasemble.core.files import digest
from kerasemble.members.member import as_members
from kerasemble.scoring.cluster_actor import Actor, Item, Plan, Work, look, versions
from kerasemble.scoring.keeping import OnDisk
from kerasemble.scoring.scoring import Scoring
from kerasemble.scoring.sources.opening import open_data

SECONDS_AN_HOUR, MANY, ACTORS = 3600, 10**9, (1, 16, 64, 256)
CLASSES, RUNS = 10, 5


class Measured(NamedTuple):
    """Of one model.

    Args:
        name: of it.
        looked: rows a second of the files that the driver hashes before anything is run.
        scored: rows a second of one actor.
        row_bytes: of the store, for one member.
    """

    name: str
    looked: float
    scored: float
    row_bytes: float


def cnn() -> keras.Model:
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


def dense() -> keras.Model:
    """Return a network for 64 features."""
    layers = keras.layers
    hidden = [layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu")]
    return keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(CLASSES, activation="softmax")])


def measure(name: str, model: keras.Model, rows: int, folder: Path) -> Measured:
    """Time one actor over some shards, the median of some runs; the first shard compiles and is not counted."""
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
    if not isinstance(keeper, OnDisk):
        raise TypeError(keeper)
    with keeper.working(wait=True) as missing:
        table = keeper.shards
        work = Work(member, digest(member.source), inputs, table.folder, table.layout, table.about, 256)
        path = str(folder / "x.parquet")
        seen = look(path, open_data(path))
        actor = Actor(Plan(path, {}, seen, "float32", versions(), cloudpickle.dumps((work,))))
        items = [Item(0, each.start, each.stop) for each in missing]
        _call(actor, items[:1])
        scored = statistics.median(_rate(actor, items[1:]) for _ in range(RUNS))
    written = sum(file.stat().st_size for file in table.folder.glob("*.npy"))
    return Measured(name, looked, scored, written / rows)


def _rate(actor: Actor, items: list[Item]) -> float:
    began = time.perf_counter()
    _call(actor, items)
    return sum(item.stop - item.start for item in items) / (time.perf_counter() - began)


def _call(actor: Actor, items: list[Item]) -> None:
    found = actor(pa.Table.from_pylist([item._asdict() for item in items])).to_pylist()
    failed = [row["error"] for row in found if row["error"]]
    if failed:
        raise RuntimeError(failed[0])


def _in_words(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def main() -> None:
    """Print the tables."""
    jobs = {"CNN on 28x28": (cnn(), 40_960), "dense on 64 features": (dense(), 409_600)}
    measured = []
    for name, (model, rows) in jobs.items():
        with tempfile.TemporaryDirectory() as folder:
            measured.append(measure(name, model, rows, Path(folder)))
    print("| model | rows/s of one actor | rows/s hashed | bytes a row in the store |")
    print("| --- | --- | --- | --- |")
    for each in measured:
        print(f"| {each.name} | {each.scored:,.0f} | {each.looked:,.0f} | {each.row_bytes:.2f} |")
    print("\n10^9 rows, one member:\n")
    print("| model | hash | " + " | ".join(f"{count} actor{'s' * (count > 1)}" for count in ACTORS) + " | store |")
    print("| --- | --- |" + " --- |" * (len(ACTORS) + 1))
    for each in measured:
        hours = [MANY / each.scored / count / SECONDS_AN_HOUR for count in ACTORS]
        look_hours = MANY / each.looked / SECONDS_AN_HOUR
        columns = " | ".join(map(_in_words, hours))
        print(f"| {each.name} | {_in_words(look_hours)} | {columns} | {each.row_bytes:.1f} GB |")


if __name__ == "__main__":
    main()
