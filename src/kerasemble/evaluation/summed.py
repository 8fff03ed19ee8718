"""From rows and what is scored on them to a report, but for what only a comparison knows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import are_names, encode_labels
from kerasemble.core.options import as_array
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight, row_weights
from kerasemble.evaluation.analyse import analyse
from kerasemble.evaluation.analysis import Staged
from kerasemble.evaluation.budget import Priced
from kerasemble.evaluation.dependence import dependence
from kerasemble.evaluation.differences import differences_of, values_of
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.metrics import Metric
from kerasemble.evaluation.report import NO_INTERVAL, Report, Score
from kerasemble.evaluation.sample import sample_of
from kerasemble.evaluation.scored import Rows, Scored, Table
from kerasemble.evaluation.significance import Interval
from kerasemble.evaluation.suspicions import suspicions, uneven_weights
from kerasemble.evaluation.units import Units, units_of


def rows_of(
    predictions: Predictions,
    y: npt.ArrayLike,
    groups: npt.ArrayLike | None,
    sample_weight: npt.ArrayLike | None,
    class_weight: ClassWeight | None,
    blocks: int = 0,
) -> tuple[Rows, Units]:
    """Return the rows that count, and which of them vary together.

    Raises:
        KerasembleError: labels, groups or weights do not fit the predictions.
    """
    labels = encode_labels(y, predictions.classes, predictions.samples, ordered=predictions.ordered)
    weights = row_weights(labels, predictions.classes, sample_weight, class_weight)
    positions = np.flatnonzero(weights)
    if len(positions) < min(2, len(labels)):
        msg = "Only one row has a weight above zero. Cross-fitting needs two."
        raise KerasembleError(msg)
    # From here on labels are indices into the classes, whoever's order that is.
    predictions = dataclasses.replace(predictions, ordered=True)
    if len(positions) < len(labels):
        predictions, labels, weights = predictions.rows(positions), labels[positions], weights[positions]
        groups = None if groups is None else as_array(groups, "groups")[positions]
    units = units_of(predictions, groups, blocks, labels)
    return Rows(predictions, labels, weights, units.numbers, positions, named=are_names(y)), units


def as_members(predictions: Predictions) -> list[Scored]:
    """Return the members as they are."""
    certain = predictions.labels_only
    pairs = zip(predictions.members, predictions.each(), strict=True)
    return [Scored(name, "member", (values,), certain) for name, values in pairs]


class Shown(NamedTuple):
    """What the report is about.

    Args:
        baseline: what gains are over.
        subject: what is used.
        choice: the choice made anew in each fold, None where nothing was chosen.
    """

    baseline: Scored
    subject: Scored
    choice: Scored | None = None


def report_of(
    table: Table,
    shown: Shown,
    metrics: Sequence[Metric],
    priced: Priced,
    units: Units,
    seed: int,
    staged: tuple[Staged, ...] = (),
) -> Report:
    """Return the report on a table, with no verdict yet.

    Args:
        table: what is scored.
        shown: what of it the report is about.
        metrics: to score by.
        priced: what members cost.
        units: which rows vary together.
        seed: of what is drawn at random.
        staged: what stages after the chosen do.
    """
    rows, seen = table.rows, table.rows.predictions
    scores = _scores(table, shown, metrics)
    named = {each.name: each for each in scores}
    members = scores[: len(table.members)]
    best_member = min(members, key=lambda each: _least(each, rows.measure))
    chosen = named[shown.subject.name]
    return Report(
        scores=scores,
        baseline=named[shown.baseline.name],
        best_member=best_member,
        chosen=chosen,
        verdict="",
        samples=seen.samples,
        folds=1,
        groups=None if units.named is None else len(units.named.names),
        warnings=tuple(
            str(each)
            for each in (
                *units.findings(),
                *_dependence(table),
                *suspicions(seen, rows.labels, named=rows.named),
                *uneven_weights(rows.weights),
            )
        ),
        readings=_readings(seen),
        measure=rows.measure,
        differences=differences_of(table, shown.choice, shown.subject, metrics, seed),
        analysis=analyse(table, chosen.name, best_member.name, priced, units.named, seed, staged),
        sample=sample_of(rows, seed),
    )


def _least(score: Score, measure: str) -> float:
    """Return a score's loss, or its error rate where labels have no such loss."""
    loss = score.loss(measure)
    return 1 - score.accuracy if math.isnan(loss) else loss


def _dependence(table: Table) -> list[Finding]:
    """Look at the mean loss of the members, and at the gains over them that a comparison is about."""
    rows = table.rows
    baseline = table.best_member.losses(rows)
    gains = [baseline - each.losses(rows) for each in (table.mean, *table.combined) if each is not table.best_member]
    judged = [each for each in table.members if not (each.certain and rows.by_probabilities)]
    members = np.mean([each.losses(rows) for each in judged], axis=0) if judged else baseline
    return dependence(np.stack([members, *gains]), rows.labels, rows.groups)


def _scores(table: Table, shown: Shown, metrics: Sequence[Metric]) -> tuple[Score, ...]:
    rows = table.rows
    added = 0.0
    if not (table.members[0].certain and rows.by_probabilities):
        added = table.added(np.stack([each.losses(rows) for each in table.members]))
    references = [(each.losses(rows), each.doubt()) for each in (shown.baseline, table.mean)]
    result = []
    for entry in [*table.entries, *([] if shown.choice is None else [shown.choice])]:
        metric_values = values_of(entry, metrics, table)
        if entry.certain and rows.by_probabilities:
            result.append(Score(entry.name, entry.kind, metric_values))
            continue
        own, doubt = entry.losses(rows), entry.doubt()
        gain, over_mean = (
            rows.gain(losses, own, more, rows.unseen(theirs, doubt))
            for (losses, theirs), more in zip(references, (added, 0.0), strict=True)
        )
        if entry.name == shown.baseline.name:
            gain = NO_INTERVAL
        elif entry.name == shown.subject.name and shown.choice is not None:
            # It is there because it won, which an interval of its own losses knows nothing of.
            gain = Interval(gain.mean, math.nan, math.nan)
        result.append(Score(entry.name, entry.kind, metric_values, gain, over_mean))
    return tuple(result)


def _readings(predictions: Predictions) -> dict[str, str]:
    if predictions.alignment is None:
        return {}
    described = (reading.describe() for reading in predictions.alignment.readings)
    return dict(zip(predictions.members, described, strict=True))
