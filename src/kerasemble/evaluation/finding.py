"""What is found wrong with a member, the labels or the data, with what mends it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from kerasemble.core.codes import Code
from kerasemble.core.errors import Sentence

Level = Literal["error", "proposal", "warning"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something that looks wrong.

    Args:
        code: what is wrong, the same in every version.
        evidence: a sentence with the figures, which names the member.
        remedy: a sentence that names the option that mends it, or what to do.
        member: the subject: whose fault it is; None for the labels or the data.
        level: "error" where nothing right can come of it, "proposal" where `options` mend it, else "warning".
        options: of `Member`, which mend it: {"classes": [...]}, {"preprocess": "0..1"}, {"output": "logits"}, ...;
            "data_range" among them is the ensemble's.
        blocks: whether nothing can be computed with the member until it is mended.
        figures: the numbers in the evidence: {"rows": 400, "accuracy": 0.25, "held_out": 0.91}, ...
    """

    code: Code
    evidence: str
    remedy: str
    member: str | None = None
    level: Level = "warning"
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    blocks: bool = False
    figures: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        """Return the evidence and the remedy."""
        return Sentence(f"{self.evidence} {self.remedy}".strip(), self.code)

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        return dataclasses.asdict(self)
