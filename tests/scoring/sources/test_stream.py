"""Rows in batches are the array that they came from, or an error says how they are not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kerasemble as ke
from kerasemble.scoring.sources.arrays import Array
from kerasemble.scoring.sources.opening import as_source
from kerasemble.scoring.sources.stream import Stream

X = np.random.default_rng(0).normal(size=(50, 3, 2)).astype(np.float32)
Y = np.arange(50) % 4


def cut(x, y=None, size=7):
    """Return the list of batches of an array."""
    parts = [slice(start, start + size) for start in range(0, len(x), size)]
    return [x[part] if y is None else (x[part], y[part]) for part in parts]


class Changing:
    """What gives the first of some passes, then the next, and so on."""

    def __init__(self, *passes):
        self.passes = itertools.chain(passes, itertools.repeat(passes[-1]))

    def __iter__(self):
        return iter(next(self.passes))


FORMS = {
    "x": cut(X),
    "pairs": cut(X, Y),
    "lists": [list(pair) for pair in cut(X, Y)],
    "weights": [(x, y, np.ones(len(x))) for x, y in cut(X, Y)],
    "dicts": [{"x": x, "y": y} for x, y in cut(X, Y)],
    "function": lambda: iter(cut(X, Y)),
    "iterable": Changing(cut(X, Y)),
    "an empty batch": [(X[:20], Y[:20]), (X[:0], Y[:0]), (X[20:], Y[20:])],
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_batches_of_any_form_are_the_array(data):
    source = as_source(data)
    assert isinstance(source, Stream)
    np.testing.assert_array_equal(np.asarray(source), X)
    assert source.dtype == X.dtype
    assert source.fingerprint == Array(X).fingerprint
    assert source.extent == Array(X).extent
    if data is not FORMS["x"]:
        np.testing.assert_array_equal(source.y, Y)
    np.testing.assert_array_equal(source[np.array([0, 1, 13, 49])], X[[0, 1, 13, 49]])
    np.testing.assert_array_equal(source[3:5], X[3:5])
    assert source[4:4].shape == (0, 3, 2)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any),
    reads=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 110)), max_size=8),
)
def test_slices_of_a_stream_are_those_of_the_array_in_any_order(sizes, reads):
    ends = np.cumsum([0, *sizes])
    x = np.arange(2.0 * ends[-1]).reshape(-1, 2)
    source = as_source(lambda: (x[start:stop] for start, stop in itertools.pairwise(ends)))
    for start, stop in reads:
        np.testing.assert_array_equal(source[start:stop], x[start:stop])


def test_reading_forward_opens_the_batches_once():
    opened = []
    source = as_source(lambda: opened.append(1) or iter(cut(X)))
    for start in range(0, 50, 4):
        source.read(start, min(start + 4, 50))
    assert len(opened) == 2
    source.read(0, 1)
    assert len(opened) == 3


def test_batches_are_not_kept():
    alive = []

    class Rows(np.ndarray):
        def __del__(self):
            alive.remove(id(self))

    def batches():
        for _ in range(20):
            rows = np.random.default_rng(0).normal(size=(10, 2)).view(Rows)
            alive.append(id(rows))
            assert len(alive) <= 3
            yield rows
            del rows

    as_source(batches)
    assert not alive


def test_sources_with_other_labels_share_what_they_read():
    first = as_source(cut(X, Y))
    second = first.labelled(Y[::-1])
    np.testing.assert_array_equal(first[0:9], X[:9])
    np.testing.assert_array_equal(second[5:30], X[5:30])
    np.testing.assert_array_equal(first[9:50], X[9:])
    assert first.y[0] == 0
    assert second.y[0] == 1


ORDER = np.random.default_rng(1).permutation(50)
NOISE = X + 1
AGAIN = {
    "39-shuffled": (cut(X[ORDER]), "in another order each time .*shuffle=False"),
    "41-augmented": (cut(NOISE), r"other rows when it is read again \(row 0 .*augmentation or randomness"),
    "41-one-row": ([*cut(X)[:-1], NOISE[-1:]], r"row 49 is another"),
    "41-fewer": (cut(X[:40]), "gives 40 of 50 rows when it is read again"),
    "41-more": (cut(np.concatenate([X, X])), "more than 50 rows"),
    "41-more-in-batches": ([*cut(X), X[:2]], "more than 50 rows"),
    "41-shape": (cut(X[:, :2]), r"of shape \(3, 2\).* of shape \(2, 2\)"),
    "41-used-up": ([], "can be read once only. Give a function that returns it afresh"),
}


@pytest.mark.parametrize(("second", "said"), AGAIN.values(), ids=AGAIN)
def test_what_changes_between_passes_is_refused(second, said):
    source = as_source(Changing(cut(X), second))
    with pytest.raises(ke.KerasembleError, match=said):
        np.asarray(source)


def test_a_fault_does_not_turn_into_rows_at_wrong_places():
    source = as_source(Changing(cut(X), [*cut(X)[:3], *cut(X)[4:]], cut(X)))
    with pytest.raises(ke.KerasembleError, match="another order"):
        np.asarray(source)
    np.testing.assert_array_equal(source[20:30], X[20:30])


@pytest.mark.parametrize(
    "again", [lambda: (part for part in cut(X)), lambda: iter(cut(X)), lambda: map(np.abs, cut(X))]
)
def test_41_what_can_be_read_once_is_refused_at_once(again):
    with pytest.raises(ke.KerasembleError, match=r"can be read once only\. Give a function that returns it afresh"):
        as_source(again())


@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
def test_41_a_pass_without_end_is_noticed(shuffled):
    def endless():
        rng = np.random.default_rng(0)
        while True:
            yield from cut(X[rng.permutation(50)] if shuffled else X, size=10)

    with pytest.raises(ke.KerasembleError, match=r"rows repeat: 50 rows again and again.*take"):
        as_source(endless)


def test_rows_that_repeat_in_a_list_are_data():
    assert len(as_source([X[:2]] * 2000 + [X[:1]])) == 4001


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        pytest.param([(X[0], 1), (X[1], 0)], r"single samples.*\.batch\(256\)", id="48-single-samples"),
        pytest.param([(X, Y[:9])], "50 rows with 9 labels", id="59-labels"),
        pytest.param([(X, Y), (X[:, :2], Y)], r"from row 50 on of shape \(2, 2\)", id="48-shapes"),
        pytest.param([(X, Y), (X.astype("float64"), Y)], "dtype float64", id="48-dtypes"),
        pytest.param([(X, Y), (X, None)], "some batches with labels and some without", id="57-labels-missing"),
        pytest.param([{"image": X}], 'batches with image. Give {"x": rows', id="48-names"),
        pytest.param([(X[:0], Y[:0])], "has no rows", id="37-no-rows"),
        pytest.param([(X, Y, Y, Y)], "batches of 4 parts", id="48-parts"),
        pytest.param([({"a": X}, Y)], "several inputs a row", id="48-inputs"),
        pytest.param([(X.astype(str), Y)], "dtype <U", id="48-text"),
    ],
)
def test_batches_that_cannot_be_used_are_refused(batches, said):
    with pytest.raises(ke.KerasembleError, match=said):
        as_source(batches)


def test_42_rows_that_are_not_finite_are_named():
    x = X.copy()
    x[[3, 44]] = np.nan
    with pytest.raises(ke.KerasembleError, match="in 2 of 50 rows: 3, 44"):
        as_source(cut(x))


def test_a_function_that_gives_no_batches_is_told():
    with pytest.raises(ke.KerasembleError, match="What the function returns is no batches, but int"):
        as_source(lambda: 3)
