"""A byte that is not what was written is noticed: the right values come, or one sentence that names the file."""

from __future__ import annotations

import random
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import rig

import kerasemble as ke

# Two shards of each member.
ROWS = 300
pytestmark = pytest.mark.usefixtures("keyed")


@pytest.fixture
def small(tmp_path):
    """A store of under 10 kB, its bytes, and its log."""
    store, log = tmp_path / "run", tmp_path / "run.log"
    rig.predict(store, ROWS, log=log)
    whole = rig.contents(store)
    assert sum(map(len, whole.values())) < 10_000
    log.unlink()
    return store, whole, log


def read(store: Path) -> str | None:
    """Return the error of reading a store; None where all values and labels are right."""
    try:
        run = ke.load_store(store)
        values = np.asarray(run.predictions.values)
    except ke.KerasembleError as error:
        return str(error)
    np.testing.assert_array_equal(values, rig.right(ROWS))
    np.testing.assert_array_equal(run.y, np.arange(ROWS) % 2)
    assert run.predictions.members == rig.NAMES
    return None


def mend(store: Path, log: Path) -> list[tuple[str, int]]:
    """Predict into a store again, and return the shards that were computed for it."""
    log.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ke.KerasembleWarning)
        seen = rig.predict(store, ROWS, log=log)
    np.testing.assert_array_equal(seen.values, rig.right(ROWS))
    return sorted(rig.computed(log, ROWS))


def owed(store: Path, name: str) -> list[tuple[str, int]]:
    """Return the shards that a damaged file costs: a shard itself, all of a member for its manifest, else none."""
    path = store / name
    member = next((member for member in rig.NAMES if path.parent == folder_of(store, member)), None)
    if member is None:
        return []
    if path.name == "manifest.json":
        return [(member, start) for start in range(0, ROWS, rig.SHARD)]
    return [(member, int(path.stem))]


def folder_of(store: Path, member: str) -> Path:
    """Return where a member's answers lie."""
    mark = f'"member": "{member}"'
    return next(path.parent for path in store.glob("data-*/*/manifest.json.good") if mark in path.read_text())


@pytest.fixture
def names(small):
    """The files of the store, and beside each manifest a copy which says whose it is."""
    store, whole, _ = small
    for name in whole:
        if name.endswith("manifest.json"):
            shutil.copy(store / name, store / f"{name}.good")
    return sorted(whole)


def test_92_a_flipped_bit_anywhere_in_a_store_never_gives_other_values(small, names):
    store, whole, _ = small
    rng, named = random.Random(9), 0  # noqa: S311 - which bits, no secrets
    for name in names:
        for offset in range(0, len(whole[name]), 3):
            content = bytearray(whole[name])
            content[offset] ^= 1 << rng.randrange(8)
            (store / name).write_bytes(content)
            said = read(store)
            assert said is not None, (name, offset)
            assert name in said, (name, offset, said)
            named += 1
        (store / name).write_bytes(whole[name])
    assert named > 1000
    assert read(store) is None


def test_93_a_store_cut_short_anywhere_never_gives_other_values(small, names):
    store, whole, _ = small
    for name in names:
        for length in range(0, len(whole[name]), 7):
            (store / name).write_bytes(whole[name][:length])
            said = read(store)
            assert said is not None, (name, length)
            assert name in said, (name, length, said)
        (store / name).write_bytes(whole[name])


@pytest.mark.parametrize("kind", ["92-flipped", "93-cut", "93-missing", "92-longer"])
def test_what_is_damaged_is_computed_again_and_nothing_else(small, names, kind):
    store, whole, log = small
    rng = random.Random(kind)  # noqa: S311 - as above
    for name in names:
        for _ in range(3):
            content = bytearray(whole[name])
            offset = rng.randrange(len(content))
            if kind == "92-flipped":
                content[offset] ^= 1 << rng.randrange(8)
            (store / name).write_bytes({"93-cut": content[:offset], "92-longer": content + b" "}.get(kind, content))
            if kind == "93-missing":
                (store / name).unlink()
            assert mend(store, log) == owed(store, name), (name, offset)
            found = {each: body for each, body in rig.contents(store).items() if not each.endswith(".good")}
            assert found == whole, (name, offset)


def test_92_shards_that_were_swapped_are_computed_again(small, names):
    store, whole, log = small
    one, other = (name for name in names if name.endswith("000000000000.npy"))
    (store / one).write_bytes(whole[other])
    (store / other).write_bytes(whole[one])
    said = read(store)
    assert said is not None
    assert "000000000000.npy is not what was written" in said
    assert mend(store, log) == [("a", 0), ("b", 0)]
    assert read(store) is None


def test_an_older_manifest_that_was_put_back_costs_what_it_does_not_list(small, names):
    store, whole, log = small
    from kerasemble.scoring.checked_json import read_json, write_json

    name = next(each for each in names if each.endswith("manifest.json"))
    body = read_json(store / name)
    write_json(store / name, {**body, "shards": {"0": body["shards"]["0"]}})
    said = read(store)
    assert said is not None
    assert name in said
    assert mend(store, log) == [(body["about"]["member"], 256)]
    assert (store / name).read_bytes() == whole[name]


def test_94_99_what_was_half_written_goes_and_what_is_foreign_stays(small, names):
    store, whole, log = small
    name = next(each for each in names if each.endswith("000000000256.npy"))
    folder = (store / name).parent
    foreign = {folder / "notes.txt": b"mine", folder / "other.npy": b"no array", store / "data.txt": b"mine"}
    for path, content in foreign.items():
        path.write_bytes(content)
    halves = [folder / ".kerasemble-half.npy", folder / ".kerasemble-half.json"]
    for half in halves:
        half.write_bytes(b"\x93NUMPY")
    (store / name).unlink()
    assert mend(store, log) == owed(store, name)
    assert not [half for half in halves if half.exists()]
    assert {path: path.read_bytes() for path in foreign} == foreign
    assert (store / name).read_bytes() == whole[name]


def test_95_a_newer_format_is_refused_and_a_damaged_number_is_not_taken_for_one(small, names):
    store, whole, log = small
    for name in (each for each in names if each.endswith(".json")):
        newer = whole[name].replace(b'"format": 2', b'"format": 3')
        assert newer != whole[name]
        (store / name).write_bytes(newer)
        assert mend(store, log) == owed(store, name)
        real = b'{"format": 3, "sha256": "of another kind", "body": {}}'
        (store / name).write_bytes(real)
        with pytest.raises(ke.KerasembleError, match=r"has format 3; .*Update it"):
            rig.predict(store, ROWS)
        assert (store / name).read_bytes() == real
        (store / name).write_bytes(whole[name])
