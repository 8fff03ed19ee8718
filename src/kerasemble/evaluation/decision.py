"""What the scores say to do, and what speaks against it: numbers and names, no sentences."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

from kerasemble.evaluation.significance import Interval


class Action(enum.StrEnum):
    """What to do with the subject of a decision."""

    COMBINE = "combine"
    KEEP_MEMBER = "keep-member"
    ONLY_MEMBER = "only-member"


class Caveat(enum.StrEnum):
    """What has to be said beside a decision."""

    WORSE_THAN_GUESSING = "worse-than-guessing"
    LIKE_GUESSING = "not-surely-better-than-guessing"
    NO_GAIN = "no-gain-shown"
    MAY_BE_CHANCE = "gain-may-be-chance"
    CALIBRATION_ONLY = "gain-is-calibration-only"
    TOO_FEW_ROWS = "too-few-rows-to-tell"
    MEAN_AS_GOOD = "not-surely-better-than-plain-mean"
    NOT_SURELY_BETTER = "another-is-lower-but-not-surely"
    CHOICE_NOT_SCORED = "choice-not-scored"
    WORSE_BY_ACCURACY = "surely-worse-by-accuracy"
    FEW_EFFECTIVE_ROWS = "few-effective-rows"
    DEPENDENT_ROWS = "rows-tell-of-their-neighbours"


@dataclasses.dataclass(frozen=True)
class Decision:
    """What to use, what it gains over which baseline, and the caveats.

    Every loss stands in the report's table under the name that is given here, and every gain is the difference of two
    of them.

    Args:
        action: what to do.
        subject: name of the score of what is used.
        measure: the loss.
        loss: of the subject.
        scored: name of the score that gains are of: the subject's, or that of choosing anew in each fold.
        scored_loss: of that.
        baseline: name of the score of the best member, which `gain` is over.
        baseline_loss: of that.
        gain: of what is scored over the baseline, with its 95 % interval.
        member: the best member on all rows.
        recalibrated: name of the score of the best of all recalibrated members; None where nothing is recalibrated.
        recalibrated_loss: of that.
        calibrated_member: the best recalibrated member on all rows.
        calibration: what of the gain recalibrating the best member brings alone.
        combining: the rest, what is scored gains over that, with its 95 % interval.
        mean: name of the plain mean.
        mean_loss: of that.
        over_mean: what is scored gains over it.
        guess: the loss of answering how frequent classes are.
        rival: name of the combiner of least loss that is not the subject.
        rival_loss: of that.
        picked: how often each was taken in the folds.
        effective_rows: how many rows of equal weight tell as much.
        accuracy: of the subject.
        more_accurate: the accuracy of the best member or the plain mean, where it is surely higher.
        asked: whether this very combiner was asked for, so that nothing was chosen.
        caveats: what has to be said beside it.
    """

    action: Action
    subject: str
    measure: str
    loss: float
    scored: str
    scored_loss: float
    baseline: str
    baseline_loss: float
    gain: Interval
    member: str
    mean: str
    mean_loss: float
    over_mean: Interval
    guess: float
    effective_rows: float
    accuracy: float
    more_accurate: Mapping[str, float] = dataclasses.field(default_factory=dict)
    recalibrated: str | None = None
    recalibrated_loss: float | None = None
    calibrated_member: str | None = None
    calibration: float | None = None
    combining: Interval | None = None
    rival: str | None = None
    rival_loss: float | None = None
    picked: Mapping[str, int] = dataclasses.field(default_factory=dict)
    asked: bool = False
    caveats: tuple[Caveat, ...] = ()
