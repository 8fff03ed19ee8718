"""The choice made anew in each fold, by what saw nothing of it, so that the score of the chosen is not a winner's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.evaluation.choice import Evidence, Taken, likely_takes, take
from kerasemble.evaluation.crossfit import Loss, Pool, losses_without
from kerasemble.evaluation.picks import Picks
from kerasemble.evaluation.report import Choice, Measure
from kerasemble.evaluation.scored import Doubt, Losses, Table, doubt_of, losses_of

# A choice is made for this many parts of the rows at most. Each pair of parts costs a fit: ten folds would cost 45,
# of which that of ten parts took three times as long as all else in a comparison (benchmarks/estimates.py).
_PARTS = 5


class Candidates(NamedTuple):
    """What is chosen from: recipes, their names, and the position of the default, None where it is not among them."""

    recipes: Sequence[Combiner]
    names: Sequence[str]
    default: int | None

    @property
    def mean(self) -> int:
        """Position of the plain mean."""
        return self.recipes.index(Average())


def take_on_all(table: Table, candidates: Candidates) -> Taken:
    """Return what to use, by the cross-fitted losses of all rows."""
    return take(_evidence_of(table), candidates.default)


def _evidence_of(table: Table) -> Evidence:
    """Return the cross-fitted losses of all rows."""
    rows, measure = table.rows, table.rows.measure
    doubts = [each.doubt() for each in table.combined]
    return Evidence(
        members=np.stack([each.losses(rows.labels, measure) for each in table.members]),
        best_member=table.best_member.losses(rows.labels, measure),
        combiners=np.stack([each.losses(rows.labels, measure) for each in table.combined]),
        log_losses=np.stack([each.losses(rows.labels, "log loss") for each in table.combined]),
        if_wrong=np.stack([each.losses for each in doubts]),
        claimed=np.stack([each.claimed for each in doubts]),
        best_if_wrong=table.best_member.doubt().losses,
        weights=rows.weights,
        groups=rows.groups,
        measure=measure,
    )


def cross_fit_choice(
    table: Table, candidates: Candidates, folds: IntArray, pool_of: Callable[[IntArray], Pool | None]
) -> Choice | None:
    """Return the score of choosing, None where there are too few folds for it.

    For each part of the rows, a fold or several, everything is done again that leads to a choice, on the other parts
    alone: combiners are cross-fitted among these, their losses compared, and one of them or a member taken. That is
    scored on the rows of the part, each as it answers when it is fitted to all folds but that row's.

    Args:
        table: members and combiners, cross-fitted.
        candidates: what is chosen from.
        folds: (repeats, samples) the fold of each row.
        pool_of: from the part of each row (samples,) to the members that are combined where some parts are unseen.

    Reference:
        Varma and Simon 2006, BMC Bioinformatics 7:91.
    """
    if int(folds.max()) < 2 or len(table.members) == 1:
        return None
    rows, measure = table.rows, table.rows.measure
    losses, taken = np.zeros(len(rows.labels)), []
    doubt = Doubt(np.zeros(len(rows.labels)), np.zeros(len(rows.labels)))
    for index, division in enumerate(folds % _PARTS):
        for part, one in enumerate(_choices(table, candidates, division, pool_of(division))):
            entry = (table.members if one.kind == "member" else table.combined)[one.position]
            inside = division == part
            answers = entry.answers[min(index, len(entry.answers) - 1)][inside]
            losses[inside] += losses_of(answers, rows.labels[inside], measure) / len(folds)
            for into, values in zip(doubt, doubt_of(answers), strict=True):
                into[inside] += values / len(folds)
            taken.append(entry.name)
    best, mean = (each.losses(rows.labels, measure) for each in (table.best_member, table.mean))
    combiners = [each.losses(rows.labels, measure) for each in table.combined]
    shares = _shares_of_choices(table, candidates, taken)
    parts = folds % _PARTS
    own = Picks(parts, np.broadcast_to(shares, (len(parts), int(parts.max()) + 1, len(shares)))).variance(
        np.stack([*combiners, best]), rows.weights, rows.groups
    )
    # Where a member is kept it is the one that the gain is over, so that which it is tells nothing of that gain.
    kept = float(shares[-1])
    of_member = table.added(np.stack([each.losses(rows.labels, measure) for each in table.members]))
    over_best = rows.gain(best, losses, own + (1 - kept) * of_member, rows.unseen(table.best_member.doubt(), doubt))
    over_mean = rows.gain(mean, losses, own + kept * of_member, rows.unseen(table.mean.doubt(), doubt))
    return Choice(rows.mean(losses), over_best, over_mean, tuple(taken))


def _shares_of_choices(table: Table, candidates: Candidates, taken: Sequence[str]) -> FloatArray:
    """Return how often each combiner would be taken, and last a member, for all parts alike.

    By error rate what is taken is too many rules away from means for these to be drawn: there it is how often it was.
    """
    if table.rows.measure == "log loss":
        return likely_takes(_evidence_of(table), candidates.default)
    counts = [taken.count(each.name) for each in table.combined]
    return np.array([*counts, len(taken) - sum(counts)]) / len(taken)


def _choices(table: Table, candidates: Candidates, division: IntArray, pool: Pool | None) -> list[Taken]:
    """Return what is taken for each part of the rows."""
    rows, measure = table.rows, table.rows.measure
    members = np.stack([each.losses(rows.labels, measure) for each in table.members])
    of_members = np.stack([each.doubt().losses for each in table.members])
    kinds: tuple[Measure, ...] = (measure, "log loss") if measure == "error rate" else (measure,)
    wanted: list[Loss] = [partial(losses_of, measure=kind) for kind in kinds]
    wanted += [lambda values, _labels: doubt_of(values).losses, lambda values, _labels: doubt_of(values).claimed]
    found = [
        losses_without(
            recipe,
            rows.predictions,
            rows.labels,
            division,
            rows.weights,
            wanted,
            pool,
        )
        for recipe in candidates.recipes
    ]
    result = []
    for fold in range(int(division.max()) + 1):
        others = division != fold
        combined = [
            np.stack([each[kind][fold, others] for each in found]).astype(np.float64) for kind in range(len(wanted))
        ]
        place = _picked(members[:, others], rows.weights[others], division[others])
        evidence = Evidence(
            members=members[:, others],
            best_member=members[:, others][place, np.arange(len(place))],
            combiners=combined[0],
            log_losses=combined[-3],
            if_wrong=combined[-2],
            claimed=combined[-1],
            best_if_wrong=of_members[:, others][place, np.arange(len(place))],
            weights=rows.weights[others],
            groups=None if rows.groups is None else np.unique(rows.groups[others], return_inverse=True)[1],
            measure=measure,
        )
        result.append(take(evidence, candidates.default))
    return result


def _picked(members: Losses, weights: Losses, folds: IntArray) -> IntArray:
    """Return the position (rows,) of the member that is best on the folds that a row is not in."""
    result = np.empty(len(folds), dtype=np.int64)
    for fold in np.unique(folds):
        inside = folds == fold
        result[inside] = np.argmin(members[:, ~inside] @ weights[~inside])
    return result
