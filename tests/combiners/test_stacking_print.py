"""What a fitted stacking says of itself can be read, however small the pool's weights are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kerasemble.combiners.stacking import Stacking
from kerasemble.core.predictions import Predictions

SAMPLE = Predictions.from_arrays({"a": [[0.8, 0.2], [0.3, 0.7]] * 20, "b": [[0.4, 0.6], [0.6, 0.4]] * 20})
LABELS = [0, 1] * 20


@pytest.mark.parametrize(
    ("strength", "rows"), [(0.5, "0.5"), (10, "10"), (3162.3, "3,162"), (10_000, "10,000"), (1e30, "1e+30")]
)
def test_15_22_a_strength_is_said_in_rows(strength, rows):
    assert f"by {rows} rows" in repr(Stacking(strength=strength).fit(SAMPLE, LABELS))


@pytest.mark.parametrize("log_weight", [0.0, -27.6, -300.0])
def test_15_22_each_figure_is_short_however_small_the_weights_of_the_pool(log_weight):
    learned = {
        "log_weights": np.full(2, log_weight),
        "departures": np.full((2, 2, 2), 0.5),
        "bias": np.zeros(2),
        "scale": np.array(0.1),
    }
    text = Stacking().describe(learned, ("a", "b"), ("x", "y"))
    assert "%" not in text
    assert max(map(len, re.findall(r"\d+", text))) <= 4
    # Each member's departure is the norm of its matrix.
    assert [float(line.split()[-1]) for line in text.splitlines()[2:]] == [0.1, 0.1]
