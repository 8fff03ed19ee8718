"""Options that several commands share, and members from arguments and TOML."""

from __future__ import annotations

import difflib
import functools
import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from kerasemble.core.errors import KerasembleError
from kerasemble.members.member import Member

Command = TypeVar("Command", bound=Callable[..., Any])

_KEYS = ("name", "path", "preprocess", "output", "classes", "head")

paths = click.argument("models", nargs=-1, type=click.Path(path_type=Path), metavar="[MODEL]...")
members = click.option(
    "--members",
    "members_file",
    type=click.Path(path_type=Path),
    metavar="FILE.toml",
    help="Members with their options: [[member]] tables with path, name, preprocess, output, classes, head.",
)
data = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.npz|FOLDER",
    help="An .npz with x, y and perhaps classes; or a folder with one subfolder of images for each class.",
)
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
    "--batch-size", type=click.IntRange(1, 1_000_000), default=256, show_default=True, help="Samples at a time."
)
store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Keep the members' answers here; what ran over this data before is not run again.",
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace the output file if it exists.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for machines in place of the table.")
quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")


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


def parse_size(value: str) -> tuple[int, int]:
    """Return (height, width) from "HEIGHTxWIDTH"."""
    height, _, width = value.partition("x")
    if height.isdecimal() and width.isdecimal() and int(height) and int(width):
        return int(height), int(width)
    message = f"'{value}' is not a size. Write HEIGHTxWIDTH, for example 64x64."
    raise click.BadParameter(message)


def agree(asked: list[str] | None, recorded: Sequence[str] | None, data: Path) -> Sequence[str] | None:
    """Return the class names in the order of the labels: those of `--classes`, or those in the data.

    Raises:
        KerasembleError: both are given and differ.
    """
    if asked is not None and recorded is not None and list(asked) != list(recorded):
        msg = f"--classes says {', '.join(asked)}, but {data} has {', '.join(recorded)}. Leave --classes out."
        raise KerasembleError(msg)
    return asked or recorded


def collect_members(models: Sequence[Path], members_file: Path | None) -> list[Member]:
    """Return the members that were given as arguments and those in the TOML file, in this order.

    Raises:
        KerasembleError: there are none, or the file is not as it must be.
    """
    found = [Member(path) for path in models]
    if members_file is not None:
        found += read_members(members_file)
    if not found:
        msg = "There are no models. Give their paths, or --members FILE.toml."
        raise KerasembleError(msg)
    return found


def read_members(path: Path) -> list[Member]:
    """Return the members in a TOML file; their paths are relative to it.

    Raises:
        KerasembleError: the file is missing, is not TOML, or has keys that mean nothing.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise KerasembleError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not TOML: {error}."
        raise KerasembleError(msg) from error
    _check_keys(path, content, ("member",))
    tables = content.get("member", [])
    if not isinstance(tables, list) or not tables:
        msg = f'{path} has no members. Write a [[member]] table with path = "..." for each.'
        raise KerasembleError(msg)
    return [_read_member(path, table, number) for number, table in enumerate(tables, start=1)]


def _read_member(path: Path, table: dict[str, Any], number: int) -> Member:
    where = f"{path}, member {number}"
    _check_keys(where, table, _KEYS)
    if not isinstance(table.get("path"), str):
        msg = f'{where}: there is no path. Write path = "model.keras".'
        raise KerasembleError(msg)
    texts = {key: table[key] for key in ("name", "preprocess", "output", "head") if key in table}
    wrong = next((key for key, value in texts.items() if not isinstance(value, str)), None)
    if wrong is not None:
        msg = f"{where}: {wrong} must be text in quotes. Received: {table[wrong]!r}."
        raise KerasembleError(msg)
    if "classes" in table and not isinstance(table["classes"], list):
        msg = f'{where}: classes must be a list, ["a", "b"]. Received: {table["classes"]!r}.'
        raise KerasembleError(msg)
    return Member(path.parent / table["path"], classes=table.get("classes"), **texts)


def _check_keys(where: Path | str, table: dict[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            msg = f"{os.fspath(where)}: unknown key '{key}'.{hint} Known: {', '.join(known)}."
            raise KerasembleError(msg)
