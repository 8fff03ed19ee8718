"""Members are opened when they are needed, and closed when others need the room."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.members.member import as_members
from kerasemble.scoring.scoring import Scoring

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).uniform(size=(30, 6)).astype(np.float32)


@pytest.fixture
def opened(monkeypatch):
    """The names of the models that are opened, and of those that are alive."""
    names, alive = [], weakref.WeakValueDictionary()
    inner = ke.Member.open

    def counted(member):
        loaded = inner(member)
        names.append(member.name)
        alive[member.name] = loaded.model
        return loaded

    monkeypatch.setattr(ke.Member, "open", counted)
    return names, alive


@pytest.fixture
def paths(dense, tmp_path):
    made = [tmp_path / f"{name}.keras" for name in "abc"]
    for seed, path in enumerate(made):
        dense(seed, path.stem).save(path)
    return made


def test_small_members_are_opened_once(opened, paths):
    ke.predict(paths, X)
    assert opened[0] == ["a", "b", "c"]


def test_of_large_members_one_is_open_at_a_time(opened, paths, monkeypatch):
    wanted = ke.predict(paths, X).values
    opened[0].clear()
    monkeypatch.setattr("kerasemble.scoring.models._KEPT", 1)
    alive_at_each_run = []

    def note(_name, done, _total):
        if not done:
            gc.collect()
            alive_at_each_run.append(sorted(opened[1]))

    seen = ke.predict(paths, X, progress=note)
    assert alive_at_each_run == [["c"], ["a"], ["b"]] or all(len(names) == 1 for names in alive_at_each_run)
    np.testing.assert_array_equal(seen.values, wanted)


def test_a_model_that_was_given_is_its_owners_and_stays(dense, monkeypatch):
    monkeypatch.setattr("kerasemble.scoring.models._KEPT", 1)
    models = [dense(0, "a"), dense(1, "b")]
    scoring = Scoring(X)
    members = as_members(models)
    inputs = scoring.prepare(members)
    assert [scoring.open(member, inputs) is scoring.open(member, inputs) for member in members] == [True, True]
