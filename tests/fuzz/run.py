"""Fuzz the inspection: `python tests/fuzz/run.py --seconds 600 --seed 0 [--load]`.

Mutants are inspected by worker processes, which are started again where one dies or is silent for 30 seconds: a worker
must never do either. What fails is kept in the folder that is named at the end; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import collections
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

# Three times what HDF5 is given in its child.
SILENCE = 30.0
# Failures after which there is something to mend first.
ENOUGH = 20


class Tally:
    """What is known of the mutants so far."""

    def __init__(self) -> None:
        """Begin with none."""
        self.codes: collections.Counter[str] = collections.Counter()
        self.direct: collections.Counter[str] = collections.Counter()
        self.loads: collections.Counter[str] = collections.Counter()
        self.slowest, self.memory = (0.0, ""), 0
        self.failures: list[str] = []

    def add(self, begun: dict[str, Any], ended: dict[str, Any]) -> None:
        """Count a mutant that was judged."""
        self.codes[ended["code"] or "accepted"] += 1
        self.direct.update(ended["direct"])
        self.slowest = max(self.slowest, (ended["seconds"], begun["path"]))
        self.memory = max(self.memory, ended["memory"])
        if ended["loaded"]:
            self.loads[ended["loaded"]] += 1
        if not ended["clean"]:
            self.failures.append(f"{begun['path']}: no clean reason")
        if ended["loaded"] == "STATE CHANGED":
            self.failures.append(f"{begun['path']}: Keras's state changed")

    def lines(self) -> list[str]:
        """Return the figures."""
        codes, direct, loads = (
            ", ".join(f"{word} {number}" for word, number in counter.most_common())
            for counter in (self.codes, self.direct, self.loads)
        )
        total = sum(self.codes.values())
        accepted = self.codes["accepted"]
        return [
            f"{total} mutated files: {accepted} accepted, {total - accepted} refused",
            f"codes: {codes}",
            f"{sum(self.direct.values())} mutated configurations: {direct}",
            *([f"accepted ones in Keras: {loads}"] if loads else []),
            f"slowest {self.slowest[0]:.2f} s ({Path(self.slowest[1]).name}); memory of a worker {self.memory} MB",
            f"failures: {len(self.failures)}",
            *self.failures,
        ]


def _read(lines: IO[str], into: queue.Queue[str | None]) -> None:
    for line in lines:
        into.put(line)
    into.put(None)


def follow(options: argparse.Namespace, start: int, tally: Tally, end: float) -> int:
    """Follow one worker until the time is over, or until it fails; return the number of the next mutant."""
    command = [sys.executable, Path(__file__).with_name("worker.py"), str(options.seed), str(start), options.keep]
    process = subprocess.Popen(
        [*command, *(["--load"] if options.load else [])], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    begun: dict[str, Any] = {"index": start - 1, "path": "before the first"}
    ended = begun
    said = f"no answer for {SILENCE:.0f} s"
    try:
        while time.monotonic() < end:
            line = lines.get(timeout=SILENCE)
            if line is None:
                said = (process.communicate()[1] or "").strip().rpartition("\n")[
                    2
                ] or f"ended with {process.returncode}"
                break
            answer = json.loads(line)
            if "path" in answer:
                begun = answer
            else:
                ended = answer
                tally.add(begun, answer)
        else:
            return int(begun["index"]) + 1
    except queue.Empty:
        pass
    finally:
        process.kill()
        process.communicate()
    if ended["index"] != begun["index"] or begun["index"] < start:
        tally.failures.append(f"{begun['path']}: {said}")
    return int(begun["index"]) + 1


def main() -> None:
    """Fuzz for the time given and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--load", action="store_true", help="load what is accepted through Keras")
    parser.add_argument("--keep", type=Path, help="folder for what fails; a new one by default")
    options = parser.parse_args()
    options.keep = options.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    options.keep.mkdir(exist_ok=True)
    tally, start, end = Tally(), 0, time.monotonic() + options.seconds
    while time.monotonic() < end and len(tally.failures) < ENOUGH:
        start = follow(options, start, tally, end)
    failed = {line.partition(":")[0] for line in tally.failures}
    for path in options.keep.iterdir():
        if str(path) not in failed:
            path.unlink()
    print("\n".join(tally.lines()))  # noqa: T201 - the report
    if tally.failures:
        print(f"kept in {options.keep}")  # noqa: T201 - the report
    else:
        shutil.rmtree(options.keep)
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
