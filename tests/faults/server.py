"""Forks processes that predict into a store: a line of JSON in, a list of cases; a line out, how each of them ended.

A fork of a process that has imported everything takes a hundredth of a second, a new one a hundred times that.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

import hooks
import numpy as np
import rig

import kerasemble as ke
import kerasemble.scoring.models

# No case takes a tenth of this.
HUNG = 60.0
NOBODY = 65534


def done_in(case: dict) -> dict:
    """Do a case in this process, and return what came of it."""
    faults = hooks.Faults(**case["fault"], inside=case["store"])
    ended = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            faults.install()
            values = _values(case)
            ended["digest"] = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
        except ke.KerasembleError as error:
            ended["error"] = str(error)
        except BaseException as error:  # noqa: BLE001 - that there are none is what is tested
            ended["stray"] = repr(error)
    return {**ended, "warnings": [str(each.message) for each in caught], "met": faults.met}


def _values(case: dict):
    if case["load"]:
        return np.asarray(ke.load_store(case["store"]).predictions.values)
    gate = None if case["gate"] is None else Path(case["gate"])
    # The limit on the size of files would meet the log too.
    log = Path(case["log"]) if case["fsize"] is None else None
    seen = rig.predict(Path(case["store"]), case["rows"], case["names"], log=log, seconds=case["seconds"], gate=gate)
    return np.asarray(seen.values)


def fork(case: dict) -> tuple[int, int]:
    """Return the process that does a case, and the pipe from which to read what came of it."""
    source, target = os.pipe()
    pid = os.fork()
    if pid:
        os.close(target)
        return pid, source
    real_write = os.write
    try:
        if case["fsize"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (case["fsize"], case["fsize"]))
        if case["nobody"]:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        time.sleep(case["delay"])
        real_write(target, json.dumps(done_in(case)).encode())
    finally:
        # What the parent has open and would tidy up is none of this process's business.
        os._exit(0)


def follow(cases: list[dict]) -> list[dict]:
    """Do all cases at once, and return how each of them ended."""
    began = time.perf_counter()
    running = {}
    for place, case in enumerate(cases):
        pid, source = fork(case)
        running[pid] = (place, source, case["kill_after"] or HUNG)
    ended: list[dict] = [{} for _ in cases]
    while running:
        elapsed = time.perf_counter() - began
        for pid, (_, _, after) in running.items():
            if elapsed >= after:
                os.kill(pid, signal.SIGKILL)
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            time.sleep(0.0003)
            continue
        place, source, _ = running.pop(pid)
        # All of it fits into the buffer of a pipe.
        said = os.read(source, 2**16).decode()
        os.close(source)
        signalled = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        ended[place] = {"pid": pid, "seconds": elapsed, "signal": signalled, **json.loads(said or "{}")}
    return ended


def main() -> None:
    kerasemble.scoring.models.open_member = rig.open_stub
    for line in sys.stdin:
        print(json.dumps(follow(json.loads(line))), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
