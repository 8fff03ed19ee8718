"""What every combiner is: a small frozen recipe whose `fit` gives something that can predict."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.fitted import Fit, FittedCombiner, Learned
from kerasemble.combiners.recipes import Recipe, label
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, as_probabilities, blocks, counted
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.labels import encode_labels
from kerasemble.core.predictions import Predictions, PredictionsLike, as_predictions
from kerasemble.core.row_weights import ClassWeight, RowWeights, effective_rows, row_weights

if TYPE_CHECKING:
    from kerasemble.combiners.stages.base import Stage


OpinionPool: TypeAlias = Literal["linear", "log-linear"]


@dataclasses.dataclass(frozen=True)
class Combiner(Recipe, abc.ABC):
    """A recipe for making one prediction out of the members'.

    A new combiner is one file in this folder: a frozen dataclass, decorated `@final`, whose fields are numbers,
    strings or tuples of them, with the methods below. Options that are given as lists or arrays become tuples. The
    registry, the command line, the saved ensemble and the contract tests find it by themselves.

    Example:
        >>> from kerasemble import MajorityVote, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1]], "b": [[0.2, 0.8]], "c": [[0.3, 0.7]]})
        >>> MajorityVote().fit(seen)(seen).round(2)
        array([[0.33, 0.67]], dtype=float32)
    """

    # Whether what is learned is pulled toward something sensible where rows are few. If not, few rows are warned of.
    shrunk: ClassVar[bool] = False
    # Which mean of the members with one weight each it is: of probabilities, or of their logarithms; None for others.
    opinion_pool: ClassVar[OpinionPool | None] = None

    @abc.abstractmethod
    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the combined probabilities: the formula, once for NumPy and for the Keras graph.

        Args:
            values: (members, samples, ..., classes) probabilities.
            learned: what `given` or `learn` returned, array by array.
            xp: `numpy` or `keras.ops`; use only words that both have.

        Returns:
            (samples, ..., classes) probabilities that sum to one over the last axis.
        """

    @abc.abstractmethod
    def given(self, members: Sequence[str]) -> Learned | None:
        """Return what is known without labels, or None where it has to be learned from them."""

    @abc.abstractmethod
    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return what the rows teach.

        Args:
            predictions: of the members; read them in blocks, `predictions.block(rows)`, since they may be larger than
                memory and may be labels only.
            labels: (samples,) class indices.
            weights: (samples,) how much each row counts, of which only ratios matter. A row of weight zero is as if
                it were not there.
        """

    def learn_each(self, predictions: Predictions, labels: IntArray, weights: Sequence[RowWeights]) -> list[Fit]:
        """Return what the rows teach under each of several weightings, as for the folds of a comparison.

        Each by itself, unless a combiner overrides this because it can share work between them; what it returns is
        the same.
        """
        return [self.learn(predictions, labels, each) for each in weights]

    def learn_unlabelled(self, predictions: Predictions) -> Fit | None:
        """Return what the rows teach without labels; None, the default, where labels are needed."""
        del predictions
        return None

    def used(self, learned: Learned) -> IntArray | None:
        """Return the indices of the members that matter, by which each learned array can be indexed.

        None, the default, means that all of them do. The others are neither run nor saved.
        """
        del learned
        return None

    def kept(self, learned: Learned, used: IntArray) -> Learned:
        """Return what was learned of the members that are used; overridden where an array is not by member."""
        return {name: array[used] for name, array in learned.items()}

    def outputs(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> dict[str, Tensor]:
        """Return what there is beside the combined probabilities (samples, ..., classes), by name; nothing, mostly."""
        del probabilities, learned, xp
        return {}

    def output_names(self) -> tuple[str, ...]:
        """Return the names of what `outputs` returns."""
        return ()

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return whether answers can be judged by log loss: shares of votes are no probabilities.

        Args:
            labels_only: whether members give labels and no probabilities. Their means are shares of votes.
        """
        return not labels_only

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64] | None:
        """Return one weight for each member (members,); None, the default, where there is no such thing."""
        del learned
        return None

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return what was learned, as it goes on after "Fitted weighted average": for a person, at a glance."""
        del classes
        weights = self.weights_of(learned)
        if weights is None:
            return f" of {counted(len(members), 'member')} ({', '.join(members)})"
        return ": " + ", ".join(f"{name} {weight:.3f}" for name, weight in zip(members, weights, strict=True))

    def decide(self, values: npt.NDArray[Any], learned: Learned, classes: int) -> IntArray:
        """Return the most probable class (samples, ...) of some rows of `Predictions.values`.

        It is the argmax of `combine`; overridden where the decision alone can be had faster.
        """
        decided = []
        for rows in blocks(values.shape[1], len(values) * classes):
            probabilities = as_probabilities(values[:, rows], classes, np.float64)
            decided.append(self.combine(probabilities, learned, np).argmax(axis=-1))
        return np.concatenate(decided)

    @final
    def fit(
        self,
        predictions: PredictionsLike,
        y: npt.ArrayLike | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> FittedCombiner:
        """Return this recipe together with what it learned.

        Args:
            predictions: of the members that will be combined; or arrays of probabilities as `Predictions.from_arrays`
                takes them.
            y: (samples,) labels: class indices, names, or one-hot rows; not needed where nothing is learned.
            sample_weight: (samples,) how much each row counts where something is learned; only ratios matter.
            class_weight: "balanced", or how much the rows of each class count, by name or index.

        Raises:
            KerasembleError: labels are needed and missing, or they or the weights do not fit the predictions.
        """
        predictions = as_predictions(predictions)
        found = self._learn(predictions, y, sample_weight, class_weight)
        for sentence in found.warnings:
            warn(sentence)
        return self.fitted(found, predictions)

    @final
    def fitted(self, found: Fit, predictions: Predictions) -> FittedCombiner:
        """Return this recipe together with what was learned from the predictions, less the members it does not need."""
        learned, members, alignment = found.learned, predictions.members, predictions.alignment
        used = self.used(learned)
        # Where every weight is zero the formula still answers, and needs a member to answer by.
        if used is not None and 0 < len(used) < len(members):
            learned = self.kept(learned, used)
            # Of no rows, since only the names and how members are read are wanted.
            kept = predictions.rows(slice(0)).only([members[index] for index in used])
            members, alignment = kept.members, kept.alignment
        left_out = tuple(name for name in predictions.members if name not in members)
        fitted_on = predictions.data if learned and self.given(predictions.members) is None else None
        return FittedCombiner(
            self, learned, members, predictions.classes, predictions.task, alignment, found.gap, left_out, fitted_on
        )

    def _learn(
        self,
        predictions: Predictions,
        y: npt.ArrayLike | None,
        sample_weight: npt.ArrayLike | None,
        class_weight: ClassWeight | None,
    ) -> Fit:
        if y is None and (sample_weight is not None or class_weight is not None):
            msg = "sample_weight and class_weight go with labels. Give them too: fit(predictions, y, ...)."
            raise KerasembleError(msg)
        given = self.given(predictions.members)
        if given is not None:
            return Fit(given)
        if y is None:
            unlabelled = self.learn_unlabelled(predictions)
            if unlabelled is None:
                msg = f"{type(self).__name__} learns from labels. Give them: fit(predictions, y)."
                raise KerasembleError(msg)
            return unlabelled
        labels = encode_labels(y, predictions.classes, predictions.samples, ordered=predictions.ordered)
        weights = row_weights(labels, predictions.classes, sample_weight, class_weight)
        found = self.learn(predictions, labels, weights)
        return found._replace(warnings=(*found.warnings, *few_rows(self, found.learned, weights)))


def few_rows(recipe: Combiner | Stage, learned: Learned, weights: RowWeights) -> tuple[str, ...]:
    """Return a sentence where more numbers were learned than there are rows, and nothing holds them together."""
    rows, numbers = effective_rows(weights), sum(array.size for array in learned.values())
    if rows >= numbers or recipe.shrunk:
        return ()
    from_rows = f"{counted(numbers, 'number')} from {rows:.3g} row{'s' * (rows != 1)}"
    few = (
        f"{label(recipe).capitalize()} learned {from_rows}, which is few. Give more labelled rows, or take "
        f"{'a combiner' if isinstance(recipe, Combiner) else 'a stage'} that learns less."
    )
    return (few,)


@dataclasses.dataclass(frozen=True)
class FixedRule(Combiner):
    """A combiner that learns nothing: all it needs is its formula."""

    @final
    def given(self, members: Sequence[str]) -> Learned:
        """Return nothing, which is all that it needs."""
        del members
        return {}

    @final
    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return nothing: there is nothing to learn."""
        del predictions, labels, weights
        return Fit({})
