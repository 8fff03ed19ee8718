"""Into which fold each row goes."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_array

# How many folds, or that neighbours stay together: see `compare`.
InTime: TypeAlias = Literal["blocks", "forward"]
CV: TypeAlias = int | InTime
DIVISIONS: tuple[InTime, ...] = ("blocks", "forward")
# Runs of neighbours that `cv="blocks"` makes, and into how many folds they go. Of more, each is too short to stand for
# itself where neighbours are alike; of fewer, an interval is wide (benchmarks/dependent_rows.py).
BLOCKS, BLOCK_FOLDS = 10, 5

# Below so many rows one division into folds is a matter of luck, and others cost little.
_FEW, _REPEATS = 300, 3
# How None, NaN and pandas's missing values are written.
_MISSING = ("None", "nan", "NaT", "<NA>")


class Grouping(NamedTuple):
    """The groups that a user named, whatever else is joined to them.

    Args:
        numbers: (samples,) the group of each row, from 0 without gaps.
        names: (groups,) of them.
    """

    numbers: IntArray
    names: tuple[str, ...]


def stratified_folds(labels: IntArray, folds: int, seed: int) -> IntArray:
    """Return the fold (samples,) of each row, every class spread evenly over 0 .. folds - 1.

    Example:
        >>> import numpy as np
        >>> np.bincount(stratified_folds(np.array([0, 0, 0, 1, 1, 1]), 3, seed=0))
        array([2, 2, 2])
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    # Sorted by class and dealt out like cards: the folds differ by at most one row, in all and in every class.
    order = order[np.argsort(labels[order], kind="stable")]
    result = np.empty(len(labels), dtype=np.int64)
    result[order] = np.arange(len(labels)) % folds
    return result


def grouped_folds(labels: IntArray, groups: IntArray, folds: int, seed: int) -> IntArray:
    """Return the fold (samples,) of each row, no group in two folds, and every class as even as groups allow.

    Args:
        labels: (samples,) class indices.
        groups: (samples,) group numbers from 0, without gaps.
        folds: how many; at most as many as there are groups.
        seed: of the order of groups that are alike.

    Example:
        >>> import numpy as np
        >>> folds = grouped_folds(np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]), 2, seed=0)
        >>> folds[0] == folds[1] != folds[2] == folds[3]
        np.True_
    """
    width = int(labels.max()) + 1
    counts = np.bincount(groups * width + labels, minlength=(int(groups.max()) + 1) * width).reshape(-1, width)
    shares = counts / np.maximum(1, counts.sum(axis=0))
    # The largest first, as they are the hardest to place; those alike by chance.
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    filled, sizes = np.zeros((folds, width)), np.zeros(folds)
    placed = np.empty(len(counts), dtype=np.int64)
    # Those of one row, of which there may be millions, are dealt at once when no fold is empty any more.
    several = max(folds, int(np.count_nonzero(counts.sum(axis=1) > 1)))
    for position, group in enumerate(order[:several]):
        # Where the sum of squares over folds and classes grows least; the emptiest of equals. The first ones go to a
        # fold each, so that none stays empty.
        grown = filled @ shares[group]
        near = position if position < folds else np.lexsort((sizes, grown.round(12)))[0]
        placed[group] = near
        filled[near] += shares[group]
        sizes[near] += counts[group].sum()
    singles = order[several:]
    if singles.size:
        filled = np.stack(
            [np.bincount(placed[order[:several]], counts[order[:several], each], folds) for each in range(width)]
        )
        of_class = counts[singles].argmax(axis=1)
        for each in range(width):
            dealt = singles[of_class == each]
            placed[dealt] = _levelling(filled[each], sizes, len(dealt))
            sizes += np.bincount(placed[dealt], minlength=folds)
    return placed[groups]


def _levelling(filled: npt.NDArray[np.float64], sizes: npt.NDArray[np.float64], rows: int) -> IntArray:
    """Return the folds (rows,) of rows more, each where there are fewest, and of equals where there are fewest in all.

    Args:
        filled: (folds,) how many there are of the rows' class.
        sizes: (folds,) how many there are in all.
        rows: how many more.
    """
    most = -(-rows // len(filled)) + int(filled.max() - filled.min()) + 1
    level = (filled[:, None] + np.arange(most)).reshape(-1)
    fold = np.repeat(np.arange(len(filled)), most)
    return np.asarray(fold[np.lexsort((sizes[fold], level))[:rows]])


def make_folds(labels: IntArray, groups: IntArray | None, cv: int, repeats: int | None, seed: int) -> IntArray:
    """Return the fold of each row (repeats, samples), one division for each repetition.

    Args:
        labels: (samples,) class indices.
        groups: (samples,) group numbers from 0, or None where each row stands for itself.
        cv: number of folds wanted; fewer where there are fewer rows or groups.
        repeats: how many divisions; None for several where rows are few, and one otherwise.
        seed: of the first; the others have the next ones.
    """
    count = min(cv, len(labels) if groups is None else int(groups.max()) + 1)
    times = repeats or (_REPEATS if len(labels) < _FEW else 1)
    seeds = range(seed, seed + times)
    if groups is None:
        return np.stack([stratified_folds(labels, count, each) for each in seeds])
    return np.stack([grouped_folds(labels, groups, count, each) for each in seeds])


def as_groups(groups: npt.ArrayLike, samples: int) -> Grouping:
    """Return the group number of each row, and the groups' names.

    Raises:
        KerasembleError: there is not one group for each row, or there are fewer than two.
    """
    given: npt.NDArray[Any] = as_array(groups, "groups")
    if given.shape != (samples,):
        msg = f"groups must be one for each of the {samples} rows. Received: an array of shape {given.shape}."
        raise KerasembleError(msg)
    # What is missing is no group: rows of which nothing is known are not of one patient.
    missing = [not isinstance(each, str) and str(each) in _MISSING for each in given.tolist()]
    if any(missing):
        row = missing.index(True)
        msg = f"Row {row} has no group ({given[row]}). Give each row a group, or leave those rows out."
        raise KerasembleError(msg)
    # What is mixed, as patients' numbers and names, is compared as text.
    names, numbers = np.unique(given.astype(str) if given.dtype.kind == "O" else given, return_inverse=True)
    if len(names) < 2:
        msg = f"All rows are of one group ('{names[0]}'), and no two folds may share a group. Give two groups or more."
        raise KerasembleError(msg, code=Code.ONE_GROUP)
    return Grouping(numbers.reshape(-1).astype(np.int64), tuple(str(name) for name in names))
