"""A fault, then a run that goes on: what must hold afterwards."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any, NamedTuple

import rig
from children import Children

ROWS = 600


class After(NamedTuple):
    """What came of a fault.

    Args:
        struck: how the process ended that met it.
        resumed: how the one ended that went on.
        again: how many shards that had been computed were computed once more, of the member that lost most.
    """

    struck: dict[str, Any]
    resumed: dict[str, Any]
    again: int


class Reference(NamedTuple):
    """What an uninterrupted run leaves, and the digest of what it returns."""

    contents: dict[str, bytes]
    digest: str


def reference(children: Children, folder: Path, rows: int = ROWS) -> Reference:
    """Run without a fault."""
    ended = children.one(folder / "reference", rows=rows)
    return Reference(rig.contents(folder / "reference"), ended["digest"])


def struck_then_resumed(children: Children, store: Path, whole: Reference, *faults: dict[str, Any]) -> After:
    """Meet faults one after the other, then go on without; check what must hold whatever they were.

    The store ends as it does without a fault, what was listed is not computed again, and none of it is lost.
    """
    ended, log = [], store.with_suffix(".log")
    for fault in (*faults, {}):
        before = rig.committed(store)
        past = len(rig.computed(log, ROWS))
        ended.append(children.one(store, rows=ROWS, **fault))
        assert "stray" not in ended[-1], (fault, ended[-1])
        now = rig.computed(log, ROWS)[past:]
        assert not before & set(now), (fault, "listed shards were computed again")
        assert before <= rig.committed(store), (fault, "listed shards were lost")
        assert len(now) == len(set(now))
    assert "error" not in ended[-1], (faults, ended[-1])
    assert ended[-1]["digest"] == whole.digest
    assert rig.contents(store) == whole.contents, (faults, differing(rig.contents(store), whole.contents))
    counts = collections.Counter(rig.computed(log, ROWS))
    lost = collections.Counter()
    for (name, _), times in counts.items():
        lost[name] += times - 1
    return After(ended[0], ended[-1], max(lost.values(), default=0))


def differing(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Return the names of files that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
