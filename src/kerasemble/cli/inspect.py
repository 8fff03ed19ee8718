"""`kerasemble inspect`: what a model file is, and whether it may be opened, without opening it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.core.errors import KerasembleError

# As for bad input: a file that is not safe is not opened by any other command.
_REFUSED = 2


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--architecture",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="Of files of weights alone: what model.to_json() says.",
)
@options.shared(options.trust, options.custom, options.as_json)
def inspect(
    *,
    files: tuple[Path, ...],
    architecture: Path | None,
    trust: tuple[Path, ...],
    custom: tuple[str, ...],
    as_json: bool,
) -> None:
    """Tell what model FILEs are without running them: format, layers, input and output, and whether they are safe.

    Nothing in a file is run and Keras is not imported. The exit code is 2 where a file is refused.

    \b
    kerasemble inspect a.keras b.h5 old.hdf5
    """
    from kerasemble.members.inspection.inspect import inspect as run

    stray = next((path for path in trust if path not in files), None)
    if stray is not None:
        msg = f"--trust {stray} is none of the files. Trust a file by the path that it is given by."
        raise KerasembleError(msg)
    names = tuple(name.rpartition(":")[2] for name in custom)
    found = [run(path, architecture=architecture, trust=path in trust, custom=names) for path in files]
    if as_json:
        click.echo(json.dumps([each.to_json() for each in found], indent=1, allow_nan=False))
    else:
        from rich.console import Console

        from kerasemble.render.inspection import render_inspections

        Console().print(render_inspections(found))
    sys.exit(0 if all(each.safe for each in found) else _REFUSED)
