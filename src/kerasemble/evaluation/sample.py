"""Some rows for a page on which weights are tried out."""

from __future__ import annotations

import numpy as np

from kerasemble.evaluation.report import Sample
from kerasemble.evaluation.scored import Rows

# Enough for an accuracy to be told within two percent; and so many numbers are 150 kB on a page.
_ROWS, _VALUES = 500, 75_000


def sample_of(rows: Rows, seed: int) -> Sample | None:
    """Return some rows at random with all members' answers; None where members give labels, or are too many."""
    seen = rows.predictions
    wanted = min(seen.samples, _ROWS, _VALUES // (len(seen.members) * len(seen.classes)))
    if seen.labels_only or wanted < 2 or len(seen.members) == 1:
        return None
    # Rows that count more are in it more often, so that it shows what the table shows.
    shares = rows.weights / rows.weights.sum()
    drawn = np.random.default_rng(seed).choice(seen.samples, wanted, replace=bool(np.ptp(rows.weights) > 0), p=shares)
    drawn.sort()
    values = np.asarray(seen.rows(drawn).values, dtype=np.float32)
    return Sample(seen.members, values, rows.labels[drawn], rows.positions[drawn])
