"""A weighted mean of which the weights depend on the sample: a mixture of experts on members that are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weights import used_members
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, softmax
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import check_number, check_positive
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows, rows_that_count
from kerasemble.solvers.folds import content_part
from kerasemble.solvers.gate import Gate, solve_gate
from kerasemble.solvers.gate_strength import choose_gate_strength, floored

# With fewer rows than this four in a fold say nothing, and the weights are constant.
_FEW_ROWS = 20
# A strength is in rows, and much the same for so many as for more: the choice costs no more than a fit to all.
_MOST_ROWS, _LEAST_ROWS, _MOST_PRODUCTS = 20_000, 2_000, 10_000_000
_MOST_NUMBERS = 1_000_000
_SHOWN = 12


@final
@dataclasses.dataclass(frozen=True)
class GatedAverage(Combiner):
    """A weighted mean of the members' probabilities with weights that depend on them: a gated linear pool.

    combined = sum_m g_m p_m with g = softmax_m(log_weights_m + sum_kc p_kc gate_kcm), from
    (members, samples, ..., classes) to (samples, ..., classes). The gate (members, classes, members) is a softmax layer
    on what the members answer: it knows whom to trust where one is unsure, or where two disagree about certain classes.

    Both minimise log loss + (strength / rows) (sum gate**2 + sum (log_weights - start)**2), start being the weights of
    `WeightedAverage`, none of them below 0.01 / members; a row is without one of the members, each as likely, with
    probability `drop`. Where cross-fitting shows no gain over constant weights, those of `WeightedAverage` are learned
    and no gate.

    Args:
        strength: of the pull toward constant weights, in rows; None for one of 0.1 to 10, or constant weights,
            chosen by 5-fold cross-fit. Below 200 rows it is not below 1, and below 20 the weights are constant.
        drop: how probable it is that a row is without a member while the gate is fitted, 0 to 1, so that the gate
            does not lean on a single one.

    Raises:
        KerasembleError: an option is out of its range, or members**2 times classes is above a million.

    Example:
        >>> from kerasemble import GatedAverage, Predictions
        >>> a, b = [[0.9, 0.1], [0.5, 0.5]] * 20, [[0.5, 0.5], [0.2, 0.8]] * 20
        >>> seen = Predictions.from_arrays({"a": a, "b": b})
        >>> GatedAverage(strength=0.1).fit(seen, [0, 1] * 20)(seen)[:2].round(1)
        array([[0.9, 0.1], [0.2, 0.8]], dtype=float32)

    Reference:
        Jacobs, Jordan, Nowlan and Hinton 1991, Neural Computation 3(1); members dropped: Dynamic Post-Hoc Neural
        Ensemblers, arXiv 2410.04520.
    """

    shrunk: ClassVar[bool] = True
    strength: float | None = None
    drop: float = 0.1

    def check_options(self) -> None:
        """Refuse options out of their range."""
        if self.strength is not None:
            remedy = " For constant weights take WeightedAverage." if self.strength == np.inf else ""
            check_positive("strength", self.strength, remedy)
        check_number("drop", self.drop, lambda share: 0 <= share <= 1, "a probability, 0 to 1")

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the sum of the members' probabilities times their weights, which the probabilities decide."""
        if "gate" not in learned:
            return xp.tensordot(softmax(learned["log_weights"], xp), values, axes=1)
        # Not tensordot: over two axes Keras 3.15 refuses it on tensors of an unknown number of samples.
        logits = learned["log_weights"] + xp.einsum("k...c,kcm->...m", values, learned["gate"])
        return xp.einsum("...m,m...c->...c", softmax(logits, xp), values)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return None: the gate is learned."""
        del members
        return None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return constant weights, and the gate that the rows ask for."""
        _check_size(len(predictions.members), len(predictions.classes))
        predictions, labels, weights = rows_that_count(predictions, labels, weights)
        constant = WeightedAverage().learn(predictions, labels, weights)
        strength = self.strength or self._chosen(predictions, labels, weights)
        if strength == np.inf:
            return constant
        start = floored(softmax(constant.learned["log_weights"], np))
        found = solve_gate(predictions, labels, weights, start, strength / effective_rows(weights), self.drop)
        learned = {"log_weights": found.log_weights, "gate": found.gate}
        return Fit(learned, warnings=(*constant.warnings, *_not_converged(found, label(self))))

    def _chosen(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> float:
        """Return the strength that does best on rows held out, infinity for constant weights."""
        members, classes = len(predictions.members), len(predictions.classes)
        if effective_rows(weights) < _FEW_ROWS or members == 1:
            return np.inf
        most = min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_PRODUCTS // (members**2 * classes)))
        part = content_part(predictions, labels, weights, most)
        if len(part) < len(labels):
            predictions, labels, weights = predictions.rows(part), labels[part], weights[part]
        return choose_gate_strength(predictions, labels, weights, self.drop)

    def used(self, learned: Learned) -> IntArray | None:
        """Return the indices of the members whose weight is not zero, where weights are constant."""
        return None if "gate" in learned else used_members(learned["log_weights"])

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64] | None:
        """Return the weights (members,), where they are constant."""
        return None if "gate" in learned else np.asarray(softmax(learned["log_weights"], np))

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the constant part of the weights, and how strongly the gate moves it."""
        if "gate" not in learned:
            return " (constant weights, as a gate does not pay)" + Combiner.describe(self, learned, members, classes)
        weights = softmax(learned["log_weights"], np)
        shown = ", ".join(f"{name} {weight:.3f}" for name, weight in list(zip(members, weights, strict=True))[:_SHOWN])
        more = f" and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
        moved = np.sqrt(np.mean(np.square(learned["gate"])))
        return f": {shown}{more} before the gate, whose entries are {moved:.2g} (root mean square)"


def _check_size(members: int, classes: int) -> None:
    numbers = members**2 * classes
    if numbers > _MOST_NUMBERS:
        msg = (
            f"A gate is members**2 * classes numbers, at most {_MOST_NUMBERS:,}. Received: {members} members and "
            f"{classes} classes, {numbers:,}. Give fewer members, or take WeightedAverage or ClassWeightedAverage."
        )
        raise KerasembleError(msg)


def _not_converged(found: Gate, what: str) -> tuple[str, ...]:
    """Return a sentence with the trace of the loss where the solver stopped short of a minimum."""
    if found.converged:
        return ()
    trace = ", ".join(f"{value:.6g}" for value in found.values[-5:])
    sentence = (
        f"The gate of {what} did not converge in {len(found.values) - 1} steps. Its loss went {trace}. "
        "Give a larger strength."
    )
    return (sentence,)
