"""Members and combiners scored on the same rows, each on rows that its fit did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import Chain, with_stages
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.stages.base import Stage
from kerasemble.core.arrays import IntArray
from kerasemble.core.errors import warn
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.alone import best_alone
from kerasemble.evaluation.analysis import Staged
from kerasemble.evaluation.choice import Taken
from kerasemble.evaluation.crossfit import Pool, cross_fit
from kerasemble.evaluation.folds import CV
from kerasemble.evaluation.metrics import MetricName, asked_for
from kerasemble.evaluation.nested import Candidates, cross_fit_choice, take_on_all
from kerasemble.evaluation.picks import picks_of
from kerasemble.evaluation.plan import Plan, Settings, plan_of
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.scored import Rows, Scored, Table, best_on_others
from kerasemble.evaluation.staged import score_stages
from kerasemble.evaluation.summed import as_members, report_of
from kerasemble.evaluation.suspicions import lone_member
from kerasemble.evaluation.verdict import of_stages, verdict_of, within_limits


class Compared(NamedTuple):
    """A report, and what it says to use.

    Args:
        report: the numbers.
        combiner: the recipe that was chosen, `Average` of one where a member is kept.
        members: the names of those that it combines.
        fitted: the same fitted to all rows.
    """

    report: Report
    combiner: Combiner
    members: tuple[str, ...]
    fitted: FittedCombiner


def compare(
    predictions: Predictions,
    y: npt.ArrayLike,
    combiners: Iterable[Combiner | str] | None = None,
    *,
    cv: CV = 5,
    repeats: int | None = None,
    groups: npt.ArrayLike | None = None,
    metrics: Sequence[MetricName] | None = None,
    seed: int = 0,
    prefer: Combiner | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    costs: Mapping[str, float] | Sequence[float] | None = None,
    budget: float | None = None,
    max_members: int | None = None,
    stages: Sequence[Stage] = (),
) -> Report:
    """Score members and combiners on the same rows, and say whether combining is worth it.

    Combiners are cross-fitted: the rows are divided into `cv` stratified folds, and each row is scored with what was
    learned from the other folds. The default, `WeightedGeometricAverage` (`BayesianVote` where members give labels
    only), is taken unless another combiner is surely better than it: the 95 % interval of the difference is above
    zero. A member is kept where none of that is better than the best member. That choice is cross-fitted too, where
    there are three folds or more: for each fold it is made anew by fits and losses that saw nothing of that fold, so
    that the gain in the verdict is that of fitting and choosing together, and not that of a winner.

    Args:
        predictions: (members, samples, ..., classes) of data that the members were not trained on.
        y: (samples,) labels: class indices, names, or one-hot rows.
        combiners: the ones to compare, or their names; those of `default_combiners` where left out. The plain mean
            is always among them.
        cv: number of folds, at least 2; fewer where there are fewer rows or groups. "blocks" where rows are in the
            order of time and tell of their neighbours: runs of neighbours stay together, and are what varies.
        repeats: how often the rows are divided anew; where left out three times below 300 rows, and once above.
        groups: (samples,) the patient, site, video, ... of each row: no two folds share one, and intervals are those
            of groups drawn at random.
        metrics: names, such as "log loss", "brier", "accuracy", "balanced accuracy", "macro F1", "AUC",
            "top-3 accuracy", "ECE", "classwise ECE", names of scikit-learn's scorers, or functions as
            `GreedySelection` takes them; those that are defined on these labels where left out.
        seed: of the division into folds.
        prefer: the one of `combiners` that the verdict is about; the best where left out.
        sample_weight: (samples,) how much each row counts, where something is learned and in the scores.
        class_weight: "balanced", or how much the rows of each class count, by name or index; likewise. With "balanced"
            the accuracy is the balanced accuracy.
        costs: of the members in milliseconds a row, in order or by name; as they were measured where left out.
        budget: what all members that are kept may cost in milliseconds a row. They are picked in each fold by the
            others. A member that alone costs more is left out of the comparison.
        max_members: how many members may be kept; likewise.
        stages: what follows what is chosen, such as `Temperature()`; cross-fitted together with it. Combiners are
            compared without them.

    Returns:
        The scores, the intervals and the verdict; it prints itself.

    Raises:
        KerasembleError: labels do not fit the predictions, there are fewer than two rows, all have one label and
            something has to be learned, a metric is undefined on the labels, or `prefer` is not compared.

    Example:
        >>> import kerasemble as ke
        >>> a, b = [[0.9, 0.1], [0.4, 0.6]] * 20, [[0.8, 0.2], [0.3, 0.7]] * 20
        >>> seen = ke.Predictions.from_arrays({"a": a, "b": b})
        >>> ke.compare(seen, [0, 1] * 20, [ke.Average()]).verdict
        'keep b: no combination is better (log loss 0.290 against 0.297 of average).'
    """
    settings = Settings(
        cv, repeats, groups, metrics, seed, prefer, sample_weight, class_weight, costs, budget, max_members, stages
    )
    found = compared(predictions, y, combiners, settings)
    for warning in found.report.warnings:
        warn(warning)
    return found.report


def compared(
    predictions: Predictions,
    y: npt.ArrayLike,
    combiners: Iterable[Combiner | str] | None,
    settings: Settings,
) -> Compared:
    """Return `compare`'s report, whose warnings are still to be said, together with what was chosen.

    Raises:
        KerasembleError: as `compare`.
    """
    plan = plan_of(predictions, y, combiners, settings)
    rows, candidates, folds, prefer = plan.rows, plan.candidates, plan.folds, settings.prefer
    table = cross_fitted(rows, candidates, folds, [plan.pool(division) for division in folds])
    if prefer is None:
        taken, choice = take_on_all(table, candidates), cross_fit_choice(table, candidates, folds, plan.pool)
    else:
        taken, choice = Taken("combiner", candidates.recipes.index(prefer)), None
    recipe, fitted, members = _fit(plan, taken, settings.stages, predictions)
    staged, calibrated = _score_stages(plan, table, taken, recipe, settings.stages)
    scored = table if calibrated is None else table._replace(combined=[*table.combined, calibrated])
    report = report_of(scored, taken, plan.metrics, plan.priced, plan.units, settings.seed, staged)
    keeps = taken.kind == "member"
    report = dataclasses.replace(
        report,
        folds=int(folds.max()) + 1,
        repeats=len(folds),
        warnings=(*lone_member(predictions), *report.warnings, *plan.undefined),
        fitted="" if keeps and not staged else f"{fitted!r}.",
        weights=None if keeps else fitted.weights,
        choice=choice,
        asked=asked_for(settings.metrics, plan.metrics),
        opinion_pool=(recipe.combiner if isinstance(recipe, Chain) else recipe).opinion_pool,
    )
    alone = None
    if not keeps and (report.chosen.gain if choice is None else choice.gain).low > 0:
        own = table.combined[taken.position]
        alone = best_alone(candidates.recipes[taken.position], own, report.best_member.name, rows, folds[0])
    verdict = verdict_of(table, report, taken, asked=prefer is not None, alone=alone)
    verdict += within_limits(plan.limits, plan.priced, rows.predictions.members, fitted.members, plan.beyond)
    verdict += of_stages(report)
    return Compared(dataclasses.replace(report, verdict=verdict), recipe, members, fitted)


def _fit(
    plan: Plan, taken: Taken, stages: Sequence[Stage], given: Predictions
) -> tuple[Combiner, FittedCombiner, tuple[str, ...]]:
    """Return what is taken with its stages, the same fitted to all rows, and the members that it combines."""
    rows, seen = plan.rows, plan.rows.predictions
    pool = plan.pool(None)
    keeps = taken.kind == "member"
    members = (seen.members[taken.position],) if keeps else seen.members if pool is None else pool(())
    recipe: Combiner = Average() if keeps else plan.candidates.recipes[taken.position]
    recipe = with_stages(recipe, stages)
    fitted = recipe.fit(seen.only(members), rows.labels, sample_weight=rows.weights)
    left_out = () if keeps else tuple(name for name in given.members if name not in fitted.members)
    return recipe, dataclasses.replace(fitted, left_out=left_out), members


def _score_stages(
    plan: Plan, table: Table, taken: Taken, recipe: Combiner, added: Sequence[Stage]
) -> tuple[tuple[Staged, ...], Scored | None]:
    """Return what the stages of what is taken do, and its answers as stages that are added calibrate them."""
    if not isinstance(recipe, Chain) or not recipe.stages:
        return (), None
    entry = (table.members if taken.kind == "member" else table.combined)[taken.position]
    # A member that is kept is the same one for every fold.
    pools = [
        (lambda _unseen: (entry.name,)) if taken.kind == "member" else plan.pool(division) for division in plan.folds
    ]
    staged, calibrated = score_stages(recipe, entry.name, added, plan.rows, plan.folds, pools)
    return (staged,), calibrated


def cross_fitted(rows: Rows, candidates: Candidates, folds: IntArray, pools: Sequence[Pool | None]) -> Table:
    """Return members as they are and combiners cross-fitted.

    Args:
        rows: with labels.
        candidates: what is fitted.
        folds: (repeats, samples) the fold of each row.
        pools: for each division, which members are combined where some folds are unseen.
    """
    seen, labels = rows.predictions, rows.labels
    members = as_members(seen)
    losses = np.stack([each.losses(labels, rows.measure) for each in members])
    combined = []
    for name, recipe in zip(candidates.names, candidates.recipes, strict=True):
        answers = [
            cross_fit(recipe, seen, labels, division, rows.weights, pool)
            for division, pool in zip(folds, pools, strict=True)
        ]
        learns = recipe.given(seen.members) is None or pools[0] is not None
        combined.append(Scored(name, "combiner", tuple(answers if learns else answers[:1])))
    best = best_on_others(members, losses, rows.weights, folds)
    picks = picks_of(losses, rows.weights, folds, rows.groups)
    return Table(rows, members, combined, best, picks, combined[candidates.mean])
