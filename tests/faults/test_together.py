"""Several processes at once on one store compute each shard once, and wait for nobody who is dead."""

from __future__ import annotations

import collections
import threading
import time

import cases
import pytest
import rig
from children import Children, case


@pytest.mark.parametrize("processes", [2, 8])
@pytest.mark.parametrize("seconds", [0, 0.005])
def test_91_processes_at_once_compute_each_shard_once_and_return_the_same(children, tmp_path, processes, seconds):
    whole = cases.reference(children, tmp_path)
    store = tmp_path / "run"
    ended = children.together(*[case(store, rows=cases.ROWS, seconds=seconds)] * processes)
    assert {each.get("digest") for each in ended} == {whole.digest}, ended
    assert set(collections.Counter(rig.computed(store.with_suffix(".log"), cases.ROWS)).values()) == {1}
    assert rig.contents(store) == whole.contents


def test_91_processes_of_which_some_are_killed_leave_the_rest_to_end_in_the_same_bytes(children, tmp_path):
    whole = cases.reference(children, tmp_path)
    store = tmp_path / "run"
    killed = [case(store, rows=cases.ROWS, seconds=0.005, kill_after=0.03 * each) for each in range(1, 5)]
    ended = children.together(*killed, *[case(store, rows=cases.ROWS, seconds=0.005)] * 2)
    assert [each.get("digest") for each in ended[-2:]] == [whole.digest] * 2, ended
    # The later ones may have nothing left to do before they are killed.
    assert {9} <= {each["signal"] for each in ended[:4]} <= {9, None}
    assert rig.contents(store) == whole.contents


def test_91_a_live_process_is_named_and_when_it_is_killed_another_goes_on(children, tmp_path):
    store, gate = tmp_path / "run", tmp_path / "gate"
    holder = case(store, names=("a",), gate=gate, kill_after=1.0)
    held, waited = children.together(holder, case(store, names=("a",), delay=0.3))
    assert held["signal"] == 9
    assert gate.with_suffix(".waiting").exists()
    said = [each for each in waited["warnings"] if "waiting for it" in each]
    assert len(said) == 1, waited
    assert said[0].startswith(f"process {held['pid']} on ")
    assert rig.committed(store) == {("a", start) for start in (0, 256, 512)}


def test_what_another_process_is_at_comes_last(tmp_path):
    store, gate = tmp_path / "run", tmp_path / "gate"
    with Children() as first, Children() as second:
        ended = []
        thread = threading.Thread(target=lambda: ended.append(first.one(store, names=("a",), gate=gate)))
        thread.start()
        until = time.monotonic() + 10
        while not gate.with_suffix(".waiting").exists() and time.monotonic() < until:
            time.sleep(0.01)
        # It is stopped while it waits for "a"; "b" was done by then.
        other = second.one(store, kill_after=1.0)
        assert other["signal"] == 9
        assert rig.committed(store) == {("b", start) for start in (0, 256, 512)}
        gate.touch()
        thread.join(10)
    assert "digest" in ended[0]
