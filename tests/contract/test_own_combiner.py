"""The combiner in CONTRIBUTING.md, in a package of its own, tested as the documentation of kerasemble.testing says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import kerasemble.testing
from kerasemble.testing import CHECKS

GUIDE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def package(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "yours.py").write_text(block, encoding="utf-8")
    (usage,) = re.findall(r"\n\n((?:    .*\n|\n)+)\n", kerasemble.testing.__doc__)
    (tmp_path / "test_yours.py").write_text(textwrap.dedent(usage), encoding="utf-8")
    return tmp_path


@pytest.mark.backend
@pytest.mark.slow
def test_the_documented_combiner_passes_every_check_as_documented(package):
    settings = {**os.environ, "PYTHONPATH": str(package)}
    # In a process of its own, so that the registry of this one does not grow.
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(package)],
        env=settings,
        cwd=package,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{len(CHECKS)} passed" in run.stdout, run.stdout + run.stderr
