"""Whether members are read rightly: looked at before anything is fitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from kerasemble.core.arrays import counted
from kerasemble.core.labels import check_task
from kerasemble.core.options import as_names, check_flag
from kerasemble.evaluation.finding import Finding
from kerasemble.members.member import Member, Source, as_members, name_of
from kerasemble.scoring.examine import examine
from kerasemble.scoring.overlap import find_overlap
from kerasemble.scoring.scoring import Progress, Scoring
from kerasemble.scoring.sources.opening import as_source

# A mended member may show another fault: wrong scaling hides an order of classes.
_ROUNDS = 4


@dataclasses.dataclass(frozen=True)
class Checked:
    """What was found wrong with members, and what was done about it.

    Args:
        members: with the options that were accepted.
        findings: what is wrong with them as they are now.
        accepted: proposals that were accepted on the way.
        samples: on how many rows.
        classes: names in the order that proposals follow; None where members could not be compared.
        data_range: lowest and highest value of the data, where it was given or accepted.
    """

    members: tuple[Member, ...]
    findings: tuple[Finding, ...]
    accepted: tuple[Finding, ...]
    samples: int
    classes: tuple[str, ...] | None
    data_range: tuple[float, float] | None

    @property
    def ok(self) -> bool:
        """Whether nothing was found but warnings."""
        return all(finding.level == "warning" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        return {
            "samples": self.samples,
            "members": [name_of(member) for member in self.members],
            "ok": self.ok,
            "findings": [finding.to_json() for finding in self.findings],
            "accepted": [finding.to_json() for finding in self.accepted],
        }

    def __repr__(self) -> str:
        """Return a line for each finding, in the order of members."""
        done = [f"accepted: {finding}" for finding in self.accepted]
        found = [f"{finding.level}: {finding}" for finding in self.findings]
        looked = f"{counted(len(self.members), 'member')} on {counted(self.samples, 'row')}"
        return "\n".join([*done, *found]) if done or found else f"Nothing wrong was found with {looked}."


def check(
    members: Sequence[Member | Source],
    x: Any,  # noqa: ANN401 - whatever can be data
    y: npt.ArrayLike | None = None,
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    trained_on: Any = None,  # noqa: ANN401 - as x
    accept_proposals: bool = False,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Look for members that open but are read wrongly, and for data that cannot be right.

    Without labels: the kind of output, answers that change from call to call or with the batch, constant and repeated
    members. With labels also the order of classes, a background class, the scaling of the input, labels that are
    shifted or shuffled, rows in another order, and rows that a member was trained on.

    Args:
        members: models, paths of models, or `Member`s.
        x: (samples, ...) data, or whatever `predict` takes; twenty rows a class show all that can be shown.
        y: (samples,) labels: class indices, names, or one-hot rows; those of the data where left out.
        classes: class names in the order of the labels; the members' own where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        trained_on: (samples, ...) data that members were trained on, to find rows that are in both.
        accept_proposals: give members the options that are proposed, and look again.
        batch_size: samples at a time; at most 256, by the size of a row, where left out.
        progress: called with a member's name, the rows done and the rows in all.

    Returns:
        The findings, which name the member, the figures and the option that mends it; they print themselves.

    Raises:
        KerasembleError: the data or the labels cannot be used.

    Example:
        >>> print(check(["a.keras", "b.h5"], x, y))  # doctest: +SKIP
        proposal: Member 'b' ... Pass preprocess='0..1'.
    """
    classes = None if classes is None else as_names("classes", classes)
    scoring = Scoring(x, data_range=data_range, batch_size=batch_size, progress=progress)
    labels = scoring.x.y if y is None else check_task(y)
    named = scoring.x.classes if classes is None else classes
    checked = look(scoring, as_members(members), labels, named, accept_proposals=accept_proposals)
    leaked = [] if trained_on is None else find_overlap(scoring.x, as_source(trained_on))
    return dataclasses.replace(checked, findings=(*checked.findings, *leaked))


def look(
    scoring: Scoring,
    members: tuple[Member, ...],
    y: npt.ArrayLike | None,
    classes: Sequence[object] | None = None,
    *,
    accept_proposals: bool = False,
) -> Checked:
    """Return what is wrong with members, which went through `as_members`, on the data of `scoring`.

    Raises:
        KerasembleError: the labels cannot be used.
    """
    check_flag("accept_proposals", accept_proposals)
    scoring.check_rows()
    accepted: list[Finding] = []
    found = examine(scoring, members, y, classes)
    for _ in range(_ROUNDS if accept_proposals else 0):
        # One for each member at a time: the next look shows whether there is more.
        proposals = {finding.member: finding for finding in reversed(found.findings) if finding.level == "proposal"}
        if not proposals:
            break
        members = tuple(_with_options(member, proposals.get(name_of(member))) for member in members)
        ranges = [finding.options["data_range"] for finding in proposals.values() if "data_range" in finding.options]
        scoring.data_range = scoring.data_range or next(iter(ranges), None)
        if classes is None and any("classes" in finding.options for finding in proposals.values()):
            classes = found.classes  # by which the proposal names the columns
        accepted += proposals.values()
        found = examine(scoring, members, y, classes)
    return Checked(members, found.findings, tuple(accepted), len(scoring.x), found.classes, scoring.data_range)


def _with_options(member: Member, proposal: Finding | None) -> Member:
    if proposal is None:
        return member
    options = {key: value for key, value in proposal.options.items() if key != "data_range"}
    return dataclasses.replace(member, **options)
