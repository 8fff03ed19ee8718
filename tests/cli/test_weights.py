"""Weights on the command line mean what they mean in Python."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend


def test_15_16_weights_are_read_as_python_reads_them(kerasemble, files, tmp_path):
    out = tmp_path / "ensemble.keras"
    paths = [files / "a.keras", files / "b.h5"]
    result = kerasemble("combine", *paths, "--data", files / "valid.npz", "--out", out, "--weights", "2,1", "--quiet")
    assert result.code == 0, result.err
    made = ke.load(out).combiner
    assert made.combiner == ke.WeightedAverage(weights=(2, 1))
    by_hand = ke.WeightedAverage(weights=[2, 1]).fit(ke.Predictions.from_arrays(np.full((2, 3, 2), 0.5)))
    assert list(made.weights.values()) == pytest.approx(list(by_hand.weights.values()))
