"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import check_target
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.folds import CV, DIVISIONS
from kerasemble.members.custom import import_objects
from kerasemble.members.listing import load_members
from kerasemble.members.member import Member

_FEWEST_FOLDS, _MOST_FOLDS = 2, 100

Command = TypeVar("Command", bound=Callable[..., Any])

paths = click.argument("models", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL]...")
members = click.option(
    "--members",
    "members_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Members with their options: [[member]] tables with path, name, preprocess, output, classes, head, ...",
)
trust = click.option(
    "--trust",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Open this MODEL although it brings code, such as a Lambda layer: only if you know who made it.",
)
custom = click.option(
    "--custom",
    multiple=True,
    metavar="MODULE:CLASS",
    help="A custom class that model files name, from a module in this folder or installed.",
)
data = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="An .npz with x, y and perhaps classes; a .csv or .parquet table, or a folder of such; or a folder with one "
    "subfolder of images for each class.",
)
label = click.option("--label", metavar="COLUMN", help="The column of a table that has the labels.")
features = click.option(
    "--features",
    callback=lambda _context, _parameter, value: None if value is None else split(value),
    metavar="A,B,...",
    help="The columns of a table that are the input; all others where left out.",
)
row_id = click.option("--id", "row_id", metavar="COLUMN", help="The column of a table that names the rows.")
classes = click.option(
    "--classes",
    callback=lambda _context, _parameter, value: None if value is None else split(value),
    metavar="A,B,...",
    help="Class names in the order of the labels and of the members that do not name theirs.",
)
data_range = click.option(
    "--data-range",
    callback=lambda _context, _parameter, value: None if value is None else parse_range(value),
    metavar="LOW..HIGH",
    help="Lowest and highest value the data can take; detected where left out.",
)
image_size = click.option(
    "--image-size",
    callback=lambda _context, _parameter, value: None if value is None else parse_size(value),
    metavar="HEIGHTxWIDTH",
    help="Resize the images of a folder to this; needed where they differ in size.",
)
batch_size = click.option(
    "--batch-size",
    type=click.IntRange(1, 1_000_000),
    help="Samples at a time; at most 256, by the size of a row, where left out.",
)
store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Keep the members' answers here; what ran over this data before is not run again.",
)
accept_proposals = click.option(
    "--accept-proposals", is_flag=True, help="Read members as the check of them proposes, and say so."
)
class_weight = click.option(
    "--class-weight",
    callback=lambda _context, _parameter, value: None if value is None else parse_class_weight(value),
    metavar="balanced|NAME=W,...",
    help="How much the rows of each class count, in the fit and in the scores; balanced for all classes alike.",
)
groups = click.option(
    "--groups",
    type=click.Path(path_type=Path),
    metavar="FILE.npy",
    help="The patient, site, video, ... of each row: no two folds share one.",
)
metrics = click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="What is reported besides, once for each: log-loss, brier, accuracy, balanced-accuracy, macro-f1, auc, "
    "top-3-accuracy, ece, classwise-ece, or one of scikit-learn's scorers; a few where left out.",
)
budget = click.option(
    "--budget",
    callback=lambda _context, _parameter, value: None if value is None else parse_budget(value),
    metavar="MS",
    help="What all members that are kept may cost a row, for example 5ms.",
)
max_members = click.option("--max-members", type=click.IntRange(1), metavar="K", help="Keep at most so many members.")
cv = click.option(
    "--cv",
    callback=lambda _context, _parameter, value: parse_cv(value),
    default="5",
    show_default=True,
    metavar="K|blocks|forward",
    help="Folds of the comparison; blocks or forward where rows are in the order of time.",
)
repeats = click.option(
    "--repeats",
    type=click.IntRange(1, 100),
    metavar="N",
    help="How often the rows are divided anew; 3 times below 300 rows, and once above, where left out.",
)
seed = click.option("--seed", type=int, default=0, show_default=True, help="Of the division into folds.")
report = click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="FILE.html|FILE.json",
    help="Write all figures here: a page to look at, or JSON.",
)
no_rows = click.option(
    "--no-rows",
    is_flag=True,
    help="Leave out of the report what is of single rows or groups: pictures, positions, labels, answers.",
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace the output file if it exists.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines in place of the table.")
quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors, and JSON where it is asked for.")


# How data is read, whatever it is.
reading = (image_size, label, features, row_id)
# How members and combiners are compared.
select_by = click.option(
    "--select-by",
    metavar="METRIC",
    help="What the choice and the verdict go by: 'log loss' (the default), brier, accuracy or 'balanced accuracy'.",
)
comparison = (budget, max_members, class_weight, groups, metrics, cv, repeats, seed, select_by, report, no_rows)


def shared(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds `options` to a command, in the order given."""
    return lambda command: functools.reduce(lambda inner, option: option(inner), reversed(options), command)


def split(value: str) -> list[str]:
    """Return the parts of a comma-separated list."""
    return [part.strip() for part in value.split(",")]


def parse_range(value: str) -> tuple[float, float]:
    """Return (low, high) from "low..high"."""
    low, separator, high = value.partition("..")
    try:
        if separator and float(low) < float(high):
            return float(low), float(high)
    except ValueError:
        pass  # the same message says it all
    message = f"'{value}' is not a range. Write LOW..HIGH, for example 0..255."
    raise click.BadParameter(message)


def parse_cv(value: str) -> CV:
    """Return a number of folds, "blocks" or "forward"."""
    for division in DIVISIONS:
        if value == division:
            return division
    if value.isdecimal() and _FEWEST_FOLDS <= int(value) <= _MOST_FOLDS:
        return int(value)
    message = f"'{value}' is no division into folds. Write {_FEWEST_FOLDS} to {_MOST_FOLDS}, blocks or forward."
    raise click.BadParameter(message)


def parse_size(value: str) -> tuple[int, int]:
    """Return (height, width) from "HEIGHTxWIDTH"."""
    height, _, width = value.partition("x")
    if height.isdecimal() and width.isdecimal() and int(height) and int(width):
        return int(height), int(width)
    message = f"'{value}' is not a size. Write HEIGHTxWIDTH, for example 64x64."
    raise click.BadParameter(message)


def parse_class_weight(value: str) -> ClassWeight:
    """Return "balanced", or the weight of each class from "NAME=W,..."."""
    if value == "balanced":
        return "balanced"
    pairs = [part.rpartition("=") for part in split(value)]
    try:
        if all(name for name, _, _ in pairs):
            return {name.strip(): float(weight) for name, _, weight in pairs}
    except ValueError:
        pass  # the same message says it all
    message = f"'{value}' is no class weight. Write balanced, or NAME=W,..., for example benign=1,malign=5."
    raise click.BadParameter(message)


def parse_budget(value: str) -> float:
    """Return milliseconds from "5ms", "5 ms" or "5"."""
    try:
        budget = float(value.strip().removesuffix("ms"))
    except ValueError:
        budget = 0.0
    if 0 < budget < float("inf"):
        return budget
    message = f"'{value}' is no budget. Write milliseconds a row, for example 5ms."
    raise click.BadParameter(message)


def agree(asked: list[str] | None, recorded: Sequence[str] | None, data: Path) -> Sequence[str] | None:
    """Return the class names in the order of the labels: those of `--classes`, or those in the data.

    Raises:
        KerasembleError: both are given and differ.
    """
    if asked is None or recorded is None or list(asked) == list(recorded):
        return asked or recorded
    found = first(list(recorded), 20)
    msg = f"--classes says {first(asked, 20)}, but {data} has {found}, by which its rows are labelled."
    if sorted(asked) == sorted(recorded):
        listed = ", ".join(f'"{name}"' for name in asked)
        msg += (
            f" If members answer in the order of --classes, say so of each member: classes = [{listed}] in a file for "
            "--members, or Member(..., classes=[...]) in Python. If they follow the data, --classes is not needed."
        )
    else:
        msg += " Members and data must have the same classes: is it the right data?"
    raise KerasembleError(msg, code=Code.CLASSES)


def check_outputs(outputs: Sequence[Path | None], inputs: Sequence[Path | None], *, overwrite: bool) -> None:
    """Refuse files to write that exist, unless they may be replaced; that are one; or that are read, in any case.

    Raises:
        KerasembleError: the message names the file.
    """
    written = [path for path in outputs if path is not None]
    for path in written:
        check_target(path, overwrite=overwrite)
    places = [path.resolve() for path in written]
    read = {path.resolve() for path in inputs if path is not None}
    for path, place in zip(written, places, strict=True):
        if places.count(place) > 1:
            msg = f"{path} would be written twice. Give each output a name of its own."
            raise KerasembleError(msg)
        if place in read:
            msg = f"{path} is read here, so it is not written to. Give another name."
            raise KerasembleError(msg)


def collect_members(
    models: Sequence[Path], members_file: Path | None, trust: Sequence[Path] = (), custom: Sequence[str] = ()
) -> list[Member]:
    """Return the members that were given as arguments and those in the TOML file, in this order.

    `trust` and `custom` are for the former; the latter say these things themselves.

    Raises:
        KerasembleError: there are none, the file is not as it must be, or a file to trust is none of them.
    """
    stray = next((path for path in trust if path not in models), None)
    if stray is not None:
        msg = f"--trust {stray} is none of the models. Trust a model by the path that it is given by."
        raise KerasembleError(msg)
    objects = import_objects(custom) or None
    found = [Member(path, trust=path in trust, custom_objects=objects) for path in models]
    if members_file is not None:
        found += load_members(members_file)
    if not found:
        msg = "There are no models. Give their paths, or --members FILE.toml."
        raise KerasembleError(msg)
    return found
