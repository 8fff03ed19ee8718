"""Options that let stages follow a combiner."""

from __future__ import annotations

import click

from kerasemble.combiners.stages import stages as known_stages
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.stages.conformal_sets import ConformalSets
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError

calibrate = click.option(
    "--calibrate",
    type=click.Choice(["temperature", "vector-scaling", "isotonic"]),
    help="Calibrate the combined probabilities; the calibration is part of the model.",
)
coverage = click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Add sets of classes that hold the true one so often, e.g. 0.95: the model's output prediction_set.",
)
coverage_by = click.option(
    "--coverage-by",
    type=click.Choice(["rows", "class"]),
    help="Whether --coverage holds for all rows together, as where this is left out, or for the rows of each class.",
)
abstain_risk = click.option(
    "--abstain-risk",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Say which rows to leave so that at most so many of the other answers are wrong: the model's output abstain.",
)

options = (calibrate, coverage, coverage_by, abstain_risk)


def choose_stages(
    calibrate: str | None, coverage: float | None, coverage_by: str | None, abstain_risk: float | None
) -> list[Stage]:
    """Return the stages that the options ask for, in the order in which they follow the combiner.

    Raises:
        KerasembleError: it is said for which rows coverage is to hold, but not how much.
    """
    if coverage is None and coverage_by is not None:
        msg = f"--coverage-by {coverage_by} needs the coverage. Give it too: --coverage 0.95."
        raise KerasembleError(msg, code=Code.COVERAGE_MISSING)
    asked: list[Stage] = [] if calibrate is None else [known_stages()[calibrate]()]
    asked += [] if coverage is None else [ConformalSets(coverage, by_class=coverage_by == "class")]
    return asked + ([] if abstain_risk is None else [Abstain(abstain_risk)])
