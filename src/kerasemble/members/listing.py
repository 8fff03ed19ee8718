"""Members and their options from a TOML file, because real members differ."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_path
from kerasemble.members.custom import import_objects
from kerasemble.members.member import Member

_TEXTS = ("name", "preprocess", "output", "head", "architecture")
_LISTS = ("classes", "ignore", "custom")
_KEYS = ("path", *_TEXTS, *_LISTS, "trust")


def load_members(path: str | os.PathLike[str]) -> list[Member]:
    """Return the members that a TOML file lists, with their options; their paths are relative to it.

    Each is a `[[member]]` table with `path`, and if need be `name`, `preprocess`, `output`, `classes`, `head`,
    `ignore`, `architecture` and `trust`, which mean what they mean to `Member`; and `custom`, a list of "module:Class".

    Raises:
        KerasembleError: the file is missing, is not TOML, or has keys that mean nothing.

    Example:
        >>> load_members("members.toml")  # doctest: +SKIP
        [Member('resnet', preprocess='-1..1'), Member('vit')]
    """
    target = as_path(path, "A list of members")
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


def save_members(members: Sequence[Member], path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Write members to a TOML file that `load_members` reads.

    Args:
        members: made from files, without layers or objects, which no text file can hold.
        path: of the file to write.
        folder: that the members' paths are written relative to: that of the file in the end.

    Raises:
        KerasembleError: a member is not from a file, or has layers as `preprocess`.
    """
    tables = []
    for member in members:
        if member.path is None or member.layers or callable(member.architecture):
            msg = f"Member '{member.name}' holds objects, which no TOML file can. Keep its options in Python."
            raise KerasembleError(msg)
        architecture = None if member.architecture is None else _relative(Path(member.architecture), folder)
        keys = {
            "path": _relative(member.path, folder),
            "name": member.name,
            "preprocess": member.preprocess,
            "output": None if member.output == "auto" else member.output,
            "classes": None if member.classes is None else list(member.classes),
            "head": member.head,
            "ignore": list(member.ignore) or None,
            "architecture": architecture,
            "trust": member.trust or None,
            "custom": [f"{each.__module__}:{name}" for name, each in (member.custom_objects or {}).items()] or None,
        }
        # Strings, lists and booleans are written alike in JSON and in TOML.
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items() if value is not None]
        tables.append("\n".join(["[[member]]", *lines]))
    Path(path).write_text("\n\n".join(tables) + "\n", encoding="utf-8")


def _relative(path: Path, folder: str | os.PathLike[str]) -> str:
    return os.path.relpath(path, folder)


def _read_member(path: Path, table: object, number: int) -> Member:
    where = f"{path}, member {number}"
    if not isinstance(table, dict):
        msg = f'{where} is not a table. Write [[member]] with path = "model.keras".'
        raise KerasembleError(msg)
    _check_keys(where, table, _KEYS)
    if not isinstance(table.get("path"), str):
        msg = f'{where}: there is no path. Write path = "model.keras".'
        raise KerasembleError(msg)
    texts = {key: table[key] for key in _TEXTS if key in table}
    wrong = next((key for key, value in texts.items() if not isinstance(value, str)), None)
    if wrong is not None:
        msg = f"{where}: {wrong} must be text in quotes. Received: {table[wrong]!r}."
        raise KerasembleError(msg)
    wrong = next((key for key in _LISTS if not isinstance(table.get(key, []), list)), None)
    if wrong is not None:
        msg = f'{where}: {wrong} must be a list, ["a", "b"]. Received: {table[wrong]!r}.'
        raise KerasembleError(msg)
    if not isinstance(table.get("trust", False), bool):
        msg = f"{where}: trust must be true or false. Received: {table['trust']!r}."
        raise KerasembleError(msg)
    if "architecture" in texts:
        texts["architecture"] = path.parent / texts["architecture"]
    return Member(
        path.parent / table["path"],
        classes=table.get("classes"),
        ignore=table.get("ignore", ()),
        trust=table.get("trust", False),
        custom_objects=import_objects([str(name) for name in table.get("custom", [])]) or None,
        **texts,
    )


def _check_keys(where: Path | str, table: dict[str, Any], known: Sequence[str]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            msg = f"{where}: unknown key '{key}'.{hint} Known: {', '.join(known)}."
            raise KerasembleError(msg)
