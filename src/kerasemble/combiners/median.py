"""The median of the members' probabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

from kerasemble.combiners.base import FixedRule
from kerasemble.core.arrays import CLIP, Tensor, Vocabulary


@final
@dataclasses.dataclass(frozen=True)
class Median(FixedRule):
    """The median of the members' probabilities for each class, normalised.

    combined = max(median_m p_m, 2**-24) / sum over classes, from (members, samples, ..., classes) to
    (samples, ..., classes). A minority of members cannot move it far, however wrong they are; of two members it is
    the mean.

    Example:
        >>> from kerasemble import Median, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.75, 0.25]], "b": [[0.5, 0.5]], "c": [[0.0, 1.0]]})
        >>> Median().fit(seen)(seen)
        array([[0.5, 0.5]], dtype=float32)

    Reference:
        Kittler, Hatef, Duin and Matas 1998, IEEE TPAMI 20(3).
    """

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the normalised median over the members' axis."""
        del learned
        members = values.shape[0]
        # Not xp.median, which took NumPy 16 ns a value of ten members where this takes 5.
        ordered = xp.sort(values, axis=0)
        middle = (ordered[(members - 1) // 2] + ordered[members // 2]) / 2
        # Members that are sure of different classes have a median of zero for every class.
        middle = xp.maximum(middle, CLIP)
        return middle / xp.sum(middle, axis=-1, keepdims=True)
