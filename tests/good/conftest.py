"""The good models, saved once in a process of its own, and inspected once."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).parent
collect_ignore_glob = ["models/*", "applications.py", "build.py", "report.py"]


class Saved(NamedTuple):
    """Models that are saved.

    Args:
        folder: of the files.
        facts: what Keras says of each model, by its name.
        inspections: what `inspect` says of each file, by its name.
    """

    folder: Path
    facts: dict[str, Any]
    inspections: dict[str, Any]


def _save(folder: Path, group: str) -> Saved:
    from kerasemble.members.inspection.inspect import inspect

    command = [sys.executable, HERE / "build.py", folder, group]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".keras", ".h5"))
    with ThreadPoolExecutor(4) as pool:
        records = pool.map(inspect, paths)
        return Saved(folder, facts, {path.name: record for path, record in zip(paths, records, strict=True)})


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """The models of this folder, each as .keras and as .h5."""
    return _save(tmp_path_factory.mktemp("good"), "models")


@pytest.fixture(scope="session")
def applications(tmp_path_factory):
    """The smallest of keras.applications, as .keras."""
    return _save(tmp_path_factory.mktemp("applications"), "applications")
