"""Weighted averaging, the weights given, taken from scores, or learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner, Learned
from kerasemble.combiners.weights import GivenWeights, check_weights, freeze_weights, log_weights
from kerasemble.core.arrays import CLIP, IntArray, Tensor, Vocabulary, softmax
from kerasemble.core.errors import KerasembleError
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions
from kerasemble.solvers.linear_pool import solve_linear_pool


@final
@dataclasses.dataclass(frozen=True)
class WeightedAverage(Combiner):
    """A weighted mean of the members' probabilities: a linear opinion pool.

    combined = sum_m w_m p_m with w = softmax(log_weights), from (members, samples, ..., classes) to
    (samples, ..., classes). In the saved Keras model `log_weights` is a trainable weight, so that `fit` trains it.

    Args:
        weights: "learn" (the default) for the weights that minimise log loss, solved exactly; "scores" for
            weights proportional to each member's accuracy; or one number for each member, in order or by name,
            which are normalised to sum to one.

    Raises:
        KerasembleError: given weights are negative, not finite, all zero, or not one for each member.

    Example:
        >>> from kerasemble import Predictions, WeightedAverage
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1]], "b": [[0.5, 0.5]]})
        >>> WeightedAverage(weights=[3, 1]).fit(seen)(seen).round(3)
        array([[0.8, 0.2]], dtype=float32)

    Reference:
        Stone 1961, Ann. Math. Statist. 32.
    """

    weights: Literal["learn", "scores"] | GivenWeights | Sequence[float] | Mapping[str, float] = "learn"

    def __post_init__(self) -> None:
        """Freeze the weights, and refuse a word that is none of the two."""
        if isinstance(self.weights, str):
            if self.weights not in ("learn", "scores"):
                msg = f"weights must be 'learn', 'scores' or numbers. Received: weights={self.weights!r}."
                raise KerasembleError(msg)
            return
        object.__setattr__(self, "weights", freeze_weights(self.weights))

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the sum of the members' probabilities times their weights."""
        weights = softmax(learned["log_weights"], xp)
        return xp.tensordot(weights, values, axes=1)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return the weights that were given, or None where they come from labels."""
        if isinstance(self.weights, str):
            return None
        return {"log_weights": log_weights(check_weights(freeze_weights(self.weights), members))}

    def learn(self, predictions: Predictions, labels: IntArray) -> Learned:
        """Return the weights from accuracy, or those of least log loss."""
        if self.weights == "scores":
            scores = np.array([hits(member, labels).mean() for member in predictions.values])
            # Where no member is ever right there is nothing to prefer one by.
            weights = scores / scores.sum() if scores.any() else np.full(len(scores), 1 / len(scores))
        else:
            true = predictions.values[:, np.arange(len(labels)), labels].T.astype(np.float64)
            weights = solve_linear_pool(np.maximum(true, CLIP)).weights
        return {"log_weights": log_weights(weights)}

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the weights (members,), which sum to one."""
        return np.asarray(softmax(learned["log_weights"], np))
