"""Votes that are weighed by what each member mistakes for what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.weights import not_converged
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, softmax
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import check_positive
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.confusion import Confusion, confusion, count, smoothed
from kerasemble.solvers.dawid_skene import solve_dawid_skene
from kerasemble.solvers.vote_power import power_of_design, solve_power
from kerasemble.solvers.votes import Ballots

# Shares and means closer than this are equal, as in `MajorityVote`.
_EQUAL = 1e-6
# Half a gigabyte of float64, and as much again for each of its logarithm and what Keras makes of it.
_MOST_NUMBERS = 2**26
_SHOWN = 12


@final
@dataclasses.dataclass(frozen=True)
class BayesianVote(Combiner):
    """Each member votes for its most probable class, and votes count by the voter's confusion matrix: naive Bayes.

    combined = softmax(log_prior + power sum_m sum_v vote_mv log_confusion_mv), from (members, samples, ..., classes)
    to (samples, ..., classes), where vote_mv is 1 for the class v that member m finds most probable (of k equal ones
    1 / k each) and log_confusion (members, voted, true) says how likely that vote is where each class is true.

    With labels, votes are counted, smoothed, and `power` is the one of least log loss of rows that were not
    counted: 1 for members that err independently, less the more they err together. Without labels,
    `fit(predictions)` finds the truth and the members' confusion from each other, and the power from how much the
    number of wrong votes varies. The classes are as good then; the probabilities are less too sure than with a
    power of 1, and still too sure.

    Args:
        smoothing: how many rows of each class are added to the counts, in which each member votes for the true class
            as often as it does over all, and for each other class equally often.

    Raises:
        KerasembleError: smoothing is not above zero, or members times classes squared is above 2**26.

    Example:
        >>> from kerasemble import BayesianVote, Predictions
        >>> truth = ["cat", "cat", "dog", "dog"] * 25
        >>> votes = {"shy": ["cat", "cat", "cat", "dog"] * 25, "blind": ["cat"] * 100}
        >>> seen = Predictions.from_labels(votes, classes=["cat", "dog"])
        >>> fitted = BayesianVote().fit(seen, truth)
        >>> fitted(seen)[1:4].round(2)
        array([[0.7 , 0.3 ],
               [0.7 , 0.3 ],
               [0.05, 0.95]], dtype=float32)
        >>> fitted
        Fitted bayesian vote: shy 0.75 (cat for dog 0.46), blind 0.50 (cat for dog 0.92); power 1.15 (within 1e-8 of
        the optimum)

    Reference:
        Dawid and Skene 1979, Applied Statistics 28; naive Bayes with smoothing: Kuncheva and Rodriguez 2014, Knowledge
        and Information Systems 38.
    """

    shrunk: ClassVar[bool] = True
    smoothing: float = 10.0

    def check_options(self) -> None:
        """Refuse a smoothing that leaves zeros."""
        check_positive("smoothing", self.smoothing)

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the softmax of the prior and the votes' evidence."""
        top = xp.where(values >= xp.max(values, axis=-1, keepdims=True) - _EQUAL, 1.0, 0.0)
        votes = top / xp.sum(top, axis=-1, keepdims=True)
        # Each member's own matrix, for as many axes between members and classes as there are.
        table = learned["log_confusion"]
        table = xp.reshape(table, (table.shape[0],) + (1,) * (len(votes.shape) - 3) + tuple(table.shape[1:]))
        evidence = xp.sum(xp.matmul(votes, table), axis=0)
        return softmax(learned["log_prior"] + xp.exp(learned["log_power"]) * evidence, xp)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return None: confusion is learned."""
        del members
        return None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the smoothed confusion of the members, and the power of their votes."""
        _check_size(predictions)
        ballots = Ballots(predictions)
        smooth = smoothed(count(ballots, labels, weights), self.smoothing)
        solution = solve_power(ballots, labels, weights, smooth)
        learned = _learned(confusion(smooth), float(solution.weights[0]))
        return Fit(learned, solution.gap, not_converged(solution, label(self)))

    def learn_unlabelled(self, predictions: Predictions) -> Fit:
        """Return the confusion under which the votes are likely, and the power of as many votes as they amount to."""
        _check_size(predictions)
        ballots = Ballots(predictions)
        found = solve_dawid_skene(ballots, self.smoothing)
        warnings = () if found.converged else (_capped(found.values),)
        return Fit(_learned(found.confusion, power_of_design(ballots, found.confusion)), None, warnings)

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return True: votes are weighed by what they say of each class."""
        del labels_only
        return True

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the power, and each member's accuracy and worst confusion."""
        table = np.exp(learned["log_confusion"])
        table = table / table.sum(axis=1, keepdims=True)
        accuracy = np.einsum("mcc,c->m", table, softmax(learned["log_prior"], np))
        lines = [
            f"{name} {right:.2f} ({_worst(mistakes, classes)})"
            for name, right, mistakes in zip(members[:_SHOWN], accuracy, table, strict=False)
        ]
        more = f", and {len(members) - _SHOWN} more" if len(members) > _SHOWN else ""
        return f": {', '.join(lines)}{more}; power {np.exp(learned['log_power'][0]):.3g}"

    def decide(self, values: npt.NDArray[Any], learned: Learned, classes: int) -> IntArray:
        """Return the most probable class; of labels by looking each vote up."""
        if values.dtype.kind != "u":
            return Combiner.decide(self, values, learned, classes)
        evidence = sum(table[votes] for table, votes in zip(learned["log_confusion"], values, strict=True))
        return np.asarray((learned["log_prior"] + np.exp(learned["log_power"]) * evidence).argmax(axis=-1))


def _learned(found: Confusion, power: float) -> Learned:
    classes = len(found.log_prior)
    return {
        "log_prior": found.log_prior,
        "log_confusion": found.log_votes.reshape(-1, classes, classes),
        "log_power": np.log(np.array([power])),
    }


def _check_size(predictions: Predictions) -> None:
    members, classes = len(predictions.members), len(predictions.classes)
    if members * classes**2 > _MOST_NUMBERS:
        msg = (
            f"The confusion matrices of {members} members over {classes} classes are {members * classes**2} numbers, "
            f"and BayesianVote takes up to {_MOST_NUMBERS}. Take MajorityVote, which needs none, or fewer members."
        )
        raise KerasembleError(msg)


def _capped(values: Sequence[float]) -> str:
    trace = ", ".join(f"{value:.9g}" for value in values[-5:])
    return (
        f"The confusion of members without labels did not settle in {len(values)} passes. The mean log likelihood of "
        f"a row's votes went {trace}. Give more rows, or labels for some."
    )


def _worst(table: npt.NDArray[np.float64], classes: Sequence[str]) -> str:
    """Return what a member (voted, true) mistakes most often: "dog for cat 0.2"."""
    mistakes = np.where(np.eye(len(table), dtype=bool), -1.0, table)
    voted, true = divmod(int(mistakes.argmax()), len(table))
    return f"{classes[voted]} for {classes[true]} {mistakes[voted, true]:.2f}"
