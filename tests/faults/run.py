"""Kill and starve runs many times: `python tests/faults/run.py --kills 1000 --seed 0`; prints a table of figures.

Every touch of the disk is met once by each fault; the rest of the kills come at random instants, some of them while a
run goes on after another kill. The exit code is 1 where something does not hold.
"""

from __future__ import annotations

import argparse
import collections
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cases
import hooks
from children import Children

ERRORS = {
    "no space": {"do": "ENOSPC", "kinds": hooks.ROOM, "lasting": True},
    "no space, for an instant": {"do": "ENOSPC", "kinds": hooks.ROOM},
    "no access": {"do": "EACCES", "kinds": hooks.CHANGES, "lasting": True},
    "read-only": {"do": "EROFS", "kinds": hooks.CHANGES, "lasting": True},
    "broken, reading too": {"do": "EIO", "kinds": hooks.ALL},
}


class Sweep:
    """Runs that meet faults, and what came of them."""

    def __init__(self, children: Children, folder: Path) -> None:
        self._children, self._folder = children, folder
        self._whole = cases.reference(children, folder)
        self.failures: list[str] = []
        self.kills = 0

    def points(self, fault: dict[str, Any]) -> int:
        """Return how often a run touches the disk in a way that counts."""
        store = self._folder / "counted"
        met = self._children.one(store, **{**fault, "at": 0})["met"]
        shutil.rmtree(store)
        return len(met)

    def go(self, name: str, faults: Iterable[tuple[dict[str, Any], ...]]) -> None:
        """Meet each of the faults in a new store, and print a line of figures."""
        began, again, ended = time.perf_counter(), collections.Counter[int](), collections.Counter[str]()
        for number, each in enumerate(faults):
            store = self._folder / f"{name.replace(' ', '-')}-{number}"
            try:
                after = cases.struck_then_resumed(self._children, store, self._whole, *each)
            except AssertionError as error:
                self.failures.append(f"{name} {each}: {str(error)[:500]}")
                ended["FAILED"] += 1
                continue
            again[after.again] += 1
            ended["killed" if after.struck["signal"] else "refused" if "error" in after.struck else "unharmed"] += 1
            self.kills += sum("at" in fault or "kill_after" in fault for fault in each if fault.get("do") is None)
            shutil.rmtree(store, ignore_errors=True)
            store.with_suffix(".log").unlink(missing_ok=True)
        seconds = time.perf_counter() - began
        first = ", ".join(f"{word} {number}" for word, number in sorted(ended.items()))
        lost = ", ".join(f"{shards}: {number}" for shards, number in sorted(again.items()))
        print(f"{name:28} {sum(ended.values()):5} {first:32} computed again {{{lost}}} {seconds:6.1f} s")  # noqa: T201


def killed_in_time(rng: random.Random) -> Iterator[tuple[dict[str, Any], ...]]:
    """Yield kills at random instants, every third run more than once."""
    while True:
        times = rng.choice((1, 1, 2))
        yield tuple({"kill_after": rng.uniform(0.001, 0.06), "seconds": 0.001} for _ in range(times))


def some(faults: Iterator[tuple[dict[str, Any], ...]], enough: Callable[[], bool]) -> Iterator[tuple[Any, ...]]:
    """Yield faults until there were enough."""
    while not enough():
        yield next(faults)


def main() -> None:
    """Run all sweeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)  # noqa: S311 - which instants, no secrets
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, Children() as children:
        sweep = Sweep(children, Path(folder))
        touches = sweep.points({})
        sweep.go("killed at each touch", [({"at": at},) for at in range(1, touches + 1)])
        twice = [({"at": at}, {"at": rng.randint(1, 30)}) for at in range(2, touches)]
        sweep.go("and once more on the way", twice)
        full = {"do": "ENOSPC", "kinds": hooks.ROOM, "lasting": True}
        sweep.go("killed, then no space", [({"at": at}, {"at": rng.randint(1, 9), **full}) for at in range(1, touches)])
        for name, fault in ERRORS.items():
            sweep.go(name, [({"at": at, **fault},) for at in range(1, sweep.points(fault) + 1)])
        sweep.go("killed at random instants", some(killed_in_time(rng), lambda: sweep.kills >= options.kills))
        print(f"{sweep.kills} kills, {len(sweep.failures)} failures", *sweep.failures, sep="\n")  # noqa: T201
    sys.exit(bool(sweep.failures))


if __name__ == "__main__":
    main()
