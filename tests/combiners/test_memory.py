"""Fitting and deciding read predictions in blocks: a store larger than memory is learned from in a few megabytes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task

MEMBERS, SAMPLES, CLASSES = 4, 20_000, 100
MEGABYTE = 2**20
RECIPES = {
    "linear": WeightedAverage(),
    "brier": WeightedAverage(loss="brier"),
    "scores": WeightedAverage(weights="scores"),
    "log-linear": WeightedGeometricAverage(),
    "linear-sparse": WeightedAverage(max_members=2),
    "log-linear-sparse": WeightedGeometricAverage(max_members=2),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Predictions of 32 and of 64 MB that lie in files and are mapped into memory, and labels."""
    # What is imported on first use is no part of what a fit needs.
    import scipy.linalg
    import scipy.optimize  # noqa: F401

    folder = tmp_path_factory.mktemp("stored")
    return [_stored(folder / f"{classes}.npy", classes) for classes in (CLASSES, 2 * CLASSES)]


def _stored(path, classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, SAMPLES)
    file = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(MEMBERS, SAMPLES, classes))
    for skill, values in enumerate(file):
        raw = rng.standard_exponential(values.shape, dtype=np.float32)
        # As much larger as there are classes, so that the weights hardly depend on their number.
        raw[np.arange(SAMPLES), labels] += (1 + skill % 3) * classes / 30
        values[:] = raw / raw.sum(axis=-1, keepdims=True)
    file.flush()
    del file
    names = (tuple(str(index) for index in range(size)) for size in (MEMBERS, classes))
    return Predictions(np.load(path, mmap_mode="r"), *names, Task.MULTICLASS), labels


def peak(act):
    """Return the most bytes that `act` holds at once, what the file maps not counted."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def require_few_megabytes(act, stores):
    small, large = (peak(lambda stored=stored: act(*stored)) for stored in stores)
    # Blocks of 1 MB and what they are computed with, a few numbers a row, and the log-linear pool's part of the rows,
    # which grows to 8 MB.
    assert large < 16 * MEGABYTE
    assert large - small < 5 * MEGABYTE


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_fit_needs_few_megabytes_however_many_classes_there_are(stores, recipe):
    require_few_megabytes(recipe.fit, stores)


def test_rows_without_weight_are_left_out_without_a_copy_of_the_others(stores):
    weights = (np.arange(SAMPLES) % 2).astype(np.float64)
    recipe = WeightedAverage(loss="brier")
    require_few_megabytes(lambda seen, labels: recipe.fit(seen, labels, sample_weight=weights), stores)


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [1, 1, 0, 1]], ids=["all", "one-left-out"])
def test_decisions_need_few_megabytes_however_many_classes_there_are(stores, weights):
    fitted = [WeightedAverage(weights=weights).fit(seen) for seen, _ in stores]
    by_classes = {len(each.classes): each for each in fitted}
    require_few_megabytes(lambda seen, _: by_classes[len(seen.classes)].decide(seen), stores)
