"""What the tests of faults share: modules of this folder, and a server that forks the processes which meet them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
collect_ignore_glob = ["rig.py", "hooks.py", "server.py", "children.py", "cases.py", "run.py"]


@pytest.fixture(scope="session")
def children():
    """Processes that predict into a store and may meet a fault."""
    from children import Children

    with Children() as server:
        yield server


@pytest.fixture
def keyed(monkeypatch):
    """Members of the rig can be run in this process."""
    import rig

    monkeypatch.setattr("kerasemble.scoring.models.open_member", rig.open_stub)
