"""Simple averaging."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, final

from kerasemble.combiners.base import FixedRule, OpinionPool
from kerasemble.core.arrays import Tensor, Vocabulary


@final
@dataclasses.dataclass(frozen=True)
class Average(FixedRule):
    """The mean of the members' probabilities: soft voting, a linear opinion pool with equal weights.

    combined = (1 / members) sum_m p_m, from (members, samples, ..., classes) to (samples, ..., classes).

    Example:
        >>> from kerasemble import Average, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1]], "b": [[0.5, 0.5]]})
        >>> Average().fit(seen)(seen)
        array([[0.7, 0.3]], dtype=float32)

    Reference:
        Kittler, Hatef, Duin and Matas 1998, IEEE TPAMI 20(3).
    """

    opinion_pool: ClassVar[OpinionPool | None] = "linear"

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the mean over the members' axis."""
        del learned
        return xp.mean(values, axis=0)
