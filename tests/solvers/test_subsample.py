"""A tenth of the rows, taken by what stands in them."""

from __future__ import annotations

import numpy as np
import pytest

from kerasemble.solvers.subsample import subsample


@pytest.fixture
def columns():
    return np.random.default_rng(0).uniform(size=(3, 20_000)).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_about_a_tenth_of_the_rows_is_taken_in_their_order(columns, dtype):
    taken = subsample(columns.astype(dtype), 1000)
    # Five standard deviations of a draw of a tenth of 20,000.
    assert len(taken) == pytest.approx(2000, abs=5 * np.sqrt(20_000 * 0.09))
    assert (np.diff(taken) > 0).all()
    assert 0 <= taken[0] <= taken[-1] < 20_000


@pytest.mark.parametrize(
    ("most", "taken"),
    [
        pytest.param(None, 2000, id="a-tenth"),
        pytest.param(10**6, 2000, id="a-tenth-is-less"),
        pytest.param(500, 500, id="a-tenth-is-more"),
    ],
)
def test_no_more_rows_than_about_the_most_are_taken(columns, most, taken):
    # Five standard deviations of a draw of so many.
    assert len(subsample(columns, 1000, most)) == pytest.approx(taken, abs=5 * np.sqrt(taken))


@pytest.mark.parametrize(("most", "taken"), [(49, False), (51, True), (0, False)])
def test_a_part_of_fewer_than_fifty_rows_is_none(columns, most, taken):
    assert (subsample(columns, 1000, most) is not None) == taken
    assert subsample(columns[:, :400], 1) is None


@pytest.mark.parametrize("most", [100, 300, 1000])
def test_a_smaller_part_is_some_of_a_larger_one(columns, most):
    assert set(subsample(columns, 1000, most)) < set(subsample(columns, 1000))


def test_below_enough_rows_none_are_taken(columns):
    assert subsample(columns, 20_001) is None
    assert subsample(columns, 20_000) is not None


@pytest.mark.parametrize("seed", range(3))
def test_the_same_rows_are_taken_in_whichever_order_they_stand(columns, seed):
    order = np.random.default_rng(seed).permutation(20_000)
    moved = order[subsample(columns[:, order], 1000)]
    np.testing.assert_array_equal(np.sort(moved), subsample(columns, 1000))


def test_taken_rows_are_like_the_others(columns):
    taken = subsample(columns, 1000)
    # Four standard errors of a mean of 2,000 uniform numbers.
    np.testing.assert_allclose(columns[:, taken].mean(axis=1), 0.5, atol=4 / np.sqrt(12 * 2000))


def test_a_part_of_a_part_is_another_tenth():
    many = np.random.default_rng(1).uniform(size=(2, 100_000))
    part = subsample(many, 1000)
    assert len(subsample(many[:, part], 1000)) == pytest.approx(len(part) / 10, rel=0.2)


@pytest.mark.parametrize("members", [1, 2, 4, 9])
def test_any_number_of_members_gives_about_a_tenth(members):
    columns = np.random.default_rng(2).beta(0.3, 0.3, size=(members, 20_000))
    assert len(subsample(columns, 1000)) == pytest.approx(2000, rel=0.15)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_members_that_hardly_vary_give_no_part(value):
    assert subsample(np.full((2, 20_000), value), 1000) is None
