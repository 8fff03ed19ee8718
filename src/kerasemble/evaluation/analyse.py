"""Where the gain comes from, how sure the answers are, and where they fail."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import FloatArray
from kerasemble.evaluation.analysis import Analysis, Staged
from kerasemble.evaluation.budget import Priced
from kerasemble.evaluation.calibration import calibration_of, risk_coverage_of
from kerasemble.evaluation.contributions import contributions_of, subsets_of
from kerasemble.evaluation.diversity import diversity_of
from kerasemble.evaluation.folds import Grouping
from kerasemble.evaluation.scored import Rows, Table
from kerasemble.evaluation.slices import slices_of
from kerasemble.evaluation.uncertainty import uncertainty_of

# More curves in one figure are not told apart.
_CURVES = 3


def analyse(
    table: Table,
    chosen: str,
    best_member: str,
    priced: Priced,
    groups: Grouping | None,
    seed: int,
    staged: tuple[Staged, ...] = (),
) -> Analysis:
    """Return all that is found besides scores; of combiners by their first division into folds.

    Args:
        table: what is scored.
        chosen: name of what the verdict is about.
        best_member: name of the member of lowest loss.
        priced: what members cost.
        groups: that the user named; None without.
        seed: of what is drawn at random.
        staged: what stages after the chosen do.
    """
    rows, seen = table.rows, table.rows.predictions
    entries = {each.name: each for each in [table.mean, *table.entries]}
    # What is used in the end, and beside it what that comes from or is to be compared with.
    final = next((each.calibrated for each in staged if each.calibrated is not None), chosen)
    names = list(dict.fromkeys((final, chosen, best_member, table.mean.name)))[:_CURVES]
    shown = {name: entries[name].answers[0] for name in (*names, best_member)}
    # Labels say nothing of how sure they are.
    unsure = {name: shown[name] for name in names if not entries[name].certain}
    several = len(seen.members) > 1
    contributions, exact = (
        contributions_of(seen, rows.labels, rows.weights, priced.costs, seed) if several else ((), True)
    )
    return Analysis(
        classes=seen.classes,
        confusion=_confusion(shown[final], rows),
        calibration=tuple(calibration_of(n, values, rows.labels, rows.weights) for n, values in unsure.items()),
        risk_coverage=tuple(risk_coverage_of(n, values, rows.labels, rows.weights) for n, values in unsure.items()),
        diversity=diversity_of(seen, rows.labels, rows.weights) if several else None,
        contributions=contributions,
        contributions_exact=exact,
        subsets=subsets_of(seen, rows.labels, rows.weights, priced.costs) if several else (),
        cost_unit=priced.unit,
        uncertainty=uncertainty_of(seen, rows.labels, rows.weights, shown[final], rows.positions) if several else None,
        slices=slices_of(
            shown[final], shown[best_member], rows.labels, rows.weights, seen.classes, *(groups or (None, None))
        ),
        staged=staged,
    )


def _confusion(answers: FloatArray, rows: Rows) -> tuple[tuple[float, ...], ...]:
    """Return how many rows of each true class (rows) are answered as each class (columns)."""
    width = len(rows.predictions.classes)
    found = np.bincount(rows.labels * width + answers.argmax(axis=-1), minlength=width**2)
    return tuple(tuple(map(float, row)) for row in found.reshape(width, width))
