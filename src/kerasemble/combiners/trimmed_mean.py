"""The mean without the members that are furthest out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import final

from kerasemble.combiners.base import Combiner, FixedRule
from kerasemble.combiners.fitted import Learned
from kerasemble.core.arrays import CLIP, Tensor, Vocabulary
from kerasemble.core.options import check_number

# 0.29 * 100 is 28.999999999999996 in floats, and means 29.
_ROUNDING = 1e-9


@final
@dataclasses.dataclass(frozen=True)
class TrimmedMean(FixedRule):
    """The mean of the members' probabilities without the lowest and the highest of each class, normalised.

    combined = max(mean of p_(k+1) ... p_(M-k), 2**-24) / sum over classes, where p_(1) ... p_(M) are the members'
    probabilities of a class in ascending order and k = floor(trim * M), from (members, samples, ..., classes) to
    (samples, ..., classes). With fewer than 1 / trim members nothing is left out: five are the fewest for which the
    default differs from the mean.

    Args:
        trim: the share of the members that is left out at each end, at least 0 and below 0.5. 0 is the mean; near 0.5
            it is the median.

    Raises:
        KerasembleError: trim is out of its range.

    Example:
        >>> from kerasemble import Predictions, TrimmedMean
        >>> seen = Predictions.from_arrays({"a": [[0.75, 0.25]], "b": [[0.5, 0.5]], "c": [[0.0, 1.0]]})
        >>> TrimmedMean(trim=0.34).fit(seen)(seen)
        array([[0.5, 0.5]], dtype=float32)

    Reference:
        Kittler, Hatef, Duin and Matas 1998, IEEE TPAMI 20(3), on the sum and the median, of which this is the family.
    """

    trim: float = 0.2

    def check_options(self) -> None:
        """Refuse a share that leaves nothing."""
        range_ = "the share of the members to leave out at each end, at least 0 and below 0.5"
        check_number("trim", self.trim, lambda share: 0 <= share < 0.5, range_)

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the normalised mean of what is left on the members' axis."""
        del learned
        members = values.shape[0]
        cut = self._cut(members)
        # The second axis is named because Keras cannot put a lone slice into a graph.
        inner = xp.mean(xp.sort(values, axis=0)[cut : members - cut, :], axis=0)
        # Members that are sure of different classes leave zero for every class.
        inner = xp.maximum(inner, CLIP)
        return inner / xp.sum(inner, axis=-1, keepdims=True)

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the members, and how many are left out at each end."""
        cut = self._cut(len(members))
        return f"{Combiner.describe(self, learned, members, classes)}, without the {cut} lowest and {cut} highest"

    def _cut(self, members: int) -> int:
        """Return how many of the members are left out at each end: one or two always stay."""
        return min(math.floor(self.trim * members + _ROUNDING), (members - 1) // 2)
