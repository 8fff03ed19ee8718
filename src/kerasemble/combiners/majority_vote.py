"""Majority voting, with weights and an unbiased rule for ties."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.weights import GivenWeights, check_numbers, check_weights, log_weights, used_members
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, blocks, softmax
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights

# Shares and means closer than this are equal: float32 rounds sums of weights such as 0.1 + 0.2 and 0.3 apart.
_EQUAL = 1e-6
# What the winner is given, so that the largest share is also the winner's where votes tie. It is above the
# rounding of float32 and below any share that a weight of interest makes.
_EDGE = 1e-5
# What a uint8 can count to.
_MOST_IN_A_BYTE = 256


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

    def check_options(self) -> None:
        """Refuse weights that are no numbers."""
        if self.weights is not None:
            check_numbers("weights", self.weights)

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
        weights = (1.0,) * len(members) if self.weights is None else self.weights
        return {"log_weights": log_weights(check_weights(weights, members))}

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the weights: nothing is learned."""
        del labels, weights
        return Fit(self.given(predictions.members))

    def used(self, learned: Learned) -> IntArray:
        """Return the indices of the members whose votes count."""
        return used_members(learned["log_weights"])

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return False: answers are shares of votes."""
        del labels_only
        return False

    def decide(self, values: npt.NDArray[Any], learned: Learned, classes: int) -> IntArray:
        """Return the winning class (samples, ...), by counting labels where no rule for ties is needed."""
        weights = self.weights_of(learned)
        if values.dtype.kind == "u":
            return _count(values, weights).winner.astype(np.int64)
        if values.dtype.itemsize == 2:
            values = values.astype(np.float32)
        # Of all members at once, NumPy would copy the block before it looks for the largest.
        labels = np.stack([member.argmax(axis=-1) for member in values])
        winner, tied = _count(labels, weights)
        if tied.any():
            winner[tied] = _by_mean(values, np.nonzero(tied), labels[:, tied], weights)
        divided = _divided(values, labels)
        if divided.any():
            winner[divided] = Combiner.decide(self, values[:, divided], learned, classes)
        return winner

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the weights of the votes (members,), which sum to one."""
        return np.asarray(softmax(learned["log_weights"], np))


class _Count(NamedTuple):
    """The class with the most votes (samples, ...), the earliest member's where some tie, and where they do."""

    winner: npt.NDArray[Any]
    tied: npt.NDArray[np.bool_]


def _count(labels: npt.NDArray[Any], weights: npt.NDArray[np.float64]) -> _Count:
    """Count weighted votes (members, samples, ...).

    Members are compared in pairs: what a member's class gets in all is what those give that voted as it did. It needs
    no array over classes, and no sorting.
    """
    equal = np.ptp(weights) < _EQUAL and len(weights) < _MOST_IN_A_BYTE
    support = np.empty(labels.shape, dtype=np.uint8 if equal else np.float32)
    shares = np.ones(len(weights), dtype=np.uint8) if equal else weights.astype(np.float32)
    support[:] = shares.reshape((-1,) + (1,) * (labels.ndim - 1))
    same = [(one, other) for other in range(len(labels)) for one in range(other)]
    for one, other in same:
        agree = (labels[one] == labels[other]).view(np.uint8)
        support[one] += agree * shares[other]
        support[other] += agree * shares[one]
    winner, best = labels[0].copy(), support[0].copy()
    tied = np.zeros(winner.shape, dtype=np.bool_)
    margin = 0 if equal else np.float32(_EQUAL)
    for label, votes in zip(labels[1:], support[1:], strict=True):
        more = votes > best + margin
        tied &= ~more
        tied |= (votes + margin >= best) & (label != winner) & ~more
        np.copyto(winner, label, where=more)
        np.copyto(best, votes, where=more)
    return _Count(winner, tied)


def _by_mean(
    values: npt.NDArray[Any],
    tied: tuple[npt.NDArray[np.intp], ...],
    labels: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Return of the classes with the most votes that of the highest mean probability, for the rows `tied`.

    `values` are (members, samples, ..., classes) of all rows, `labels` (members, rows) of the tied ones.
    """
    support = np.tensordot(weights, labels[:, None] == labels[None, :], axes=1)
    # The mean probability of the class that each member voted for, (members, rows).
    mean = np.stack([weights @ values[(slice(None), *tied, label)] for label in labels])
    mean = np.where(support >= support.max(axis=0) - _EQUAL, mean, -1.0)
    earliest = (mean >= mean.max(axis=0) - _EQUAL).argmax(axis=0)
    return np.asarray(np.take_along_axis(labels, earliest[None], axis=0)[0])


def _divided(values: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return the rows in which a member's top classes are equal, so that its vote is divided."""
    result = np.zeros(labels[0].size, dtype=np.bool_)
    for member, label in zip(values, labels, strict=True):
        flat = member.reshape(-1, member.shape[-1])
        top = np.take_along_axis(flat, label.reshape(-1, 1), axis=-1)
        # Of two equal ones none is above a half.
        unsure = top[:, 0] <= 0.5 + _EQUAL
        for rows in blocks(len(flat), flat.shape[-1]):
            if unsure[rows].any():
                near = flat[rows] >= top[rows] - _EQUAL
                # Nearly always there is one for each row, and that is counted ten times as fast in all as by row.
                if np.count_nonzero(near) > len(near):
                    result[rows] |= np.count_nonzero(near, axis=-1) > 1
    return result.reshape(labels[0].shape)


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
