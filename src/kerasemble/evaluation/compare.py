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
from kerasemble.combiners.recipes import label
from kerasemble.combiners.stages.base import Stage
from kerasemble.core.arrays import IntArray, first
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.budget import Budget, Priced, affordable, as_costs, check_budget, pool_within
from kerasemble.evaluation.candidates import as_combiners, default_among, default_combiners, names_of, with_mean
from kerasemble.evaluation.choice import Taken
from kerasemble.evaluation.crossfit import Pool, cross_fit
from kerasemble.evaluation.folds import make_folds
from kerasemble.evaluation.metrics import Metric, MetricName, metrics_of
from kerasemble.evaluation.nested import Candidates, cross_fit_choice, take_on_all
from kerasemble.evaluation.picks import picks_of
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.scored import Rows, Scored, Table, best_on_others
from kerasemble.evaluation.staged import score_stages
from kerasemble.evaluation.summed import as_members, report_of, rows_of
from kerasemble.evaluation.suspicions import lone_member
from kerasemble.evaluation.verdict import by_confidence, of_stages, verdict_of, within_limits

PLAIN_MEAN = "average"


class Settings(NamedTuple):
    """How is compared: the options of `compare`."""

    cv: int = 5
    repeats: int | None = None
    groups: npt.ArrayLike | None = None
    metrics: Sequence[MetricName] | None = None
    seed: int = 0
    prefer: Combiner | None = None
    sample_weight: npt.ArrayLike | None = None
    class_weight: ClassWeight | None = None
    costs: Mapping[str, float] | Sequence[float] | None = None
    budget: float | None = None
    max_members: int | None = None
    stages: Sequence[Stage] = ()


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
    cv: int = 5,
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
        cv: number of folds, at least 2; fewer where there are fewer rows or groups.
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
    plan = _plan(predictions, y, combiners, settings)
    rows, candidates, folds = plan.rows, plan.candidates, plan.folds
    seen, prefer = rows.predictions, settings.prefer
    pools = [plan.pool(division) for division in folds]
    table = _table(rows, candidates, folds, pools)
    if prefer is None:
        taken, choice = take_on_all(table, candidates), cross_fit_choice(table, candidates, folds, plan.pool)
    else:
        taken, choice = Taken("combiner", candidates.recipes.index(prefer)), None
    alone = taken.kind == "member"
    recipe = Average() if alone else candidates.recipes[taken.position]
    kept = plan.pool(None)
    members = (seen.members[taken.position],) if alone else seen.members if kept is None else kept(())
    recipe = with_stages(recipe, settings.stages)
    fitted = recipe.fit(seen.only(members), rows.labels, sample_weight=rows.weights)
    if not alone:
        left_out = tuple(name for name in predictions.members if name not in fitted.members)
        fitted = dataclasses.replace(fitted, left_out=left_out)
    staged = None
    if isinstance(recipe, Chain) and settings.stages:
        name = (table.members if alone else table.combined)[taken.position].name
        # A member that is kept is the same one for every fold.
        pool = (lambda _unseen: members) if alone else pools[0]
        staged, calibrated = score_stages(recipe, name, rows, folds[0], pool)
        table = table if calibrated is None else table._replace(combined=[*table.combined, calibrated])
    report = report_of(table, taken, plan.metrics, plan.priced, plan.groups, settings.seed, staged)
    report = dataclasses.replace(
        report,
        folds=int(folds.max()) + 1,
        repeats=len(folds),
        warnings=(*lone_member(predictions), *report.warnings, *plan.undefined),
        fitted="" if alone and staged is None else f"{fitted!r}.",
        weights=None if alone else fitted.weights,
        choice=choice,
    )
    verdict = verdict_of(table, report, taken, asked=prefer is not None)
    if not alone and report.chosen.gain.low > 0 and not plan.limits.limits:
        own = table.combined[taken.position]
        verdict += by_confidence(candidates.recipes[taken.position], own, report.best_member.name, rows, folds[0])
    verdict += within_limits(plan.limits, plan.priced, seen.members, fitted.members, plan.beyond) + of_stages(report)
    return Compared(dataclasses.replace(report, verdict=verdict), recipe, members, fitted)


class _Plan(NamedTuple):
    """What is compared on which rows, by what, and within which limits."""

    rows: Rows
    groups: tuple[str, ...] | None
    candidates: Candidates
    metrics: tuple[Metric, ...]
    undefined: tuple[str, ...]
    limits: Budget
    priced: Priced
    beyond: tuple[str, ...]
    folds: IntArray

    def pool(self, division: IntArray | None) -> Pool | None:
        """Return which members are kept, by which folds are unseen; None where nothing is limited."""
        return pool_within(self.limits, self.priced, self.rows, division)


def _plan(
    predictions: Predictions, y: npt.ArrayLike, combiners: Iterable[Combiner | str] | None, settings: Settings
) -> _Plan:
    """Return what is to be done, all of it checked.

    Raises:
        KerasembleError: as `compare`.
    """
    rows, groups = rows_of(predictions, y, settings.groups, settings.sample_weight, settings.class_weight)
    if rows.predictions.samples < 2 or settings.cv < 2 or settings.repeats == 0:
        msg = (
            "Cross-fitting needs two labelled rows and two folds. "
            f"Received: {rows.predictions.samples} rows, cv={settings.cv}."
        )
        raise KerasembleError(msg)
    priced, limits = as_costs(settings.costs, predictions), Budget(settings.budget, settings.max_members)
    check_budget(limits, priced, predictions.members)
    within = affordable(limits, priced, predictions.members)
    beyond = tuple(name for name in predictions.members if name not in within)
    if beyond:
        # They cannot be kept, not even alone: so none of them is the best member either.
        rows = rows._replace(predictions=rows.predictions.only(within))
        priced = priced.only(predictions.positions(within))
    seen = rows.predictions
    recipes = with_mean(default_combiners(seen) if combiners is None else as_combiners(combiners))
    candidates = Candidates(recipes, names_of(recipes), default_among(recipes, seen))
    _check_candidates(rows, candidates, settings.prefer)
    metrics, undefined = metrics_of(settings.metrics, seen, rows.labels)
    folds = make_folds(rows.labels, rows.groups, settings.cv, settings.repeats, settings.seed)
    return _Plan(rows, groups, candidates, metrics, undefined, limits, priced, beyond, folds)


def _table(rows: Rows, candidates: Candidates, folds: IntArray, pools: Sequence[Pool | None]) -> Table:
    """Return members as they are and combiners cross-fitted."""
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
    return Table(rows, members, combined, best, picks, combined[candidates.names.index(PLAIN_MEAN)])


def _check_candidates(rows: Rows, candidates: Candidates, prefer: Combiner | None) -> None:
    """Refuse what cannot be compared, or cannot learn from these labels.

    Raises:
        KerasembleError: all rows are of one class and something has to be learned, or `prefer` is not compared.
    """
    recipes, classes = candidates.recipes, rows.predictions.classes
    if prefer is not None and prefer not in recipes:
        msg = f"prefer={prefer} is not among the combiners that are compared: {first(recipes)}. Add it to them."
        raise KerasembleError(msg)
    learns = next((each for each in recipes if each.given(rows.predictions.members) is None), None)
    if learns is not None and (rows.labels == rows.labels[0]).all():
        msg = (
            f"All {len(rows.labels)} rows are labelled '{classes[rows.labels[0]]}', so a {label(learns)} can learn "
            "nothing from them. Give rows of two classes or more. To score the members on these rows, compare only "
            "combiners that learn nothing: combiners=['average'] (--combiner average)."
        )
        raise KerasembleError(msg)
