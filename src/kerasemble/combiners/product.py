"""The normalised product of the members' probabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

from kerasemble.combiners.base import FixedRule
from kerasemble.core.arrays import Tensor, Vocabulary, clipped_log, softmax


@final
@dataclasses.dataclass(frozen=True)
class Product(FixedRule):
    """The normalised product of the members' probabilities: a product of experts.

    combined = softmax(sum_m log max(p_m, 2**-24)), from (members, samples, ..., classes) to (samples, ..., classes).
    It is right only where members err independently of each other and all classes are equally frequent. Members that
    learned the same task from the same data are far from that, and their product is overconfident: it decides as
    `GeometricAverage`, and is as many times as sure (in log-odds) as there are members.

    Example:
        >>> from kerasemble import Predictions, Product
        >>> seen = Predictions.from_arrays({"a": [[0.75, 0.25]], "b": [[0.75, 0.25]]})
        >>> Product().fit(seen)(seen).round(3)
        array([[0.9, 0.1]], dtype=float32)

    Reference:
        Kittler, Hatef, Duin and Matas 1998, IEEE TPAMI 20(3); Hinton 2002, Neural Computation 14.
    """

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the softmax of the summed log-probabilities."""
        del learned
        return softmax(xp.sum(clipped_log(values, xp), axis=0), xp)
