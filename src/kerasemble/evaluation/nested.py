"""The choice made anew in each fold, by what saw nothing of it, so that the score of the chosen is not a winner's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.evaluation.candidates import Candidates
from kerasemble.evaluation.choice import Evidence, Taken, likely_takes, take
from kerasemble.evaluation.crossfit import losses_without
from kerasemble.evaluation.options import Options
from kerasemble.evaluation.picks import Picks
from kerasemble.evaluation.report import Choice
from kerasemble.evaluation.scored import Scored, Table

# A choice is made for this many parts of the rows at most. Each pair of parts costs a fit: ten folds would cost 45,
# of which that of ten parts took three times as long as all else in a comparison (benchmarks/estimates.py).
_PARTS = 5
# What the row of the choice is called.
CHOICE = "what is chosen, anew in each fold"


class Chosen(NamedTuple):
    """The choice as something that is scored, and how sure its gains are.

    Args:
        entry: what it answers.
        choice: its gains.
        added: what choosing adds to the variance of each gain.
    """

    entry: Scored
    choice: Choice
    added: tuple[float, float, float]

    def over(self, table: Table) -> Chosen:
        """Return the same with its gains over the baselines of another table."""
        return score_choice(table, self.entry, self.choice.taken, self.added)


def take_on_all(table: Table, candidates: Candidates) -> Taken:
    """Return what to use, by the cross-fitted losses of all rows: of one member that one."""
    if len(table.members) == 1:
        return Taken(candidates.best)
    return take(_evidence_of(table), candidates)


def _evidence_of(table: Table) -> Evidence:
    """Return the cross-fitted losses of all rows."""
    rows = table.rows
    return Evidence(
        losses=np.stack([each.losses(rows) for each in table.combined]),
        weights=rows.weights,
        groups=rows.groups,
    )


def cross_fit_choice(table: Table, candidates: Candidates, folds: IntArray, options: Options) -> Chosen | None:
    """Return the score of choosing, None where there are too few folds for it.

    For each part of the rows, a fold or several, everything is done again that leads to a choice, on the other parts
    alone: combiners are cross-fitted among these, their losses compared, and one of them taken. That is scored on the
    rows of the part, each as it answers when it is fitted to all folds but that row's.

    Args:
        table: members and candidates, cross-fitted.
        candidates: what is chosen from.
        folds: (repeats, samples) the fold of each row.
        options: the members that the best member was picked from, as they are and recalibrated.

    Reference:
        Varma and Simon 2006, BMC Bioinformatics 7:91.
    """
    if int(folds.max()) < 2 or len(table.members) == 1:
        return None
    rows, parts = table.rows, folds % _PARTS
    answers, taken = [], []
    for index, division in enumerate(parts):
        values = np.empty_like(table.mean.answers[0])
        for part, one in enumerate(_choices(table, candidates, division)):
            entry = table.combined[one.position]
            inside = division == part
            values[inside] = entry.answers[min(index, len(entry.answers) - 1)][inside]
            taken.append(entry.name)
        answers.append(values)
    entry = Scored(CHOICE, "choice", tuple(answers))
    shares = likely_takes(_evidence_of(table), candidates)
    picks = Picks(parts, np.broadcast_to(shares, (len(parts), int(parts.max()) + 1, len(shares))))
    own = picks.variance(np.stack([each.losses(rows) for each in table.combined]), rows.weights, rows.groups)
    # Where a member is kept it is the one that the gain is over, so that which it is tells nothing of that gain.
    kept, mended = float(shares[candidates.best]), float(shares[candidates.recalibrated])
    raw, fair = options.of_raw(rows), options.of_recalibrated(rows)
    return score_choice(table, entry, taken, (own + (1 - kept) * raw, own + (1 - mended) * fair, own + kept * raw))


def score_choice(
    table: Table, entry: Scored, taken: Sequence[str], added: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Chosen:
    """Return the choice with its gains over the best member, the best recalibrated one, and the plain mean.

    Args:
        table: what is compared.
        entry: what the choice answers.
        taken: what was taken for each part of the rows.
        added: what choosing adds to the variance of each gain.
    """
    rows, losses, doubt = table.rows, entry.losses(table.rows), entry.doubt()
    baselines = (table.best_member, table.recalibrated or table.best_member, table.mean)
    gain, combining, over_mean = (
        rows.tested(baseline.losses(rows), losses, more, rows.unseen(baseline.doubt(), doubt))
        for baseline, more in zip(baselines, added, strict=True)
    )
    choice = Choice(
        loss=rows.mean(losses),
        gain=gain.interval,
        combining=combining.interval,
        over_mean=over_mean.interval,
        taken=tuple(taken),
        enough=combining.enough,
    )
    return Chosen(entry, choice, added)


def _choices(table: Table, candidates: Candidates, division: IntArray) -> list[Taken]:
    """Return what is taken for each part of the rows."""
    rows = table.rows
    found = [
        losses_without(recipe, rows.predictions, rows.labels, division, rows.weights, rows.losses)
        for recipe in candidates.recipes
    ]
    result = []
    for part in range(int(division.max()) + 1):
        others = division != part
        losses = np.stack([each[part, others] for each in found]).astype(np.float64)
        groups = None if rows.groups is None else np.unique(rows.groups[others], return_inverse=True)[1]
        evidence = Evidence(losses, rows.weights[others], groups)
        result.append(take(evidence, candidates))
    return result
