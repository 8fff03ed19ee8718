"""By how much each is ahead of the best member and of the plain mean, metric by metric, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from kerasemble.core.arrays import FloatArray
from kerasemble.evaluation.metrics import Metric
from kerasemble.evaluation.report import Difference
from kerasemble.evaluation.scored import Losses, Scored, Table
from kerasemble.evaluation.significance import Interval, Tested, bootstrap, holm, mcnemar, paired_test


class _Found(NamedTuple):
    """A difference before it is adjusted for the others."""

    name: str
    tested: Tested
    method: Literal["normal", "McNemar", "bootstrap"]


def values_of(entry: Scored, metrics: Sequence[Metric], table: Table) -> dict[str, float]:
    """Return what an entry scores in each metric that it can be scored in: the mean of all divisions into folds."""
    rows = table.rows
    return {
        metric.name: float(np.mean([metric.value(each, rows.labels, rows.weights) for each in entry.answers]))
        for metric in metrics
        if metric.of_decisions or not entry.certain
    }


def differences_of(table: Table, chosen: str, metrics: Sequence[Metric], seed: int) -> tuple[Difference, ...]:
    """Return every difference to the best member, as it is picked on other folds, and to the plain mean.

    What is a mean over rows is tested for all. What has no formula is resampled, which takes long, for the chosen
    only.

    Args:
        table: what is scored.
        chosen: name of the entry that the verdict is about.
        metrics: in which.
        seed: of the resampling.
    """
    result = []
    references: list[tuple[Literal["best member", "plain mean"], Scored]] = [
        ("best member", table.best_member),
        ("plain mean", table.mean),
    ]
    for metric in metrics:
        for against, reference in references:
            if reference.certain and not metric.of_decisions:
                continue
            added = 0.0
            if metric.rows is not None and against == "best member":
                added = table.added(np.stack([_contributions(metric, each, table) for each in table.members]))
            found = [
                _difference(metric, reference, entry, table, added, seed)
                for entry in table.entries
                if (metric.of_decisions or not entry.certain)
                and entry.name != reference.name
                and (metric.rows is not None or entry.name == chosen)
            ]
            adjusted = holm([each.tested.p for each in found])
            result += [
                Difference(each.name, against, metric.name, each.tested.interval, each.tested.p, p, each.method)
                for each, p in zip(found, adjusted, strict=True)
            ]
    return tuple(result)


def _difference(metric: Metric, reference: Scored, entry: Scored, table: Table, added: float, seed: int) -> _Found:
    rows = table.rows
    sign = 1 if metric.higher_is_better else -1
    if metric.rows is not None:
        base, own = (-sign * _contributions(metric, each, table) for each in (reference, entry))
        tested = paired_test(base, own, rows.weights, rows.groups, added)
        # Of weighted rows, of rows that tell of each other, and of what is picked now so now so there is no exact test.
        if metric.name == "accuracy" and rows.groups is None and np.ptp(rows.weights) == 0 and not added:
            return _Found(entry.name, tested._replace(p=mcnemar(base, own)), "McNemar")
        return _Found(entry.name, tested, "normal")
    prepared = [
        (metric.prepare(one, rows.labels), metric.prepare(other, rows.labels))
        for one, other in zip(_as_often(reference, entry), _as_often(entry, reference), strict=True)
    ]

    def ahead(weights: Losses) -> float:
        return sign * float(np.mean([own(weights) - base(weights) for base, own in prepared]))

    tested = bootstrap(ahead, rows.weights, rows.groups, seed)
    if not np.isfinite(tested.interval.low):
        tested = Tested(Interval(tested.interval.mean, float("nan"), float("nan")), 1.0)
    return _Found(entry.name, tested, "bootstrap")


def _contributions(metric: Metric, entry: Scored, table: Table) -> Losses:
    if metric.rows is None:
        msg = f"{metric.name} is no mean over rows"
        raise TypeError(msg)
    return np.asarray(np.mean([metric.rows(each, table.rows.labels) for each in entry.answers], axis=0))


def _as_often(entry: Scored, other: Scored) -> tuple[FloatArray, ...]:
    """Return an entry's answers, once for each division into folds of it or of the other."""
    times = max(len(entry.answers), len(other.answers))
    return entry.answers if len(entry.answers) == times else entry.answers * times
