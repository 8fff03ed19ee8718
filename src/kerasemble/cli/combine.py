"""`kerasemble combine`: models and labelled data in, `ensemble.keras` and the proof out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from kerasemble.cli import options
from kerasemble.cli.output import ensemble_json, print_ensemble, progress_bars
from kerasemble.combiners import find
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, check_suffix
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
@click.option("--max-members", type=click.IntRange(1), metavar="K", help="Keep at most so many members.")
@click.option(
    "--class-weight",
    metavar="balanced|NAME=W,...",
    help="How much the rows of each class count, in the fit and in the scores; balanced for all classes alike.",
)
@options.shared(options.classes, options.data_range, *options.reading)
@click.option("--cv", type=click.IntRange(2, 100), default=5, show_default=True, help="Folds of the comparison.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the division into folds.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.json", help="Write all figures here.")
@options.shared(options.accept_proposals)
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
    max_members: int | None,
    class_weight: str | None,
    classes: list[str] | None,
    data_range: tuple[float, float] | None,
    image_size: tuple[int, int] | None,
    label: str | None,
    features: list[str] | None,
    row_id: str | None,
    cv: int,
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
    kerasemble combine a.keras b.h5 c.keras --data valid.npz --out ensemble.keras
    """
    from kerasemble.ensemble.combine import combine as run
    from kerasemble.scoring.sources.opening import open_data

    check_suffix(out, ".keras", "An ensemble is")
    chosen = choose_combiner(combiner, weights)
    by_class = None if class_weight is None else options.parse_class_weight(class_weight)
    members = options.collect_members(models, members_file, trust, custom)
    _check_keras(members)
    options.check_outputs([out, report], [*(each.path for each in members), members_file, data], overwrite=overwrite)
    source = open_data(data, image_size, label=label, features=features, id=row_id)
    with progress_bars(hidden=as_json, quiet=quiet) as progress:
        ensemble = run(
            members,
            source,
            None,
            chosen,
            classes=options.agree(classes, source.classes, data),
            data_range=data_range,
            max_members=max_members,
            class_weight=by_class,
            cv=cv,
            seed=seed,
            accept_proposals=accept_proposals,
            store=store,
            batch_size=batch_size,
            progress=progress,
        )
        ensemble.save(out, overwrite=overwrite)
    if report is not None:
        with atomic_target(report, overwrite=overwrite) as temporary:
            temporary.write_text(ensemble_json(ensemble, out), encoding="utf-8")
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
        find(name)
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
