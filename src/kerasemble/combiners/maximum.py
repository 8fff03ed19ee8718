"""The highest probability that any member gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

from kerasemble.combiners.base import FixedRule
from kerasemble.core.arrays import Tensor, Vocabulary


@final
@dataclasses.dataclass(frozen=True)
class Maximum(FixedRule):
    """The largest of the members' probabilities for each class, normalised.

    combined = max_m p_m / sum over classes, from (members, samples, ..., classes) to (samples, ..., classes). The
    surest member decides, so it is only as good as that member's confidence is.

    Example:
        >>> from kerasemble import Maximum, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.75, 0.25]], "b": [[0.25, 0.75]]})
        >>> Maximum().fit(seen)(seen)
        array([[0.5, 0.5]], dtype=float32)

    Reference:
        Kittler, Hatef, Duin and Matas 1998, IEEE TPAMI 20(3).
    """

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the normalised maximum over the members' axis."""
        del learned
        highest = xp.max(values, axis=0)
        return highest / xp.sum(highest, axis=-1, keepdims=True)
