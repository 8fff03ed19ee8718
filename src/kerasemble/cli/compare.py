"""`kerasemble compare`: members and combiners side by side, from a store, in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy.typing as npt

from kerasemble.cli import options, stages
from kerasemble.cli.output import check_report, print_report, save_report, warnings_as_lines
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError, said_while, warn
from kerasemble.core.labels import name_labels
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.folds import CV


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="What 'kerasemble predict --store' filled; in place of FILEs.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE.npy|FILE.csv",
    help="Class indices or names, one for each row; those that came with the data where left out.",
)
@click.option("--label", metavar="COLUMN", help="The column of a CSV that has the labels.")
@click.option(
    "--id", "row_id", metavar="COLUMN", help="The column of CSVs that names the rows, which are joined by it."
)
@click.option(
    "--output",
    type=click.Choice(["probabilities", "logits", "unnormalised"]),
    default="probabilities",
    show_default=True,
    help="What FILEs hold.",
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
    help="The data that was predicted, for the pictures on a page.",
)
@options.shared(options.classes, *stages.options)
@options.shared(*options.comparison, options.overwrite, options.as_json, options.quiet)
def compare(
    *,
    files: tuple[Path, ...],
    store: Path | None,
    labels: Path | None,
    label: str | None,
    row_id: str | None,
    output: str,
    combiners: tuple[str, ...],
    data: Path | None,
    classes: list[str] | None,
    calibrate: str | None,
    coverage: float | None,
    coverage_by_class: bool,
    abstain_risk: float | None,
    budget: float | None,
    max_members: int | None,
    class_weight: ClassWeight | None,
    groups: Path | None,
    metrics: tuple[str, ...],
    cv: CV,
    repeats: int | None,
    seed: int,
    select_by: str | None,
    report: Path | None,
    no_rows: bool,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score members and combiners by their stored answers: no model is opened, and none is run.

    The answers are in a store, or in FILEs: one .npy, .npz or .csv for each member, with a column for each class. Rows
    that have ids are joined by them. Each combiner is scored on rows that its fit did not see, and so is the choice
    among them.

    \b
    kerasemble predict a.keras b.h5 c.keras --data valid.npz --store run
    kerasemble compare --store run --report report.html
    kerasemble compare a.npy b.csv c.npz --labels y.npy
    """
    from kerasemble.evaluation.compare import compare as run
    from kerasemble.members.saved import ascending
    from kerasemble.scoring.sources.opening import open_data
    from kerasemble.scoring.stored import load_labels

    options.check_outputs([report], [*files, labels, groups, data], overwrite=overwrite)
    check_report(report)
    y, ids = _read_labels(labels, label, row_id)
    if store is not None and not files:
        seen, own = _from_store(store)
        if ids is not None and not ascending(ids):
            msg = f"The labels have row ids, and {store} has none. Give labels without ids, in the order of its rows."
            raise KerasembleError(msg, code=Code.IDS_DIFFER)
        y = own if y is None else y
    else:
        seen = _from_files(files, store, classes, output, row_id, ids)
    if y is None:
        msg = f"{store or 'A file of predictions'} has no labels. Give them: --labels y.npy."
        raise KerasembleError(msg, code=Code.NO_LABELS)
    images = None if data is None else open_data(data)
    if images is not None and images.fingerprint != (seen.data or images.fingerprint):
        msg = f"{data} is not the data that {store or files[0]} is of. Give what was predicted, or leave --data out."
        raise KerasembleError(msg, code=Code.ROWS_DIFFER)
    if classes is not None:
        y = name_labels(y, classes)
    with warnings_as_lines(quiet=quiet):
        found = run(
            seen,
            y,
            combiners or None,
            cv=cv,
            repeats=repeats,
            groups=None if groups is None else load_labels(groups, "groups"),
            metrics=metrics or None,
            seed=seed,
            select_by=select_by,
            class_weight=class_weight,
            budget=budget,
            max_members=max_members,
            stages=stages.choose_stages(calibrate, coverage, abstain_risk, coverage_by_class=coverage_by_class),
        )
    found = found.without_rows() if no_rows else found
    save_report(found, report, images, overwrite=overwrite)
    print_report(found, as_json=as_json, quiet=quiet)
    if report is not None and not (quiet or as_json):
        click.echo(f"Report: {report}")


def _read_labels(
    path: Path | None, label: str | None, row_id: str | None
) -> tuple[npt.NDArray[Any] | None, tuple[str, ...] | None]:
    """Return the labels, and the ids of their rows where they have such.

    Raises:
        KerasembleError: they cannot be read, or `label` names a column of no CSV.
    """
    from kerasemble.members.saved import load_label_column
    from kerasemble.scoring.stored import load_labels

    if path is not None and path.suffix.lower() == ".csv":
        return load_label_column(path, label, row_id)
    if label is not None:
        msg = f"--label {label} names a column of a CSV. Give --labels FILE.csv, or leave --label out."
        raise KerasembleError(msg)
    return (None if path is None else load_labels(path)), None


def _from_store(store: Path) -> tuple[Predictions, npt.NDArray[Any] | None]:
    from kerasemble.scoring.stored import load_store

    stored = load_store(store)
    return stored.predictions, stored.y


def _from_files(
    files: Sequence[Path],
    store: Path | None,
    classes: Sequence[str] | None,
    output: str,
    row_id: str | None,
    ids: Sequence[str] | None,
) -> Predictions:
    """Return the predictions in files; the labels' ids count where the files have some.

    Raises:
        KerasembleError: there are none, or a store besides; or as `load_predictions`.
    """
    from kerasemble.members.saved import load_predictions

    if not files or store is not None:
        msg = "Give either --store FOLDER, or files of predictions: kerasemble compare a.npy b.csv --labels y.npy."
        raise KerasembleError(msg)
    with said_while() as said:
        seen = load_predictions(files, classes, output=output, id=row_id, ids=ids)
    for sentence in said:
        if sentence.code is Code.IDS_DIFFER and ids is None:
            # Labels are joined by position, and nobody can say in whose order they are.
            raise KerasembleError(str(sentence), code=Code.IDS_DIFFER)
        warn(sentence)
    return seen
