"""What the page needs to try weights out: some rows, in few bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerasemble.evaluation.calibration import BINS
from kerasemble.evaluation.report import Report, Sample
from kerasemble.render.html.figures import live_reliability

# Of a probability of one; two bytes each.
ONE = 65535


def trial_of(report: Report) -> dict[str, Any] | None:
    """Return the sample and the figure; None where the report has none."""
    if report.sample is None:
        return None
    figure, size = live_reliability(BINS)
    members, values, labels, _ = report.sample
    return {
        "figure": figure,
        "data": {
            "members": list(members),
            "rows": len(labels),
            "classes": values.shape[2],
            "values": encoded(report.sample),
            "labels": labels.tolist(),
            "fitted": None if report.opinion_pool is None else _weights(report.weights, members),
            "rule": "geometric" if report.opinion_pool == "log-linear" else "arithmetic",
            "bins": BINS,
            **size,
        },
    }


def encoded(sample: Sample) -> str:
    """Return probabilities (members, rows, classes) as base64 of little-endian 16-bit numbers."""
    return base64.b64encode(np.rint(sample.values * ONE).astype("<u2").tobytes()).decode()


def _weights(weights: Mapping[str, float] | None, members: tuple[str, ...]) -> list[float] | None:
    """Return the fitted weights in the members' order, zero for those that are left out."""
    if weights is None or min(weights.values()) < 0 or not any(weights.values()):
        return None
    return [float(weights.get(name, 0.0)) for name in members]
