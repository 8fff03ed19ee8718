"""Rows that are in two sets of data, found by their content."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.evaluation.finding import Finding
from kerasemble.scoring.sources import check_data


def find_overlap(x: npt.NDArray[Any], trained_on: npt.ArrayLike) -> list[Finding]:
    """Return a warning where rows of `x` are among those that members were trained on.

    Rows are alike where their numbers are, in whatever dtype they are stored; rows that were scaled are others.

    Args:
        x: (samples, ...) data.
        trained_on: (rows, ...) data of the same shape of a sample.

    Raises:
        KerasembleError: the training data cannot be used, or its samples have another shape.
    """
    known = check_data(trained_on)
    if known.shape[1:] != x.shape[1:]:
        msg = f"Samples of the training data have shape {known.shape[1:]}, the data has {x.shape[1:]}. Give both alike."
        raise KerasembleError(msg)
    trained = set(_keys(known))
    rows = [row for row, key in enumerate(_keys(x)) if key in trained]
    if not rows:
        return []
    return [
        Finding(
            "leakage",
            f"{len(rows)} of {len(x)} rows ({len(rows) / len(x):.0%}) are also in the training data: {first(rows)}.",
            "Members know them by heart, so every score on them is too good. Leave them out.",
        )
    ]


def _keys(x: npt.NDArray[Any]) -> list[bytes]:
    """Return a digest of each row's numbers as float32."""
    rows = np.ascontiguousarray(x.reshape(len(x), -1), dtype=np.float32) + np.float32(0)  # -0 becomes 0
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]
