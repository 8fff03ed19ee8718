"""Where the gain comes from, how sure the answers are, and where they fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kerasemble.core.arrays import FloatArray
from kerasemble.evaluation.analysis import Analysis
from kerasemble.evaluation.budget import Priced
from kerasemble.evaluation.calibration import calibration_of, risk_coverage_of
from kerasemble.evaluation.contributions import contributions_of, subsets_of
from kerasemble.evaluation.diversity import diversity_of
from kerasemble.evaluation.scored import Rows, Table
from kerasemble.evaluation.slices import slices_of
from kerasemble.evaluation.uncertainty import uncertainty_of


def analyse(
    table: Table, chosen: str, best_member: str, priced: Priced, groups: Sequence[str] | None, seed: int
) -> Analysis:
    """Return all that is found besides scores; of combiners by their first division into folds.

    Args:
        table: what is scored.
        chosen: name of what the verdict is about.
        best_member: name of the member of lowest loss.
        priced: what members cost.
        groups: names, where rows are grouped.
        seed: of what is drawn at random.
    """
    rows, seen = table.rows, table.rows.predictions
    entries = {each.name: each for each in [*table.entries, table.mean]}
    shown = {name: entries[name].answers[0] for name in dict.fromkeys((chosen, best_member, table.mean.name))}
    # Labels say nothing of how sure they are.
    unsure = {name: values for name, values in shown.items() if not entries[name].certain}
    several = len(seen.members) > 1
    contributions, exact = (
        contributions_of(seen, rows.labels, rows.weights, priced.costs, seed) if several else ((), True)
    )
    return Analysis(
        classes=seen.classes,
        confusion=_confusion(shown[chosen], rows),
        calibration=tuple(calibration_of(n, values, rows.labels, rows.weights) for n, values in unsure.items()),
        risk_coverage=tuple(risk_coverage_of(n, values, rows.labels, rows.weights) for n, values in unsure.items()),
        diversity=diversity_of(seen, rows.labels, rows.weights) if several else None,
        contributions=contributions,
        contributions_exact=exact,
        subsets=subsets_of(seen, rows.labels, rows.weights, priced.costs) if several else (),
        cost_unit=priced.unit,
        uncertainty=uncertainty_of(seen, rows.labels, rows.weights, shown[chosen], rows.positions) if several else None,
        slices=slices_of(
            shown[chosen], shown[best_member], rows.labels, rows.weights, seen.classes, rows.groups, groups
        ),
    )


def _confusion(answers: FloatArray, rows: Rows) -> tuple[tuple[float, ...], ...]:
    """Return how many rows of each true class (rows) are answered as each class (columns)."""
    width = len(rows.predictions.classes)
    found = np.bincount(rows.labels * width + answers.argmax(axis=-1), minlength=width**2)
    return tuple(tuple(map(float, row)) for row in found.reshape(width, width))
