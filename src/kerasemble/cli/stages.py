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
coverage_by_class = click.option(
    "--coverage-by-class",
    is_flag=True,
    help="Let --coverage hold for the rows of each class, and not only for all rows together.",
)
abstain_risk = click.option(
    "--abstain-risk",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Say which rows to leave so that at most so many of the other answers are wrong: the model's output abstain.",
)

options = (calibrate, coverage, coverage_by_class, abstain_risk)


def choose_stages(
    calibrate: str | None, coverage: float | None, abstain_risk: float | None, *, coverage_by_class: bool
) -> list[Stage]:
    """Return the stages that the options ask for, in the order in which they follow the combiner.

    Raises:
        KerasembleError: coverage is to hold by class, but it is not said how much.
    """
    if coverage is None and coverage_by_class:
        msg = "--coverage-by-class needs the coverage. Give it too: --coverage 0.95."
        raise KerasembleError(msg, code=Code.COVERAGE_MISSING)
    asked: list[Stage] = [] if calibrate is None else [known_stages()[calibrate]()]
    asked += [] if coverage is None else [ConformalSets(coverage, by_class=coverage_by_class)]
    return asked + ([] if abstain_risk is None else [Abstain(abstain_risk)])
