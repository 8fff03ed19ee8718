"""`kerasemble evaluate`: saved models and ensembles side by side on data that nobody has seen."""

from __future__ import annotations

from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import check_report, print_report, progress_bars, save_report


@click.command()
@options.shared(
    options.paths,
    options.members,
    options.trust,
    options.custom,
    options.data,
    options.classes,
    options.data_range,
    *options.reading,
)
@click.option("--fitted-rows", is_flag=True, help="Score an ensemble on the very rows that it was fitted to.")
@options.shared(options.groups, options.metrics)
@options.shared(options.report, options.no_rows, options.store, options.batch_size)
@options.shared(options.overwrite, options.as_json, options.quiet)
def evaluate(
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
    fitted_rows: bool,
    groups: Path | None,
    metrics: tuple[str, ...],
    report: Path | None,
    no_rows: bool,
    store: Path | None,
    batch_size: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score MODELs as they are; an ensemble among them against the best of the others.

    A member's own file is read as the ensemble's record says, so it needs no options again.

    \b
    kerasemble evaluate ensemble.keras a.keras b.h5 c.keras --data test.npz --report test.html
    """
    from kerasemble.ensemble.evaluate import evaluate as run
    from kerasemble.scoring.sources.opening import open_data
    from kerasemble.scoring.stored import load_labels

    members = options.collect_members(models, members_file, trust, custom)
    options.check_outputs([report], [*(each.path for each in members), members_file, data, groups], overwrite=overwrite)
    check_report(report)
    source = open_data(data, image_size, label=label, features=features, id=row_id)
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        found = run(
            members,
            source,
            classes=options.agree(classes, source.classes, data),
            data_range=data_range,
            store=store,
            batch_size=batch_size,
            progress=progress,
            fitted_rows=fitted_rows,
            groups=None if groups is None else load_labels(groups, "groups"),
            metrics=metrics or None,
        )
        found = found.without_rows() if no_rows else found
        save_report(found, report, source, overwrite=overwrite)
    print_report(found, as_json=as_json, quiet=quiet)
