"""By how much each is ahead of the best member and of the plain mean, metric by metric, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.metrics import Metric, Prepared
from kerasemble.evaluation.report import Difference
from kerasemble.evaluation.scored import Losses, Scored, Table
from kerasemble.evaluation.significance import Interval, Tested, Unseen, bootstrap, holm, mcnemar, paired_test


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


def differences_of(
    table: Table, choice: Scored | None, subject: Scored, metrics: Sequence[Metric], seed: int
) -> tuple[Difference, ...]:
    """Return every difference to the best member, as it is picked on other folds, and to the plain mean.

    What is a mean over rows is tested for all. What has no formula is resampled, which takes long, for the chosen
    only; and since rows of several members have no such score together, the best member's is then the mean of the
    members' own, each counting as often as other rows like these would pick it. Calibration errors have no interval:
    chance makes them larger, and that of a resample larger still.

    Args:
        table: what is scored.
        choice: made anew in each fold; it stands for what was chosen, which would be a winner. None without.
        subject: what is used.
        metrics: in which.
        seed: of the resampling.
    """
    result = []
    tested = subject if choice is None else choice
    entries = [*(each for each in table.entries if choice is None or each.name != subject.name), tested]
    entries = list({each.name: each for each in entries}.values())
    references: list[tuple[Literal["best member", "plain mean"], Scored]] = [
        ("best member", table.best_member),
        ("plain mean", table.mean),
    ]
    for metric in metrics:
        for against, reference in references:
            if reference.certain and not metric.of_decisions:
                continue
            if metric.rows is None and not metric.resampled:
                continue
            added = 0.0
            if metric.rows is not None and against == "best member":
                added = table.added(
                    np.stack([_contributions(metric, each, table.rows.labels) for each in table.members])
                )
            found = [
                _difference(metric, reference, entry, table, added, seed)
                for entry in entries
                if (metric.of_decisions or not entry.certain)
                and entry is not reference
                and (metric.rows is not None or entry is tested)
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
        base, own = (-sign * _contributions(metric, each, rows.labels) for each in (reference, entry))
        unseen = _unseen(metric, reference, entry, table)
        tested = paired_test(base, own, rows.weights, rows.groups, added, unseen)
        # Of weighted rows, of rows that tell of each other, and of what is picked now so now so there is no exact test.
        if metric.name == "accuracy" and rows.groups is None and np.ptp(rows.weights) == 0 and not added:
            return _Found(entry.name, tested._replace(p=mcnemar(base, own)), "McNemar")
        return _Found(entry.name, tested, "normal")
    scored, against = _score_of(metric, entry, table), _score_of(metric, reference, table)

    def ahead(weights: RowWeights) -> float:
        try:
            return sign * (scored(weights) - against(weights))
        except KerasembleError:
            # On all rows it is defined; a resample may lack a class.
            return math.nan

    tested = bootstrap(ahead, rows.weights, rows.groups, seed)
    if not np.isfinite(tested.interval.low):
        tested = Tested(Interval(tested.interval.mean, float("nan"), float("nan")), 1.0)
    return _Found(entry.name, tested, "bootstrap")


def _unseen(metric: Metric, reference: Scored, entry: Scored, table: Table) -> Unseen:
    """Return the differences on rows on which the entry is wrong, and on which the reference is: see `paired_test`.

    Of two that give the same probabilities there are none; labels may be the same by chance. Hits differ by one at
    most. Of a loss it is what the two would lose, were the class true that is most probable to the one, beside
    that of the other.
    """
    pairs = [(one, other) for one in reference.answers for other in entry.answers]
    if not (reference.certain or entry.certain) and all(np.array_equal(one, other) for one, other in pairs):
        return 0.0, 0.0
    if metric.name == "log loss":
        return table.rows.unseen(reference.doubt(), entry.doubt())
    if metric.higher_is_better:
        return -1.0, 1.0
    low, high = (
        np.subtract(*(_contributions(metric, each, _where_wrong(one, other)) for each in (reference, entry)))
        for one, other in ((reference, entry), (entry, reference))
    )
    return low, high


def _where_wrong(one: Scored, other: Scored) -> IntArray:
    """Return for each row the class that is most probable to one, beside that which is so to the other."""
    left = np.mean(one.answers, axis=0)
    np.put_along_axis(left, np.mean(other.answers, axis=0).argmax(axis=-1)[:, None], -1, axis=-1)
    return np.asarray(left.argmax(axis=-1))


def _score_of(metric: Metric, entry: Scored, table: Table) -> Prepared:
    """Return what an entry scores as a function of row weights: the mean of all divisions into folds."""
    if entry is table.best_member:
        shares = table.picks.shares.mean(axis=(0, 1))
        parts = [
            (float(share), member.answers[0]) for share, member in zip(shares, table.members, strict=True) if share
        ]
    else:
        parts = [(1 / len(entry.answers), answers) for answers in entry.answers]
    prepared = [(share, metric.prepare(answers, table.rows.labels)) for share, answers in parts]
    return lambda weights: math.fsum(share * score(weights) for share, score in prepared)


def _contributions(metric: Metric, entry: Scored, labels: IntArray) -> Losses:
    if metric.rows is None:
        msg = f"{metric.name} is no mean over rows"
        raise TypeError(msg)
    return np.asarray(np.mean([metric.rows(each, labels) for each in entry.answers], axis=0))
