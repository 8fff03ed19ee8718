"""Greedy selection with replacement: the mean of members that are added one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, cast, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner, OpinionPool
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.selection_metric import Metric, NamedMetric, metric_of
from kerasemble.combiners.weights import log_weights, used_members
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, softmax
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import check_choice, check_number, check_whole
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, rows_that_count
from kerasemble.solvers.brier_pool import gram
from kerasemble.solvers.greedy import Errors, at_random, by_log_loss, select
from kerasemble.solvers.greedy_accuracy import AccuracyErrors
from kerasemble.solvers.greedy_log_loss import log_loss_errors
from kerasemble.solvers.greedy_metric import brier_errors, metric_errors

_SHOWN = 12
# Counts that Keras kept in float32 are whole to this; counts that it trained are not.
_WHOLE = 1e-4


# Of steps and of bags.
_MOST = 100_000


@final
@dataclasses.dataclass(frozen=True)
class GreedySelection(Combiner):
    """The mean of members that are selected one by one, each time the one with which the mean is best.

    combined = sum_m w_m p_m with w = softmax(log_weights) = the share of the selections that are of member m, from
    (members, samples, ..., classes) to (samples, ..., classes). A member may be selected many times. Of the
    selections the first ones are kept, up to where the metric is first best. By log loss `WeightedAverage` finds the
    optimum that this approaches; take this for another metric, or for the selections that AutoGluon makes.

    Args:
        metric: "log_loss" (the default), "accuracy" or "brier"; any name of scikit-learn's scorers, such as
            "roc_auc_ovr" or "balanced_accuracy"; or a function of class indices (samples,) and probabilities
            (samples, classes), and of `sample_weight` where rows are weighted, that is higher where it is better.
            Classes that tie share a hit by "accuracy"; scikit-learn is told the first of them.
        steps: how many selections are made.
        max_members: how many distinct members may be selected; None for any number.
        sorted_start: begin with the best of the means of the 1, 2, ..., `sorted_start` best members; 0 with nothing.
        bags: how many selections are made, each from a random part of the members, and counted together; 1 for one
            from all of them. Where together they hold more than `max_members`, the most often selected are kept.
        bag_fraction: which part of the members each bag selects from.
        ties: which of equally good members is selected: one that is selected already, and among these the one with
            the lowest "log_loss" (the default) and then the earliest, or one at "random". Equal are errors that
            agree to six decimals. These are AutoGluon's tie breakers "second_metric" and "random".
        seed: of the bags, and of random ties; those of AutoGluon have 0.

    Raises:
        KerasembleError: an option is out of its range; or, where it learns, the metric is not known or is undefined
            on these labels.

    Example:
        >>> from kerasemble import GreedySelection, Predictions
        >>> a, b = [[0.9, 0.1], [0.6, 0.4], [0.7, 0.3]], [[0.6, 0.4], [0.1, 0.9], [0.6, 0.4]]
        >>> seen = Predictions.from_arrays({"a": a, "b": b})
        >>> GreedySelection(steps=5).fit(seen, [0, 1, 0])
        Fitted greedy selection: b 0.80 (4 of 5), a 0.20 (1)

    Reference:
        Caruana, Niculescu-Mizil, Crew and Ksikes 2004, ICML; bags: Caruana, Munson and Niculescu-Mizil 2006, ICDM.
    """

    opinion_pool: ClassVar[OpinionPool | None] = "linear"

    metric: str | Metric = "log_loss"
    steps: int = 50
    max_members: int | None = None
    sorted_start: int = 0
    bags: int = 1
    bag_fraction: float = 0.5
    ties: Literal["log_loss", "random"] = "log_loss"
    seed: int = 0

    def check_options(self) -> None:
        """Name the metric, and refuse options out of their range."""
        if not isinstance(self.metric, str):
            if not callable(self.metric):
                msg = f"metric must be a name or a function of labels and probabilities. Received: {self.metric!r}."
                raise KerasembleError(msg)
            object.__setattr__(self, "metric", NamedMetric(self.metric))
        least = {"steps": 1, "max_members": 1, "sorted_start": 0, "bags": 1, "seed": 0}
        for name, value in least.items():
            given = getattr(self, name)
            if not (name == "max_members" and given is None):
                check_whole(name, given, value)
        check_number("bag_fraction", self.bag_fraction, lambda share: 0 < share <= 1, "above 0 and at most 1")
        check_choice("ties", self.ties, ("log_loss", "random"))
        # More steps or bags than this end after nobody's patience, and change no digit of a share.
        for name in ("steps", "bags"):
            value = getattr(self, name)
            check_number(name, value, lambda number: number <= _MOST, f"a whole number of at most {_MOST:,}")

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the sum of the members' probabilities times their shares of the selections."""
        return xp.tensordot(softmax(learned["log_weights"], xp), values, axes=1)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return None: the selection is learned."""
        del members
        return None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the logarithms of how often each member is selected."""
        predictions, labels, weights = rows_that_count(predictions, labels, weights)
        errors = self._errors(predictions, labels, weights)
        if self.ties == "random":
            settle = at_random(self.seed)
        else:
            by_itself = self.metric == "log_loss"
            settle = by_log_loss(errors if by_itself else log_loss_errors(predictions.of_true_class(labels), weights))
        members = len(predictions.members)

        def selected(allowed: IntArray) -> IntArray:
            return select(
                errors,
                settle,
                allowed,
                members,
                self.steps,
                most=self.max_members,
                sorted_start=self.sorted_start,
            )

        counts = np.sum([selected(allowed) for allowed in self._bags(members)], axis=0)
        if self.max_members is not None and np.count_nonzero(counts) > self.max_members:
            counts[np.argsort(-counts, kind="stable")[self.max_members :]] = 0
        return Fit({"log_weights": log_weights(counts.astype(np.float64))})

    def _errors(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Errors:
        if self.metric == "log_loss":
            return log_loss_errors(predictions.of_true_class(labels), weights)
        if self.metric == "accuracy":
            return AccuracyErrors(predictions, labels, weights)
        if self.metric == "brier":
            return brier_errors(*gram(predictions, labels, weights))
        return metric_errors(predictions, metric_of(cast("str", self.metric), predictions, labels, weights))

    def _bags(self, members: int) -> list[IntArray]:
        """Return the indices, ascending, of the members that each bag selects from."""
        if self.bags == 1:
            return [np.arange(members)]
        random = np.random.default_rng(self.seed)
        size = max(1, round(self.bag_fraction * members))
        return [np.sort(random.choice(members, size, replace=False)) for _ in range(self.bags)]

    def used(self, learned: Learned) -> IntArray:
        """Return the indices of the members that are selected."""
        return used_members(learned["log_weights"])

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64]:
        """Return the weights (members,), which sum to one."""
        return np.asarray(softmax(learned["log_weights"], np))

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the weights and how often each member is selected, the most often selected first."""
        del classes
        weights, counts = self.weights_of(learned), np.exp(learned["log_weights"])
        whole = np.abs(counts - counts.round()).max() < _WHOLE
        order = np.argsort(-weights, kind="stable")
        shown = []
        for place, index in enumerate(order[:_SHOWN]):
            total = f" of {counts.sum():.0f}" if place == 0 else ""
            shown.append(f"{members[index]} {weights[index]:.2f}" + (f" ({counts[index]:.0f}{total})" if whole else ""))
        more = f" and {len(order) - _SHOWN} more" if len(order) > _SHOWN else ""
        return f": {', '.join(shown)}{more}"
