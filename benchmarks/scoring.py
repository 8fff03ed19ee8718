"""Predict into a store, against the loop that people write: time, peak memory, batches, and reading what was stored.

python benchmarks/scoring.py [--quick] [--out docs/measured/scoring.md]

Each run is a process of its own, which opens the members first: its memory is what it takes beyond that, at its peak.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

FEATURES = 32
MEGABYTE = 2**20
READS, TURNS = 500, 7
BATCHES = (32, 64, 128, 256, 512, 1024)


def make(folder: Path, members: int, classes: int) -> list[Path]:
    """Save small dense networks with random weights, and return their files."""
    import keras

    paths = []
    for seed in range(members):
        keras.utils.set_random_seed(seed)
        layers = [keras.Input((FEATURES,)), keras.layers.Dense(256, activation="relu")]
        model = keras.Sequential([*layers, keras.layers.Dense(classes, activation="softmax")], name=f"m{seed}")
        paths.append(folder / f"m{seed}.keras")
        model.save(paths[-1])
    return paths


def peak() -> int:
    """Return the most memory that this process ever held, in bytes."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def child(job: dict[str, Any]) -> dict[str, float]:
    """Do one job in this process: open the members, run a few rows, then all rows with the clock running."""
    import keras

    import kerasemble as ke

    if importlib.util.find_spec("tensorflow"):
        importlib.import_module("tensorflow")  # which Keras does sooner or later, and its memory is not ours
    x = np.load(job["x"], mmap_mode="r")
    models = [keras.saving.load_model(path, compile=False) for path in job["members"]]
    for model in models:
        model.predict(np.asarray(x[: job["batch"]]), batch_size=job["batch"], verbose=0)
    before = peak()
    began = time.perf_counter()
    if job["kind"] == "loop":
        options = {} if job["batch"] == 32 else {"batch_size": job["batch"]}
        np.stack([model.predict(x, verbose=0, **options) for model in models])
    elif job["kind"] == "turns":
        return {"ratio": in_turns(models, x, job["batch"], Path(job["store"]))}
    elif job["kind"] == "plain":
        ke.predict(models, x, batch_size=job["batch"])
    else:
        members = job["members"] if job["kind"] == "files" else models
        ke.predict(members, x, batch_size=None if job["kind"] == "files" else job["batch"], store=job["store"])
    return {"seconds": time.perf_counter() - began, "memory": (peak() - before) / MEGABYTE}


def in_turns(models: list[Any], x: Any, batch: int, store: Path) -> float:  # noqa: ANN401 - of NumPy
    """Return how much longer a run with a store takes than one without, in one process and in turns."""
    import kerasemble as ke

    ratios = []
    for turn in range(TURNS):
        plain = timed(lambda: ke.predict(models, x, batch_size=batch))
        place = store / str(turn)
        ratios.append(timed(lambda: ke.predict(models, x, batch_size=batch, store=place)) / plain)  # noqa: B023 - at once
    return float(np.median(ratios))


def run(job: dict[str, Any]) -> dict[str, float]:
    """Do a job in a process of its own."""
    command = [sys.executable, __file__, "--job", json.dumps(job, default=str)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this file
    if result.returncode:
        sys.exit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def forget(folder: Path) -> int:
    """Ask the system to forget what it holds of files, and return how many bytes they have."""
    total = 0
    for path in folder.rglob("*.npy"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            total += path.stat().st_size
    return total


def read_plainly(folder: Path) -> None:
    """Read the files as fast as they come."""
    buffer = bytearray(8 * MEGABYTE)
    for path in sorted(folder.rglob("0*.npy")):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                continue


def read_stored(store: Path) -> None:
    """Read all predictions in a store, each shard compared with its SHA-256."""
    import kerasemble as ke

    predictions = ke.load_store(store).predictions
    for start in range(0, predictions.samples, 4096):
        predictions.block(slice(start, start + 4096), np.float32)


def timed(action: Any, *given: object) -> float:  # noqa: ANN401 - a function
    """Return the seconds that a call takes."""
    began = time.perf_counter()
    action(*given)
    return time.perf_counter() - began


def reading(store: Path, rounds: int) -> list[tuple[str, str, str]]:
    """Return rows of the table about reading what was stored."""
    import kerasemble as ke

    ratios: dict[str, list[float]] = {"from the disk": [], "from the system's cache": []}
    speeds = []
    for _ in range(rounds):
        size = forget(store)
        disk = timed(read_plainly, store)
        speeds.append(size / disk / 1e9)
        forget(store)
        ratios["from the disk"].append(disk / timed(read_stored, store))
        cached = timed(read_plainly, store)
        ratios["from the system's cache"].append(cached / timed(read_stored, store))
    predictions = ke.load_store(store).predictions
    rng = np.random.default_rng(0)
    once = [timed(predictions.block, slice(row, row + 1)) for row in rng.integers(predictions.samples, size=READS)]
    again = [timed(predictions.block, slice(row, row + 1)) for row in rng.integers(predictions.samples, size=READS)]
    found = [
        (f"re-read all, {where}, against reading the files ({np.median(speeds):.1f} GB/s from the disk)",
         f"{np.median(each):.0%} of its speed", "50 %" if "disk" in where else "")
        for where, each in ratios.items()
    ]  # fmt: skip
    return [
        *found,
        ("a random row of all members, first in its shards", f"{1e3 * np.quantile(once, 0.9):.2f} ms (9 of 10)", ""),
        ("a random row of all members, later", f"{1e3 * np.median(again):.2f} ms", "1 ms"),
    ]


def against_the_loop(folder: Path, rows: int, rounds: int) -> list[tuple[str, str, str]]:
    """Return rows of the table about predicting, and leave a store behind."""
    members, x = make(folder, 10, 100), folder / "x.npy"
    np.save(x, np.random.default_rng(0).normal(size=(rows, FEATURES)).astype(np.float32))
    found: dict[str, list[dict[str, float]]] = {}
    for turn in range(rounds):
        for kind, batch in (("loop", 32), ("loop", 256), ("plain", 256), ("store", 256), ("files", 256)):
            store = folder / f"run-{kind}-{turn}"
            job = {"kind": kind, "x": x, "members": members, "batch": batch, "store": store}
            found.setdefault(f"{kind} {batch}", []).append(run(job))

    def middle(name: str, what: str) -> float:
        return float(np.median([each[what] for each in found[name]]))

    turns = {"kind": "turns", "x": x, "members": members, "batch": 256, "store": folder / "turns"}
    overhead = run(turns)["ratio"]
    names = {
        "loop 32": "the loop, `np.stack([m.predict(x) for m in models])`",
        "loop 256": "the loop, `batch_size=256`",
        "plain 256": "`ke.predict(models, x, batch_size=256)`",
        "store 256": "`ke.predict(models, x, batch_size=256, store=...)`",
        "files 256": "`ke.predict(paths, x, store=...)`, members opened, batch size by the rule",
    }
    table = [
        (f"{rows:,} rows x 10 members x 100 classes: {words}",
         f"{middle(name, 'seconds'):.1f} s, {middle(name, 'memory'):,.0f} MB", "")
        for name, words in names.items()
    ]  # fmt: skip
    return [*table, ("the store's part of it, against the same without a store", f"{overhead - 1:+.1%}", "5 %")]


def networks() -> dict[str, Any]:
    """Return networks of the usual kinds, of which each likes another size of batch."""
    import keras

    layers = keras.layers

    def chain(shape: tuple[int, ...], *inner: Any) -> Any:  # noqa: ANN401 - Keras layers
        return keras.Sequential([keras.Input(shape), *inner, layers.Dense(10, activation="softmax")])

    def convolution(width: int) -> Any:  # noqa: ANN401 - as above
        return layers.Conv2D(width, 3, activation="relu", padding="same")

    pooled = layers.GlobalAveragePooling2D
    return {
        "dense, 32 features": chain((32,), layers.Dense(256, activation="relu")),
        "convolutions, 12 x 12": chain((12, 12, 1), convolution(16), convolution(32), pooled()),
        "convolutions, 32 x 32 x 3": chain(
            (32, 32, 3), convolution(32), convolution(32), layers.MaxPooling2D(), convolution(64), pooled()
        ),
        "MobileNetV2, 96 x 96 x 3": keras.applications.MobileNetV2((96, 96, 3), weights=None, classes=10, alpha=0.35),
        "words, 200": chain(
            (200,), layers.Embedding(5000, 64), layers.Conv1D(64, 5, activation="relu"), layers.GlobalMaxPooling1D()
        ),
    }


def batches(rounds: int) -> list[tuple[str, str, str]]:
    """Return rows of the table about the size of a batch, of which the rule is made."""
    found = []
    for name, model in networks().items():
        x = np.zeros((1024, *model.input_shape[1:]), np.float32)
        taken = {}
        for size in BATCHES:
            model.predict(x[:size], batch_size=size, verbose=0)
            taken[size] = min(timed(lambda: model.predict(x, batch_size=size, verbose=0)) for _ in range(rounds))  # noqa: B023 - at once
        figures = ", ".join(f"{1e6 * seconds / len(x):,.0f} ({size})" for size, seconds in taken.items())
        found.append((f"{name}: microseconds a row (rows a batch)", figures, ""))
    return found


def large(folder: Path, rows: int) -> tuple[str, str, str]:
    """Return the row of the table about a million rows."""
    members, x = make(folder, 10, 10), folder / "large.npy"
    np.save(x, np.random.default_rng(0).normal(size=(rows, FEATURES)).astype(np.float32))
    found = run({"kind": "files", "x": x, "members": members, "batch": 256, "store": folder / "large"})
    what = f"{rows:,} rows x 10 members x 10 classes, `ke.predict(paths, x, store=...)`"
    return what, f"{found['seconds']:.0f} s, {found['memory']:,.0f} MB", "1,024 MB"


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the table here too")
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows, once")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        print(json.dumps(child(json.loads(options.job))))
        return
    part, rounds = (10, 1) if options.quick else (1, 3)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = against_the_loop(folder, 100_000 // part, rounds)
        rows += reading(folder / "run-store-0", rounds)
        rows.append(large(folder, 1_000_000 // part))
        rows += batches(max(2, rounds))
    lines = ["| | measured | goal |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows)]
    print("\n".join(lines))
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
