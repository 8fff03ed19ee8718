"""Where memory is short a batch is halved, and what comes of it is the same."""

from __future__ import annotations

import numpy as np
import pytest
import rig

import kerasemble as ke

pytestmark = pytest.mark.usefixtures("keyed")

WORDS = {
    "python": MemoryError(),
    "jax": RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8589934592 bytes."),
    "tensorflow": RuntimeError("OOM when allocating tensor with shape[4096,4096] and type float on device CPU:0"),
    "torch-gpu": RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "torch-cpu": RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
}


@pytest.fixture
def short(monkeypatch):
    """Let the rig's members fail on batches of more rows than a limit."""
    inner = rig.Stub.predict

    def make(error, limit):
        def predict(stub, x, batch_size, verbose):
            if batch_size > limit:
                raise error
            return inner(stub, x, batch_size, verbose)

        monkeypatch.setattr(rig.Stub, "predict", predict)

    return make


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("stored", [True, False])
def test_a_batch_is_halved_until_it_fits_and_the_values_are_the_same(short, tmp_path, words, stored):
    short(WORDS[words], 5)
    store = tmp_path / "run" if stored else None
    with pytest.warns(ke.KerasembleWarning, match="short for member 'a' at 64 rows a batch; it was run at 4"):
        seen = rig.predict(store, 300, names=("a",), batch_size=64)
    np.testing.assert_array_equal(seen.values, rig.right(300, ("a",)))


def test_a_run_without_memory_for_one_row_ends_in_a_sentence_and_keeps_what_was_stored(short, tmp_path):
    rig.predict(tmp_path / "run", 300, names=("a",))
    before = rig.contents(tmp_path / "run")
    short(WORDS["jax"], 0)
    with pytest.raises(ke.KerasembleError, match=r"'b' has too little memory even for one row .*what was stored stays"):
        rig.predict(tmp_path / "run", 300)
    after = rig.contents(tmp_path / "run")
    assert {name: after[name] for name in before} == before


def test_memory_that_is_short_only_later_halves_the_batch_from_there(monkeypatch, tmp_path):
    inner = rig.Stub.predict

    def predict(stub, x, batch_size, verbose):
        if x[0, 0] > 256 and batch_size > 8:
            raise MemoryError
        return inner(stub, x, batch_size, verbose)

    monkeypatch.setattr(rig.Stub, "predict", predict)
    with pytest.warns(ke.KerasembleWarning, match="at 16 rows a batch; it was run at 8"):
        seen = rig.predict(tmp_path / "run", 600, names=("a",))
    np.testing.assert_array_equal(seen.values, rig.right(600, ("a",)))
