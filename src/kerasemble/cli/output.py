"""What commands print: tables and progress for people, JSON for machines, or nothing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from kerasemble.core.errors import KerasembleWarning
from kerasemble.evaluation.report import Report

Progress = Callable[[str, int, int], None]


@contextmanager
def progress_bars(*, hidden: bool) -> Iterator[Progress]:
    """Yield a callback that shows a bar for each member on stderr; the bars go when all is done.

    Meanwhile our own warnings are held back, since the report says each of them; others are shown as they come.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KerasembleWarning)
        if hidden:
            yield lambda _name, _done, _total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            tasks: dict[str, Any] = {}

            def update(name: str, done: int, total: int) -> None:
                if name not in tasks:
                    tasks[name] = bars.add_task(name, total=total)
                bars.update(tasks[name], completed=done)

            yield update


def print_report(report: Report, *, as_json: bool, quiet: bool, **also: str) -> None:
    """Print a report as a table or as JSON, with what else is to be said, e.g. where the file is."""
    if as_json:
        click.echo(json.dumps({**report.to_json(), **also}, indent=1, allow_nan=False))
    elif not quiet:
        from rich.console import Console

        from kerasemble.render.text import render_report

        console = Console()
        console.print(render_report(report))
        for what, value in also.items():
            console.print(f"{what.capitalize()}: {value}", soft_wrap=True, highlight=False, markup=False)
