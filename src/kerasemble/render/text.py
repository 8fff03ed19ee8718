"""A report as a table in the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from kerasemble.evaluation.budget import NO_UNIT
from kerasemble.evaluation.report import Report

# Subsets that are named in a terminal.
_SHOWN = 4


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
        table.add_row(*map(Text, row), style=style, end_section=kinds[index : index + 2] != 2 * [score.kind])
    caption = Text(report.caption(), style="dim")
    fitted = [Text(report.fitted)] if report.fitted else []
    verdict = Text(report.verdict, style="bold")
    return Group(table, caption, *_members(report), *_readings(report), Text(), verdict, *fitted)


def _members(report: Report) -> list[RenderableType]:
    """Return what each member brings and costs, and which subsets are worth their cost; nothing where unknown."""
    found = report.analysis
    if found is None or not found.contributions:
        return []
    priced = found.cost_unit != "members"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, title in enumerate(
        ("member", "gain it brings", "lost without it", *([found.cost_unit] if priced else []))
    ):
        table.add_column(title, justify="left" if index == 0 else "right", no_wrap=index > 0, overflow="fold")
    for each in found.contributions:
        cost = [f"{each.cost:.3g}"] if priced else []
        table.add_row(Text(each.member), f"{each.shapley:+.4f}", f"{each.left_out:+.4f}", *cost)
    how = "exact" if found.contributions_exact else "sampled"
    caption = (
        f"In log loss of the plain mean: Shapley values ({how}), and how much it rises without the member. Members "
        "below zero make the plain mean worse."
    )
    front = [each for each in found.subsets if each.on_front]
    said = "; ".join(f"{' + '.join(each.members)} {each.log_loss:.4f} ({each.cost:.3g})" for each in front[:_SHOWN])
    more = "; ..." if len(front) > _SHOWN else ""
    title = "Least log loss of a plain mean for its cost"
    title += "" if found.cost_unit == NO_UNIT else f" in {found.cost_unit}"
    best = [Text(f"{title}: {said}{more}", style="dim")] if len(found.contributions) > 2 else []
    return [table, Text(caption, style="dim"), *best]


def _readings(report: Report) -> list[Text]:
    """Return how members were read, those read alike together; nothing where all were taken as they are."""
    alike: dict[str, list[str]] = {}
    for member, how in report.readings.items():
        alike.setdefault(how, []).append(member)
    if set(alike) <= {"as it is"}:
        return []
    groups = [f"{', '.join(names)}: {how}" for how, names in alike.items()]
    return [Text(f"How members are read: {'; '.join(groups)}.", style="dim")]
