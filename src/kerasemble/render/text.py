"""A report as a table in the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kerasemble.evaluation.report import Report


def render_report(report: Report) -> RenderableType:
    """Return the scores as a table, the best in green; how each member was read; the verdict; and what was learned.

    Warnings are not in it: whoever shows it has had them as warnings.
    """
    heading, *rows = report.rows()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(heading):
        table.add_column(title, justify="left" if index == 0 else "right", no_wrap=index > 0, overflow="fold")
    kinds = [score.kind for score in report.scores]
    for index, (score, row) in enumerate(zip(report.scores, rows, strict=True)):
        style = "bold green" if score == report.chosen else None
        table.add_row(*row, style=style, end_section=kinds[index : index + 2] == ["member", "combiner"])
    caption = Text(report.caption(), style="dim")
    fitted = [Text(report.fitted)] if report.fitted else []
    return Group(table, caption, *_readings(report), Text(), Text(report.verdict, style="bold"), *fitted)


def _readings(report: Report) -> list[Text]:
    """Return how members were read, those read alike together; nothing where all were taken as they are."""
    alike: dict[str, list[str]] = {}
    for member, how in report.readings.items():
        alike.setdefault(how, []).append(member)
    if set(alike) <= {"as it is"}:
        return []
    groups = [f"{', '.join(names)}: {how}" for how, names in alike.items()]
    return [Text(f"How members are read: {'; '.join(groups)}.", style="dim")]
