"""Files are whole or absent."""

from __future__ import annotations

import stat

import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target


def test_a_new_file_holds_what_was_written_and_nothing_else_is_left(tmp_path):
    with atomic_target(tmp_path / "out.bin", overwrite=False) as temporary:
        temporary.write_bytes(b"new")
        assert not (tmp_path / "out.bin").exists()
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"out.bin": b"new"}


def test_the_temporary_file_stands_beside_the_target_with_its_suffix(tmp_path):
    with atomic_target(tmp_path / "out.keras", overwrite=False) as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".keras")


@pytest.mark.parametrize("case", [pytest.param("existing", id="101-target-exists")])
def test_a_target_that_exists_is_refused_and_untouched(tmp_path, case):
    target = tmp_path / f"{case}.npz"
    target.write_bytes(b"old")
    with (
        pytest.raises(KerasembleError, match=r"existing\.npz exists.*overwrite=True \(--overwrite\)"),
        atomic_target(target, overwrite=False),
    ):
        pytest.fail("the block ran")
    assert target.read_bytes() == b"old"


def test_a_target_that_exists_is_replaced_when_asked(tmp_path):
    target = tmp_path / "out.npz"
    target.write_bytes(b"old")
    with atomic_target(target, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=["error", "129-ctrl-c"])
def test_when_the_block_raises_the_old_file_is_intact_and_nothing_is_left_behind(tmp_path, error):
    target = tmp_path / "out.npz"
    target.write_bytes(b"old")

    def half_written():
        with atomic_target(target, overwrite=True) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(type(error)):
        half_written()
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"out.npz": b"old"}


def test_a_full_disk_is_said_and_leaves_the_old_file(tmp_path):
    target = tmp_path / "out.npz"
    target.write_bytes(b"old")
    full = OSError(28, "No space left on device")
    with (
        pytest.raises(KerasembleError, match=r"out\.npz could not be written: No space left.*untouched"),
        atomic_target(target, overwrite=True),
    ):
        raise full
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == {"out.npz": b"old"}


def test_a_new_file_has_the_mode_that_any_new_file_has(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_target(tmp_path / "out.npz", overwrite=False):
        pass
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "out.npz")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize(
    ("name", "says"),
    [(".", "is a folder"), ("missing/out.npz", "missing does not exist. Make it first")],
    ids=["folder", "no-folder"],
)
def test_a_target_that_cannot_be_a_file_is_refused(tmp_path, name, says):
    with pytest.raises(KerasembleError, match=says), atomic_target(tmp_path / name, overwrite=True):
        pytest.fail("the block ran")


def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path, monkeypatch):
    # Permission bits would not do: the superuser, as whom containers run tests, may write anywhere.
    def denied(path, *_):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.open", denied)
    with (
        pytest.raises(KerasembleError, match=r"out\.npz could not be written: Permission denied.*may write to"),
        atomic_target(tmp_path / "out.npz", overwrite=False),
    ):
        pytest.fail("the block ran")
