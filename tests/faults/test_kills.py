"""Whatever instant a process is killed at, the next one goes on and ends with the same bytes."""

from __future__ import annotations

import random
import shutil

import cases
import pytest
import rig

# A shard that was being written, and the next one, which is computed meanwhile.
LOST = 2


@pytest.fixture(scope="module")
def whole(children, tmp_path_factory):
    return cases.reference(children, tmp_path_factory.mktemp("whole"))


@pytest.fixture
def points(children, tmp_path):
    """How often a run touches the disk."""
    return len(children.one(tmp_path / "counted")["met"])


def test_what_is_not_interrupted_is_right_and_computed_once(children, tmp_path, whole):
    ended = children.one(tmp_path / "run")
    assert ended["digest"] == whole.digest
    assert sorted(rig.computed(tmp_path / "run.log", cases.ROWS)) == sorted(rig.committed(tmp_path / "run"))


def test_94_a_run_that_was_killed_at_any_touch_of_the_disk_goes_on_and_ends_in_the_same_bytes(
    children, tmp_path, whole, points
):
    assert points > 80
    # `make faults` goes through all of them.
    for at in random.Random(5).sample(range(1, points + 1), 30):  # noqa: S311 - which instants, no secrets
        after = cases.struck_then_resumed(children, tmp_path / f"{at}", whole, {"at": at})
        assert after.struck["signal"] == 9
        assert after.again <= LOST
        shutil.rmtree(tmp_path / f"{at}")


def test_a_run_that_was_killed_at_a_random_instant_goes_on_and_ends_in_the_same_bytes(children, tmp_path, whole):
    rng, struck = random.Random(6), 0  # noqa: S311 - as above
    for number in range(20):
        fault = {"kill_after": rng.uniform(0.002, 0.05), "seconds": 0.001}
        after = cases.struck_then_resumed(children, tmp_path / f"{number}", whole, fault)
        assert after.again <= LOST
        struck += after.struck["signal"] == 9
    assert struck > 5


def test_a_run_that_is_killed_while_it_goes_on_is_gone_on_with_once_more(children, tmp_path, whole, points):
    rng = random.Random(7)  # noqa: S311 - as above
    for number in range(10):
        faults = [{"at": rng.randint(2, points - 1)}, {"at": rng.randint(1, 20)}, {"at": rng.randint(1, 20)}]
        after = cases.struck_then_resumed(children, tmp_path / f"{number}", whole, *faults)
        assert after.struck["signal"] == 9
