"""Members and combiners scored on the same rows, each on rows that its fit did not see."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
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
from kerasemble.core.row_weights import ClassWeight, RowWeights, effective_rows, row_weights
from kerasemble.evaluation.crossfit import cross_fit, stratified_folds
from kerasemble.evaluation.report import Measure, Report, Score
from kerasemble.evaluation.significance import paired_interval
from kerasemble.evaluation.suspicions import lone_member, suspicions

# Below this many labelled rows the choice among combiners is itself guesswork: at 50 rows choosing by
# cross-fitted loss was worse than always taking the shrunk log-linear pool, which is what `auto` then takes.
_ENOUGH_TO_CHOOSE = 200
_WITHOUT_CHOICE = "weighted-geometric-average"
_PLAIN_MEAN = "average"
# What is compared where nothing is named: what won on one of the pools of benchmarks/quality.py, and what people ask
# for. The more are compared, the more the best of them is so by chance.
_FOR_PROBABILITIES = ("average", "geometric-average", "majority-vote", "weighted-average", "weighted-geometric-average")
_FOR_LABELS = ("average", "majority-vote", "weighted-average", "weighted-geometric-average")
# A gain in confidence below this, in nats, is not worth a sentence.
_WORTH_SAYING = 0.001


class Rows(NamedTuple):
    """What is scored: predictions, the class index (samples,) of each row, and how much it counts (samples,)."""

    predictions: Predictions
    labels: IntArray
    weights: RowWeights

    def mean(self, values: RowWeights) -> float:
        """Return the weighted mean of numbers (samples,)."""
        return float(self.weights @ values / self.weights.sum())

    def losses(self, values: FloatArray, measure: Measure) -> npt.NDArray[np.float64]:
        """Return each row's loss under probabilities (samples, classes)."""
        return log_losses(values, self.labels) if measure == "log loss" else 1 - hits(values, self.labels)


def default_combiners(predictions: Predictions) -> list[Combiner]:
    """Return the combiners that are compared where none are named."""
    names = _FOR_LABELS if predictions.labels_only else _FOR_PROBABILITIES
    return [find(name)() for name in names]


def compare(
    predictions: Predictions,
    y: npt.ArrayLike,
    combiners: Iterable[Combiner] | None = None,
    *,
    cv: int = 5,
    seed: int = 0,
    prefer: Combiner | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
) -> Report:
    """Score every member and every combiner, and say whether combining is worth it.

    Combiners are cross-fitted: the rows are divided into `cv` stratified folds, and each row is scored with what was
    learned from the other folds. The choice of the best of them is made on those same scores, so the winner's score
    is slightly optimistic; score the saved ensemble on rows of their own for the last word.

    Args:
        predictions: (members, samples, ..., classes) of data that the members were not trained on.
        y: (samples,) labels: class indices, names, or one-hot rows.
        combiners: the ones to compare; those of `default_combiners` where left out.
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
        >>> seen = ke.Predictions.from_arrays({"a": [[0.9, 0.1], [0.4, 0.6]], "b": [[0.8, 0.2], [0.3, 0.7]]})
        >>> ke.compare(seen, [0, 1], [ke.Average()]).verdict
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
    if not weights.all():
        kept = np.flatnonzero(weights)
        predictions, labels, weights = predictions.rows(kept), labels[kept], weights[kept]
    folds = stratified_folds(labels, min(cv, predictions.samples), seed)
    chosen_from = list(combiners) if combiners is not None else default_combiners(predictions)
    if prefer is not None and prefer not in chosen_from:
        msg = f"prefer={prefer} is not among the combiners that are compared: {first(chosen_from)}. Add it to them."
        raise KerasembleError(msg)
    names = _names(chosen_from)
    preferred = None if prefer is None else names[chosen_from.index(prefer)]
    fits = [cross_fit(combiner, predictions, labels, folds, weights) for combiner in chosen_from]
    scored = Rows(predictions, labels, weights)
    report = _report(scored, list(zip(names, fits, strict=True)), int(folds.max()) + 1, preferred)
    verdict = report.verdict
    if report.chosen.kind == "combiner" and report.chosen.gain.low > 0:
        index = names.index(report.chosen.name)
        verdict += _by_confidence(chosen_from[index], fits[index], report.best_member.name, scored, folds)
    report = dataclasses.replace(report, verdict=verdict, warnings=(*lone_member(predictions), *report.warnings))
    for warning in report.warnings:
        warn(warning)
    return report


def _by_confidence(
    combiner: Combiner,
    combined: FloatArray,
    best: str,
    rows: Rows,
    folds: IntArray,
) -> str:
    """Return a sentence on what the best member gains alone by the same fit, where that is anything.

    A combiner whose weights need not sum to one sharpens or softens as well. What that alone brings is no merit of
    combining, and can be the whole of a gain.
    """
    predictions, labels, weights = rows
    if combiner.given(predictions.members) is not None or predictions.labels_only:
        return ""
    alone = predictions.only([best])
    fitted = log_losses(cross_fit(combiner, alone, labels, folds, weights), labels)
    if rows.mean(fitted) > rows.mean(log_losses(alone.values[0], labels)) - _WORTH_SAYING:
        return ""
    said = f"{best} alone, its confidence fitted in the same way, has {rows.mean(fitted):.3f}"
    if paired_interval(fitted, log_losses(combined, labels), weights).low > 0:
        return f" {said}."
    return f" But {said}: the gain is in confidence, and combining adds nothing that is sure."


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
    combined = [(name, predictions.only([name]).values[0]) for name in ensembles] if members else []
    rows = Rows(predictions.only(members or predictions.members), labels, np.ones(len(labels)))
    report = _report(rows, combined, 1)
    for warning in report.warnings:
        warn(warning)
    return report


def choose(report: Report, combiners: Sequence[Combiner]) -> Combiner | str:
    """Return what `auto` takes: the chosen combiner of a comparison of `combiners`, or a member's name."""
    if report.chosen.kind == "member":
        return report.chosen.name
    return combiners[_names(combiners).index(report.chosen.name)]


def _names(combiners: Sequence[Combiner]) -> list[str]:
    """Return each combiner's name in a sentence; with its options where two are of one kind."""
    kinds = [label(combiner) for combiner in combiners]
    pairs = zip(combiners, kinds, strict=True)
    return [kind if kinds.count(kind) == 1 else repr(combiner) for combiner, kind in pairs]


def _report(rows: Rows, combined: Sequence[tuple[str, FloatArray]], folds: int, preferred: str | None = None) -> Report:
    predictions, labels, weights = rows
    measure: Measure = "error rate" if predictions.labels_only else "log loss"
    losses = [rows.losses(values, measure) for values in predictions.each()]
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
    considered, note = _considered(candidates, effective_rows(weights) if folds > 1 else None)
    if folds > 1 and len(members) == 1:
        considered, note = [], ""
    if preferred is None:
        # Of two that err equally often the surer one is taken.
        chosen = min([best_member, *considered], key=lambda each: (each.loss(measure), each.log_loss or 0.0))
    else:
        considered, note = [each for each in candidates if each.name == preferred], ""
        chosen = considered[0]
    verdict = _verdict(chosen, candidates, considered, best_member, measure) + note
    if chosen.kind == "combiner" and folds > 1:
        verdict += _against_the_mean(chosen, dict(combined), rows, measure)
    return Report(
        scores=(*members, *candidates),
        best_member=best_member,
        chosen=chosen,
        verdict=verdict,
        samples=predictions.samples,
        folds=folds,
        warnings=suspicions(predictions, labels),
        readings=_readings(predictions),
        measure=measure,
    )


def _against_the_mean(chosen: Score, combined: Mapping[str, FloatArray], rows: Rows, measure: Measure) -> str:
    """Return a sentence where it is not sure that the chosen combiner is better than the plain mean."""
    if chosen.name == _PLAIN_MEAN or _PLAIN_MEAN not in combined:
        return ""
    mean, own = (rows.losses(combined[name], measure) for name in (_PLAIN_MEAN, chosen.name))
    gain, low, high = paired_interval(mean, own, rows.weights)
    if low > 0:
        return ""
    than = f"{measure} {rows.mean(mean):.3f} of the plain mean"
    if gain <= 0:
        return f" It is no better than {than}: keep {_PLAIN_MEAN} ({low:.3f} to {high:.3f})."
    return f" Against {than} the gain of {gain:.3f} may be chance ({low:.3f} to {high:.3f})."


def _readings(predictions: Predictions) -> dict[str, str]:
    if predictions.alignment is None:
        return {}
    described = (reading.describe() for reading in predictions.alignment.readings)
    return dict(zip(predictions.members, described, strict=True))


def _considered(candidates: Sequence[Score], fitted_to: float | None) -> tuple[Sequence[Score], str]:
    """Return those candidates that may be chosen, and what to add to the verdict.

    `fitted_to` is the number of rows by which it is chosen, None where nothing was fitted.
    """
    if fitted_to is None or fitted_to >= _ENOUGH_TO_CHOOSE or len(candidates) < 2:
        return candidates, ""
    default = [each for each in candidates if each.name == label(find(_WITHOUT_CHOICE))]
    note = f" {fitted_to:.0f} rows are too few to choose among combiners by"
    return (default, f"{note}, so only the default was considered.") if default else (candidates, f"{note}.")


def _verdict(
    chosen: Score, candidates: Sequence[Score], considered: Sequence[Score], best_member: Score, measure: Measure
) -> str:
    """Return in a sentence what to do, where of the candidates only those `considered` could be chosen."""
    if not considered:
        only = "the only member" if candidates else "the best"
        return f"{best_member.name} is {only}: {measure} {best_member.loss(measure):.3f}."
    if chosen.kind == "member":
        rival = min(considered, key=lambda each: each.loss(measure))
        losses = f"{measure} {chosen.loss(measure):.3f} against {rival.loss(measure):.3f} of {rival.name}"
        # One that was left out of account may have a lower loss on these few rows.
        no_better = "no combination is better" if len(considered) == len(candidates) else "the default is no better"
        return f"keep {chosen.name}: {no_better} ({losses})."
    mean, low, high = chosen.gain
    interval = f"95 % interval {low:.3f} to {high:.3f}"
    if low > 0:
        sure = f"the gain is real ({interval})"
    elif mean > 0:
        sure = f"the gain of {mean:.3f} may be chance ({interval})"
    else:
        sure = f"it is no better, so keep {best_member.name} ({interval})"
    losses = f"{measure} {chosen.loss(measure):.3f} against {best_member.loss(measure):.3f} of the best member"
    return f"{chosen.name}: {losses} ({best_member.name}); {sure}."
