"""Majority voting, with weights and an unbiased rule for ties."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner, Fit, Learned
from kerasemble.combiners.weights import GivenWeights, check_weights, freeze_weights, log_weights, used_members
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, softmax
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights

# Shares and means closer than this are equal: float32 rounds sums of weights such as 0.1 + 0.2 and 0.3 apart.
_EQUAL = 1e-6
# What the winner is given, so that the largest share is also the winner's where votes tie. It is above the
# rounding of float32 and below any share that a weight of interest makes.
_EDGE = 1e-5


@final
@dataclasses.dataclass(frozen=True)
class MajorityVote(Combiner):
    """Each member votes for its most probable class: plurality, or hard voting.

    combined = the share of the votes' weight that each class got, from (members, samples, ..., classes) to
    (samples, ..., classes), of which 1e-5 is moved to the winner. The winner is the class with the most votes; of
    tied classes the one with the highest (weighted) mean probability; of those still tied the one that the earliest
    member voted for; never the one of lowest index. A member whose top classes are equal divides its vote; where
    nothing but such votes is left, the edge is divided as well.

    Args:
        weights: of the members' votes, in order or by name; equal where left out.

    Raises:
        KerasembleError: weights are negative, not finite, all zero, or not one for each member.

    Example:
        >>> from kerasemble import MajorityVote, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.6, 0.4]], "b": [[0.1, 0.9]]})
        >>> MajorityVote().fit(seen)(seen).argmax(axis=-1)
        array([1])

    Reference:
        Weighted voting: Kuncheva and Rodriguez 2014, Knowledge and Information Systems 38.
    """

    weights: GivenWeights | Sequence[float] | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Freeze the weights."""
        if self.weights is not None:
            object.__setattr__(self, "weights", freeze_weights(self.weights))

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the share of votes, its largest entry at the winner."""
        top = xp.where(values >= xp.max(values, axis=-1, keepdims=True) - _EQUAL, 1.0, 0.0)
        votes = top / xp.sum(top, axis=-1, keepdims=True)
        weights = softmax(learned["log_weights"], xp)
        share = xp.tensordot(weights, votes, axes=1)
        # Three rules one after another; each keeps those candidates that are best by it.
        candidates = _best(share, xp.ones_like(share), xp)
        candidates = _best(xp.tensordot(weights, values, axes=1), candidates, xp)
        candidates = _best(_earliness(votes, weights, xp), candidates, xp)
        winner = candidates / xp.sum(candidates, axis=-1, keepdims=True)
        return (1 - _EDGE) * share + _EDGE * winner

    def given(self, members: Sequence[str]) -> Learned:
        """Return the weights, equal where none were given."""
        weights = (1.0,) * len(members) if self.weights is None else freeze_weights(self.weights)
        return {"log_weights": log_weights(check_weights(weights, members))}

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the weights: nothing is learned."""
        del labels, weights
        return Fit(self.given(predictions.members))

    def used(self, learned: Learned) -> IntArray:
        """Return the indices of the members whose votes count."""
        return used_members(learned["log_weights"])

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the weights of the votes (members,), which sum to one."""
        return np.asarray(softmax(learned["log_weights"], np))


def _best(scores: Tensor, candidates: Tensor, xp: Vocabulary) -> Tensor:
    """Return 1 for each candidate (samples, ..., classes) whose score is the highest among them, else 0."""
    scores = xp.where(candidates > 0, scores, -1.0)
    return xp.where(scores >= xp.max(scores, axis=-1, keepdims=True) - _EQUAL, 1.0, 0.0) * candidates


def _earliness(votes: Tensor, weights: Tensor, xp: Vocabulary) -> Tensor:
    """Return for each class (samples, ..., classes) how early the first member stands that voted for it: 1 to 0.

    Members without weight do not count.
    """
    members = votes.shape[0]
    order = xp.cumsum(xp.ones_like(weights)) - 1
    precedence = xp.where(weights > _EQUAL, 1 - order / members, 0.0)
    precedence = xp.reshape(precedence, (members,) + (1,) * (len(votes.shape) - 1))
    return xp.max(xp.where(votes > 0, precedence, 0.0), axis=0)
