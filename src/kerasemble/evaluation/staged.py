"""What the stages after a combiner do, on rows that neither they nor the combiner saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.chain import Chain
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import label
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.stages.conformal_sets import ConformalSets
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.evaluation.analysis import Answered, Sets, Staged
from kerasemble.evaluation.crossfit import cross_fit_outputs
from kerasemble.evaluation.scored import Rows, Scored

# Of a fitted chain, by name: (samples, ...).
Outputs: TypeAlias = dict[str, npt.NDArray[Any]]


def score_stages(
    chain: Chain, name: str, added: Sequence[Stage], rows: Rows, folds: IntArray
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
    """
    found = [cross_fit_outputs(chain, rows.predictions, rows.labels, division, rows.weights) for division in folds]
    calibrators = [label(stage) for stage in added if stage.output is None]
    calibrated = f"{name}, then {' and '.join(calibrators)}" if calibrators else None
    answers = tuple(outputs["probabilities"] for outputs in found)
    entry = None if calibrated is None else Scored(calibrated, "combiner", answers)
    return _staged(name, calibrated, chain.stages, found, rows), entry


def score_fitted_stages(fitted: FittedCombiner, name: str, probabilities: FloatArray, rows: Rows) -> Staged | None:
    """Return what the stages of a fitted chain do on rows that it was not fitted to; None where it adds no output.

    Args:
        fitted: as an ensemble's record has it.
        name: of the ensemble, in the report.
        probabilities: (samples, classes) that the ensemble answered, calibrated.
        rows: with labels.
    """
    if not isinstance(fitted.combiner, Chain) or not fitted.combiner.output_names():
        return None
    learned = {key: array.astype(probabilities.dtype) for key, array in fitted.learned.items()}
    outputs = {"probabilities": probabilities, **fitted.combiner.outputs(probabilities, learned, np)}
    return _staged(name, None, fitted.combiner.stages, [outputs], rows)


def _staged(name: str, calibrated: str | None, stages: Sequence[Stage], found: Sequence[Outputs], rows: Rows) -> Staged:
    return Staged(
        combiner=name,
        calibrated=calibrated,
        sets=next((_sets(each, found, rows) for each in stages if isinstance(each, ConformalSets)), None),
        answered=next((_answered(each, found, rows) for each in stages if isinstance(each, Abstain)), None),
    )


def _sets(stage: ConformalSets, found: Sequence[Outputs], rows: Rows) -> Sets:
    """Return how often the sets hold the true class, and how large they are: the mean of all divisions into folds."""
    classes = len(rows.predictions.classes)
    mass = np.bincount(rows.labels, rows.weights, classes)
    held, shares = np.zeros(len(rows.labels)), np.zeros(classes + 1)
    for outputs in found:
        inside = outputs["prediction_set"]
        held += inside[np.arange(len(rows.labels)), rows.labels] / len(found)
        shares += np.bincount(inside.sum(axis=-1), rows.weights, classes + 1) / rows.weights.sum() / len(found)
    of_class = np.bincount(rows.labels, rows.weights * held, classes)
    return Sets(
        asked=stage.coverage,
        held=rows.mean(held),
        size=float(shares @ np.arange(classes + 1)),
        shares=tuple(shares.tolist()),
        held_by_class=tuple(float(one / all_) if all_ else None for one, all_ in zip(of_class, mass, strict=True)),
    )


def _answered(stage: Abstain, found: Sequence[Outputs], rows: Rows) -> Answered:
    """Return how many rows are answered, and how many of these wrongly, in all divisions into folds."""
    kept = np.stack([~outputs["abstain"] for outputs in found])
    wrong = np.stack([outputs["probabilities"].argmax(axis=-1) != rows.labels for outputs in found])
    mass = float((kept @ rows.weights).sum())
    return Answered(
        risk=stage.risk,
        confidence=stage.confidence,
        coverage=mass / float(rows.weights.sum()) / len(found),
        wrong=float(((kept & wrong) @ rows.weights).sum()) / mass if mass else None,
    )
