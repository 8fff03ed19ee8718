"""`kerasemble check`: are the members read rightly?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import progress_bars
from kerasemble.core.arrays import counted
from kerasemble.core.files import atomic_target, check_suffix

# As for bad input: what was found must be mended first.
_FOUND = 2


@click.command()
@options.shared(options.paths, options.members, options.trust, options.custom, options.data)
@options.shared(options.classes, options.data_range, *options.reading)
@click.option(
    "--trained-on",
    type=click.Path(path_type=Path),
    metavar="FILE.npz|FOLDER",
    help="Data that members were trained on, to find rows that are in both.",
)
@options.shared(options.accept_proposals)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Write the members with the options that were accepted, for --members.",
)
@options.shared(options.batch_size, options.overwrite, options.as_json, options.quiet)
def check(
    *,
    models: tuple[Path, ...],
    members_file: Path | None,
    trust: tuple[Path, ...],
    custom: tuple[str, ...],
    data: Path,
    classes: list[str] | None,
    data_range: tuple[float, float] | None,
    image_size: tuple[int, int] | None,
    label: str | None,
    features: list[str] | None,
    row_id: str | None,
    trained_on: Path | None,
    accept_proposals: bool,
    out: Path | None,
    batch_size: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Look for MODELs that open but are read wrongly, before anything is fitted.

    Without labels: the kind of output, answers that change from call to call, members that are constant or given twice.
    With labels also the order of classes, the scaling of the input, labels or rows that are shuffled. The exit code is
    2 where something must be mended.

    \b
    kerasemble check a.keras b.h5 c.keras --data valid.npz
    """
    from kerasemble.members.listing import save_members
    from kerasemble.scoring.check import check as run
    from kerasemble.scoring.sources.opening import open_data

    if out is not None:
        check_suffix(out, ".toml", "Members are")
    members = options.collect_members(models, members_file, trust, custom)
    options.check_outputs([out], [*(member.path for member in members), members_file, data], overwrite=overwrite)
    source = open_data(data, image_size, label=label, features=features, id=row_id)
    seen = None if trained_on is None else open_data(trained_on, image_size, label=label, features=features)
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        checked = run(
            members,
            source,
            classes=options.agree(classes, source.classes, data),
            data_range=data_range,
            trained_on=seen,
            accept_proposals=accept_proposals,
            batch_size=batch_size,
            progress=progress,
        )
    if out is not None:
        with atomic_target(out, overwrite=overwrite) as temporary:
            save_members(checked.members, temporary, out.parent)
    if as_json:
        click.echo(json.dumps(checked.to_json(), indent=1))
    elif not quiet:
        from rich.console import Console

        from kerasemble.render.check import render_check

        looked = f"{counted(len(checked.members), 'member')} on {counted(checked.samples, 'row')}"
        Console().print(render_check(checked.findings, checked.accepted, looked))
    sys.exit(0 if checked.ok else _FOUND)
