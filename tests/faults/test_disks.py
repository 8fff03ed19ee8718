"""A disk that is full, closed or broken ends a run with one sentence, and nothing that was stored is lost."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path

import cases
import hooks
import numpy as np
import pytest
import rig

root = pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can mount a disk or become nobody")


@pytest.fixture(scope="module")
def whole(children, tmp_path_factory):
    return cases.reference(children, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("error", "kinds", "lasting", "said"),
    [
        pytest.param("ENOSPC", hooks.ROOM, True, "No space left on device. Make room and run it again.", id="89-full"),
        pytest.param("ENOSPC", hooks.ROOM, False, "No space left on device. Make room", id="89-full-for-an-instant"),
        pytest.param("EDQUOT", hooks.ROOM, True, "quota exceeded. Make room and run it again.", id="89-quota"),
        pytest.param("EACCES", hooks.CHANGES, True, "Permission denied. Give a folder", id="90-closed"),
        pytest.param("EROFS", hooks.CHANGES, True, "Read-only file system. Give a folder", id="90-read-only"),
        pytest.param("EIO", hooks.CHANGES, True, "has a fault: give a folder on another one.", id="broken"),
    ],
)
def test_a_disk_that_fails_midway_is_named_and_the_run_goes_on_when_it_is_mended(
    children, tmp_path, whole, error, kinds, lasting, said
):
    points = len(children.one(tmp_path / "counted", kinds=kinds)["met"])
    for at in random.Random(error).sample(range(1, points + 1), 6):  # noqa: S311 - which instants, no secrets
        fault = {"at": at, "do": error, "kinds": kinds, "lasting": lasting}
        after = cases.struck_then_resumed(children, tmp_path / f"{at}", whole, fault)
        message = after.struck.get("error")
        # Only who holds a lock could not be noted, or what was whole could not be tidied up.
        if message is None:
            assert after.struck["met"][at - 1] in ("note", "remove")
            assert after.struck["digest"] == whole.digest
        else:
            assert said in message
            assert str(tmp_path) in message
        shutil.rmtree(tmp_path / f"{at}")


def test_a_file_that_cannot_be_read_for_an_instant_is_never_taken_for_something_else(children, tmp_path, whole):
    points = len(children.one(tmp_path / "counted", kinds=hooks.ALL)["met"])
    for at in random.Random(8).sample(range(1, points + 1), 12):  # noqa: S311 - as above
        fault = {"at": at, "do": "EIO", "kinds": hooks.ALL}
        after = cases.struck_then_resumed(children, tmp_path / f"{at}", whole, fault)
        assert after.struck.get("digest") == whole.digest or str(tmp_path) in after.struck["error"]


def test_89_a_disk_that_fills_while_a_run_goes_on_after_a_kill_loses_nothing(children, tmp_path, whole):
    full = {"do": "ENOSPC", "kinds": hooks.ROOM, "lasting": True}
    for kill, at in ((30, 1), (50, 4), (70, 9)):
        after = cases.struck_then_resumed(children, tmp_path / f"{kill}", whole, {"at": kill}, {"at": at, **full})
        assert after.struck["signal"] == 9


@pytest.mark.parametrize("limit", [0, 300, 700, 1200])
def test_89_a_limit_on_the_size_of_files_is_named_and_no_half_file_is_left(children, tmp_path, whole, limit):
    after = cases.struck_then_resumed(children, tmp_path / "run", whole, {"fsize": limit})
    said = after.struck.get("error")
    assert (said is None) == (max(map(len, whole.contents.values())) <= limit)
    assert said is None or "ulimit -f" in said


@root
@pytest.mark.parametrize("pages", [1, 4, 7, 9])
def test_89_a_real_disk_that_is_full_is_named_and_used_again_when_it_has_room(children, tmp_path, whole, pages):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={4096 * pages}", "tmpfs", disk]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this container mounts no tmpfs")
    try:
        full = children.one(disk / "run", rows=cases.ROWS)
        assert "No space left on device. Make room" in full["error"]
        before = rig.committed(disk / "run")
        subprocess.run(["mount", "-o", "remount,size=1m", disk], check=True)
        assert children.one(disk / "run", rows=cases.ROWS)["digest"] == whole.digest
        assert before <= rig.committed(disk / "run")
        assert rig.contents(disk / "run") == whole.contents
    finally:
        subprocess.run(["umount", disk], check=True)


@root
def test_90_a_folder_that_nobody_may_write_to_is_named_and_what_is_finished_there_is_read(children):
    # Others may not look into the folders that pytest makes.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        closed = children.one(folder / "run", nobody=True)
        assert "Permission denied. Give a folder that you may write to." in closed["error"]
        whole = children.one(folder / "run")
        again, loaded = (children.one(folder / "run", nobody=True, load=load) for load in (False, True))
        assert again["digest"] == loaded["digest"] == whole["digest"]


@pytest.mark.backend
def test_89_the_command_line_says_what_to_do_about_a_full_disk_and_exits_with_2(tmp_path, dense, monkeypatch, capsys):
    from kerasemble.cli import main

    dense(0).save(tmp_path / "a.keras")
    np.save(tmp_path / "x.npy", np.zeros((20, 6), np.float32) + np.arange(20)[:, None])
    store = tmp_path / "run"
    command = ["predict", tmp_path / "a.keras", "--data", tmp_path / "x.npy", "--out", tmp_path / "p.npz"]
    monkeypatch.setattr("sys.argv", ["kerasemble", *map(str, command), "--store", str(store)])
    real, calls = os.fsync, []

    def full(handle):
        calls.append(handle)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        real(handle)

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    assert "No space left on device. Make room and run it again." in capsys.readouterr().err
    assert not (tmp_path / "p.npz").exists()
    main()
    assert (tmp_path / "p.npz").exists()
