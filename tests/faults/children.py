"""Processes that predict into a store, as their parent sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import hooks
import rig


class Children:
    """A server that forks processes.

    With `OPENBLAS_NUM_THREADS` at one it has one thread only, which is what may be forked.
    """

    def __enter__(self) -> Self:
        env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "KERAS_BACKEND": "numpy"}
        command = [sys.executable, Path(__file__).with_name("server.py")]
        self._server = subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.communicate()

    def together(self, *cases: dict[str, Any]) -> list[dict[str, Any]]:
        """Do cases at once, each in a process of its own, and return how each of them ended."""
        self._server.stdin.write(f"{json.dumps(cases, default=str)}\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def one(self, store: Path, **options: Any) -> dict[str, Any]:
        """Do one case."""
        return self.together(case(store, **options))[0]


def case(
    store: Path,
    *,
    rows: int = 600,
    names=rig.NAMES,
    at: int = 0,
    do: str = "kill",
    kinds=hooks.CHANGES,
    lasting: bool = False,
    load: bool = False,
    seconds: float = 0,
    gate: Path | None = None,
    kill_after: float | None = None,
    delay: float = 0,
    nobody: bool = False,
    fsize: int | None = None,
) -> dict[str, Any]:
    """Return a case: a process that predicts into a store, or loads it, and what happens to it."""
    fault = {"at": at, "do": do, "kinds": kinds, "lasting": lasting}
    return {
        "store": store,
        "log": store.with_suffix(".log"),
        "rows": rows,
        "names": names,
        "fault": fault,
        "load": load,
        "seconds": seconds,
        "gate": gate,
        "kill_after": kill_after,
        "delay": delay,
        "nobody": nobody,
        "fsize": fsize,
    }
