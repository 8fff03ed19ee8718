"""Rows that are copies of each other: together they say as much as one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.predictions import Predictions
from kerasemble.core.rows import Hashes, hash_rows

# A row of which no probability is farther than this from zero and one is saturated: many rows have the same few floats
# there. At this distance float32 still tells 16,000 values apart, so that two members do not agree by chance.
_SATURATED = 1e-3
# Members of which equality says that the input was equal; of one alone nobody can tell.
_WITNESSES = 2
# Of the rows to which a witness gives an answer twice, all others do so too for at least this share.
_AGREED = 0.95
# Of the groups of copies so many may have more than one label: people err.
_MISLABELLED = 0.05
# Fewer distinct answers than this are a rule of thumb rather than rows that came again.
_DISTINCT = 10
# Shares of at most so many training rows, as trees, nearest neighbours and votes give, in so many rows.
_COUNTED, _LOOKED_AT, _ROUNDING = 1_000, 200, 2e-7


def copies_of(predictions: Predictions, labels: IntArray | None = None) -> IntArray | None:
    """Return the group (samples,) of each row, from 0 without gaps, one for all copies of a row; None without copies.

    Rows are known by their inputs. Where these are not known, rows are copies where at least two members, which answer
    different rows differently, give the same floats, and all others do too. Labels and votes say nothing: of 2,021
    different images 986 have the votes of another. Nor do trees and nearest neighbours, whose answers are shares of few
    rows and the same for all rows of a leaf. Where rows of equal inputs have several labels they are different rows
    of which the inputs say the same, as in tables of a few categories.

    Args:
        predictions: of all members.
        labels: (samples,) class indices, where they are known.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> values = rng.dirichlet([1, 1, 1], size=(2, 20)).astype(np.float32)
        >>> pool = Predictions.from_arrays({"a": values[0], "b": values[1]})
        >>> copies_of(pool) is None
        True
        >>> copies_of(pool.rows(np.arange(40) % 20)).tolist() == [*range(20), *range(20)]
        True
    """
    hashes = predictions.row_hashes
    found = _by_answers(predictions) if hashes is None else _numbered(hashes)
    if found is None or found.max() == len(found) - 1:
        return None
    return None if labels is not None and _differ(found, labels) else found


def _differ(groups: IntArray, labels: IntArray) -> bool:
    """Return whether too many groups of several rows have more than one label for them to be copies."""
    first = np.unique(groups, return_index=True)[1]
    several = np.bincount(groups) > 1
    mixed = np.bincount(groups[labels != labels[first][groups]], minlength=len(several)) > 0
    return bool(mixed[several].mean() > _MISLABELLED)


def joined(groups: IntArray, others: IntArray) -> IntArray:
    """Return the finest groups (samples,), from 0, of which each group of either is a part.

    Args:
        groups: (samples,) group numbers from 0.
        others: (samples,) of another kind.

    Example:
        >>> joined(np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 2, 3])).tolist()
        [0, 0, 0, 0, 1]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = int(groups.max()) + 1
    size = count + int(others.max()) + 1
    links = coo_array((np.ones(len(groups), dtype=np.int8), (groups, count + others)), shape=(size, size))
    return _numbered(connected_components(links, directed=False)[1][groups])


def _numbered(keys: npt.NDArray[np.generic]) -> IntArray:
    """Return the number (samples,) of each key, from 0, in the order in which they first come."""
    _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[numbers.reshape(-1)], dtype=np.int64)


def _by_answers(predictions: Predictions) -> IntArray | None:
    """Return groups of rows to which members that tell rows apart give the same answers; None without any."""
    if predictions.labels_only or len(predictions.members) < _WITNESSES:
        return None
    rows, groups = _alike(predictions)
    if not rows.size or predictions.samples - len(rows) + groups.max() + 1 < _DISTINCT:
        return None
    witnesses: list[Hashes] = []
    told = np.zeros(len(rows), dtype=np.int64)
    for values in predictions.each():
        hashes = hash_rows(np.asarray(values))
        unsaturated = ~_saturated(values[rows])
        # Members that answer alike are one witness.
        repeated = any(np.array_equal(hashes[rows], each) for each in witnesses)
        if unsaturated.any() and not repeated and _tells_apart(values, hashes, rows, groups):
            witnesses.append(hashes[rows])
            told += unsaturated
    sure = rows[told >= _WITNESSES]
    keys = np.arange(predictions.samples)
    keys[sure] = predictions.samples + groups[told >= _WITNESSES]
    return _numbered(keys)


def _alike(predictions: Predictions) -> tuple[IntArray, IntArray]:
    """Return the rows that have the same answers by all members as another, and their groups, numbered from 0.

    Different rows are told apart by the first member nearly always, so the others are asked about few.
    """
    rows, groups = np.arange(predictions.samples), np.zeros(predictions.samples, dtype=np.int64)
    for values in predictions.each():
        own = np.unique(hash_rows(np.asarray(values[rows])), return_inverse=True)[1].reshape(-1)
        _, groups, counts = np.unique(groups * len(rows) + own, return_inverse=True, return_counts=True)
        groups = groups.reshape(-1)
        several = counts[groups] > 1
        rows, groups = rows[several], np.unique(groups[several], return_inverse=True)[1].reshape(-1)
        if not rows.size:
            break
    return rows, groups


def _saturated(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which answers (rows, classes) are zeros and ones, or next to it."""
    return np.asarray(np.minimum(values, 1 - values).max(axis=-1) < _SATURATED)


def _tells_apart(values: FloatArray, hashes: Hashes, rows: IntArray, groups: IntArray) -> bool:
    """Return whether a member answers rows differently unless all members answer them alike.

    Args:
        values: (samples, classes) what it answers.
        hashes: (samples,) of that.
        rows: those that all members answer like another one.
        groups: of these, by their answers.
    """
    _, numbers, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    own = counts[numbers.reshape(-1)]
    twice = np.flatnonzero((own > 1) & ~_saturated(values))
    agreed = np.zeros(len(own), dtype=bool)
    agreed[rows] = np.bincount(groups)[groups] == own[rows]
    if not twice.size or agreed[twice].mean() < _AGREED:
        return False
    spread = twice[np.linspace(0, len(twice) - 1, min(len(twice), _LOOKED_AT)).astype(np.int64)]
    return bool(_counted(values[spread]).mean() < 1 / 2)


def _counted(values: FloatArray) -> npt.NDArray[np.bool_]:
    """Return which answers (rows, classes) are shares of few rows: multiples of one over a small number."""
    found = np.zeros(len(values), dtype=bool)
    exact = values.astype(np.float64)
    for total in range(1, _COUNTED + 1):
        counts = exact * total
        found |= (np.abs(counts - counts.round()) < _ROUNDING * total).all(axis=-1)
    return found
