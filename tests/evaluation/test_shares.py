"""How often something happens, with an interval that always has a width."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from kerasemble.evaluation.shares import share_of


@given(rows=st.integers(1, 500), share=st.floats(0, 1), level=st.sampled_from([0.8, 0.95, 0.999]))
def test_15_10_the_interval_is_wilsons(rows, share, level):
    count = round(rows * share)
    values = np.arange(rows) < count
    expected = binomtest(count, rows).proportion_ci(level, "wilson")
    found = share_of(values.astype(float), np.full(rows, 3.0), level=level)
    assert found == pytest.approx((count / rows, expected.low, expected.high), abs=1e-9)
    assert found.low <= found.mean <= found.high
    assert found.high - found.low > 1e-6


def test_15_10_rows_of_unequal_weight_are_fewer():
    values, weights = np.arange(100) % 2.0, np.where(np.arange(100) < 10, 1.0, 1e-9)
    assert share_of(values, weights) == pytest.approx(share_of(values[:10], weights[:10]), abs=1e-6)


@pytest.mark.parametrize("always", [False, True])
def test_15_10_copies_that_are_one_group_tell_no_more_than_one_row(always):
    values = np.ones(40) if always else np.arange(40) % 4 / 3
    one = share_of(values, np.ones(40))
    ten = share_of(np.repeat(values, 10), np.ones(400), np.repeat(np.arange(40), 10))
    assert ten == pytest.approx(one)
    alone = share_of(np.repeat(values, 10), np.ones(400))
    assert alone.high - alone.low < 0.5 * (one.high - one.low)
