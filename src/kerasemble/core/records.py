"""Frozen dataclasses and named tuples as JSON, and back by their annotations."""

from __future__ import annotations

import dataclasses
import enum
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value comes out, and any record goes in
    """Return a record as dicts, lists, numbers and strings; a number that JSON lacks, such as NaN, as null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in dataclasses.fields(value) if each.compare}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: to_plain(item) for name, item in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_plain(kind: type[T], data: Any) -> T:  # noqa: ANN401 - any JSON value
    """Return the record that `to_plain` described. Fields that compare nothing are not written, and get their default.

    Raises:
        TypeError: the data is not what the record's annotations say.
        KeyError: something is missing.
    """
    return typing.cast("T", _read(kind, data))


def _read(kind: Any, data: Any) -> Any:  # noqa: ANN401, PLR0911 - any kind; a line for each
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if data is None else _read(next(each for each in arguments if each is not type(None)), data)
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in data)
    if origin in (dict, Mapping):
        return {key: _read(arguments[1], item) for key, item in data.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        # What an earlier version did not write has its default.
        written = [each.name for each in dataclasses.fields(kind) if each.compare and each.name in data]
        return kind(**{name: _read(hints[name], data[name]) for name in written})
    if isinstance(kind, type) and issubclass(kind, tuple):
        return kind(**{name: _read(hint, data[name]) for name, hint in typing.get_type_hints(kind).items()})
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(data)
    if kind is float:
        return math.nan if data is None else float(data)
    return data
