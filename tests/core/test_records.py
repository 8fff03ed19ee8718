"""Records through JSON and back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from kerasemble.core.records import from_plain, to_plain


class Point(NamedTuple):
    x: float
    y: float


@dataclasses.dataclass(frozen=True)
class Inner:
    name: str
    points: tuple[Point, ...]
    share: float | None = None


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner | None
    table: tuple[tuple[float, ...], ...]
    by_name: Mapping[str, float]
    count: int = 0
    unwritten: object = dataclasses.field(default=None, compare=False)


RECORDS = [
    Outer(Inner("a", (Point(1.0, 2.5),), 0.5), ((1.0, 2.0), (3.0,)), {"b": 4.0}, 7),
    Outer(None, (), {}),
    Outer(Inner("", ()), ((),), {"é <b>": -0.0}),
]


@pytest.mark.parametrize("record", RECORDS, ids=range(3))
def test_a_record_is_the_same_after_json(record):
    again = from_plain(Outer, json.loads(json.dumps(to_plain(record), allow_nan=False)))
    assert again == record
    assert again.inner is None or isinstance(again.inner.points, tuple)


def test_a_number_that_json_lacks_comes_back_as_nan_where_a_number_is_meant():
    again = from_plain(Point, to_plain(Point(math.inf, 1.0)))
    assert math.isnan(again.x)
    assert again.y == 1


def test_what_compares_nothing_is_not_written():
    record = dataclasses.replace(RECORDS[0], unwritten=object())
    assert "unwritten" not in to_plain(record)
    assert from_plain(Outer, to_plain(record)).unwritten is None


@pytest.mark.parametrize("spoiled", [{}, {"inner": 3, "table": [], "by_name": {}, "count": 0}, []])
def test_what_is_no_such_record_raises(spoiled):
    with pytest.raises((KeyError, TypeError, AttributeError)):
        from_plain(Outer, spoiled)
