"""Numbers only: who scored what, how sure that is, and what to do. Rendering is somebody else's job."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, NamedTuple, TypeAlias

from kerasemble.evaluation.significance import Interval

Measure: TypeAlias = Literal["log loss", "error rate"]


class Score(NamedTuple):
    """What one member or combiner scored.

    Args:
        name: the member's name, or the combiner's.
        kind: "member" or "combiner".
        accuracy: share of rows whose most probable class is the true one, 0 to 1.
        log_loss: mean of -log of the true class's probability, in nats; None for a member that gives labels only.
        gain: loss of the best single member minus this one's, with its 95 % interval; above zero is better. The loss
            is the report's `measure`.
    """

    name: str
    kind: Literal["member", "combiner"]
    accuracy: float
    log_loss: float | None
    gain: Interval

    def loss(self, measure: Measure) -> float:
        """Return the log loss or the error rate, whichever is asked for."""
        return 1 - self.accuracy if measure == "error rate" or self.log_loss is None else self.log_loss


@dataclasses.dataclass(frozen=True, repr=False)
class Report:
    """The scores of members and combiners on the same rows, and the verdict.

    Args:
        scores: members first, in their order, then combiners.
        best_member: the score of the member of lowest loss.
        chosen: the score of what is best to use, a combiner or a member.
        verdict: the same in a sentence, with figures.
        samples: how many rows were scored.
        folds: how often combiners were fitted to score them on rows they had not seen; 1 where nothing was fitted.
        warnings: what looks wrong, a sentence each.
        readings: for each member how it was read, where that is known.
        measure: the loss by which scores are compared: "log loss", or "error rate" where members give labels only.
        fitted: what the chosen combiner learned from all rows, in words; empty where it is not fitted.
    """

    scores: tuple[Score, ...]
    best_member: Score
    chosen: Score
    verdict: str
    samples: int
    folds: int
    warnings: tuple[str, ...] = ()
    readings: dict[str, str] = dataclasses.field(default_factory=dict)
    measure: Measure = "log loss"
    fitted: str = ""

    def __getitem__(self, name: str) -> Score:
        """Return the score of the member or combiner called `name`."""
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        scores = [{**score._asdict(), "gain": score.gain._asdict()} for score in self.scores]
        return {
            "verdict": self.verdict,
            "chosen": self.scores.index(self.chosen),
            "best_member": self.scores.index(self.best_member),
            "samples": self.samples,
            "folds": self.folds,
            "warnings": list(self.warnings),
            "readings": self.readings,
            "measure": self.measure,
            "fitted": self.fitted,
            "scores": scores,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Return what `to_json` described."""
        scores = tuple(Score(**{**score, "gain": Interval(**score["gain"])}) for score in data["scores"])
        picked = {key: scores[data[key]] for key in ("chosen", "best_member")}
        return cls(**{**data, **picked, "scores": scores, "warnings": tuple(data["warnings"])})

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as text: a heading, then for each score name, accuracy, log loss, gain and its interval."""
        heading = ("", "accuracy", "log loss", "gain", "95 % interval")
        return [heading, *(self._row(score) for score in self.scores)]

    def caption(self) -> str:
        """Return what the table shows, in a sentence or two."""
        seen = f"each scored on rows that its fit did not see ({self.folds} folds)" if self.folds > 1 else "as they are"
        best = self.best_member.name
        return f"{self.samples} rows, {seen}. Gain: {self.measure} of the best member ({best}) less this one's."

    def _row(self, score: Score) -> tuple[str, ...]:
        figures = (score.name, f"{score.accuracy:.2%}", "" if score.log_loss is None else f"{score.log_loss:.4f}")
        if score == self.best_member:
            return (*figures, "", "best member")
        mean, low, high = score.gain
        return (*figures, f"{mean:+.4f}", f"{low:+.3f} to {high:+.3f}")

    def __repr__(self) -> str:
        """Return what `print` shows, for notebooks."""
        return str(self)

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
