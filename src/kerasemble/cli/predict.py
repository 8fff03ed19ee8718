"""`kerasemble predict`: every model's probabilities for data, in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from kerasemble.cli import options
from kerasemble.cli.output import progress_bars
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import check_suffix
from kerasemble.core.predictions import Predictions
from kerasemble.scoring.dtypes import DTYPES
from kerasemble.scoring.sources.source import Source


@click.command()
@options.shared(options.paths, options.members, options.trust, options.custom, options.data)
@click.option("--out", type=click.Path(path_type=Path), help="The predictions, an .npz file; or give --store.")
@options.shared(options.classes, options.data_range, *options.reading, options.store, options.batch_size)
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default=DTYPES[0],
    show_default=True,
    help="What is kept of an answer: float16 halves the store; labels keeps the most probable class alone.",
)
@click.option(
    "--ray",
    metavar="ADDRESS|local",
    help="Run on a Ray cluster; models, data and store must lie where all its machines see them.",
)
@click.option("--actors", type=click.IntRange(1), help="How many processes run the members there.")
@options.shared(options.overwrite, options.as_json, options.quiet)
def predict(
    *,
    models: tuple[Path, ...],
    members_file: Path | None,
    trust: tuple[Path, ...],
    custom: tuple[str, ...],
    data: Path,
    out: Path | None,
    classes: list[str] | None,
    data_range: tuple[float, float] | None,
    image_size: tuple[int, int] | None,
    label: str | None,
    features: list[str] | None,
    row_id: str | None,
    store: Path | None,
    batch_size: int | None,
    dtype: str,
    ray: str | None,
    actors: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the probabilities of MODELs, ensembles or not, for data with or without labels.

    A file has `values` (models, samples, classes), `members` and `classes`. A store keeps the answers as they come: a
    run that was killed goes on where it was, another model is all that is run next time, and compare, combine and
    evaluate take them from there.

    \b
    kerasemble predict ensemble.keras --data test.npz --out predictions.npz
    kerasemble predict a.keras b.h5 c.keras --data images --store run
    """
    from kerasemble.ensemble.evaluate import read_by_records
    from kerasemble.scoring.sources.opening import open_data

    _check_kept(out, store, ray, actors)
    members = options.collect_members(models, members_file, trust, custom)
    options.check_outputs([out], [*(member.path for member in members), members_file, data], overwrite=overwrite)
    source = open_data(data, image_size, label=label, features=features, id=row_id)
    read = read_by_records(members, options.agree(classes, source.classes, data), data_range)
    how: dict[str, Any] = {"classes": read.classes, "data_range": read.data_range, "dtype": dtype}
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        if ray is not None and store is not None:
            from kerasemble.scoring.cluster import predict_on_ray

            # Each machine opens the data for itself.
            how |= {"image_size": image_size, "label": label, "features": features, "id": row_id}
            how |= {"batch_size": batch_size, "address": ray, "actors": actors or 1}
            seen = predict_on_ray(read.members, data, store, progress=progress, **how)
        else:
            from kerasemble.scoring.predict import predict as run

            seen = run(read.members, source, store=store, batch_size=batch_size, progress=progress, **how)
    if out is not None:
        seen.save(out, overwrite=overwrite)
    written = {key: str(path) for key, path in {"out": out, "store": store}.items() if path is not None}
    if as_json:
        click.echo(json.dumps({"members": seen.members, "samples": seen.samples, "classes": seen.classes, **written}))
    elif not quiet:
        _print(seen, source)
        for path in written.values():
            click.echo(f"Written: {path}")


def _check_kept(out: Path | None, store: Path | None, ray: str | None, actors: int | None) -> None:
    """Refuse to run where nothing would be kept, or not in the way that was asked for.

    Raises:
        KerasembleError: an option is missing, or goes with another one.
    """
    if out is None and store is None:
        msg = "Nothing would be kept. Give --out FILE.npz, --store FOLDER, or both."
        raise KerasembleError(msg)
    if out is not None:
        check_suffix(out, ".npz", "Predictions are")
    if ray is not None and store is None:
        msg = "--ray writes into a store. Give --store FOLDER, which all its machines see."
        raise KerasembleError(msg)
    if actors is not None and ray is None:
        msg = "--actors goes with --ray. Give --ray local, or the address of a cluster."
        raise KerasembleError(msg)


def _print(seen: Predictions, source: Source) -> None:
    click.echo(f"{seen!r}")
    if seen.alignment is not None:
        for name, reading in zip(seen.members, seen.alignment.readings, strict=True):
            click.echo(f"  {name}: {reading.describe()}")
        if source.dtype.kind == "f" and source.dtype != seen.alignment.inputs.dtype:
            click.echo(f"The data is {source.dtype}; members are given it as {seen.alignment.inputs.dtype}.")
