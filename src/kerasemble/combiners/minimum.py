"""The lowest probability that any member gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

from kerasemble.combiners.base import FixedRule
from kerasemble.core.arrays import CLIP, Tensor, Vocabulary


@final
@dataclasses.dataclass(frozen=True)
class Minimum(FixedRule):
    """The smallest of the members' probabilities for each class, normalised.

    combined = max(min_m p_m, 2**-24) / sum over classes, from (members, samples, ..., classes) to
    (samples, ..., classes). Any one member can rule a class out; with two classes it decides as `Maximum` does.

    Example:
        >>> from kerasemble import Minimum, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.5, 0.25, 0.25]], "b": [[0.25, 0.5, 0.25]]})
        >>> Minimum().fit(seen)(seen).round(3)
        array([[0.333, 0.333, 0.333]], dtype=float32)

    Reference:
        Kittler, Hatef, Duin and Matas 1998, IEEE TPAMI 20(3).
    """

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the normalised minimum over the members' axis."""
        del learned
        # Members that are sure of different classes have a minimum of zero for every class.
        lowest = xp.maximum(xp.min(values, axis=0), CLIP)
        return lowest / xp.sum(lowest, axis=-1, keepdims=True)
