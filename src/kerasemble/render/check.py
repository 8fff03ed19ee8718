"""What a check of members found, in the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from kerasemble.evaluation.finding import Finding

_STYLES = {"error": "bold red", "proposal": "bold yellow", "warning": "bold cyan", "accepted": "bold green"}


def render_check(findings: Sequence[Finding], accepted: Sequence[Finding], looked: str) -> RenderableType:
    """Return each finding with its evidence and its remedy, what was accepted, and a line that sums up.

    Args:
        findings: what is wrong.
        accepted: what was, and is mended.
        looked: at what, in words: "3 members on 300 rows".
    """
    counts = Counter(finding.level for finding in findings)
    parts = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items()]
    blocks = [_block("accepted", finding) for finding in accepted]
    blocks += [_block(finding.level, finding) for finding in findings]
    summary = f"{looked}: {', '.join(parts) or 'nothing wrong was found'}."
    lines: list[RenderableType] = [*blocks, Text(summary, style="bold")]
    if counts["proposal"]:
        lines.append(Text("--accept-proposals reads members as proposed; --out FILE.toml keeps their options."))
    return Group(*lines)


def _block(level: str, finding: Finding) -> RenderableType:
    head = Text.assemble((level, _STYLES[level]), f"  {finding.code}")
    body = Text(finding.evidence)
    if finding.remedy:
        body.append(f" {finding.remedy}", style="italic")
    return Group(head, Padding(body, (0, 0, 1, 2)))
