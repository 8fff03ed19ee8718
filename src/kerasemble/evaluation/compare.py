"""Members and combiners scored on the same rows, each on rows that its fit did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.combiners import find
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import label
from kerasemble.core.arrays import FloatArray, IntArray, first
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.labels import encode_labels
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight, row_weights, rows_that_count
from kerasemble.evaluation.choice import Rows, default_among, default_combiners, picked_on_others, surely_best
from kerasemble.evaluation.crossfit import cross_fit, stratified_folds
from kerasemble.evaluation.report import Measure, Report, Score
from kerasemble.evaluation.significance import paired_interval
from kerasemble.evaluation.suspicions import lone_member, suspicions
from kerasemble.evaluation.verdict import against_the_mean, by_confidence, in_words

# Losses closer than this are equal.
_TIE = 1e-6


def compare(
    predictions: Predictions,
    y: npt.ArrayLike,
    combiners: Iterable[Combiner | str] | None = None,
    *,
    cv: int = 5,
    seed: int = 0,
    prefer: Combiner | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
) -> Report:
    """Score members and combiners on the same rows, and say whether combining is worth it.

    Combiners are cross-fitted: the rows are divided into `cv` stratified folds, and each row is scored with what was
    learned from the other folds. The default, `WeightedGeometricAverage` (`BayesianVote` where members give labels
    only), is taken unless another combiner is surely better than it: the 95 % interval of the difference is above
    zero. A member is kept where none of that is better than the best member, which is picked on the other folds for
    this. The choice is made on the scores that are shown, so the winner's is slightly optimistic; score the saved
    ensemble on rows of their own for the last word.

    Args:
        predictions: (members, samples, ..., classes) of data that the members were not trained on.
        y: (samples,) labels: class indices, names, or one-hot rows.
        combiners: the ones to compare, or their names; those of `default_combiners` where left out.
        cv: number of folds, at least 2; fewer where there are fewer rows.
        seed: of the division into folds.
        prefer: the one of `combiners` that the verdict is about; the best where left out.
        sample_weight: (samples,) how much each row counts, where something is learned and in the scores.
        class_weight: "balanced", or how much the rows of each class count, by name or index; likewise. With "balanced"
            the accuracy is the balanced accuracy.

    Returns:
        The scores, the intervals and the verdict; it prints itself.

    Raises:
        KerasembleError: labels do not fit the predictions, there are fewer than two rows, or `prefer` is not compared.

    Example:
        >>> import kerasemble as ke
        >>> a, b = [[0.9, 0.1], [0.4, 0.6]] * 20, [[0.8, 0.2], [0.3, 0.7]] * 20
        >>> seen = ke.Predictions.from_arrays({"a": a, "b": b})
        >>> ke.compare(seen, [0, 1] * 20, [ke.Average()]).verdict
        'keep b: no combination is better (log loss 0.290 against 0.297 of average).'
    """
    labels = encode_labels(y, predictions.classes, predictions.samples, ordered=predictions.ordered)
    # From here on labels are indices into the classes, whoever's order that is.
    predictions = dataclasses.replace(predictions, ordered=True)
    if predictions.samples < 2 or cv < 2:
        msg = f"Cross-fitting needs two labelled rows and two folds. Received: {predictions.samples} rows, cv={cv}."
        raise KerasembleError(msg)
    weights = row_weights(labels, predictions.classes, sample_weight, class_weight)
    if np.count_nonzero(weights) < 2:
        msg = "Only one row has a weight above zero. Cross-fitting needs two."
        raise KerasembleError(msg)
    predictions, labels, weights = rows_that_count(predictions, labels, weights)
    folds = stratified_folds(labels, min(cv, predictions.samples), seed)
    chosen_from = default_combiners(predictions) if combiners is None else _as_combiners(combiners)
    if prefer is not None and prefer not in chosen_from:
        msg = f"prefer={prefer} is not among the combiners that are compared: {first(chosen_from)}. Add it to them."
        raise KerasembleError(msg)
    names = _names(chosen_from)
    preferred = None if prefer is None else names[chosen_from.index(prefer)]
    fits = [cross_fit(combiner, predictions, labels, folds, weights) for combiner in chosen_from]
    scored = Rows(predictions, labels, weights)
    default = default_among(chosen_from, predictions)
    plan = Plan(folds, preferred, None if default is None else names[default])
    report = _report(scored, list(zip(names, fits, strict=True)), plan)
    verdict = report.verdict
    if report.chosen.kind == "combiner" and report.chosen.gain.low > 0:
        index = names.index(report.chosen.name)
        verdict += by_confidence(chosen_from[index], fits[index], report.best_member.name, scored, folds)
    report = dataclasses.replace(report, verdict=verdict, warnings=(*lone_member(predictions), *report.warnings))
    for warning in report.warnings:
        warn(warning)
    return report


def score(predictions: Predictions, y: npt.ArrayLike, ensembles: Sequence[str] = ()) -> Report:
    """Score models as they are, nothing fitted: for ensembles on data that nobody has seen.

    Args:
        predictions: of the models, an ensemble among them or not.
        y: (samples,) labels: class indices, names, or one-hot rows.
        ensembles: names of those that are to be compared with the best of the others.

    Returns:
        The scores, where `ensembles` count as combiners of the others.

    Raises:
        KerasembleError: labels do not fit the predictions, there are fewer than two rows, or no such ensemble.
    """
    labels = encode_labels(y, predictions.classes, predictions.samples, ordered=predictions.ordered)
    if predictions.samples < 2:
        msg = f"Scoring needs at least two labelled rows. Received: {predictions.samples}."
        raise KerasembleError(msg)
    members = [name for name in predictions.members if name not in ensembles]
    combined = [(name, next(predictions.only([name]).each())) for name in ensembles] if members else []
    rows = Rows(predictions.only(members or predictions.members), labels, np.ones(len(labels)))
    report = _report(rows, combined, Plan(np.zeros(len(labels), dtype=np.int64)))
    for warning in report.warnings:
        warn(warning)
    return report


def choose(report: Report, combiners: Sequence[Combiner]) -> Combiner | str:
    """Return what `auto` takes: the chosen combiner of a comparison of `combiners`, or a member's name."""
    if report.chosen.kind == "member":
        return report.chosen.name
    return combiners[_names(combiners).index(report.chosen.name)]


def _as_combiners(given: Iterable[Combiner | str]) -> list[Combiner]:
    """Return combiners, those given by name with their defaults."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        msg = f"combiners must be a list of combiners or of their names. Received: combiners={given!r}."
        raise KerasembleError(msg)
    made = [find(each)() if isinstance(each, str) else each for each in given]
    wrong = [each for each in made if not isinstance(each, Combiner)]
    if wrong:
        msg = f"combiners must be recipes, such as Average(), or their names. Received: {wrong[0]!r}."
        raise KerasembleError(msg)
    return made


def _names(combiners: Sequence[Combiner]) -> list[str]:
    """Return each combiner's name in a sentence; with its options where two are of one kind."""
    kinds = [label(combiner) for combiner in combiners]
    pairs = zip(combiners, kinds, strict=True)
    names = [kind if kinds.count(kind) == 1 else repr(combiner) for combiner, kind in pairs]
    alike = sorted({name for name in names if names.count(name) > 1})
    if alike:
        msg = f"Two of the combiners to compare are called alike: {first(alike)}. Give each once, functions by a name."
        raise KerasembleError(msg)
    return names


class Plan(NamedTuple):
    """How it is scored: each row's fold (samples,), all zero where nothing is fitted; and names of combiners.

    `preferred` is the one that was asked for, `default` the one that is taken unless another is surely better.
    """

    folds: IntArray
    preferred: str | None = None
    default: str | None = None


def _report(rows: Rows, combined: Sequence[tuple[str, FloatArray]], plan: Plan) -> Report:
    """Return the scores of members and of what was combined, and the verdict."""
    predictions, labels, weights = rows
    count = int(plan.folds.max()) + 1
    measure: Measure = "error rate" if predictions.labels_only else "log loss"
    losses = np.array([rows.losses(values, measure) for values in predictions.each()])
    baseline = losses[int(np.argmin([rows.mean(loss) for loss in losses]))]

    def scored(name: str, kind: Literal["member", "combiner"], values: FloatArray) -> Score:
        certain = kind == "member" and predictions.labels_only
        log_loss = None if certain else rows.mean(log_losses(values, labels))
        gain = paired_interval(baseline, rows.losses(values, measure), weights)
        return Score(name, kind, rows.mean(hits(values, labels)), log_loss, gain)

    members = [
        scored(name, "member", values) for name, values in zip(predictions.members, predictions.each(), strict=True)
    ]
    candidates = [scored(name, "combiner", values) for name, values in combined]
    best_member = min(members, key=lambda each: each.loss(measure))
    picked = rows.mean(picked_on_others(losses, weights, plan.folds)) if count > 1 else best_member.loss(measure)
    note = ""
    if plan.preferred is not None:
        chosen = next(each for each in candidates if each.name == plan.preferred)
    elif not candidates or len(members) == 1:
        chosen = best_member
    elif count > 1:
        chosen, note = surely_best(candidates, dict(combined), rows, plan.default)
        lowest = min(candidates, key=lambda each: each.loss(measure))
        # By log loss a combination that is but the member itself is no reason to run the others.
        # By error rate surely so: few rows err, and of many members one errs in none of them by chance.
        if chosen.gain.high < 0 if measure == "error rate" else picked < chosen.loss(measure) + _TIE:
            chosen, note = (lowest if lowest.loss(measure) < picked - _TIE else best_member), ""
    else:
        chosen = min([best_member, *candidates], key=lambda each: each.loss(measure))
    if chosen.kind == "member" and len(members) == 1:
        verdict = f"{chosen.name} is the only member: {measure} {chosen.loss(measure):.3f}."
    else:
        verdict = in_words(chosen, candidates, best_member, measure, None if plan.preferred else picked) + note
    if chosen.kind == "combiner" and count > 1 and not note:
        verdict += against_the_mean(chosen, dict(combined), rows, measure)
    return Report(
        scores=(*members, *candidates),
        best_member=best_member,
        chosen=chosen,
        verdict=verdict,
        samples=predictions.samples,
        folds=count,
        warnings=tuple(str(finding) for finding in suspicions(predictions, labels)),
        readings=_readings(predictions),
        measure=measure,
    )


def _readings(predictions: Predictions) -> dict[str, str]:
    if predictions.alignment is None:
        return {}
    described = (reading.describe() for reading in predictions.alignment.readings)
    return dict(zip(predictions.members, described, strict=True))
