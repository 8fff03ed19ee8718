"""What every stage after a combiner is: a small frozen recipe that learns from the combination's probabilities."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import Recipe
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary
from kerasemble.core.options import check_number
from kerasemble.core.row_weights import RowWeights

# (samples, classes) probabilities of the combination, of rows that its fit did not see.
Combined = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Stage(Recipe, abc.ABC):
    """A recipe for what happens to the combined probabilities.

    A stage without an `output` is a calibrator: its answer takes the place of the probabilities. One with an `output`
    adds an output of that name to the model and leaves the probabilities as they are. A new stage is a frozen
    dataclass, decorated `@final`, whose options are numbers, strings or tuples of them, with the methods below.

    Example:
        >>> from kerasemble import Average, Chain, Predictions, Temperature
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.4, 0.6]] * 50})
        >>> Chain(Average(), (Temperature(),)).fit(seen, [0, 1] * 50)
        Fitted chain: average of 1 member (a), then temperature 0.1454
    """

    # The name of the output that the stage adds; None for a calibrator.
    output: ClassVar[str | None] = None
    # Whether what is learned is pulled toward leaving the probabilities alone. If not, few rows are warned of.
    shrunk: ClassVar[bool] = True

    @abc.abstractmethod
    def learn(self, probabilities: Combined, labels: IntArray, weights: RowWeights) -> Fit:
        """Return what the rows teach: finite arrays by name, in the order of classes where they have one.

        Args:
            probabilities: (samples, classes) of the combination.
            labels: (samples,) class indices.
            weights: (samples,) how much each row counts, all above zero; only ratios matter.
        """

    @abc.abstractmethod
    def apply(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the stage's answer: the formula, once for NumPy and for the Keras graph.

        Args:
            probabilities: (samples, ..., classes).
            learned: what `learn` returned, array by array.
            xp: `numpy` or `keras.ops`; use only words that both have.

        Returns:
            (samples, ..., classes) probabilities of a calibrator; of another stage, its output, whose first axis is
            that of the samples.
        """

    @abc.abstractmethod
    def describe(self, learned: Learned) -> str:
        """Return in a few words what was learned, for a person."""


def check_share(name: str, value: object) -> None:
    """Refuse what is not a number between zero and one, both excluded.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    check_number(name, value, lambda number: 0 < number < 1, "a number between 0 and 1, both excluded")
