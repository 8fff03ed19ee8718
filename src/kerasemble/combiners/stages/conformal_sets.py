"""A set of classes for each row that holds the true one as often as was asked."""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.stages.base import Combined, Stage, check_share
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError, Sentence
from kerasemble.core.row_weights import RowWeights, effective_rows

METHODS = ("lac", "aps", "raps")
# What float32 makes of equal numbers differs by less than this share of them, and by more than float64 makes of them.
_SAME = 1e-5
# Above this of one another's probability two classes are not tied.
_ABSOLUTE = 1e-6


@final
@dataclasses.dataclass(frozen=True)
class ConformalSets(Stage):
    """Add `prediction_set`: the classes that the true one is among in at least `coverage` of new rows.

    From probabilities (samples, ..., classes) to bool (samples, ..., classes). The most probable class is always in;
    a class that is tied with one that is in, is in.

    A class is in where its support is at least a threshold. Support is p_c for "lac", which makes the sets smallest on
    average; the probability of all classes less probable than c for "aps", which makes sets larger where the model
    is less sure; and that less penalty * max(0, rank - allowed) for "raps", which keeps long sets short. The threshold
    is the ceil((rows + 1) coverage)-th largest support that a true class had, so the coverage holds for rows that
    are drawn as those were, whatever the model. Where rows have weights they count as effective ones, (sum of
    weights)**2 / sum of squared weights, each with its share of that number.

    That is a mean over all rows: a rare class may be covered far less often. With `by_class` each class has a threshold
    of its own, from its own rows, so the coverage holds for the rows of each class. A class with fewer than coverage /
    (1 - coverage) rows is in every set, with a warning. A class that is tied with one that is in may then be out.

    Args:
        coverage: how often the true class must be in the set.
        method: "lac", "aps" or "raps".
        penalty: of each rank beyond `allowed`, for "raps".
        allowed: how many classes are not penalised, for "raps".
        by_class: whether the coverage holds for each class, and not only for the mean of all rows; with "lac" alone,
            whose sets are then the smallest that do so.

    Raises:
        KerasembleError: an option is out of its range, or `by_class` goes with another method than "lac".

    Example:
        >>> from kerasemble import Average, Chain, ConformalSets, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]] * 50})
        >>> fitted = Chain(Average(), (ConformalSets(0.9),)).fit(seen, [0, 1, 1] * 50)
        >>> fitted.outputs(seen)["prediction_set"][:3].tolist()
        [[True, False], [True, True], [False, True]]

    Reference:
        Sadinle, Lei and Wasserman 2019, JASA 114; Romano, Sesia and Candes 2020, NeurIPS; Angelopoulos, Bates, Malik
        and Jordan 2021, ICLR.
    """

    output: ClassVar[str | None] = "prediction_set"
    coverage: float = 0.95
    method: str = "lac"
    penalty: float = 0.1
    allowed: int = 2
    by_class: bool = False

    def check_options(self) -> None:
        """Refuse options out of their range."""
        check_share("coverage", self.coverage)
        if self.method not in METHODS:
            msg = f"method must be one of {', '.join(METHODS)}. Received: method={self.method!r}."
            raise KerasembleError(msg)
        if not isinstance(self.penalty, numbers.Real) or not 0 <= self.penalty < np.inf:
            msg = f"penalty must be finite and not negative. Received: penalty={self.penalty!r}."
            raise KerasembleError(msg)
        if not isinstance(self.allowed, numbers.Integral) or isinstance(self.allowed, bool) or self.allowed < 0:
            msg = f"allowed must be a whole number, not negative. Received: allowed={self.allowed!r}."
            raise KerasembleError(msg)
        if not isinstance(self.by_class, bool):
            msg = f"by_class must be True or False. Received: by_class={self.by_class!r}."
            raise KerasembleError(msg)
        if self.by_class and self.method != "lac":
            msg = f"Coverage by class needs method='lac'. Received: by_class=True, method={self.method!r}. Give 'lac'."
            raise KerasembleError(msg, code=Code.SETS_BY_CLASS_NEED_LAC)

    def learn(self, probabilities: Combined, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the support that a class needs to be in: one number, or (classes,) one for each class."""
        support, classes = self._of_true(probabilities, labels), probabilities.shape[1]
        part = labels if self.by_class else np.zeros_like(labels)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(1, classes if self.by_class else 1))
        found = [self._threshold(support[rows], weights[rows]) for rows in np.split(order, ends)]
        # Below all that a class can have: it is always in.
        threshold = np.array([-2.0 - self.penalty * classes if each is None else each for each in found])
        few = np.flatnonzero([each is None for each in found])
        return Fit({"threshold": threshold}, warnings=self._too_few(few, effective_rows(weights)))

    def apply(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return which classes are in."""
        threshold = learned["threshold"]
        # Rounding must not drop a class that stands at the threshold.
        least = threshold - _SAME * xp.absolute(threshold)
        most = xp.max(probabilities, axis=-1, keepdims=True)
        if self.method == "lac":
            return probabilities >= xp.minimum(least, most * (1 - _SAME))
        ascending = xp.sort(probabilities, axis=-1)
        # Summed from the least, so that what little is left beside a sure class is not lost in rounding.
        sums = xp.cumsum(ascending, axis=-1)
        support = xp.concatenate([xp.zeros_like(sums[..., :1]), sums[..., :-1]], axis=-1)
        if self.method == "raps":
            ranks = probabilities.shape[-1] + 1 - xp.cumsum(xp.ones_like(ascending), axis=-1)
            support = support - self.penalty * xp.maximum(ranks - self.allowed, 0.0)
            least = least - _ABSOLUTE
        # The least probable class that is in; beyond one where not even the first is.
        last = xp.min(xp.where(support >= least, ascending, 2.0), axis=-1, keepdims=True)
        return probabilities >= xp.minimum(last, most) * (1 - _SAME)

    def describe(self, learned: Learned) -> str:
        """Return the coverage and the method."""
        del learned
        return f"prediction sets of coverage {self.coverage:g}{' by class' * self.by_class} ({self.method})"

    def _threshold(self, support: npt.NDArray[np.float64], weights: RowWeights) -> float | None:
        """Return the support that enough of the rows reach, None where there are too few rows."""
        if not len(support):
            return None
        rows = effective_rows(weights)
        order = np.argsort(-support, kind="stable")
        reached = np.cumsum(weights[order]) / weights.sum() * rows
        # Less what rounding adds to a whole number of rows.
        enough = np.flatnonzero(reached >= self.coverage * (rows + 1) - 1e-9 * rows)
        return float(support[order[enough[0]]]) if enough.size else None

    def _too_few(self, few: IntArray, rows: float) -> tuple[str, ...]:
        """Return a sentence where all rows, or those of some classes by their indices, are too few."""
        if not few.size:
            return ()
        needed = math.ceil(self.coverage / (1 - self.coverage) - 1e-9)
        if not self.by_class:
            text = (
                f"Sets of coverage {self.coverage:g} need {needed} labelled rows. There are {rows:.3g}, so every class "
                "is in every set. Give more rows, or ask for less coverage."
            )
            return (Sentence(text, Code.SETS_TOO_FEW_ROWS),)
        text = (
            f"Sets of coverage {self.coverage:g} by class need {needed} labelled rows of each class. Classes with "
            f"fewer are in every set: {first(few)} (counted from 0). Give more rows of these, or ask for less coverage."
        )
        return (Sentence(text, Code.SETS_TOO_FEW_ROWS_OF_A_CLASS),)

    def _of_true(self, probabilities: Combined, labels: IntArray) -> npt.NDArray[np.float64]:
        """Return the support of the true class (samples,): the largest threshold at which it is in."""
        true = probabilities[np.arange(len(labels)), labels]
        if self.method == "lac":
            return true
        # As `apply` sees it: a class that is tied with others is in as soon as the first of them is.
        above = probabilities * (1 - _SAME) > true[:, None]
        tied = np.where(above, -1.0, probabilities).max(axis=1)
        support = np.where(above, 0.0, probabilities).sum(axis=1) - tied
        if self.method == "raps":
            support = support - self.penalty * np.maximum(above.sum(axis=1) + 1 - self.allowed, 0)
        return np.asarray(support)
