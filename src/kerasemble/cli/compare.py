"""`kerasemble compare`: members and combiners side by side, from a store, in seconds."""

from __future__ import annotations

from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import print_report, warnings_as_lines
from kerasemble.core.errors import KerasembleError


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
@click.option("--cv", type=click.IntRange(2, 100), default=5, show_default=True, help="Folds of the comparison.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the division into folds.")
@click.option(
    "--class-weight",
    metavar="balanced|NAME=W,...",
    help="How much the rows of each class count; balanced for all alike.",
)
@options.shared(options.as_json, options.quiet)
def compare(
    *,
    store: Path,
    labels: Path | None,
    combiners: tuple[str, ...],
    cv: int,
    seed: int,
    class_weight: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score members and combiners by their stored answers: no model is opened, and none is run.

    Each combiner is scored on rows that its fit did not see.

    \b
    kerasemble predict a.keras b.h5 c.keras --data valid.npz --store run
    kerasemble compare --store run
    """
    from kerasemble.evaluation.compare import compare as run
    from kerasemble.scoring.stored import load_labels, load_store

    by_class = None if class_weight is None else options.parse_class_weight(class_weight)
    stored = load_store(store)
    y = stored.y if labels is None else load_labels(labels)
    if y is None:
        msg = f"{store} has no labels. Give them: --labels y.npy."
        raise KerasembleError(msg)
    with warnings_as_lines(quiet=quiet):
        report = run(stored.predictions, y, combiners or None, cv=cv, seed=seed, class_weight=by_class)
    print_report(report, as_json=as_json, quiet=quiet)
