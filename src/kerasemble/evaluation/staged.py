"""What the stages after a combiner do, on rows that neither they nor the combiner saw."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.chain import Chain
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import label
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.stages.conformal_sets import ConformalSets
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.codes import Code
from kerasemble.evaluation.analysis import Answered, Covered, Sets, Staged
from kerasemble.evaluation.crossfit import cross_fit_outputs
from kerasemble.evaluation.folds import Grouping
from kerasemble.evaluation.scored import Rows, Scored
from kerasemble.evaluation.shares import share_of

# Of a fitted chain, by name: (samples, ...).
Outputs: TypeAlias = dict[str, npt.NDArray[Any]]

# How often one class or more, or one group or more, may be called undercovered in vain.
_MISTAKEN = 0.05


def score_stages(
    chain: Chain,
    name: str,
    added: Sequence[Stage],
    rows: Rows,
    folds: IntArray,
    groups: Grouping | None = None,
    fitted: FittedCombiner | None = None,
) -> tuple[Staged, Scored | None]:
    """Return what a chain's stages do, and the calibrated answers as something to score, None without a calibrator.

    The whole chain is fitted to all folds but one for each fold: so no threshold, temperature or weight has seen the
    row that it is judged on.

    Args:
        chain: the combiner and its stages.
        name: of the combiner, or of the member that is kept, in the report.
        added: those of the stages that what has this name has not.
        rows: with labels.
        folds: (repeats, samples) the fold of each row.
        groups: for each of which it is said how often sets hold the true class.
        fitted: the chain fitted to all rows, of which it is said how many it answers.
    """
    found = [cross_fit_outputs(chain, rows.predictions, rows.labels, division, rows.weights) for division in folds]
    calibrators = [label(stage) for stage in added if stage.output is None]
    calibrated = f"{name}, then {' and '.join(calibrators)}" if calibrators else None
    answers = tuple(outputs["probabilities"] for outputs in found)
    entry = None if calibrated is None else Scored(calibrated, "combiner", answers)
    staged = _staged(name, calibrated, chain.stages, found, rows, groups)
    if fitted is not None and staged.answered is not None:
        saved = rows.mean(~fitted.outputs(rows.predictions.only(fitted.members))["abstain"])
        staged = dataclasses.replace(staged, answered=dataclasses.replace(staged.answered, saved=saved))
    return staged, entry


def score_fitted_stages(
    fitted: FittedCombiner, name: str, probabilities: FloatArray, rows: Rows, groups: Grouping | None = None
) -> Staged | None:
    """Return what the stages of a fitted chain do on rows that it was not fitted to; None where it adds no output.

    Args:
        fitted: as an ensemble's record has it.
        name: of the ensemble, in the report.
        probabilities: (samples, classes) that the ensemble answered, calibrated.
        rows: with labels.
        groups: for each of which it is said how often sets hold the true class.
    """
    if not isinstance(fitted.combiner, Chain) or not fitted.combiner.output_names():
        return None
    learned = {key: array.astype(probabilities.dtype) for key, array in fitted.learned.items()}
    outputs = {"probabilities": probabilities, **fitted.combiner.outputs(probabilities, learned, np)}
    return _staged(name, None, fitted.combiner.stages, [outputs], rows, groups)


def _staged(
    name: str,
    calibrated: str | None,
    stages: Sequence[Stage],
    found: Sequence[Outputs],
    rows: Rows,
    groups: Grouping | None,
) -> Staged:
    return Staged(
        combiner=name,
        calibrated=calibrated,
        sets=next((_sets(each, found, rows, groups) for each in stages if isinstance(each, ConformalSets)), None),
        answered=next((_answered(each, found, rows) for each in stages if isinstance(each, Abstain)), None),
    )


def _sets(stage: ConformalSets, found: Sequence[Outputs], rows: Rows, groups: Grouping | None) -> Sets:
    """Return how often the sets hold the true class, and how large they are: the mean of all divisions into folds."""
    classes = rows.predictions.classes
    held, shares = np.zeros(len(rows.labels)), np.zeros(len(classes) + 1)
    for outputs in found:
        inside = outputs["prediction_set"]
        held += inside[np.arange(len(rows.labels)), rows.labels] / len(found)
        shares += np.bincount(inside.sum(axis=-1), rows.weights, len(shares)) / rows.weights.sum() / len(found)
    mean, low, high = share_of(held, rows.weights, rows.groups)
    return Sets(
        asked=stage.coverage,
        held=mean,
        size=float(shares @ np.arange(len(shares))),
        shares=tuple(shares.tolist()),
        by_class=stage.by_class,
        low=low,
        high=high,
        of_classes=_covered("class", rows.labels, classes, held, stage.coverage, rows),
        of_groups=() if groups is None else _covered("group", *groups, held, stage.coverage, rows),
    )


def _covered(
    kind: Literal["class", "group"],
    numbers: IntArray,
    names: Sequence[str],
    held: npt.NDArray[np.float64],
    asked: float,
    rows: Rows,
) -> tuple[Covered, ...]:
    """Return for each part of the rows how often (samples,) its sets hold the true class.

    Args:
        kind: of the parts.
        numbers: (samples,) the part of each row.
        names: of the parts.
        held: (samples,) how often the set of the row does.
        asked: for how often.
        rows: with their weights, and what stands together within a part.
    """
    order = np.argsort(numbers, kind="stable")
    parts = np.split(order, np.searchsorted(numbers[order], np.arange(1, len(names))))
    some = [(name, part) for name, part in zip(names, parts, strict=True) if part.size]
    code = Code.CLASS_UNDERCOVERED if kind == "class" else Code.GROUP_UNDERCOVERED
    result = []
    for name, part in some:
        groups = None if rows.groups is None or kind == "group" else rows.groups[part]
        mean, low, high = share_of(held[part], rows.weights[part], groups)
        # Of many parts some have bad luck: that none is accused in vain is to hold for all of them together.
        most = share_of(held[part], rows.weights[part], groups, 1 - _MISTAKEN / len(some)).high
        result.append(Covered(kind, name, len(part), mean, low, high, code if most < asked else None))
    return tuple(result)


def _answered(stage: Abstain, found: Sequence[Outputs], rows: Rows) -> Answered:
    """Return how many rows are answered, and how many of these wrongly, in all divisions into folds."""
    kept = np.mean([~outputs["abstain"] for outputs in found], axis=0)
    wrong = np.mean(
        [~outputs["abstain"] & (outputs["probabilities"].argmax(axis=-1) != rows.labels) for outputs in found], axis=0
    )
    some = np.flatnonzero(kept)
    coverage = rows.mean(kept)
    if not some.size:
        return Answered(stage.risk, stage.confidence, coverage, None, None, None)
    groups = None if rows.groups is None else rows.groups[some]
    mean, low, high = share_of(wrong[some] / kept[some], (rows.weights * kept)[some], groups)
    return Answered(stage.risk, stage.confidence, coverage, mean, low, high)
