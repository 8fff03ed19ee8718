"""Scores in the order of time: each block of rows by what was fitted and chosen on the blocks before it."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.evaluation.candidates import Candidates
from kerasemble.evaluation.choice import Evidence, take
from kerasemble.evaluation.nested import CHOICE, Chosen, score_choice
from kerasemble.evaluation.options import options_of
from kerasemble.evaluation.report import Kind
from kerasemble.evaluation.scored import Rows, Scored, Table
from kerasemble.evaluation.summed import as_members


def forward_table(rows: Rows, candidates: Candidates, blocks: IntArray) -> Table:
    """Return members and candidates, scored on all blocks but the first, which nothing comes before.

    Args:
        rows: in the order of time, with labels.
        candidates: what is fitted.
        blocks: (samples,) the block of each row, from 0, ascending.
    """
    scored = np.flatnonzero(blocks > 0)
    shape = (len(blocks), len(rows.predictions.classes))
    answers = [np.empty(shape, dtype=np.float32) for _ in candidates.recipes]
    for block in range(1, int(blocks.max()) + 1):
        past, inside = np.flatnonzero(blocks < block), np.flatnonzero(blocks == block)
        seen, new = rows.predictions.rows(past), rows.predictions.rows(inside)
        for recipe, into in zip(candidates.recipes, answers, strict=True):
            into[inside] = recipe.fit(seen, rows.names[past], sample_weight=rows.weights[past])(new)
    combined = []
    for position, (name, values) in enumerate(zip(candidates.names, answers, strict=True)):
        kind: Kind = "baseline" if position in candidates.baselines else "combiner"
        combined.append(Scored(name, kind, (values[scored],)))
    part = _part(rows, scored)
    best, recalibrated, mean = (
        combined[position] for position in (candidates.best, candidates.recalibrated, candidates.mean)
    )
    picks = options_of(part, blocks[None, scored] - 1).picks
    return Table(part, as_members(part.predictions), combined, best, recalibrated, mean, picks)


def forward_choice(table: Table, candidates: Candidates, blocks: IntArray) -> Chosen | None:
    """Return the score of choosing for each block by the scores on the blocks before it; None of one member.

    Of one block alone nothing can be said to vary, so the default is taken until there are two.

    Args:
        table: of `forward_table`.
        candidates: what is chosen from.
        blocks: (samples,) the block of each row that is scored.
    """
    if len(table.members) == 1:
        return None
    rows, values, taken = table.rows, np.empty_like(table.mean.answers[0]), []
    losses = np.stack([each.losses(rows) for each in table.combined])
    for block in np.unique(blocks):
        past, inside = blocks < block, blocks == block
        position = candidates.default
        if len(np.unique(blocks[past])) > 1:
            groups = None if rows.groups is None else np.unique(rows.groups[past], return_inverse=True)[1]
            position = take(Evidence(losses[:, past], rows.weights[past], groups), candidates).position
        entry = table.combined[position]
        values[inside] = entry.answers[0][inside]
        taken.append(entry.name)
    return score_choice(table, Scored(CHOICE, "choice", (values,)), taken)


def _part(rows: Rows, index: IntArray) -> Rows:
    """Return some of the rows, with groups numbered anew."""
    return rows._replace(
        predictions=rows.predictions.rows(index),
        labels=rows.labels[index],
        weights=rows.weights[index],
        groups=None if rows.groups is None else np.unique(rows.groups[index], return_inverse=True)[1],
        positions=rows.positions[index],
    )
