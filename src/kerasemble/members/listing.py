"""Members and their options from a TOML file, because real members differ."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.members.member import Member

_KEYS = ("name", "path", "preprocess", "output", "classes", "head")


def load_members(path: str | os.PathLike[str]) -> list[Member]:
    """Return the members that a TOML file lists, with their options; their paths are relative to it.

    Each is a `[[member]]` table with `path`, and if need be `name`, `preprocess`, `output`, `classes` and `head`, which
    mean what they mean to `Member`.

    Raises:
        KerasembleError: the file is missing, is not TOML, or has keys that mean nothing.

    Example:
        >>> load_members("members.toml")  # doctest: +SKIP
        [Member('resnet', preprocess='-1..1'), Member('vit')]
    """
    target = Path(path)
    try:
        content = tomllib.loads(target.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}."
        raise KerasembleError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not TOML: {error}."
        raise KerasembleError(msg) from error
    _check_keys(target, content, ("member",))
    tables = content.get("member", [])
    if not isinstance(tables, list) or not tables:
        msg = f'{path} has no members. Write a [[member]] table with path = "..." for each.'
        raise KerasembleError(msg)
    return [_read_member(target, table, number) for number, table in enumerate(tables, start=1)]


def _read_member(path: Path, table: object, number: int) -> Member:
    where = f"{path}, member {number}"
    if not isinstance(table, dict):
        msg = f'{where} is not a table. Write [[member]] with path = "model.keras".'
        raise KerasembleError(msg)
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
            msg = f"{where}: unknown key '{key}'.{hint} Known: {', '.join(known)}."
            raise KerasembleError(msg)
