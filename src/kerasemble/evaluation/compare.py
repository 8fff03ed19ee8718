"""Members and combiners scored on the same rows, each on rows that its fit did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.combiners import as_combiner
from kerasemble.combiners.base import Combiner, OpinionPool
from kerasemble.combiners.chain import Chain, as_stages, with_stages
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.select import Select
from kerasemble.combiners.stages.base import Stage
from kerasemble.core.arrays import IntArray
from kerasemble.core.codes import Code
from kerasemble.core.errors import said_while, warn
from kerasemble.core.predictions import Predictions, PredictionsLike, as_predictions
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.analysis import Staged
from kerasemble.evaluation.candidates import BEST, Candidates
from kerasemble.evaluation.choice import Taken
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.decide import decide
from kerasemble.evaluation.decision import Action, Caveat, Decision
from kerasemble.evaluation.folds import CV
from kerasemble.evaluation.forward import forward_choice, forward_table
from kerasemble.evaluation.metrics import MetricName, asked_for
from kerasemble.evaluation.nested import Chosen, cross_fit_choice, take_on_all
from kerasemble.evaluation.one_member import beside_one_member
from kerasemble.evaluation.options import Options, options_of
from kerasemble.evaluation.plan import Plan, Settings, plan_of
from kerasemble.evaluation.report import Kind, Report, Score
from kerasemble.evaluation.scored import Rows, Scored, Table
from kerasemble.evaluation.significance import Tested
from kerasemble.evaluation.staged import score_stages
from kerasemble.evaluation.summed import Shown, as_members, report_of
from kerasemble.evaluation.suspicions import lone_member
from kerasemble.evaluation.verdict import of_stages, sentences_of, within_limits


class Compared(NamedTuple):
    """A report, and what it says to use.

    Args:
        report: the numbers.
        combiner: the recipe that was chosen, `SingleBest` where a member is kept.
        members: the names of those that it combines.
        fitted: the same fitted to all rows.
    """

    report: Report
    combiner: Combiner
    members: tuple[str, ...]
    fitted: FittedCombiner


def compare(
    predictions: PredictionsLike,
    y: npt.ArrayLike,
    combiners: Iterable[Combiner | str] | None = None,
    *,
    cv: CV = 5,
    repeats: int | None = None,
    groups: npt.ArrayLike | None = None,
    metrics: Sequence[MetricName] | None = None,
    seed: int = 0,
    prefer: Combiner | str | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    costs: Mapping[str, float] | Sequence[float] | None = None,
    budget: float | None = None,
    max_members: int | None = None,
    stages: Sequence[Stage | str] = (),
    select_by: str | None = None,
) -> Report:
    """Score members and combiners on the same rows, and say whether combining is worth it.

    Combiners are cross-fitted: the rows are divided into `cv` stratified folds, and each row is scored with what was
    learned from the other folds. So is what they have to beat: the best member, as it is picked in each fold by the
    others, as it is and with all members recalibrated.

    The default, `WeightedGeometricAverage` (`BayesianVote` where members give labels only; the plain mean where it is
    not among `combiners`), is taken unless another combiner is better by more than the standard error of the
    difference. A member is kept where it is better by as much, or loses no more and the standard error is below 0.02.
    What gives shares of votes and no probabilities is not chosen by log loss. The choice is cross-fitted too, where
    there are three folds or more: for each fold it is made anew by fits and losses that saw nothing of that fold, so
    that the gain in the verdict is that of fitting and choosing together, and not that of a winner.

    Args:
        predictions: of data that the members were not trained on; or arrays of probabilities as
            `Predictions.from_arrays` takes them, by name or in a list.
        y: (samples,) labels: class indices, names, or one-hot rows.
        combiners: the ones to compare, or their names; those of `default_combiners` where left out. The plain mean
            is always among them.
        cv: number of folds, at least 2; fewer where there are fewer rows or groups. "blocks" where rows are in the
            order of time and tell of their neighbours: runs of neighbours stay together, and are what varies.
            "forward" where the ensemble will be used on later rows: each of ten blocks is scored by what was fitted
            and chosen on the blocks before it, and the first is not scored.
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
        select_by: "log loss", "brier", "accuracy" or "balanced accuracy": what the best member, the choice and the
            verdict go by; log loss where left out, unless all that is asked for are votes, which only accuracy can
            judge.

    Returns:
        The scores, the intervals and the verdict; it prints itself.

    Raises:
        KerasembleError: labels do not fit the predictions, there are fewer than two rows, all have one label and
            something has to be learned, a metric is undefined on the labels, or `prefer` is not compared.

    Example:
        >>> import kerasemble as ke
        >>> a, b = [[0.9, 0.1], [0.4, 0.6]] * 20, [[0.8, 0.2], [0.3, 0.7]] * 20
        >>> seen = ke.Predictions.from_arrays({"a": a, "b": b})
        >>> report = ke.compare(seen, [0, 1] * 20, [ke.Average()])
        >>> report.verdict
        'Keep b, recalibrated: no combination is better (log loss 0.2157; average has 0.2967).'
        >>> report.decision.action.value, report.decision.subject, round(report.decision.loss, 4)
        ('keep-member', 'best member, recalibrated', 0.2157)
    """
    predictions = as_predictions(predictions)
    prefer = None if prefer is None else as_combiner(prefer)
    stages = as_stages(stages)
    settings = Settings(
        cv,
        repeats,
        groups,
        metrics,
        seed,
        prefer,
        sample_weight,
        class_weight,
        costs,
        budget,
        max_members,
        stages,
        select_by,
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
    rows, candidates, folds = plan.rows, plan.candidates, plan.folds
    asked = plan.prefer is not None
    table, options, nested = _scored(plan)
    taken = Taken(plan.prefer) if plan.prefer is not None else take_on_all(table, candidates)
    table, of_one = beside_one_member(plan, table, candidates.recipes[taken.position])
    if of_one is not None and nested is not None:
        nested = nested.over(table)
    recipe = with_stages(candidates.recipes[taken.position], settings.stages)
    with said_while() as said_of_fit:
        fitted = recipe.fit(rows.predictions, rows.names, sample_weight=rows.weights)
    members = fitted.members
    subject = table.combined[taken.position]
    if taken.position == candidates.best and not (table.members[0].certain and rows.by_probabilities):
        # The best member as it is kept is the one of all rows, which has a row of its own.
        subject = next(each for each in table.members if each.name == members[0])
    fitted = dataclasses.replace(
        fitted, left_out=tuple(name for name in predictions.members if name not in fitted.members)
    )
    staged, calibrated = _score_stages(plan, subject, recipe, settings.stages, fitted)
    scored = table if calibrated is None else table._replace(combined=[*table.combined, calibrated])
    shown = Shown(table.best_member, subject, None if nested is None else nested.entry)
    report = report_of(
        scored, shown, plan.metrics, plan.priced, plan.units.of(table.rows.positions), settings.seed, staged
    )
    decision = _decide(table, taken, candidates, subject, nested, options, folds=int(folds.max()) + 1, asked=asked)
    if of_one is not None:
        decision = dataclasses.replace(decision, calibrated_member=of_one)
    if decision.subject == BEST:
        decision = dataclasses.replace(decision, member=members[0])
    dependent = any(getattr(each, "code", None) is Code.DEPENDENT for each in report.warnings)
    if dependent and decision.action is Action.COMBINE:
        decision = dataclasses.replace(decision, caveats=(*decision.caveats, Caveat.DEPENDENT_ROWS))
    report = dataclasses.replace(
        report,
        scores=tuple(_as_decided(score, decision) if score.kind == "choice" else score for score in report.scores),
        folds=int(folds.max()) + 1,
        repeats=len(folds),
        warnings=(*lone_member(predictions), *report.warnings, *said_of_fit, *plan.undefined),
        fitted=f"{fitted!r}.",
        weights=fitted.weights,
        choice=None if nested is None else nested.choice,
        asked=asked_for(settings.metrics, plan.metrics),
        opinion_pool=_opinion_pool(recipe),
        decision=decision,
        best=fitted,
    )
    said = [
        *sentences_of(decision),
        *within_limits(plan.limits, plan.priced, rows.predictions.members, fitted.members, plan.beyond),
        *of_stages(report),
    ]
    return Compared(dataclasses.replace(report, verdict=" ".join(said)), recipe, members, fitted)


def _scored(plan: Plan) -> tuple[Table, Options, Chosen | None]:
    """Return what is compared, in folds or in the order of time, and the choice unless a combiner was asked for."""
    candidates, folds = plan.candidates, plan.folds
    if plan.forward:
        blocks = folds[0]
        later = blocks[blocks > 0] - 1
        table = forward_table(plan.rows, candidates, blocks)
        options = options_of(table.rows, later[None])
        return table, options, None if plan.prefer is not None else forward_choice(table, candidates, later)
    options = options_of(plan.rows, folds)
    table = cross_fitted(plan.rows, candidates, folds, options)
    return table, options, None if plan.prefer is not None else cross_fit_choice(table, candidates, folds, options)


def _as_decided(score: Score, decision: Decision) -> Score:
    """Return the score of the choice with the intervals of the decision, which count how the choice varies."""
    return dataclasses.replace(score, gain=decision.gain, over_mean=decision.over_mean)


def _decide(
    table: Table,
    taken: Taken,
    candidates: Candidates,
    subject: Scored,
    nested: Chosen | None,
    options: Options,
    *,
    folds: int,
    asked: bool,
) -> Decision:
    """Return what to use: by the score of the choice, or of the combiner that was asked for."""
    rows, best, fair = table.rows, table.best_member, table.recalibrated or table.best_member
    if nested is None:
        own, doubt = subject.losses(rows), subject.doubt()

        def over(baseline: Scored, added: float) -> Tested:
            return rows.tested(baseline.losses(rows), own, added, rows.unseen(baseline.doubt(), doubt))

        of_combining = over(fair, options.of_recalibrated(rows))
        enough = of_combining.enough
        gains = (over(best, options.of_raw(rows)).interval, of_combining.interval, over(table.mean, 0.0).interval)
    else:
        enough = nested.choice.enough
        gains = (nested.choice.gain, nested.choice.combining, nested.choice.over_mean)
    gain, combining, over_mean = gains
    decision = decide(
        table,
        subject,
        subject if nested is None else nested.entry,
        gain=gain,
        combining=combining,
        over_mean=over_mean,
        choice=None if nested is None else nested.choice,
        rivals=tuple(table.combined[position] for position in candidates.eligible),
        not_surely=None if taken.not_surely is None else table.combined[taken.not_surely].name,
        folds=folds,
        asked=asked,
        enough=enough,
    )
    mended = int(np.argmin(options.recalibrated @ rows.weights))
    return dataclasses.replace(decision, calibrated_member=rows.predictions.members[mended])


def _opinion_pool(recipe: Combiner) -> OpinionPool | None:
    while isinstance(recipe, Chain | Select):
        recipe = recipe.combiner
    return recipe.opinion_pool


def _score_stages(
    plan: Plan, subject: Scored, recipe: Combiner, added: Sequence[Stage], fitted: FittedCombiner
) -> tuple[tuple[Staged, ...], Scored | None]:
    """Return what the stages of what is taken do, and its answers as stages that are added calibrate them."""
    if not isinstance(recipe, Chain) or not recipe.stages:
        return (), None
    staged, calibrated = score_stages(recipe, subject.name, added, plan.rows, plan.folds, plan.units.named, fitted)
    return (staged,), calibrated


def cross_fitted(rows: Rows, candidates: Candidates, folds: IntArray, options: Options) -> Table:
    """Return members as they are and candidates cross-fitted.

    Args:
        rows: with labels.
        candidates: what is fitted.
        folds: (repeats, samples) the fold of each row.
        options: the members that the best one is picked from.
    """
    seen, combined = rows.predictions, []
    for position, (name, recipe) in enumerate(zip(candidates.names, candidates.recipes, strict=True)):
        # What learns nothing answers alike in every division.
        divisions = folds if recipe.given(seen.members) is None else folds[:1]
        answers = [cross_fit(recipe, seen, rows.labels, division, rows.weights) for division in divisions]
        kind: Kind = "baseline" if position in candidates.baselines else "combiner"
        combined.append(Scored(name, kind, tuple(answers)))
    best, recalibrated, mean = (
        combined[position] for position in (candidates.best, candidates.recalibrated, candidates.mean)
    )
    return Table(rows, as_members(seen), combined, best, recalibrated, mean, options.picks)
