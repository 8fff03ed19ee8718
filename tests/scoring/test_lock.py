"""One process at a time, wherever the file system can say so."""

from __future__ import annotations

import errno
import os

import pytest

import kerasemble as ke
from kerasemble.scoring.lock import lock

fcntl = pytest.importorskip("fcntl", reason="Windows locks in another way")


def test_a_lock_says_by_whom_it_is_held_and_is_empty_afterwards(tmp_path):
    path = tmp_path / ".lock"
    with lock(path, pytest.fail) as held:
        assert held
        assert f"process {os.getpid()} on " in path.read_text(encoding="utf-8")
    assert path.read_bytes() == b""


def test_91_a_lock_that_is_held_is_waited_for_or_left_to_its_holder(tmp_path):
    path = tmp_path / ".lock"
    with lock(path, pytest.fail), lock(path, pytest.fail, wait=False) as second:
        assert not second
    said = []
    holder = os.open(path, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)

    def waited(who):
        said.append(who)
        os.close(holder)

    with lock(path, waited) as held:
        assert held
    assert said == ["another process"]


def test_96_where_files_cannot_be_locked_that_is_said_and_the_work_goes_on(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unknown)
    with (
        pytest.warns(ke.KerasembleWarning, match="files cannot be locked: let one process at a time"),
        lock(tmp_path / ".lock", pytest.fail) as held,
    ):
        assert held


def test_90_a_lock_that_cannot_be_made_is_named(tmp_path):
    with (
        pytest.raises(ke.KerasembleError, match=r"none.*\.lock could not be written"),
        lock(tmp_path / "none" / ".lock", pytest.fail),
    ):
        pytest.fail("the block ran")
