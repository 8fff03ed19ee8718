"""The corpus on disk, and what Kerasemble says of it in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from corpus import CASES, MARKER, TRAINING, Case

JUDGE = Path(__file__).parents[1] / "judge.py"
# What ran code or changed Keras when bare Keras opened it, and one or two of each kind that could.
OPENED = (
    "archive/two-configurations",
    "class/inner-module",
    "class/keras-",
    "class/module-of-tests",
    "code-layer/torch",
    "control-flow/",
    "function/keras.config",
    "function/lambda-",
    "hdf5/external-link",
    "lambda-h5/layer",
    "lambda/layer",
    "top/",
    "training",
    "vocabulary/string-lookup",
)
# Packages that a file can make Keras import; of these names one stands in the working directory and touches a marker.
PLANTED = ("keras_hub", "keras_nlp", "keras_cv")


class Job(NamedTuple):
    """A case that is written: its file and, where it has one, its architecture's."""

    case: Case
    folder: Path
    path: Path
    architecture: Path | None

    def listing(self) -> set[str]:
        """Return the names of all that lies in its folder."""
        return {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*")}

    def ran(self) -> bool:
        """Say whether a payload ran."""
        return (self.folder / MARKER).exists()


class Verdict(NamedTuple):
    """What was said of a file: code and reason of its refusal, None where it is accepted, and the seconds it took."""

    code: str | None
    reason: str | None
    seconds: float

    def expected(self, case: Case) -> bool:
        """Say whether the file is refused for the reason that it should be."""
        return self.code in case.codes


class Judgement(NamedTuple):
    """The verdicts by name, and what the process says of itself before and after."""

    verdicts: dict[str, Verdict]
    before: dict[str, Any]
    after: dict[str, Any]


def write(folder: Path) -> list[Job]:
    """Write every case into a folder of its own."""
    jobs = []
    for case in (*CASES, *TRAINING):
        own = folder / case.name
        own.mkdir(parents=True)
        jobs.append(Job(case, own, case.make(own), case.architecture(own) if case.architecture else None))
    return jobs


def plant(folder: Path) -> None:
    """Put packages into a folder that touch the marker beside them when they are imported."""
    for name in PLANTED:
        (folder / name).mkdir()
        text = f"import pathlib; pathlib.Path({str(folder / MARKER)!r}).touch()\n"
        (folder / name / "__init__.py").write_text(text, encoding="utf-8")


def judge(jobs: Sequence[Job], mode: str, cwd: Path, seconds: float = 300) -> Judgement:
    """Return what `inspect` or `staged` says of the files, in a process that starts in the folder `cwd`.

    Raises:
        RuntimeError: the process died or took longer, with the case that it was at.
    """
    lines = [[job.case.name, os.fspath(job.path), job.architecture and os.fspath(job.architecture)] for job in jobs]
    process = subprocess.Popen(
        [sys.executable, JUDGE, mode], cwd=cwd, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    clock = threading.Timer(seconds, process.kill)
    clock.start()
    answer, _ = process.communicate(json.dumps(lines))
    clock.cancel()
    said = [json.loads(line) for line in answer.splitlines()]
    if process.returncode or len(said) != len(lines) + 2:
        at = lines[max(0, len(said) - 1)][0] if len(said) <= len(lines) else "the end"
        msg = f"the judge ended with {process.returncode} at {at}"
        raise RuntimeError(msg)
    verdicts = {name: Verdict(*verdict) for name, *verdict in said[1:-1]}
    return Judgement(verdicts, said[0], said[-1])
