"""Models scored as they are: nothing is fitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.average import Average
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.predictions import PredictionsLike, as_predictions
from kerasemble.evaluation.analysis import Staged
from kerasemble.evaluation.budget import as_costs
from kerasemble.evaluation.candidates import names_of
from kerasemble.evaluation.decide import decide
from kerasemble.evaluation.folds import Grouping
from kerasemble.evaluation.metrics import MetricName, asked_for, metrics_of
from kerasemble.evaluation.picks import Picks
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.scored import Rows, Scored, Table
from kerasemble.evaluation.staged import score_fitted_stages
from kerasemble.evaluation.summed import Shown, as_members, report_of, rows_of
from kerasemble.evaluation.verdict import of_stages, sentences_of


def score(
    predictions: PredictionsLike,
    y: npt.ArrayLike,
    ensembles: Sequence[str] = (),
    *,
    groups: npt.ArrayLike | None = None,
    metrics: Sequence[MetricName] | None = None,
    fitted: Mapping[str, FittedCombiner] | None = None,
) -> Report:
    """Score models as they are, nothing fitted: for ensembles on data that nobody has seen.

    Args:
        predictions: of the models, an ensemble among them or not.
        y: (samples,) labels: class indices, names, or one-hot rows.
        ensembles: names of those that are to be compared with the best of the others.
        groups: (samples,) as in `compare`.
        metrics: as in `compare`.
        fitted: what ensembles are, by name, where that is known: what their stages do is then scored too.

    Returns:
        The scores, where `ensembles` count as combiners of the others.

    Raises:
        KerasembleError: labels do not fit the predictions, there are fewer than two rows, or no such ensemble.
    """
    predictions = as_predictions(predictions)
    every, units = rows_of(predictions, y, groups, None, None)
    if predictions.samples < 2:
        msg = f"Scoring needs at least two labelled rows. Received: {predictions.samples}."
        raise KerasembleError(msg)
    if predictions.labels_only:
        # Nothing is fitted here that could make probabilities of labels.
        every = every._replace(measure="error rate")
    every.predictions.positions(ensembles or predictions.members)  # refuses one that is not there
    others = [name for name in predictions.members if name not in ensembles]
    rows = every._replace(predictions=every.predictions.only(others or predictions.members))
    members = as_members(rows.predictions)
    combined = [
        each._replace(kind="combiner") for each in as_members(every.predictions) if others and each.name in ensembles
    ]
    losses = {each.name: rows.mean(each.losses(rows)) for each in [*members, *combined]}
    best = min(members, key=lambda each: losses[each.name])
    (name,) = names_of([Average()], every.predictions.members)
    mean = Scored(name, "combiner", (Average().fit(rows.predictions)(rows.predictions),))
    # It is picked once, by these very rows: its loss is the lowest of many, and a gain on it none too large.
    picks = Picks(np.zeros((1, len(rows.labels)), dtype=np.int64), np.eye(len(members))[None, [members.index(best)]])
    table = Table(rows, members, combined, best, None, mean, picks)
    chosen = min(table.entries, key=lambda each: losses[each.name])
    found, left_out = metrics_of(metrics, rows.predictions, rows.labels)
    staged = _staged(every, ensembles, fitted or {}, units.named)
    report = report_of(table, Shown(best, chosen), found, as_costs(None, rows.predictions), units, 0, staged)
    asked = asked_for(metrics, found)
    report = dataclasses.replace(report, warnings=(*report.warnings, *left_out), asked=asked)
    for warning in report.warnings:
        warn(warning)
    own, doubt = chosen.losses(rows), chosen.doubt()
    over_best, over_mean = (
        rows.tested(each.losses(rows), own, 0.0, rows.unseen(each.doubt(), doubt)) for each in (best, mean)
    )
    decision = decide(
        table,
        chosen,
        chosen,
        gain=over_best.interval,
        combining=None,
        over_mean=over_mean.interval,
        rivals=tuple(combined),
        enough=over_best.enough,
        outside=bool(combined),
    )
    said = [*sentences_of(decision), *of_stages(report)]
    return dataclasses.replace(report, decision=decision, verdict=" ".join(said))


def _staged(
    rows: Rows, ensembles: Sequence[str], fitted: Mapping[str, FittedCombiner], groups: Grouping | None
) -> tuple[Staged, ...]:
    """Return what the stages of each ensemble do."""
    found = [
        score_fitted_stages(fitted[entry.name], entry.name, entry.answers[0], rows, groups)
        for entry in as_members(rows.predictions)
        if entry.name in ensembles and entry.name in fitted
    ]
    return tuple(each for each in found if each is not None)
