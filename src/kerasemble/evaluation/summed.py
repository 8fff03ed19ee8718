"""From rows and what is scored on them to a report, but for what only a comparison knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import encode_labels
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight, row_weights
from kerasemble.evaluation.analyse import analyse
from kerasemble.evaluation.analysis import Staged
from kerasemble.evaluation.budget import Priced
from kerasemble.evaluation.choice import Taken
from kerasemble.evaluation.dependence import dependence
from kerasemble.evaluation.differences import differences_of, values_of
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.metrics import Metric
from kerasemble.evaluation.report import Report, Score
from kerasemble.evaluation.sample import sample_of
from kerasemble.evaluation.scored import Rows, Scored, Table
from kerasemble.evaluation.suspicions import suspicions
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
        groups = None if groups is None else np.asarray(groups)[positions]
    units = units_of(predictions, groups, blocks)
    return Rows(predictions, labels, weights, units.numbers, positions), units


def as_members(predictions: Predictions) -> list[Scored]:
    """Return the members as they are."""
    certain = predictions.labels_only
    pairs = zip(predictions.members, predictions.each(), strict=True)
    return [Scored(name, "member", (values,), certain) for name, values in pairs]


def report_of(
    table: Table,
    taken: Taken,
    metrics: Sequence[Metric],
    priced: Priced,
    units: Units,
    seed: int,
    staged: tuple[Staged, ...] = (),
) -> Report:
    """Return the report on a table, with no verdict yet.

    Args:
        table: what is scored.
        taken: what is chosen of it.
        metrics: to score by.
        priced: what members cost.
        units: which rows vary together.
        seed: of what is drawn at random.
        staged: what stages after the chosen do.
    """
    rows, seen = table.rows, table.rows.predictions
    scores = _scores(table, metrics)
    members = scores[: len(table.members)]
    chosen = (members if taken.kind == "member" else scores[len(members) :])[taken.position]
    best_member = min(members, key=lambda each: each.loss(rows.measure))
    return Report(
        scores=scores,
        best_member=best_member,
        chosen=chosen,
        verdict="",
        samples=seen.samples,
        folds=1,
        groups=None if units.named is None else len(units.named.names),
        warnings=tuple(str(each) for each in (*units.findings(), *_dependence(table), *suspicions(seen, rows.labels))),
        readings=_readings(seen),
        measure=rows.measure,
        differences=differences_of(table, chosen.name, metrics, seed),
        analysis=analyse(table, chosen.name, best_member.name, priced, units.named, seed, staged),
        sample=sample_of(rows, seed),
    )


def _dependence(table: Table) -> list[Finding]:
    """Look at the mean loss of the members, and at the gains over them that a comparison is about."""
    rows, measure = table.rows, table.rows.measure
    members = np.stack([each.losses(rows.labels, measure) for each in table.members])
    gains = [
        table.best_member.losses(rows.labels, measure) - each.losses(rows.labels, measure)
        for each in (table.mean, *table.combined)
    ]
    return dependence(np.stack([members.mean(axis=0), *gains]), rows.labels, rows.groups)


def _scores(table: Table, metrics: Sequence[Metric]) -> tuple[Score, ...]:
    labels, measure = table.rows.labels, table.rows.measure
    added = table.added(np.stack([each.losses(labels, measure) for each in table.members]))
    references = [(each.losses(labels, measure), each.doubt()) for each in (table.best_member, table.mean)]
    result = []
    for entry in table.entries:
        own, doubt = entry.losses(labels, measure), entry.doubt()
        gains = [
            table.rows.gain(losses, own, more, table.rows.unseen(theirs, doubt))
            for (losses, theirs), more in zip(references, (added, 0.0), strict=True)
        ]
        result.append(Score(entry.name, entry.kind, values_of(entry, metrics, table), *gains))
    return tuple(result)


def _readings(predictions: Predictions) -> dict[str, str]:
    if predictions.alignment is None:
        return {}
    described = (reading.describe() for reading in predictions.alignment.readings)
    return dict(zip(predictions.members, described, strict=True))
