"""The corpus, written once, and judged once in each way."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The corpus is a package of this folder, which its scripts import as well.
sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["corpus/*", "bare_keras.py", "judge.py", "report.py"]


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """Every hostile file, written: a job by the name of its case."""
    from corpus.judging import write

    return {job.case.name: job for job in write(tmp_path_factory.mktemp("hostile"))}


@pytest.fixture(scope="session")
def working_folder(tmp_path_factory):
    """A folder with packages that a file could make Keras import."""
    from corpus.judging import plant

    folder = tmp_path_factory.mktemp("working")
    plant(folder)
    return folder


@pytest.fixture(scope="session")
def inspected(hostile, working_folder):
    """What `inspect` says of every file."""
    from corpus import CASES
    from corpus.judging import judge

    return judge([hostile[case.name] for case in CASES], "inspect", working_folder)


@pytest.fixture(scope="session")
def staged(hostile, working_folder, inspected):
    """What `staged` says of what could run code, in a process with Keras whose user has allowed all lambdas."""
    from corpus.judging import OPENED, judge

    del inspected  # one after the other
    return judge([job for name, job in hostile.items() if name.startswith(OPENED)], "staged", working_folder)
