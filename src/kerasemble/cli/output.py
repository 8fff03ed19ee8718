"""What commands print: tables and progress for people, JSON for machines, or nothing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import recipe_to_json
from kerasemble.core.errors import KerasembleWarning
from kerasemble.core.files import atomic_target, check_suffix
from kerasemble.ensemble.ensemble import Ensemble
from kerasemble.evaluation.report import Report
from kerasemble.members.backend import import_keras

_STDERR = 2
Progress = Callable[[str, int, int], None]


@contextmanager
def progress_bars(*, hidden: bool, quiet: bool) -> Iterator[Progress]:
    """Yield a callback that shows a bar for each member on stderr; the bars go when all is done.

    Our own warnings wait until then and are shown as a line each, unless all is to be `quiet`.
    """
    with _held_back_stderr():
        import_keras()
        if importlib.util.find_spec("tensorflow"):
            importlib.import_module("tensorflow")
    with warnings_as_lines(quiet=quiet):
        if hidden or quiet:
            yield lambda _name, _done, _total: None
        else:
            yield from _bars()


@contextmanager
def warnings_as_lines(*, quiet: bool) -> Iterator[None]:
    """Show our own warnings as a line each when the block ends, unless all is to be `quiet`."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", KerasembleWarning)
        yield
    for warning in caught:
        if not issubclass(warning.category, KerasembleWarning):
            warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
        elif not quiet:
            click.echo(f"Warning: {warning.message}", err=True)


@contextmanager
def _held_back_stderr() -> Iterator[None]:
    """Hold back what native code writes to stderr, and let it through only if this fails.

    Wherever TensorFlow is installed Keras imports it at its first `predict`, and it greets in lines that no setting
    stops; so it is imported here, before that.
    """
    shown = os.dup(_STDERR)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        except BaseException:  # whatever ends the start, Ctrl-C too: what was said until then explains it
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, _STDERR)
            os.close(shown)


def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    speed = TextColumn("{task.fields[speed]}", markup=False)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        speed,
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                # What was stored before counts as done, and says nothing of the speed.
                tasks[name] = bars.add_task(name, total=total, completed=done, speed="")
            rate = bars.tasks[tasks[name]].speed
            bars.update(tasks[name], completed=done, speed="" if rate is None else f"{rate:,.0f} rows/s")

        yield update


def print_report(report: Report, *, as_json: bool, quiet: bool) -> None:
    """Print a report as a table, or as JSON."""
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=1, allow_nan=False))
    elif not quiet:
        from rich.console import Console

        from kerasemble.render.text import render_report

        Console().print(render_report(report))


def print_ensemble(ensemble: Ensemble, path: Path, *, as_json: bool, quiet: bool) -> None:
    """Print how an ensemble came about, what its combiner learned and where its file is."""
    if as_json:
        click.echo(json.dumps(ensemble_json(ensemble, path), indent=1, allow_nan=False))
        return
    if ensemble.report is not None:
        print_report(ensemble.report, as_json=False, quiet=quiet)
    elif not quiet:
        click.echo(f"{ensemble.combiner!r}.")
    if not quiet:
        click.echo(f"Ensemble: {path}")


def ensemble_json(ensemble: Ensemble, path: Path) -> dict[str, Any]:
    """Return the ensemble's report as JSON, with its combiner, the members' weights, and the path of its file."""
    data = {} if ensemble.report is None else ensemble.report.to_json()
    if isinstance(ensemble.combiner, FittedCombiner):
        data |= {"combiner": recipe_to_json(ensemble.combiner.combiner), "weights": ensemble.combiner.weights}
    return {**data, "ensemble": str(path)}


def check_report(path: Path | None) -> None:
    """Refuse a report of no known kind, or one that cannot be drawn here, before hours are spent.

    Raises:
        KerasembleError: the name ends in neither .html nor .json, or what draws pages is not installed.
    """
    if path is None or path.suffix == ".json":
        return
    check_suffix(path, ".html", "A report is JSON, saved as .json, or a page, and a page is")
    from kerasemble.render.html import check_installed

    check_installed()


def save_report(
    report: Report,
    path: Path | None,
    images: Any = None,  # noqa: ANN401 - whatever has rows
    *,
    overwrite: bool,
    also: dict[str, Any] | None = None,
) -> None:
    """Write a report as a page or as JSON, by the end of its name; nothing where there is no path.

    Args:
        report: what is written.
        path: where to.
        images: the data, for the pictures on a page.
        overwrite: replace the file if it exists.
        also: what JSON has besides.

    Raises:
        KerasembleError: it cannot be written.
    """
    if path is None:
        return
    if path.suffix == ".json":
        content = json.dumps({**report.to_json(), **(also or {})}, indent=1, allow_nan=False)
        with atomic_target(path, overwrite=overwrite) as temporary:
            temporary.write_text(content, encoding="utf-8")
        return
    from kerasemble.render.html import write_report

    write_report(report, path, images=images, overwrite=overwrite)
