"""`kerasemble predict`: every model's probabilities for data, in one file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import progress_bars
from kerasemble.core.files import check_target


@click.command()
@options.shared(options.paths, options.members, options.data)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The predictions, an .npz file.")
@options.shared(options.classes, options.data_range, options.image_size, options.store, options.batch_size)
@options.shared(options.overwrite, options.as_json, options.quiet)
def predict(
    *,
    models: tuple[Path, ...],
    members_file: Path | None,
    data: Path,
    out: Path,
    classes: list[str] | None,
    data_range: tuple[float, float] | None,
    image_size: tuple[int, int] | None,
    store: Path | None,
    batch_size: int,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the probabilities of MODELs, ensembles or not, for data with or without labels.

    The file has `values` (models, samples, classes), `members` and `classes`.

    \b
    kerasemble predict ensemble.keras --data test.npz --out predictions.npz
    """
    from kerasemble.scoring.predict import predict as run
    from kerasemble.scoring.sources import load_data

    check_target(out, overwrite=overwrite)
    members = options.collect_members(models, members_file)
    loaded = load_data(data, image_size)
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        seen = run(
            members,
            loaded.x,
            classes=options.agree(classes, loaded.classes, data),
            data_range=data_range,
            store=store,
            batch_size=batch_size,
            progress=progress,
        )
    seen.save(out, overwrite=overwrite)
    if as_json:
        shape = {"members": seen.members, "samples": seen.samples, "classes": seen.classes}
        click.echo(json.dumps({**shape, "out": str(out)}))
    elif not quiet:
        click.echo(f"{seen!r}\nWritten: {out}")
