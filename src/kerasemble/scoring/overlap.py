"""Rows that are in two sets of data, found by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import Rows, pieces
from kerasemble.evaluation.finding import Finding


def find_overlap(x: Rows, trained_on: Rows) -> list[Finding]:
    """Return a warning where rows of `x` are among those that members were trained on.

    Rows are alike where their numbers are, in whatever dtype they are stored; rows that were scaled are others.

    Args:
        x: (samples, ...) data.
        trained_on: (rows, ...) data of the same shape of a sample.

    Raises:
        KerasembleError: samples of the training data have another shape.
    """
    if trained_on.shape[1:] != x.shape[1:]:
        theirs, ours = trained_on.shape[1:], x.shape[1:]
        msg = f"Samples of the training data have shape {theirs}, the data has {ours}. Give both alike."
        raise KerasembleError(msg)
    trained = set(_keys(trained_on))
    rows = [row for row, key in enumerate(_keys(x)) if key in trained]
    if not rows:
        return []
    return [
        Finding(
            Code.LEAKAGE,
            f"{len(rows)} of {len(x)} rows ({len(rows) / len(x):.0%}) are also in the training data: {first(rows)}.",
            "Members know them by heart, so every score on them is too good. Leave them out.",
            figures={"rows": len(x), "shared": len(rows)},
        )
    ]


def _keys(x: Rows) -> Iterator[bytes]:
    """Yield a digest of each row's numbers as float32."""
    for rows in pieces(x):
        block = x[rows]
        flat = np.ascontiguousarray(block.reshape(len(block), -1), dtype=np.float32) + np.float32(0)  # -0 becomes 0
        yield from (hashlib.blake2b(row.data, digest_size=16).digest() for row in flat)
