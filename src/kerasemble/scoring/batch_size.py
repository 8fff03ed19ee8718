"""How many samples a member is shown at a time: given, or tuned; halved where memory is short."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.options import check_whole

# Where nothing is given and little is to be done; where tuning begins, and the factor by which it goes on.
_USUAL, _FIRST, _FACTOR = 256, 32, 4
# Fewer rows are not worth tuning for; nor is a run that would take no longer than this, in seconds.
_FEW, _SOON = 1024, 5.0
# Seconds that tuning may take before it begins with another size, and what a larger one must bring.
_PATIENCE, _WORTH = 3.0, 1.1

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


@final
class BatchSize:
    """Samples at a time for one member.

    Args:
        given: by the user, or noted by the run that is gone on with; None where it is to be found out.
    """

    def __init__(self, given: int | None) -> None:
        """Begin with what is given."""
        self.size = given or _USUAL
        self.halved_from: int | None = None
        self._open = given is None

    def tune(self, run: Callable[[npt.NDArray[Any]], object], x: npt.NDArray[Any], rows: int) -> None:
        """Find the size by which `run` is fastest, on some of the rows `x`, in a few seconds.

        It is grown from 32 by a factor of four while that brings a tenth. What takes no time is not tuned.

        Args:
            run: takes samples and answers to all of them at once.
            x: (n, ...) samples.
            rows: how many there are in all.
        """
        if not self._open or rows <= _FEW:
            return
        self._open = False
        began = time.perf_counter()
        best, size = 0.0, _FIRST
        while size <= len(x) and time.perf_counter() - began < _PATIENCE:
            rate = _rate(run, x[:size])
            if size == _FIRST and rows < rate * _SOON:
                return
            if rate < best * _WORTH:
                break
            best, self.size, size = rate, size, size * _FACTOR

    def halve(self) -> bool:
        """Go on with half as many samples; return False where there is but one."""
        if self.size == 1:
            return False
        self.halved_from = self.halved_from or self.size
        self.size //= 2
        return True


def _rate(run: Callable[[npt.NDArray[Any]], object], x: npt.NDArray[Any]) -> float:
    """Return samples a second of a second call, since the first one compiles; none where memory is short."""
    try:
        run(x)
        began = time.perf_counter()
        run(x)
    except Exception as error:
        if is_short_of_memory(error):
            return 0.0
        raise
    return len(x) / max(time.perf_counter() - began, np.finfo(float).tiny)
