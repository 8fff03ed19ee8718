"""86: what is learned does not depend on how many threads a matrix product is divided among."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from kerasemble.combiners import registry
from kerasemble.combiners.gated_average import GatedAverage
from kerasemble.combiners.greedy_selection import GreedySelection
from kerasemble.combiners.stacking import Stacking
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.predictions import Predictions

# Members, rows and classes: products that OpenBLAS divides among threads, and sums over rows that it does.
WIDE, LONG = (8, 1_000, 10), (3, 12_000, 3)
CASES = [
    *(pytest.param(kind(), WIDE, id=name) for name, kind in registry().items()),
    pytest.param(WeightedAverage(loss="brier"), WIDE, id="weighted-average-brier"),
    pytest.param(WeightedAverage(max_members=3), WIDE, id="weighted-average-sparse"),
    pytest.param(WeightedGeometricAverage(free_sign=True), WIDE, id="weighted-geometric-average-free-sign"),
    pytest.param(WeightedGeometricAverage(temperature=True), WIDE, id="weighted-geometric-average-temperature"),
    pytest.param(GreedySelection(metric="accuracy"), WIDE, id="greedy-selection-accuracy"),
    pytest.param(WeightedAverage(), LONG, id="weighted-average-of-many-rows"),
    pytest.param(WeightedGeometricAverage(), LONG, id="weighted-geometric-average-of-many-rows"),
    pytest.param(GatedAverage(strength=1.0), LONG, id="gated-average-of-many-rows"),
    pytest.param(Stacking(strength=10), LONG, id="stacking-of-many-rows"),
]


@pytest.fixture(scope="module")
def samples():
    return {shape: drawn(*shape) for shape in (WIDE, LONG)}


def drawn(members, rows, classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, rows)
    skill = np.linspace(0.5, 3, members)[:, None, None]
    # Each member takes one class for another, so that there is more to learn than one weight for each.
    truth = np.eye(classes)[labels] + 0.5 * np.eye(classes)[(labels + np.arange(members)[:, None]) % classes]
    raw = np.exp(skill * (truth + rng.normal(size=truth.shape)))
    values = raw / raw.sum(axis=-1, keepdims=True)
    return Predictions.from_arrays(dict(zip("abcdefgh", values, strict=False))), labels


def threads_of_blas():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.mark.parametrize(("combiner", "shape"), CASES)
def test_86_one_thread_learns_what_two_learn(samples, combiner, shape):
    seen, labels = samples[shape]
    fits = []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            assert threads_of_blas() <= {threads}
            fits.append(combiner.fit(seen, labels))
    one, two = fits
    # What is solved to a certified bound ends in the same place; what is searched for, nearly.
    tolerance = 1e-6 if one.gap is None else 1e-9
    assert (one.members, one.left_out) == (two.members, two.left_out)
    assert one.learned.keys() == two.learned.keys()
    for name, array in one.learned.items():
        np.testing.assert_allclose(two.learned[name], array, rtol=0, atol=tolerance, err_msg=name)
    values = seen.only(one.members).block(slice(None))
    np.testing.assert_allclose(
        combiner.combine(values, two.learned, np), combiner.combine(values, one.learned, np), rtol=0, atol=tolerance
    )
