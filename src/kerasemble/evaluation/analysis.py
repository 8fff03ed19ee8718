"""What a report says besides scores: where the gain comes from, how sure the answers are, and where they fail."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

from kerasemble.core.codes import Code

Table: TypeAlias = tuple[tuple[float, ...], ...]


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How often answers of some confidence are right.

    Args:
        name: the member or combiner.
        confidence: (bins,) mean probability of the most probable class, of bins that hold equally many rows.
        accuracy: (bins,) share of the bin's rows that are right.
        rows: (bins,) how many rows a bin holds.
        error: the expected calibration error: the mean distance of the two, weighted by rows.
    """

    name: str
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    rows: tuple[int, ...]
    error: float


@dataclasses.dataclass(frozen=True)
class RiskCoverage:
    """What is wrong among the rows that are answered, where the least sure ones are not.

    Args:
        name: the member or combiner.
        coverage: (points,) share of the rows that are answered, ascending to one.
        risk: (points,) share of these that are wrong.
        area: mean risk over all coverages.
    """

    name: str
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


@dataclasses.dataclass(frozen=True)
class Diversity:
    """How members differ, pair by pair and in all.

    Args:
        members: names, in the order of the tables' rows and columns.
        disagreement: share of the rows on which the two answer another class.
        q_statistic: Yule's Q of being right, -1 to 1; 0 where the two are independent. None where undefined.
        double_fault: share of the rows on which both are wrong.
        correlation: of the two's being right. None where one of them is always right or always wrong.
        oracle: share of the rows on which at least one member is right.
        mean_error: mean Brier score of the members, which is `ensemble_error` + `ambiguity`.
        ensemble_error: Brier score of their plain mean.
        ambiguity: mean squared distance of the members from their plain mean.
    """

    members: tuple[str, ...]
    disagreement: Table
    q_statistic: tuple[tuple[float | None, ...], ...]
    double_fault: Table
    correlation: tuple[tuple[float | None, ...], ...]
    oracle: float
    mean_error: float
    ensemble_error: float
    ambiguity: float


@dataclasses.dataclass(frozen=True)
class Contribution:
    """What a member brings to the plain mean, in nats of log loss; above zero is better.

    Args:
        member: its name.
        shapley: its share of what all members together gain over knowing how frequent classes are.
        low: end of the 95 % interval of what was sampled; as `shapley` where it is exact.
        high: the other end.
        left_out: log loss of the mean of the others less that of the mean of all.
        cost: of running it, in the unit of the report's `cost_unit`.
    """

    member: str
    shapley: float
    low: float
    high: float
    left_out: float
    cost: float


@dataclasses.dataclass(frozen=True)
class Subset:
    """Some of the members, what they cost to run, and how good their plain mean is.

    Args:
        members: their names.
        log_loss: of their plain mean, in nats.
        cost: in the unit of the report's `cost_unit`.
        on_front: whether no other subset is both as cheap and as good.
    """

    members: tuple[str, ...]
    log_loss: float
    cost: float
    on_front: bool


@dataclasses.dataclass(frozen=True)
class Doubtful:
    """A row that members disagree on.

    Args:
        row: its position in the data.
        label: name of its true class.
        answer: name of the class that the combination answers.
        probability: that it gives to this class.
        information: mutual information of member and answer, in nats: how much of the doubt is disagreement.
        answers: name of each member's most probable class.
        probabilities: that each member gives to its own.
    """

    row: int
    label: str
    answer: str
    probability: float
    information: float
    answers: tuple[str, ...]
    probabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Uncertainty:
    """How unsure the plain mean is, in nats, and why: entropy = expected + information, row by row.

    Args:
        entropy: mean entropy of the plain mean.
        expected: mean entropy of a member: doubt that members share.
        information: mean mutual information: doubt because members disagree.
        doubtful: the rows of the highest mutual information, the highest first.
    """

    entropy: float
    expected: float
    information: float
    doubtful: tuple[Doubtful, ...]


@dataclasses.dataclass(frozen=True)
class Slice:
    """The scores on a part of the rows.

    Args:
        kind: whether the rows have one true class, one group, or one range of the combination's confidence in common.
        name: the class, the group, or the range, such as "0.50 to 0.80".
        rows: how many.
        accuracy: of what is chosen.
        log_loss: of what is chosen.
        baseline_accuracy: of the best member.
        baseline_log_loss: of the best member.
    """

    kind: Literal["class", "group", "confidence"]
    name: str
    rows: int
    accuracy: float
    log_loss: float
    baseline_accuracy: float
    baseline_log_loss: float


@dataclasses.dataclass(frozen=True)
class Covered:
    """How often the prediction sets of some of the rows hold the true class.

    Args:
        kind: whether the rows have their true class or their group in common.
        name: of the class or the group.
        rows: how many.
        held: how often their sets hold the true class.
        low: end of the 95 % interval of that.
        high: the other end.
        code: `CLASS_UNDERCOVERED` or `GROUP_UNDERCOVERED` where that is surely less often than asked for; else None.
    """

    kind: Literal["class", "group"]
    name: str
    rows: int
    held: float
    low: float
    high: float
    code: Code | None = None


@dataclasses.dataclass(frozen=True)
class Sets:
    """What prediction sets do on rows that nothing they come from has seen.

    Args:
        asked: how often they are to hold the true class.
        held: how often they did, as a share of the rows.
        size: mean number of classes in a set.
        shares: (classes + 1,) share of the sets that hold no class, one class, two, ...
        by_class: whether that was asked for each class, and not only for the mean of all rows.
        low: end of the 95 % interval of `held`.
        high: the other end.
        of_classes: the same for the rows of each class that occurs, in the order of classes.
        of_groups: likewise of each group; empty where there are none.
    """

    asked: float
    held: float
    size: float
    shares: tuple[float, ...]
    by_class: bool = False
    low: float = 0.0
    high: float = 1.0
    of_classes: tuple[Covered, ...] = ()
    of_groups: tuple[Covered, ...] = ()

    @property
    def undercovered(self) -> tuple[Covered, ...]:
        """The classes and the groups that are surely covered less often than asked for, the least often first."""
        surely = (each for each in (*self.of_classes, *self.of_groups) if each.code is not None)
        return tuple(sorted(surely, key=lambda each: each.held))


@dataclasses.dataclass(frozen=True)
class Answered:
    """What abstaining does on rows that nothing it comes from has seen.

    Args:
        risk: which share of the answers may be wrong.
        confidence: how surely.
        coverage: share of the rows that are answered.
        wrong: share of these that are wrong; None where none is answered.
        low: end of the 95 % interval of that; likewise.
        high: the other end; likewise.
        saved: share of the rows that is answered with the threshold that is learned from all of them; None where that
            is the one that is scored.
    """

    risk: float
    confidence: float
    coverage: float
    wrong: float | None
    low: float | None = None
    high: float | None = None
    saved: float | None = None


@dataclasses.dataclass(frozen=True)
class Staged:
    """What the stages after a combiner do: cross-fitted together with it, or of a saved ensemble as it is.

    Args:
        combiner: name of the score of what they follow, or of the ensemble.
        calibrated: name of the score with the calibration; None where there is none, or the ensemble has it.
        sets: of `ConformalSets`; None where it is not among them.
        answered: of `Abstain`; likewise.
    """

    combiner: str
    calibrated: str | None
    sets: Sets | None
    answered: Answered | None


@dataclasses.dataclass(frozen=True)
class Analysis:
    """What a comparison found besides scores. All of it is of rows that no fit saw.

    Args:
        classes: names, in the order of the confusion matrix.
        confusion: (classes, classes) rows by true class, columns by the answer of what is chosen: how many rows each.
        calibration: of what is chosen, the best member and the plain mean; where a stage calibrates, of that, of what
            is chosen and of the best member.
        risk_coverage: of the same.
        diversity: of the members; None where there is one.
        contributions: of each member; empty where there is one.
        contributions_exact: whether every subset was scored for them, or some drawn at random.
        subsets: of members, those on the front of cost against score first, by cost.
        cost_unit: "ms a row", "parameters" or "members".
        uncertainty: None where members give labels only.
        slices: by class, by group where there are groups, by confidence.
        staged: what the stages after the chosen combiner do; where saved ensembles are scored, those of each.
    """

    classes: tuple[str, ...]
    confusion: Table
    calibration: tuple[Calibration, ...]
    risk_coverage: tuple[RiskCoverage, ...]
    diversity: Diversity | None
    contributions: tuple[Contribution, ...]
    contributions_exact: bool
    subsets: tuple[Subset, ...]
    cost_unit: str
    uncertainty: Uncertainty | None
    slices: tuple[Slice, ...]
    staged: tuple[Staged, ...] = ()
