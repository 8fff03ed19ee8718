"""A part of the rows to start from, chosen by what stands in them and not by where they stand."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray

# A tenth of the rows: their optimum is near that of all, and their steps cost a tenth.
_PART = 0.1
# Fewer rows than this have an optimum far from that of all.
_FEWEST = 50
# Odd multipliers of 32 bits, which mix every bit of a float into the highest ones (Knuth 1998, vol. 3, 6.4).
_MULTIPLIERS = (2654435761, 2246822519, 3266489917, 668265263)


def subsample(columns: FloatArray, enough: int, most: int | None = None) -> IntArray | None:
    """Return the indices of about a tenth of the rows of (members, samples), or None below `enough` rows.

    Of about `most` rows where a tenth is more than that, and None where that is too few to tell anything.

    A row is taken by a hash of its first values, so the same rows are taken in whichever order they stand, and a
    solver that starts from them gives the same answer.
    """
    samples = columns.shape[1]
    share = _PART if most is None else min(_PART, most / samples)
    if samples < enough or share * samples < _FEWEST:
        return None
    # Begun with the number of rows, so that a part of a part is another tenth of it.
    mixed = np.full(samples, samples % 2**32, dtype=np.uint32)
    for column, multiplier in zip(columns, _MULTIPLIERS, strict=False):
        bits = np.ascontiguousarray(column, dtype=np.float32).view(np.uint32)
        mixed ^= bits
        mixed *= np.uint32(multiplier)
        mixed ^= mixed >> np.uint32(15)
    taken = np.flatnonzero(mixed < np.uint32(share * 2**32))
    # Members that hardly vary, such as labels, hash to few values.
    return taken if share / 2 < len(taken) / samples < share * 2 else None
