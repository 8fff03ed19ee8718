"""The mean of the members' ranks of the classes."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import final

from kerasemble.combiners.base import FixedRule
from kerasemble.core.arrays import Tensor, Vocabulary

# The least normal float32. JAX and TensorFlow take smaller numbers for zero, NumPy and torch do not: all of them count
# as this, so that their ranks are the same everywhere.
_LEAST = 2.0**-126


@final
@dataclasses.dataclass(frozen=True)
class RankAverage(FixedRule):
    """Each member ranks the classes of a row, and the ranks are averaged: a Borda count.

    combined = mean_m rank_m / (C (C - 1) / 2), where rank_m of one of the C classes is the number of classes that
    member m finds less probable, plus half the number of others that it finds equally probable; from
    (members, samples, ..., classes) to (samples, ..., classes). Only the order of a member's probabilities counts, so
    members that are differently sure weigh the same.

    It learns nothing, and each row is answered alone. What is called rank averaging on Kaggle ranks a class's
    probabilities over all the samples instead; one sample would have no answer there. With two classes it is a vote,
    and with many it is never sure: no class gets more than 2 / C.

    Example:
        >>> from kerasemble import Predictions, RankAverage
        >>> seen = Predictions.from_arrays({"a": [[0.2, 0.7, 0.1]], "b": [[0.3, 0.4, 0.3]]})
        >>> RankAverage().fit(seen)(seen).round(3)
        array([[0.25 , 0.667, 0.083]], dtype=float32)

    Reference:
        Ho, Hull and Srihari 1994, IEEE TPAMI 16(1).
    """

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the mean over the members' axis of the ranks, which sum to one over classes."""
        del learned
        members, classes = values.shape[0], values.shape[-1]
        values = xp.maximum(values, _LEAST)
        ordered = xp.sort(values, axis=-1)
        below = _count(ordered, values, operator.lt, xp)
        # Those equally probable include the class itself, which is the one that is taken off.
        twice = below + _count(ordered, values, operator.le, xp) - 1
        return xp.sum(twice, axis=0) / (members * classes * (classes - 1))

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return False: answers are mean ranks."""
        del labels_only
        return False


def _count(ordered: Tensor, values: Tensor, compare: Callable[[Tensor, Tensor], Tensor], xp: Vocabulary) -> Tensor:
    """Return how many of the `ordered` (..., classes) compare so with each of the `values` (..., classes): int32.

    A binary search of all values at once: a table of all pairs would take classes**2 numbers for each row.
    """
    found = xp.zeros_like(values, dtype="int32")
    # The count is between found and found + left.
    left = values.shape[-1]
    while left:
        step = (left + 1) // 2
        at = xp.take_along_axis(ordered, found + (step - 1), axis=-1)
        found = xp.where(compare(at, values), found + step, found)
        left -= step
    return found
