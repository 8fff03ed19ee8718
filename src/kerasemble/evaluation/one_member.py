"""What a combiner makes of the best member alone: what it gains beyond that is what combining brings."""

from __future__ import annotations

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import label
from kerasemble.combiners.select import Select
from kerasemble.core.errors import KerasembleError
from kerasemble.evaluation.choice import WORTH_IT
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.plan import Plan
from kerasemble.evaluation.scored import Scored, Table


def beside_one_member(plan: Plan, table: Table, recipe: Combiner) -> tuple[Table, str | None]:
    """Return the table with what the same combiner makes of the best member alone, where that is a better baseline.

    Stacking mends a member in more ways than a temperature does, and that is none of what combining brings.

    Returns:
        The table, in which it is the best recalibrated member, and the name of the member; None where it is no better.
    """
    rows, seen, fair = table.rows, table.rows.predictions, table.recalibrated
    inner = recipe.combiner if isinstance(recipe, Select) else recipe
    chosen = next(each for each, one in zip(table.combined, plan.candidates.recipes, strict=True) if one is recipe)
    if fair is None or chosen.kind != "combiner" or inner.given(seen.members) is not None or plan.forward:
        return table, None
    alone = Select(inner, max_members=1)
    # Of labels a Bayesian vote of one member says all that they tell.
    if alone in plan.candidates.recipes or len(seen.members) == 1 or seen.labels_only:
        return table, None
    try:
        answers = tuple(cross_fit(alone, seen, rows.labels, division, rows.weights) for division in plan.folds)
    except KerasembleError:
        return table, None  # its options are of all members
    entry = Scored(f"{label(inner)} of the best member alone", "baseline", answers)
    others = (fair, table.best_member)
    if rows.mean(entry.losses(rows)) > min(rows.mean(each.losses(rows)) for each in others) - WORTH_IT:
        return table, None
    name = alone.fit(seen, rows.names, sample_weight=rows.weights).members[0]
    return table._replace(combined=[*table.combined, entry], recalibrated=entry), name
