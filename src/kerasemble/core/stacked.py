"""Tables of members on disk, seen as one array (members, samples, ...) that is never all in memory."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.rows import Rows

_ALL = slice(None)
# Values of a member from which on it is worth a thread of its own: what is read is also hashed, which takes a core.
_SIDE_BY_SIDE = 2**14


@final
class Stacked:
    """An array (members, samples, ...) of which each member's part is read when it is asked for.

    `stacked[:, rows]` reads some rows of all members, `stacked[member]` and `stacked[member, rows]` those of one, as
    new arrays; `stacked[members]`, with a list or an array of positions, is another view, which reads nothing.

    Args:
        parts: of each member, (samples, ...), all of one shape and dtype.
        index: positions of the rows that are meant, in the order wanted; all where left out.
    """

    def __init__(self, parts: Sequence[Rows], index: IntArray | None = None) -> None:
        """Keep the parts; nothing is read yet."""
        self._parts = tuple(parts)
        self._index = index
        rows = len(parts[0]) if index is None else len(index)
        self.shape = (len(parts), rows, *parts[0].shape[1:])
        self.dtype = parts[0].dtype

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self._parts)

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the whole of each member, one after the other."""
        return (self._read(member, _ALL) for member in range(len(self)))

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - as NumPy's: what comes depends on the key
        """Return rows as a new array, or a view of some members."""
        members, rows = key if isinstance(key, tuple) else (key, None)
        if isinstance(members, int | np.integer):
            return self._read(int(members), _ALL if rows is None else rows)
        chosen = range(len(self))[members] if isinstance(members, slice) else np.asarray(members).tolist()
        if rows is None:
            return Stacked([self._parts[member] for member in chosen], self._index)
        if not chosen:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return np.stack(self._read_each(chosen, rows))

    def take(self, index: IntArray) -> Stacked:
        """Return a view of some rows, by their positions."""
        return Stacked(self._parts, index if self._index is None else self._index[index])

    def __array__(self, dtype: npt.DTypeLike | None = None, *, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all of it in memory."""
        whole = np.empty(self.shape, self.dtype if dtype is None else dtype)
        for place, values in zip(whole, self, strict=True):
            place[:] = values
        return whole

    def _read_each(self, members: Sequence[int], rows: slice | IntArray) -> list[npt.NDArray[Any]]:
        """Return some rows of each of some members, read side by side where they are many."""
        count = len(range(*rows.indices(self.shape[1]))) if isinstance(rows, slice) else len(rows)
        if len(members) == 1 or count * math.prod(self.shape[2:]) < _SIDE_BY_SIDE:
            return [self._read(member, rows) for member in members]
        with ThreadPoolExecutor(min(len(members), os.cpu_count() or 1)) as threads:
            return list(threads.map(self._read, members, itertools.repeat(rows)))

    def _read(self, member: int, rows: slice | IntArray) -> npt.NDArray[Any]:
        return self._parts[member][rows if self._index is None else self._index[rows]]
