"""Blocks of samples, the softmax, the clipped logarithm, lists cut short."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as reference_softmax

from kerasemble.core import arrays


@settings(deadline=None, derandomize=True)
@given(samples=st.integers(0, 5_000), values=st.integers(0, 5_000_000))
def test_blocks_cover_every_row_once_and_stay_small(samples, values):
    with pytest.MonkeyPatch.context() as patch:
        # 2,000 instead of 2,000,000 values a block, so that a few thousand rows make many blocks.
        patch.setattr(arrays, "BLOCK_VALUES", 2_000)
        slices = list(arrays.blocks(samples, values))
    covered = [row for part in slices for row in range(part.start, part.stop)]
    assert covered == list(range(samples))
    assert all((part.stop - part.start) * values <= 2_000 or part.stop - part.start == 1 for part in slices)


@pytest.mark.parametrize("scale", [0.1, 1.0, 1e4])
def test_softmax_is_scipys_and_does_not_overflow(scale):
    values = scale * np.random.default_rng(0).normal(size=(2, 5, 4))
    np.testing.assert_allclose(arrays.softmax(values, np), reference_softmax(values, axis=-1), rtol=1e-12)


def test_clipped_log_is_the_logarithm_down_to_the_clip():
    np.testing.assert_allclose(
        arrays.clipped_log(np.array([0.0, 2.0**-30, 2.0**-20, 1.0]), np), np.log(2.0) * np.array([-24, -24, -20, 0])
    )


@pytest.mark.parametrize(("count", "text"), [(1, "0"), (3, "0, 1, 2"), (5, "0, 1, 2 and 2 more"), (0, "")])
def test_first_names_some_and_counts_the_rest(count, text):
    assert arrays.first(range(count), 3) == text
