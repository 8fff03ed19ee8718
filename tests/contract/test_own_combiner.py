"""Combiners in a package of their own, the one in CONTRIBUTING.md first, tested as kerasemble.testing says."""

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


# One that learns, as the base class says: it takes predictions, labels and how much rows count, and returns a Fit.
LEARNS = '''
import dataclasses
from typing import final

import numpy as np

from kerasemble.combiners.base import Combiner, Fit


@final
@dataclasses.dataclass(frozen=True)
class Trusted(Combiner):
    """Members weighted by the probability that they give to the true class.

    combined = sum_m w_m p_m, from (members, samples, ..., classes) to (samples, ..., classes).

    Example:
        >>> 1 + 1
        2
    """

    def combine(self, values, learned, xp):
        return xp.tensordot(learned["shares"] / xp.sum(learned["shares"]), values, axes=1)

    def given(self, members):
        return None

    def learn(self, predictions, labels, weights):
        true = predictions.of_true_class(labels).astype(np.float64)
        return Fit({"shares": 0.01 + true @ weights / weights.sum()})
'''


@pytest.fixture
def package(tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (usage,) = re.findall(r"\n\n((?:    .*\n|\n)+)\n", kerasemble.testing.__doc__)
    usage = textwrap.dedent(usage)
    (name,) = re.findall(r"^from yours import (\w+)", usage, re.MULTILINE)
    (tmp_path / "yours.py").write_text(block, encoding="utf-8")
    (tmp_path / "test_yours.py").write_text(usage, encoding="utf-8")
    (tmp_path / "others.py").write_text(LEARNS, encoding="utf-8")
    swapped = usage.replace("yours", "others").replace(name, "Trusted")
    (tmp_path / "test_others.py").write_text(swapped, encoding="utf-8")
    return tmp_path


@pytest.mark.backend
@pytest.mark.slow
def test_combiners_of_your_own_that_learn_or_do_not_pass_every_check_as_documented(package):
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
    assert f"{2 * len(CHECKS)} passed" in run.stdout, run.stdout + run.stderr
