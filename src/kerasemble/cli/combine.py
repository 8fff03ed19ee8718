"""`kerasemble combine`: models and labelled data in, `ensemble.keras` and the proof out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import click

from kerasemble.cli import options, stages
from kerasemble.cli.output import check_report, ensemble_json, print_ensemble, progress_bars, save_report
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import check_suffix
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.folds import CV
from kerasemble.members.member import Member


@click.command()
@options.shared(options.paths, options.members, options.trust, options.custom, options.data)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The ensemble, a .keras file.")
@click.option(
    "--combiner",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="auto takes the best of a few on rows that its fit did not see; or average, weighted-average, majority-vote, "
    "weighted-geometric-average, greedy-selection, stacking, ...: the guide lists them, and so does a wrong name.",
)
@click.option(
    "--weights",
    metavar="W1,W2,...",
    help="One for each member in order, of which only ratios matter, for weighted-average (taken where no combiner is "
    "named) or majority-vote; or 'scores', for weighted-average.",
)
@options.shared(*stages.options)
@options.shared(options.classes, options.data_range, *options.reading)
@options.shared(*options.comparison, options.accept_proposals)
@options.shared(options.store, options.batch_size, options.overwrite, options.as_json, options.quiet)
def combine(
    *,
    models: tuple[Path, ...],
    members_file: Path | None,
    trust: tuple[Path, ...],
    custom: tuple[str, ...],
    data: Path,
    out: Path,
    combiner: str,
    weights: str | None,
    calibrate: str | None,
    coverage: float | None,
    coverage_by_class: bool,
    abstain_risk: float | None,
    classes: list[str] | None,
    data_range: tuple[float, float] | None,
    image_size: tuple[int, int] | None,
    label: str | None,
    features: list[str] | None,
    row_id: str | None,
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
    accept_proposals: bool,
    store: Path | None,
    batch_size: int | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Combine trained MODELs into one plain Keras model, and say whether it is better.

    \b
    kerasemble combine a.keras b.h5 c.keras --data valid.npz --out ensemble.keras --report report.html
    """
    from kerasemble.ensemble.combine import chosen
    from kerasemble.ensemble.combine import combine as run
    from kerasemble.scoring.sources.opening import open_data
    from kerasemble.scoring.stored import load_labels

    check_suffix(out, ".keras", "An ensemble is")
    combiner_weights = parse_weights(weights)
    chosen(combiner, combiner_weights)  # refuses what it cannot be before anything is opened
    members = options.collect_members(models, members_file, trust, custom)
    _check_keras(members)
    options.check_outputs(
        [out, report], [*(each.path for each in members), members_file, data, groups], overwrite=overwrite
    )
    check_report(report)
    source = open_data(data, image_size, label=label, features=features, id=row_id)
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        ensemble = run(
            members,
            source,
            None,
            combiner,
            weights=combiner_weights,
            stages=stages.choose_stages(calibrate, coverage, abstain_risk, coverage_by_class=coverage_by_class),
            classes=options.agree(classes, source.classes, data),
            data_range=data_range,
            budget=budget,
            max_members=max_members,
            class_weight=class_weight,
            groups=None if groups is None else load_labels(groups, "groups"),
            metrics=metrics or None,
            cv=cv,
            repeats=repeats,
            seed=seed,
            select_by=select_by,
            accept_proposals=accept_proposals,
            store=store,
            batch_size=batch_size,
            progress=progress,
        )
        if no_rows and ensemble.report is not None:
            # The report is in the ensemble's file too.
            ensemble.report = ensemble.report.without_rows()
        ensemble.save(out, overwrite=overwrite)
    if ensemble.report is not None:
        save_report(ensemble.report, report, source, overwrite=overwrite, also=ensemble_json(ensemble, out))
    print_ensemble(ensemble, out, as_json=as_json, quiet=quiet)


def _check_keras(members: Sequence[Member]) -> None:
    """Refuse what cannot be part of the Keras model that is to be written, before hours are spent.

    Raises:
        KerasembleError: a member is no Keras model.
    """
    outside = next((member for member in members if not member.is_keras), None)
    if outside is not None:
        msg = (
            f"{outside.path} is {outside.describe_kind()}, which cannot be part of the Keras model to be "
            "written. Leave it out, or score it beside the others with 'kerasemble evaluate'."
        )
        raise KerasembleError(msg)


def parse_weights(text: str | None) -> list[float] | Literal["scores"] | None:
    """Return the members' weights in "2,1", or "scores".

    Raises:
        KerasembleError: they are no numbers.
    """
    if text is None:
        return None
    if text == "scores":
        return "scores"
    try:
        return [float(part) for part in options.split(text)]
    except ValueError as error:
        msg = f"--weights must be numbers separated by commas, or 'scores'. Received: {text}."
        raise KerasembleError(msg, code=Code.OPTION) from error
