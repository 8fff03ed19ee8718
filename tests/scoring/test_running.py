"""How a member is run over rows: in batches that nobody need choose, and with whatever memory there is."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.members.outside import Outside
from kerasemble.members.signature import Signature
from kerasemble.scoring.batch_size import BatchSize, is_short_of_memory
from kerasemble.scoring.running import Job, run

X = np.random.default_rng(0).uniform(size=(5000, 6)).astype(np.float32)


def member(answer=lambda x: x[:, :3] / x[:, :3].sum(axis=1, keepdims=True), most=10**9, error=MemoryError):
    """A member that runs out of memory with more than so many rows."""

    class Limited:
        def __init__(self):
            self.sizes = []

        def run(self, x, _start, batch_size):
            self.sizes.append(min(batch_size, len(x)))
            if self.sizes[-1] > most:
                raise error
            return answer(x)

        signature = Signature(3, (), is_model=False)

    return Limited()


def values_of(opened, x=X, batch=None, shards=None):
    found = np.full((len(x), 3), np.nan, dtype=np.float32)
    batch = BatchSize(batch)

    def put(rows, values):
        found[rows] = values

    run(Job("a", opened, x), shards or [slice(0, len(x))], put, batch, lambda _count: None)
    return found, batch


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 12345 bytes"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        ValueError("OOM when allocating tensor with shape[256,64]"),
    ],
    ids=["python", "jax", "torch-cpu", "torch-cuda", "tensorflow"],
)
def test_where_memory_is_short_the_batch_halves_and_the_answers_stay_the_same(error):
    assert is_short_of_memory(error)
    opened = member(most=100, error=error)
    found, batch = values_of(opened, batch=256)
    np.testing.assert_array_equal(found, values_of(member(), batch=256)[0])
    assert (batch.size, batch.halved_from) == (64, 256)


def test_one_row_that_is_too_much_is_an_error_with_what_to_do():
    with pytest.raises(ke.KerasembleError, match=r"Member 'a' has too little memory even for one row .* more memory"):
        values_of(member(most=0), batch=4)


def test_any_other_error_names_the_member_and_the_row():
    with pytest.raises(ke.KerasembleError, match=r"Member 'a' failed when it was run on rows 0 and after: broken"):
        values_of(member(most=0, error=RuntimeError("broken")), batch=4)


@pytest.mark.backend
def test_the_report_says_that_memory_was_short(dense, monkeypatch):
    from kerasemble.members.opening import Opened

    inner = Opened.run

    def short(opened, x, start, batch_size):
        if batch_size > 8:
            raise MemoryError
        return inner(opened, x, start, batch_size)

    x, y = X[:60], np.arange(60) % 3
    plain = ke.predict([dense(0, "a")], x, batch_size=8).values
    monkeypatch.setattr(Opened, "run", short)
    said = r"Memory was short for member 'a' at 32 rows a batch; it was run at 8"
    with pytest.warns(ke.KerasembleWarning, match=said):
        np.testing.assert_array_equal(ke.predict([dense(0, "a")], x, batch_size=32).values, plain)
    with pytest.warns(ke.KerasembleWarning) as caught:
        report = ke.combine([dense(0, "a"), dense(1, "b")], x, y, "average", batch_size=32).report
    assert any("Memory was short for member 'a'" in str(each.message) for each in caught)
    assert any("Memory was short for member 'a'" in sentence for sentence in report.warnings)


@pytest.mark.backend
@pytest.mark.parametrize("batch_size", [1, 7, 64, None])
def test_answers_do_not_depend_on_the_batch(dense, batch_size):
    x = X[:1100] if batch_size != 1 else X[:40]
    wanted = ke.predict([dense(0)], x, batch_size=256).values
    np.testing.assert_allclose(ke.predict([dense(0)], x, batch_size=batch_size).values, wanted, atol=1e-6)


def ticking(monkeypatch, seconds):
    """Let a call of a member take so many seconds of a clock of its own, by the rows of its batch."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def answer(x):
        now[0] += seconds(len(x))

    return answer


@pytest.mark.parametrize(
    ("seconds", "size"),
    [
        pytest.param(lambda rows: 0.1 + rows / 1e5, 2048, id="overhead-rules"),
        pytest.param(lambda rows: 0.02 + rows / 1e3, 512, id="rows-rule"),
        pytest.param(lambda rows: rows / 30, 32, id="slow"),
        pytest.param(lambda rows: 1e-5 + rows / 1e7, 256, id="too-fast-to-matter"),
    ],
)
def test_the_batch_is_tuned_by_what_it_takes(monkeypatch, seconds, size):
    batch = BatchSize(None)
    batch.tune(ticking(monkeypatch, seconds), X, 10**6)
    assert batch.size == size
    batch.tune(ticking(monkeypatch, lambda rows: 1.0 / rows), X, 10**6)
    assert batch.size == size


def test_a_batch_that_is_given_or_for_few_rows_is_not_tuned():
    for batch, rows in ((BatchSize(17), 10**6), (BatchSize(None), 1000)):
        before = batch.size
        batch.tune(lambda _: pytest.fail("it was run"), X, rows)
        assert batch.size == before


def test_tuning_ends_where_memory_is_short():
    def short(x):
        if len(x) > 200:
            raise MemoryError
        monkey.append(len(x))

    monkey = []
    batch = BatchSize(None)
    batch.tune(short, X, 10**9)
    assert batch.size <= 128


def test_the_next_rows_are_loaded_while_a_member_computes():
    loading, computing = threading.Event(), threading.Event()

    class Rows:
        shape, dtype = X.shape, X.dtype

        def __len__(self):
            return len(X)

        def __getitem__(self, rows):
            if rows.start:
                loading.set()
                assert computing.wait(10), "the member waits for the rows"
            return X[rows]

    def answer(x):
        assert loading.wait(10), "the rows wait for the member"
        computing.set()
        return x[:, :3]

    opened = Outside(lambda x, _start: answer(x), Signature(3, ()))
    found = np.empty((len(X), 3), dtype=np.float32)
    run(
        Job("a", opened, Rows(), repeatable=False),
        [slice(0, 4096), slice(4096, 5000)],
        found.__setitem__,
        BatchSize(512),
        lambda _count: None,
    )
    np.testing.assert_array_equal(found, X[:, :3])


def test_shards_are_the_same_whichever_others_are_run():
    shards = [slice(0, 2048), slice(2048, 4096), slice(4096, 5000)]
    whole, _ = values_of(member(), batch=100, shards=shards)
    alone, _ = values_of(member(), batch=100, shards=shards[1:2])
    np.testing.assert_array_equal(alone[shards[1]], whole[shards[1]])
    assert np.isnan(alone[shards[0]]).all()


def test_what_fails_while_it_is_written_is_raised():
    def full(_rows, _values):
        msg = "no room"
        raise ke.KerasembleError(msg)

    with pytest.raises(ke.KerasembleError, match="no room"):
        run(Job("a", member(), X), [slice(0, 2048)], full, BatchSize(64), lambda _count: None)


def test_a_thread_is_not_left_behind():
    before = threading.active_count()
    values_of(member(), batch=64)
    with pytest.raises(ke.KerasembleError):
        values_of(member(most=0, error=RuntimeError("broken")), batch=4)
    assert threading.active_count() == before
