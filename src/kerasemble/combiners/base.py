"""What every combiner is: a small frozen recipe whose `fit` gives something that can predict."""

from __future__ import annotations

import abc
import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Alignment
from kerasemble.core.arrays import FloatArray, IntArray, Tensor, Vocabulary, blocks
from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import encode_labels
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task

# Arrays by name. In the Keras model each becomes a trainable weight of that name.
Learned: TypeAlias = Mapping[str, npt.NDArray[np.float64]]


@dataclasses.dataclass(frozen=True)
class Combiner(abc.ABC):
    """A recipe for making one prediction out of the members'.

    A new combiner is one file in this folder: a frozen dataclass, decorated `@final`, whose fields are numbers,
    strings or tuples of them, with the methods below. The registry, the command line, `auto`, the saved ensemble
    and the contract tests find it by itself.

    Example:
        >>> from kerasemble import MajorityVote, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1]], "b": [[0.2, 0.8]], "c": [[0.3, 0.7]]})
        >>> MajorityVote().fit(seen)(seen).round(2)
        array([[0.33, 0.67]], dtype=float32)
    """

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
    def learn(self, predictions: Predictions, labels: IntArray) -> Learned:
        """Return what the predictions and the class indices (samples,) teach."""

    def settled(self, samples: int) -> Combiner:
        """Return this recipe with all that it takes from the number of rows settled for `samples`.

        A comparison fits it to parts of the rows; what it estimates must be the recipe that is then fitted to all.
        """
        del samples
        return self

    @final
    def fit(self, predictions: Predictions, y: npt.ArrayLike | None = None) -> FittedCombiner:
        """Return this recipe together with what it learned.

        Args:
            predictions: of the members that will be combined.
            y: (samples,) labels: class indices, names, or one-hot rows; not needed where nothing is learned.

        Raises:
            KerasembleError: labels are needed and missing, or do not fit the predictions.
        """
        learned = self.given(predictions.members)
        if learned is None:
            if y is None:
                msg = f"{type(self).__name__} learns from labels. Give them: fit(predictions, y)."
                raise KerasembleError(msg)
            labels = encode_labels(y, predictions.classes, predictions.samples, ordered=predictions.ordered)
            learned = self.learn(predictions, labels)
        source = predictions
        return FittedCombiner(self, learned, source.members, source.classes, source.task, source.alignment)


@dataclasses.dataclass(frozen=True)
class FixedRule(Combiner):
    """A combiner that learns nothing: all it needs is its formula."""

    @final
    def given(self, members: Sequence[str]) -> Learned:
        """Return nothing, which is all that it needs."""
        del members
        return {}

    @final
    def learn(self, predictions: Predictions, labels: IntArray) -> Learned:
        """Return nothing: there is nothing to learn."""
        del predictions, labels
        return {}


@final
@dataclasses.dataclass(frozen=True, eq=False)
class FittedCombiner:
    """A combiner that can predict: its recipe, what it learned, and for which members and classes.

    Call it with `Predictions` of the same members to get their combination as (samples, ..., classes).
    """

    combiner: Combiner
    learned: Learned
    members: tuple[str, ...]
    classes: tuple[str, ...]
    task: Task
    alignment: Alignment | None = None

    def __call__(self, predictions: Predictions) -> FloatArray:
        """Return the combined probabilities (samples, ..., classes), in the dtype of the predictions.

        Computed in float64, in blocks of samples, so that little memory is needed beyond the result.

        Raises:
            KerasembleError: the predictions are of other members or classes.
        """
        if predictions.classes != self.classes:
            msg = f"Fitted for the classes {self.classes}. Received predictions over {predictions.classes}."
            raise KerasembleError(msg)
        if predictions.members != self.members:
            predictions = predictions.only(self.members)
        values = predictions.values
        result = np.empty(values.shape[1:], dtype=values.dtype)
        for rows in blocks(predictions.samples, values[:, :1].size):
            result[rows] = self.combiner.combine(values[:, rows].astype(np.float64), self.learned, np)
        return result

    @property
    def weights(self) -> dict[str, float] | None:
        """The members' weights by name, or None where this combiner has none."""
        read = getattr(self.combiner, "weights_of", None)
        return None if read is None else dict(zip(self.members, read(self.learned).tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        return {
            "combiner": recipe_to_json(self.combiner),
            "learned": {name: array.tolist() for name, array in self.learned.items()},
            "members": list(self.members),
            "classes": list(self.classes),
            "task": self.task.value,
            "alignment": None if self.alignment is None else self.alignment.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FittedCombiner:
        """Return what `to_json` described."""
        return cls(
            recipe_from_json(data["combiner"]),
            {name: np.asarray(array, dtype=np.float64) for name, array in data["learned"].items()},
            tuple(data["members"]),
            tuple(data["classes"]),
            Task(data["task"]),
            None if data["alignment"] is None else Alignment.from_json(data["alignment"]),
        )

    def __repr__(self) -> str:
        """Say what was learned, as a person reads it."""
        weights = self.weights
        if weights is None:
            return f"Fitted {label(self.combiner)} of {len(self.members)} members ({', '.join(self.members)})"
        listed = ", ".join(f"{name} {weight:.3f}" for name, weight in weights.items())
        return f"Fitted {label(self.combiner)}: {listed}"


def name_of(combiner: type[Combiner] | Combiner) -> str:
    """Return the combiner's name on the command line and in files: WeightedAverage -> "weighted-average"."""
    kind = combiner if isinstance(combiner, type) else type(combiner)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def label(combiner: type[Combiner] | Combiner) -> str:
    """Return the combiner's name in a sentence: WeightedAverage -> "weighted average"."""
    return name_of(combiner).replace("-", " ")


def recipe_to_json(combiner: Combiner) -> dict[str, Any]:
    """Return the combiner's name and its options."""
    return {"name": name_of(combiner), **dataclasses.asdict(combiner)}


def recipe_from_json(data: Mapping[str, Any]) -> Combiner:
    """Return the combiner that `recipe_to_json` described.

    Raises:
        KerasembleError: no combiner has that name.
    """
    from kerasemble.combiners import find

    options = {key: _frozen(value) for key, value in data.items() if key != "name"}
    return find(data["name"])(**options)


def _frozen(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
