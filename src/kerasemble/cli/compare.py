"""`kerasemble compare`: members and combiners side by side, from a store, in seconds."""

from __future__ import annotations

from pathlib import Path

import click

from kerasemble.cli import options, stages
from kerasemble.cli.output import check_report, print_report, save_report, warnings_as_lines
from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import name_labels
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.folds import CV


@click.command()
@click.option(
    "--store",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="What 'kerasemble predict --store' filled.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE.npy",
    help="Class indices or names, one for each row; those that came with the data where left out.",
)
@click.option(
    "--combiner",
    "combiners",
    multiple=True,
    metavar="NAME",
    help="What to compare, once for each; a few where left out.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="The data that the store is of, for the pictures on a page.",
)
@options.shared(options.classes, *stages.options)
@options.shared(*options.comparison, options.overwrite, options.as_json, options.quiet)
def compare(
    *,
    store: Path,
    labels: Path | None,
    combiners: tuple[str, ...],
    data: Path | None,
    classes: list[str] | None,
    calibrate: str | None,
    coverage: float | None,
    abstain_risk: float | None,
    budget: float | None,
    max_members: int | None,
    class_weight: ClassWeight | None,
    groups: Path | None,
    metrics: tuple[str, ...],
    cv: CV,
    repeats: int | None,
    seed: int,
    report: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score members and combiners by their stored answers: no model is opened, and none is run.

    Each combiner is scored on rows that its fit did not see, and so is the choice among them.

    \b
    kerasemble predict a.keras b.h5 c.keras --data valid.npz --store run
    kerasemble compare --store run --report report.html
    """
    from kerasemble.evaluation.compare import compare as run
    from kerasemble.scoring.sources.opening import open_data
    from kerasemble.scoring.stored import load_labels, load_store

    options.check_outputs([report], [labels, groups, data], overwrite=overwrite)
    check_report(report)
    stored = load_store(store)
    images = None if data is None else open_data(data)
    if images is not None and images.fingerprint != stored.data["fingerprint"]:
        msg = f"{data} is not the data that {store} is of. Give the data that was predicted, or leave --data out."
        raise KerasembleError(msg)
    y = stored.y if labels is None else load_labels(labels)
    if y is None:
        msg = f"{store} has no labels. Give them: --labels y.npy."
        raise KerasembleError(msg)
    if classes is not None:
        y = name_labels(y, classes)
    with warnings_as_lines(quiet=quiet):
        found = run(
            stored.predictions,
            y,
            combiners or None,
            cv=cv,
            repeats=repeats,
            groups=None if groups is None else load_labels(groups, "groups"),
            metrics=metrics or None,
            seed=seed,
            class_weight=class_weight,
            budget=budget,
            max_members=max_members,
            stages=stages.choose_stages(calibrate, coverage, abstain_risk),
        )
    save_report(found, report, images, overwrite=overwrite)
    print_report(found, as_json=as_json, quiet=quiet)
    if report is not None and not (quiet or as_json):
        click.echo(f"Report: {report}")
