"""`kerasemble combine`: models and labelled data in, `ensemble.keras` and the proof out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kerasemble.cli import options, stages
from kerasemble.cli.output import check_report, ensemble_json, print_ensemble, progress_bars, save_report
from kerasemble.combiners import by_name
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import check_suffix
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.folds import CV
from kerasemble.members.member import Member

# Weights typed as 0.33,0.33,0.33 or 0.333,0.333,0.333 are meant to sum to one; 0.5,0.5,0.5 is a slip.
_ROUNDING = 0.02


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
    help="One for each member in order, summing to one, for weighted-average (taken where no combiner is named) or "
    "majority-vote; or 'scores', for weighted-average.",
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
    report: Path | None,
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
    from kerasemble.ensemble.combine import combine as run
    from kerasemble.scoring.sources.opening import open_data
    from kerasemble.scoring.stored import load_labels

    check_suffix(out, ".keras", "An ensemble is")
    chosen = choose_combiner(combiner, weights)
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
            chosen,
            stages=stages.choose_stages(calibrate, coverage, abstain_risk),
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
            accept_proposals=accept_proposals,
            store=store,
            batch_size=batch_size,
            progress=progress,
        )
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


def choose_combiner(name: str, weights: str | None) -> Combiner | str:
    """Return the combiner that the options ask for, or "auto".

    Raises:
        KerasembleError: there is no such combiner, it takes no weights, or the weights do not sum to one.
    """
    if name != "auto":
        by_name(name)
    if weights is None:
        return name
    if name not in ("auto", "weighted-average", "majority-vote"):
        msg = f"--weights goes with weighted-average and majority-vote, not with --combiner {name}. Leave one out."
        raise KerasembleError(msg)
    if weights == "scores":
        if name == "majority-vote":
            msg = "--weights scores goes with weighted-average. Give majority-vote numbers, or leave --weights out."
            raise KerasembleError(msg)
        return WeightedAverage(weights="scores")
    try:
        numbers = [float(part) for part in options.split(weights)]
    except ValueError as error:
        msg = f"--weights must be numbers separated by commas, or 'scores'. Received: {weights}."
        raise KerasembleError(msg) from error
    total = sum(numbers)
    if all(number >= 0 for number in numbers) and abs(total - 1) > _ROUNDING:
        suggestion = ",".join(f"{number / total:.3g}" for number in numbers) if total else "some above zero"
        msg = f"--weights sum to {total:.4g}, not to one. Did you mean {suggestion}?"
        raise KerasembleError(msg)
    return MajorityVote(weights=numbers) if name == "majority-vote" else WeightedAverage(weights=numbers)
