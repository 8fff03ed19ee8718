"""Inspect mutants without end: `python worker.py SEED START FOLDER [--load]`, a line of JSON before and after each.

Whoever started it stops it. With --load what is accepted is also loaded by Keras, and its state compared.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import resource
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

from direct import judged, seed_configurations
from mutator import mutate, seed_files

os.environ.setdefault("KERAS_BACKEND", "jax")
# What the process may take beyond what it has: the mutants have 10 kB each.
MEMORY = 4 << 30
# Configurations that are judged without a file for each whole file: together they take as long.
DIRECT = 50


def say(**what: Any) -> None:
    """Print a line of JSON."""
    print(json.dumps(what), flush=True)  # noqa: T201 - the answer


def load(path: Path) -> str:
    """Return what Keras does with what is staged: "loaded", its error, or what it changed."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))
    import keras
    from judge import state

    from kerasemble.members.inspection.staging import staged

    before = state()
    with staged(path) as ready:
        try:
            keras.saving.load_model(ready.path, compile=False)
            outcome = "loaded"
        except Exception as error:  # noqa: BLE001 - what Keras refuses cleanly harms nobody
            outcome = f"keras: {type(error).__name__}"
    return outcome if state() == before else "STATE CHANGED"


def main() -> None:
    """Inspect one mutant after the other."""
    from kerasemble.members.inspection.inspect import inspect

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("start", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--load", action="store_true")
    options = parser.parse_args()
    if options.load:
        import keras  # noqa: F401 - its memory is not the mutants'
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    files, configurations = seed_files(), seed_configurations()
    for index in count(options.start):
        mutant = mutate(files, random.Random(f"{options.seed}-{index}"))  # noqa: S311 - mutants, not secrets
        path = options.folder / f"{options.seed}-{index}{mutant.suffix}"
        path.write_bytes(mutant.content)
        say(index=index, path=str(path), how=mutant.how)
        rng = random.Random(f"{options.seed}-{index}-direct")  # noqa: S311 - as above
        direct = collections.Counter(judged(configurations, rng)[1] for _ in range(DIRECT))
        start = time.perf_counter()
        record = inspect(path)
        seconds = time.perf_counter() - start
        json.dumps(record.to_json(), allow_nan=False)
        clean = record.safe or bool(record.reason and "Traceback" not in record.reason)
        loaded = load(path) if options.load and record.safe else None
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        say(index=index, code=record.code, seconds=seconds, clean=clean, loaded=loaded, memory=memory, direct=direct)
        path.unlink()


if __name__ == "__main__":
    main()
