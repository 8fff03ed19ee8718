"""What the stages after a combiner do, on rows that neither they nor the combiner saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import Chain
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import label
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.stages.conformal_sets import ConformalSets
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.evaluation.analysis import Answered, Sets, Staged
from kerasemble.evaluation.crossfit import Pool, cross_fit_outputs
from kerasemble.evaluation.scored import Rows, Scored


def score_stages(
    chain: Combiner, name: str, rows: Rows, folds: IntArray, pool: Pool | None
) -> tuple[Staged, Scored | None]:
    """Return what a chain's stages do, and the calibrated answers as something to score, None without a calibrator.

    The whole chain is fitted to all folds but one for each fold: so no threshold, temperature or weight has seen the
    row that it is judged on.

    Args:
        chain: the combiner and its stages.
        name: of the combiner, or of the member that is kept, in the report.
        rows: with labels.
        folds: (samples,) the fold of each row.
        pool: which members are combined for a fold, where they are picked on the others; all where left out.
    """
    outputs = cross_fit_outputs(chain, rows.predictions, rows.labels, folds, rows.weights, pool)
    stages = chain.stages if isinstance(chain, Chain) else ()
    calibrators = [label(stage) for stage in stages if stage.output is None]
    calibrated = f"{name}, then {' and '.join(calibrators)}" if calibrators else None
    found = _staged(name, calibrated, stages, outputs, rows)
    entry = None if calibrated is None else Scored(calibrated, "combiner", (outputs["probabilities"],))
    return found, entry


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
    return _staged(name, None, fitted.combiner.stages, outputs, rows)


def _staged(
    name: str, calibrated: str | None, stages: Sequence[Stage], outputs: dict[str, npt.NDArray[Any]], rows: Rows
) -> Staged:
    return Staged(
        combiner=name,
        calibrated=calibrated,
        sets=next((_sets(each, outputs, rows) for each in stages if isinstance(each, ConformalSets)), None),
        answered=next((_answered(each, outputs, rows) for each in stages if isinstance(each, Abstain)), None),
    )


def _sets(stage: ConformalSets, outputs: dict[str, npt.NDArray[Any]], rows: Rows) -> Sets:
    """Return how often the sets hold the true class, and how large they are."""
    inside = outputs["prediction_set"]
    held = inside[np.arange(len(rows.labels)), rows.labels].astype(np.float64)
    sizes, classes = inside.sum(axis=-1), inside.shape[-1]
    mass = np.bincount(rows.labels, rows.weights, classes)
    of_class = np.bincount(rows.labels, rows.weights * held, classes)
    shares = np.bincount(sizes, rows.weights, classes + 1) / rows.weights.sum()
    return Sets(
        asked=stage.coverage,
        held=rows.mean(held),
        size=rows.mean(sizes.astype(np.float64)),
        shares=tuple(shares.tolist()),
        held_by_class=tuple(float(one / all_) if all_ else None for one, all_ in zip(of_class, mass, strict=True)),
    )


def _answered(stage: Abstain, outputs: dict[str, npt.NDArray[Any]], rows: Rows) -> Answered:
    """Return how many rows are answered, and how many of these wrongly."""
    kept = ~outputs["abstain"]
    wrong = outputs["probabilities"].argmax(axis=-1) != rows.labels
    mass = float(rows.weights @ kept)
    return Answered(
        risk=stage.risk,
        confidence=stage.confidence,
        coverage=mass / float(rows.weights.sum()),
        wrong=float(rows.weights @ (kept & wrong)) / mass if mass else None,
    )
