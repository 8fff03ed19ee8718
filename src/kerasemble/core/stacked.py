"""Tables of members on disk, seen as one array (members, samples, ...) that is never all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.rows import Rows

_ALL = slice(None)


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
        parts = [self._read(member, rows) for member in chosen]
        return np.stack(parts) if parts else np.empty((0, *self.shape[1:]), self.dtype)

    def take(self, index: IntArray) -> Stacked:
        """Return a view of some rows, by their positions."""
        return Stacked(self._parts, index if self._index is None else self._index[index])

    def __array__(self, dtype: npt.DTypeLike | None = None, *, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return all of it in memory."""
        whole = np.empty(self.shape, self.dtype if dtype is None else dtype)
        for place, values in zip(whole, self, strict=True):
            place[:] = values
        return whole

    def _read(self, member: int, rows: slice | IntArray) -> npt.NDArray[Any]:
        return self._parts[member][rows if self._index is None else self._index[rows]]
