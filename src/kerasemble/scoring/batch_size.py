"""How many samples a member is shown at a time: by a fixed rule, so that equal runs give equal bytes."""

from __future__ import annotations

from typing import final

from kerasemble.core.options import check_whole
from kerasemble.scoring.shards import rows_at_once, rows_holding

# More rows gain at most 2 microseconds a row, in the smallest networks, and make convolutions up to three times slower
# (docs/measured/scoring.md).
_USUAL = 256
# Numbers that the input of a batch holds at most: 64 samples of 224 x 224 x 3.
_BUDGET = 2**24

# How the backends say that memory is short.
_SHORT = ("resource_exhausted", "out of memory", "can't allocate memory", "cannot allocate memory", "oom when")


def is_short_of_memory(error: BaseException) -> bool:
    """Return whether an exception of any backend says that memory was short."""
    said = f"{type(error).__name__} {error}".lower()
    return isinstance(error, MemoryError) or any(words in said for words in _SHORT)


def check_batch_size(size: int | None) -> None:
    """Raise a `KerasembleError` where a batch cannot be of this size."""
    if size is not None:
        check_whole("batch_size", size, 1)


def batch_size_for(shape: tuple[int, ...], given: int | None = None) -> int:
    """Return how many samples a batch of data (samples, ...) holds.

    The last digits of an answer depend on the size of its batch. So it follows from the data alone, and neither from
    the time that anything takes nor from the memory that happens to be free: 256, or the power of two below whose input
    holds 2^24 numbers.

    Args:
        shape: of the data, (samples, ...).
        given: by the user, or noted by the run that is gone on with; None for the rule.

    Example:
        >>> batch_size_for((10_000, 32)), batch_size_for((10_000, 224, 224, 3)), batch_size_for((20, 32))
        (256, 64, 20)
    """
    size = given or min(_USUAL, rows_holding(shape, _BUDGET))
    return min(size, rows_at_once(shape), max(1, shape[0]))


@final
class BatchSize:
    """Samples at a time for one member, halved where memory is short.

    Args:
        size: to begin with.
    """

    def __init__(self, size: int) -> None:
        """Begin without having halved it."""
        self.size = size
        self.halved_from: int | None = None

    def halve(self) -> bool:
        """Go on with half as many samples; return False where there is but one."""
        if self.size == 1:
            return False
        self.halved_from = self.halved_from or self.size
        self.size //= 2
        return True
