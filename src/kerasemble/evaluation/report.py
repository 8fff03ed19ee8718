"""Numbers only: who scored what, how sure that is, and what to do. Rendering is somebody else's job."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.arrays import first
from kerasemble.core.display import as_html
from kerasemble.core.errors import KerasembleError
from kerasemble.core.records import from_plain, to_plain
from kerasemble.evaluation.analysis import Analysis
from kerasemble.evaluation.decision import Decision
from kerasemble.evaluation.significance import Interval

# Rows of a table: members as they are, the best of them as folds pick it, combiners, and the choice among all.
Kind: TypeAlias = Literal["member", "baseline", "combiner", "choice"]
# Metrics that losses by which may be compared are one less of.
_REWARDS = {"error rate": "accuracy", "balanced error rate": "balanced accuracy"}
NO_INTERVAL = Interval(math.nan, math.nan, math.nan)


@dataclasses.dataclass(frozen=True)
class Score:
    """What one member or combiner scored.

    Args:
        name: the member's name, or the combiner's.
        kind: "member"; "baseline", the best member as it is picked in each fold by the others; "combiner"; or
            "choice", what is chosen anew in each fold.
        metrics: by name; always "accuracy", and "log loss" unless it is a member that gives labels only.
        gain: the baseline's loss minus this one's, with its 95 % interval; above zero is better. The loss is the
            report's `measure`. NaN of the baseline itself and of labels that have no such loss; the ends alone are NaN
            of a winner, since an interval that ignores the choice would be too narrow: that of the choice holds.
        over_mean: the same against the plain mean.
    """

    name: str
    kind: Kind
    metrics: Mapping[str, float]
    gain: Interval = NO_INTERVAL
    over_mean: Interval = NO_INTERVAL

    @property
    def accuracy(self) -> float:
        """The share of rows whose most probable class is the true one, 0 to 1."""
        return self.metrics["accuracy"]

    @property
    def log_loss(self) -> float | None:
        """The mean of -log of the true class's probability, in nats; None for a member that gives labels only."""
        return self.metrics.get("log loss")

    def loss(self, measure: str) -> float:
        """Return the loss of this name; NaN where labels have none."""
        if measure in _REWARDS:
            return 1 - self.metrics[_REWARDS[measure]]
        return self.metrics.get(measure, math.nan)


@dataclasses.dataclass(frozen=True)
class Difference:
    """What a member or combiner is ahead of another by, in one metric, on the same rows.

    Args:
        name: the member or combiner.
        against: "best member" or "plain mean".
        metric: in which; the sign is such that above zero is better.
        gain: the difference, with its 95 % interval.
        p: probability of a difference as large if there were none.
        adjusted: p as Holm adjusts it for all that is compared in this metric against the same.
        method: "normal" for the normal interval of differences row by row, "McNemar" for that of accuracy, whose p is
            exact, or "bootstrap" of the rows.
    """

    name: str
    against: Literal["best member", "plain mean"]
    metric: str
    gain: Interval
    p: float
    adjusted: float
    method: Literal["normal", "McNemar", "bootstrap"]


class Choice(NamedTuple):
    """The score of choosing itself: in each fold what looks best on the other folds is taken, and scored on this one.

    Args:
        loss: in the report's measure.
        gain: over the best member, picked in the same way.
        over_mean: gain over the plain mean.
        taken: what was taken, by fold, in the order of the folds of all repetitions.
        combining: gain over the best member when all members are recalibrated before it is picked.
        enough: whether the rows are enough to tell that: see `paired_test`.
    """

    loss: float
    gain: Interval
    over_mean: Interval
    taken: tuple[str, ...]
    combining: Interval = NO_INTERVAL
    enough: bool = True


class Sample(NamedTuple):
    """Some rows with all members' answers, for a page on which weights are tried out.

    Args:
        members: names.
        values: (members, rows, classes) probabilities, float32.
        labels: (rows,) class indices.
        rows: (rows,) their positions in the data.
    """

    members: tuple[str, ...]
    values: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


# Scores that JSON names by their position.
_PICKED = ("chosen", "best_member", "baseline")


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """The scores of members and combiners on the same rows, and the verdict.

    Args:
        scores: members first, in their order, then the best member as folds pick it, combiners, and the choice.
        baseline: the score that gains are over.
        best_member: the score of the member of lowest loss on all rows.
        chosen: the score of what is best to use, a combiner or a member.
        verdict: the decision in sentences.
        samples: how many rows were scored.
        folds: how often combiners were fitted to score them on rows they had not seen; 1 where nothing was fitted.
        repeats: into how many different sets of folds the rows were divided.
        groups: of how many groups of rows no two folds share one; None where each row stands for itself.
        warnings: what looks wrong, a sentence each.
        readings: for each member how it was read, where that is known.
        measure: the loss by which scores are compared and the choice is made: "log loss", unless `select_by` names
            another.
        fitted: what the chosen combiner learned from all rows, in words; empty where it is not fitted.
        weights: of the members in the chosen combiner, fitted to all rows; None where it has none.
        differences: to the best member and to the plain mean, by metric.
        choice: the score of choosing; None where nothing was chosen.
        decision: what to use, what it gains over what, and the caveats, for programs.
        best: what is chosen, fitted to all rows; it can predict, be saved, and become an `Ensemble` with the members.
            It is not written by `to_json`.
        analysis: where the gain comes from, and where the answers fail; None where that was not asked for.
        sample: some of the rows, for a page; it is not written by `to_json`.
        asked: names of the metrics that were asked for, which the table shows besides accuracy and log loss.
        opinion_pool: whether what is chosen is a mean of probabilities or of their logarithms by `weights`, or neither.
    """

    scores: tuple[Score, ...]
    baseline: Score
    best_member: Score
    chosen: Score
    verdict: str
    samples: int
    folds: int
    repeats: int = 1
    groups: int | None = None
    warnings: tuple[str, ...] = ()
    readings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    measure: str = "log loss"
    fitted: str = ""
    weights: Mapping[str, float] | None = None
    differences: tuple[Difference, ...] = ()
    choice: Choice | None = None
    decision: Decision | None = None
    best: FittedCombiner | None = dataclasses.field(default=None, compare=False)
    analysis: Analysis | None = None
    sample: Sample | None = dataclasses.field(default=None, compare=False)
    asked: tuple[str, ...] = ()
    opinion_pool: Literal["linear", "log-linear"] | None = None

    def __getitem__(self, name: str) -> Score:
        """Return the score of the member or combiner called `name`.

        Raises:
            KerasembleError: there is none.
        """
        for score in self.scores:
            if isinstance(name, str) and score.name == name:
                return score
        msg = f"The report has no score of {name!r}. It has: {first([score.name for score in self.scores], 20)}."
        raise KerasembleError(msg)

    def without_rows(self) -> Report:
        """Return this without what is of single rows or groups, to be shown where these are confidential.

        Left out are the rows that members disagree on (with their pictures on a page), the sample on which weights are
        tried out, and the scores and the coverage of each group. What is of all rows or of a class stays.

        Example:
            >>> report.without_rows().to_json()  # doctest: +SKIP
        """
        from kerasemble.evaluation.verdict import of_stages  # which says what is in a report

        if self.analysis is None:
            return dataclasses.replace(self, sample=None)
        unsure, staged = self.analysis.uncertainty, self.analysis.staged
        analysis = dataclasses.replace(
            self.analysis,
            uncertainty=None if unsure is None else dataclasses.replace(unsure, doubtful=()),
            slices=tuple(part for part in self.analysis.slices if part.kind != "group"),
            staged=tuple(
                each
                if each.sets is None
                else dataclasses.replace(each, sets=dataclasses.replace(each.sets, of_groups=()))
                for each in staged
            ),
        )
        bare = dataclasses.replace(self, sample=None, analysis=analysis)
        # The verdict names groups that are covered too seldom.
        verdict = self.verdict.replace(" ".join(of_stages(self)), " ".join(of_stages(bare)))
        return dataclasses.replace(bare, verdict=verdict)

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings; `chosen` and `best_member` as positions in `scores`."""
        return {
            **to_plain(self),
            "chosen": self.scores.index(self.chosen),
            "best_member": self.scores.index(self.best_member),
            "baseline": self.scores.index(self.baseline),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Return what `to_json` described."""
        picked = {key: data["scores"][data.get(key, data["best_member"])] for key in _PICKED}
        return from_plain(cls, {**data, **picked})

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as text: a heading, then for each score its name, metrics, gain and interval."""
        heading = ("", "accuracy", *self._shown(), "gain", "95 % interval")
        return [heading, *(self._row(score) for score in self.scores)]

    def caption(self) -> str:
        """Return what the table shows, in a sentence or two."""
        times = f", {self.repeats} times" if self.repeats > 1 else ""
        seen = f"each scored on rows that its fit did not see ({self.folds} folds{times})"
        said = f"{self.samples} rows, {seen if self.folds > 1 else 'as they are'}."
        return f"{said} Gain: {self.measure} of '{self.baseline.name}' minus that of the row."

    def _row(self, score: Score) -> tuple[str, ...]:
        others = (score.metrics.get(name) for name in self._shown())
        figures = (score.name, f"{score.accuracy:.2%}", *("" if each is None else f"{each:.4f}" for each in others))
        if score == self.baseline:
            return (*figures, "", "the baseline")
        if math.isnan(score.gain.mean):
            return (*figures, "", "")
        # As a reader finds it from the two losses that are printed.
        gain = round(self.baseline.loss(self.measure), 4) - round(score.loss(self.measure), 4)
        interval = f"{score.gain.low:+.4f} to {score.gain.high:+.4f}"
        if math.isnan(score.gain.low):
            interval = "chosen: see the last row" if score == self.chosen else ""
        return (*figures, f"{gain:+.4f}", interval)

    def _shown(self) -> tuple[str, ...]:
        """Return the names of the metrics in the table besides accuracy."""
        own = () if self.measure in _REWARDS.keys() | {"log loss"} else (self.measure,)
        balanced = ("balanced accuracy",) if self.measure == "balanced error rate" else ()
        return tuple(dict.fromkeys(("log loss", *own, *balanced, *self.asked)))

    def __repr__(self) -> str:
        """Return what `print` shows, for notebooks."""
        return str(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the verdict, the table, and what is warned of."""
        warned = [f"Warning: {warning}" for warning in self.warnings]
        notes = [self.caption(), *warned, *([self.fitted] if self.fitted else [])]
        return as_html(self.verdict, self.rows(), notes, bold=self.scores.index(self.chosen))

    def __str__(self) -> str:
        """Return the table and the verdict as plain text."""
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [
            "  ".join(
                text.ljust(width) if column == 0 else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        warned = [f"Warning: {warning}" for warning in self.warnings]
        fitted = [self.fitted] if self.fitted else []
        return "\n".join([*lines, "", self.caption(), *warned, self.verdict, *fitted])
