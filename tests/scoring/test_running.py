"""How a member is run over rows: in batches that nobody need choose, and with whatever memory there is."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.members.outside import Outside
from kerasemble.members.signature import Signature
from kerasemble.scoring.batch_size import BatchSize, batch_size_for, is_short_of_memory
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
    batch = BatchSize(batch_size_for(x.shape, batch))

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


@pytest.mark.parametrize(
    ("shape", "given", "size"),
    [
        pytest.param((10_000, 6), None, 256, id="small-rows"),
        pytest.param((10_000, 96, 96, 3), None, 256, id="small-images"),
        pytest.param((10_000, 224, 224, 3), None, 64, id="images"),
        pytest.param((10_000, 2**25), None, 1, id="a-row-beyond-the-budget"),
        pytest.param((20, 6), None, 20, id="fewer-rows"),
        pytest.param((10_000, 6), 17, 17, id="given"),
        pytest.param((10_000, 6), 10**6, 4096, id="given-more-than-are-loaded"),
    ],
)
def test_15_14_the_batch_follows_from_the_data_alone(shape, given, size):
    assert batch_size_for(shape, given) == size


def clock(monkeypatch, seed):
    """Let each look at the clock be some time after the last one: between microseconds and half a minute."""
    rng, now = np.random.default_rng(seed), [0.0]

    def tick():
        now[0] += float(10 ** rng.uniform(-6, 1.5))
        return now[0]

    monkeypatch.setattr("time.perf_counter", tick)


def test_15_14_a_member_is_asked_for_the_same_batches_whatever_the_clock_says(monkeypatch):
    def asked():
        rows = []

        def answer(x):
            rows.append(len(x))
            return x[:, :3]

        opened = Outside(lambda x, _start: answer(x), Signature(3, ()))
        values_of(opened, shards=[slice(0, 4096), slice(4096, 5000)])
        return rows

    usual = asked()
    assert set(usual) == {256, 5000 % 256 - 4096 % 256}
    for seed in range(5):
        clock(monkeypatch, seed)
        assert asked() == usual


@pytest.mark.backend
def test_15_14_a_store_has_the_same_bytes_whatever_the_clock_says(dense, monkeypatch, tmp_path):
    def content(store):
        ke.predict([dense(0)], X, store=store)
        return {path.name: path.read_bytes() for path in store.rglob("*.npy")}

    usual = content(tmp_path / "usual")
    assert len(usual) == 2
    for seed in range(3):
        clock(monkeypatch, seed)
        assert content(tmp_path / str(seed)) == usual


@pytest.mark.backend
@pytest.mark.parametrize("lost", [0, 4096], ids=["the-first", "the-last"])
def test_15_14_a_shard_that_was_lost_comes_back_to_the_byte(dense, tmp_path, lost):
    model = dense(0)
    ke.predict([model], X, store=tmp_path)
    (shard,) = tmp_path.rglob(f"{lost:012d}.npy")
    content = shard.read_bytes()
    shard.unlink()
    with pytest.warns(ke.KerasembleWarning):
        ke.predict([model], X, store=tmp_path)
    assert shard.read_bytes() == content


def test_15_14_halving_for_lack_of_memory_is_recorded_in_the_store(dense, monkeypatch, tmp_path):
    from kerasemble.members.opening import Opened
    from kerasemble.scoring.checked_json import read_json

    wanted, inner = ke.predict([dense(0)], X).values, Opened.run

    def short(opened, x, start, batch_size):
        if batch_size > 100:
            raise MemoryError
        return inner(opened, x, start, batch_size)

    monkeypatch.setattr(Opened, "run", short)
    with pytest.warns(ke.KerasembleWarning):
        seen = ke.predict([dense(0)], X, store=tmp_path)
    (manifest,) = tmp_path.rglob("manifest.json")
    about = read_json(manifest)["about"]
    assert (about["halved_from"], about["batch_size"]) == (256, 64)
    np.testing.assert_allclose(seen.values, wanted, atol=1e-6)


def test_15_13_what_a_row_takes_is_measured_in_full_batches_of_the_size_that_ran(monkeypatch):
    """A batch of another size would be compiled first, and a part of a batch would bear the price of a whole one."""
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    sizes = set()

    def answer(x):
        # Compiling a size takes a minute, and a call of it 256 ms.
        now[0] += 0.256 if len(x) in sizes else 60
        sizes.add(len(x))
        return x[:, :3]

    took = []
    for rows in (slice(0, 4096), slice(4096, 4096 + 10)):
        sizes.clear()
        opened = Outside(lambda x, _start: answer(x), Signature(3, ()))
        batch = BatchSize(batch_size_for(X.shape))
        run(Job("a", opened, X), [rows], lambda _rows, _values: None, batch, lambda _count: None, took.append)
    np.testing.assert_allclose(took, [1, 1])


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
