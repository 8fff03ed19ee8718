"""`kerasemble predict`: every model's probabilities for data, in one file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import progress_bars
from kerasemble.core.files import check_suffix


@click.command()
@options.shared(options.paths, options.members, options.trust, options.custom, options.data)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The predictions, an .npz file.")
@options.shared(options.classes, options.data_range, options.image_size, options.store, options.batch_size)
@options.shared(options.overwrite, options.as_json, options.quiet)
def predict(
    *,
    models: tuple[Path, ...],
    members_file: Path | None,
    trust: tuple[Path, ...],
    custom: tuple[str, ...],
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
    from kerasemble.ensemble.evaluate import read_by_records
    from kerasemble.scoring.predict import predict as run
    from kerasemble.scoring.sources import load_data

    check_suffix(out, ".npz", "Predictions are")
    members = options.collect_members(models, members_file, trust, custom)
    options.check_outputs([out], [*(member.path for member in members), members_file, data], overwrite=overwrite)
    loaded = load_data(data, image_size)
    read = read_by_records(members, options.agree(classes, loaded.classes, data), data_range)
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        seen = run(
            read.members,
            loaded.x,
            classes=read.classes,
            data_range=read.data_range,
            store=store,
            batch_size=batch_size,
            progress=progress,
        )
    seen.save(out, overwrite=overwrite)
    if as_json:
        shape = {"members": seen.members, "samples": seen.samples, "classes": seen.classes}
        click.echo(json.dumps({**shape, "out": str(out)}))
    elif not quiet:
        click.echo(f"{seen!r}")
        if seen.alignment is not None:
            for name, reading in zip(seen.members, seen.alignment.readings, strict=True):
                click.echo(f"  {name}: {reading.describe()}")
        click.echo(f"Written: {out}")
