"""A combiner and the stages that follow it, as one combiner."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, TypeVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner, few_rows
from kerasemble.combiners.fitted import Fit, FittedCombiner, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.stages import as_stage
from kerasemble.combiners.stages.base import Combined, Stage
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, blocks
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, rows_that_count
from kerasemble.solvers.folds import content_folds

AnyCombiner = TypeVar("AnyCombiner", bound=Combiner | FittedCombiner)

_FOLDS = 5


@final
@dataclasses.dataclass(frozen=True)
class Chain(Combiner):
    """A combiner followed by stages: calibrators, then those that add outputs.

    From (members, samples, ..., classes) to the calibrated probabilities (samples, ..., classes); `outputs` adds the
    others, such as `prediction_set` and `abstain`.

    Each stage learns from probabilities of rows that nothing before it has seen: the combiner is fitted to four fifths
    of the rows for each other fifth, and so is each calibrator. Then all of them are fitted to all rows.

    Args:
        combiner: what comes first.
        stages: what follows, in order.

    Raises:
        KerasembleError: something is no combiner or no stage, a calibrator follows a stage that adds an output, or two
            stages add the same.

    Example:
        >>> from kerasemble import Average, Chain, Predictions, Temperature
        >>> seen = Predictions.from_arrays({"a": [[0.6, 0.4], [0.3, 0.7]] * 50, "b": [[0.7, 0.3], [0.4, 0.6]] * 50})
        >>> fitted = Chain(Average(), (Temperature(),)).fit(seen, [0, 1] * 50)
        >>> fitted(seen)[0].round(2)
        array([0.98, 0.02], dtype=float32)

    Reference:
        Stone 1974, JRSS B 36(2), for learning each stage on what the one before it did not see.
    """

    # It warns of few rows itself, by stage.
    shrunk: ClassVar[bool] = True
    combiner: Combiner = dataclasses.field(default_factory=Average)
    stages: tuple[Stage, ...] = ()

    def check_options(self) -> None:
        """Freeze the stages, and refuse those that cannot follow each other."""
        from kerasemble.combiners import as_combiner  # which imports every combiner

        object.__setattr__(self, "combiner", as_combiner(self.combiner))
        if isinstance(self.combiner, Chain):
            msg = f"A chain begins with a combiner such as Average(). Received: {self.combiner!r}. List stages in one."
            raise KerasembleError(msg, code=Code.OPTION)
        object.__setattr__(self, "stages", as_stages(self.stages))

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the combiner's probabilities, calibrated."""
        probabilities = self.combiner.combine(values, learned, xp)
        for prefix, stage in self._named():
            if stage.output is None:
                probabilities = stage.apply(probabilities, _own(learned, prefix), xp)
        return probabilities

    def outputs(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> dict[str, Tensor]:
        """Return what the stages add to the probabilities, by name."""
        return {
            stage.output: stage.apply(probabilities, _own(learned, prefix), xp)
            for prefix, stage in self._named()
            if stage.output is not None
        }

    def output_names(self) -> tuple[str, ...]:
        """Return the names of the outputs that stages add."""
        return tuple(stage.output for stage in self.stages if stage.output is not None)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return what the combiner knows without labels, None where there are stages, which learn from them."""
        given = self.combiner.given(members)
        return None if self.stages else given

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return what the combiner and each stage learned."""
        seen, labels, weights = rows_that_count(predictions, labels, weights)
        known = self.combiner.given(seen.members)
        found = self.combiner.learn(seen, labels, weights) if known is None else Fit(known)
        warnings = [*found.warnings, *([] if known is not None else few_rows(self.combiner, found.learned, weights))]
        learned = dict(found.learned)
        if self.stages:
            fold = content_folds(seen, labels, weights, min(_FOLDS, seen.samples))
            unseen = self._unseen(seen, labels, weights, fold, found.learned)
        for place, (prefix, stage) in enumerate(self._named()):
            taught = stage.learn(unseen, labels, weights)
            warnings += [*taught.warnings, *few_rows(stage, taught.learned, weights)]
            learned |= {prefix + name: array for name, array in taught.learned.items()}
            if stage.output is None and place + 1 < len(self.stages):
                unseen = _calibrated(stage, unseen, labels, weights, fold, taught.learned)
        return Fit(learned, found.gap, tuple(warnings))

    def learn_unlabelled(self, predictions: Predictions) -> Fit | None:
        """Return what the combiner learns without labels; stages need them."""
        return None if self.stages else self.combiner.learn_unlabelled(predictions)

    def used(self, learned: Learned) -> IntArray | None:
        """Return the indices of the members that matter to the combiner."""
        return self.combiner.used(learned)

    def kept(self, learned: Learned, used: IntArray) -> Learned:
        """Return the combiner's arrays of some of the members, and the stages' as they are."""
        prefixes = tuple(prefix for prefix, _ in self._named())
        stages = {name: array for name, array in learned.items() if name.startswith(prefixes)}
        own = {name: array for name, array in learned.items() if name not in stages}
        return {**self.combiner.kept(own, used), **stages}

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return whether the combiner does, or a calibrator makes them."""
        calibrated = any(stage.output is None for stage in self.stages)
        return calibrated or self.combiner.gives_probabilities(labels_only=labels_only)

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64] | None:
        """Return the combiner's weights (members,)."""
        return self.combiner.weights_of(learned)

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return what the combiner learned, then what each stage did."""
        stages = "".join(f", then {stage.describe(_own(learned, prefix))}" for prefix, stage in self._named())
        return f": {label(self.combiner)}{self.combiner.describe(learned, members, classes)}{stages}"

    def _named(self) -> Iterator[tuple[str, Stage]]:
        """Yield each stage with how the names of its arrays begin, which are names of layers in the Keras model."""
        for number, stage in enumerate(self.stages, start=1):
            yield f"stage_{number}_", stage

    def _unseen(
        self, seen: Predictions, labels: IntArray, weights: RowWeights, fold: IntArray, learned: Learned
    ) -> Combined:
        """Return the combiner's probabilities (samples, classes), of each row by a fit that did not see it."""
        folds = int(fold.max()) + 1
        if folds == 1 or self.combiner.given(seen.members) is not None:
            return self._combined(seen, learned)
        outside = [np.where(fold == number, 0.0, weights) for number in range(folds)]
        result = np.empty((seen.samples, len(seen.classes)))
        for number, found in enumerate(self.combiner.learn_each(seen, labels, outside)):
            mine = np.flatnonzero(fold == number)
            result[mine] = self._combined(seen.rows(mine), found.learned)
        return result

    def _combined(self, seen: Predictions, learned: Learned) -> Combined:
        result = np.empty((seen.samples, len(seen.classes)))
        for rows in blocks(seen.samples, len(seen.members) * len(seen.classes), times=8):
            result[rows] = self.combiner.combine(seen.block(rows), learned, np)
        return result


def with_stages(combiner: AnyCombiner, stages: Sequence[Stage | str] | Stage | str) -> AnyCombiner | Chain:
    """Return the combiner followed by the stages, after those that it has; itself where there are none.

    Raises:
        KerasembleError: the combiner is fitted already, or the stages cannot follow it.
    """
    stages = as_stages(stages)
    if not stages:
        return combiner
    if isinstance(combiner, FittedCombiner):
        msg = "Stages learn together with their combiner, which is fitted already. Give its recipe, and call fit(x, y)."
        raise KerasembleError(msg)
    if isinstance(combiner, Chain):
        return Chain(combiner.combiner, (*combiner.stages, *stages))
    return Chain(combiner, stages)


def _own(learned: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return what one stage learned, by the names that it gave."""
    return {name.removeprefix(prefix): array for name, array in learned.items() if name.startswith(prefix)}


def _calibrated(
    stage: Stage, unseen: Combined, labels: IntArray, weights: RowWeights, fold: IntArray, learned: Learned
) -> Combined:
    """Return the calibrated probabilities (samples, classes), of each row by a calibrator that did not see it."""
    folds = int(fold.max()) + 1
    if folds == 1:
        return np.asarray(stage.apply(unseen, learned, np))
    result = np.empty_like(unseen)
    for number in range(folds):
        mine = fold == number
        result[mine] = stage.apply(unseen[mine], stage.learn(unseen[~mine], labels[~mine], weights[~mine]).learned, np)
    return result


def as_stages(stages: Sequence[Stage | str] | Stage | str) -> tuple[Stage, ...]:
    """Return the stages as a tuple.

    Raises:
        KerasembleError: one is no stage, or stands where it cannot.
    """
    listed = tuple(as_stage(stage) for stage in (stages if isinstance(stages, list | tuple) else (stages,)))
    names: dict[str, Stage] = {}
    for stage in listed:
        if stage.output is None and names:
            before = label(next(iter(names.values())))
            msg = f"{label(stage).capitalize()} comes after {before}, whose output it would make wrong. Put it before."
            raise KerasembleError(msg)
        if stage.output in names:
            msg = f"Two stages add the output '{stage.output}': {names[stage.output]} and {stage}. Leave one out."
            raise KerasembleError(msg)
        if stage.output is not None:
            names[stage.output] = stage
    return listed
