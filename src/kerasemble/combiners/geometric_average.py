"""The geometric mean with equal weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, final

from kerasemble.combiners.base import FixedRule, OpinionPool
from kerasemble.core.arrays import Tensor, Vocabulary, clipped_log, softmax


@final
@dataclasses.dataclass(frozen=True)
class GeometricAverage(FixedRule):
    """The normalised geometric mean of the members' probabilities: a log-linear pool with equal weights.

    combined = softmax(mean_m log max(p_m, 2**-24)), from (members, samples, ..., classes) to
    (samples, ..., classes). One member that is sure a class is impossible rules it out.

    Example:
        >>> from kerasemble import GeometricAverage, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1]], "b": [[0.5, 0.5]]})
        >>> GeometricAverage().fit(seen)(seen)
        array([[0.75, 0.25]], dtype=float32)

    Reference:
        Genest and Zidek 1986, Statistical Science 1(1).
    """

    opinion_pool: ClassVar[OpinionPool | None] = "log-linear"

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the softmax of the mean log-probability."""
        del learned
        return softmax(xp.mean(clipped_log(values, xp), axis=0), xp)
