"""Options that let stages follow a combiner."""

from __future__ import annotations

import click

from kerasemble.combiners.stages import stages as known_stages
from kerasemble.combiners.stages.abstain import Abstain
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.stages.conformal_sets import ConformalSets

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
abstain_risk = click.option(
    "--abstain-risk",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Say which rows to leave so that at most so many of the other answers are wrong: the model's output abstain.",
)

options = (calibrate, coverage, abstain_risk)


def choose_stages(calibrate: str | None, coverage: float | None, abstain_risk: float | None) -> list[Stage]:
    """Return the stages that the options ask for, in the order in which they follow the combiner."""
    asked: list[Stage] = [] if calibrate is None else [known_stages()[calibrate]()]
    asked += [] if coverage is None else [ConformalSets(coverage)]
    return asked + ([] if abstain_risk is None else [Abstain(abstain_risk)])
