"""JSON is read as its one meaning, or refused, and never with an error of Python's own."""

from __future__ import annotations

import dataclasses
import json
import sys
import time

import pytest

from kerasemble.members.inspection.document import parse
from kerasemble.members.inspection.limits import LIMITS
from kerasemble.members.inspection.record import Refused


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5e-7, True, None, "x"], "b": {}},
        [],
        "text",
        {"quotes": '\\"[[[[', "braces": "}{" * 200},
        {"emoji": "\U0001f600", "accent": "\xe9"},
        18446744073709551615,
    ],
)
def test_json_is_what_it_says(value):
    assert parse(json.dumps(value).encode(), "x.json") == value
    assert parse(json.dumps(value, ensure_ascii=False).encode(), "x.json") == value


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b'{"a": "\xff"}', "json-encoding", r"not UTF-8 \(byte 7\)"),
        ('{"a": 1}'.encode("utf-16"), "json-encoding", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "json-encoding", "byte order mark"),
        (b'"\\ud800"', "json-encoding", "half a character"),
        (b'{"a": {"b": 1, "b": 1}}', "json-duplicate", "the key 'b' twice"),
        (b'{"a": 1, "\\u0061": 2}', "json-duplicate", "the key 'a' twice"),
        (b"[NaN]", "json-number", "NaN in its"),
        (b"[-Infinity]", "json-number", "-Infinity in its"),
        (b"[1e999]", "json-number", "beyond any float"),
        (b"[" + b"9" * 21 + b"]", "json-number", "integer of 21 digits"),
        (b"[" + b"9" * 100_000 + b"]", "json-number", "integer of 100,000 digits"),
        (b"[" * 101 + b"]" * 101, "json-depth", "nested 101 deep"),
        (b"[" * 1_000_000, "json-depth", "nested 1,000,000 deep"),
        (b'{"a":' * 100_000, "json-depth", "deep"),
        (b"[" + b"[]," * 1_000_001 + b"1]", "json-size", "values"),
        (b" " * (LIMITS.json_bytes + 1), "json-size", "16,777,217 bytes"),
        (b"", "json-damaged", "not JSON"),
        (b"{'a': 1}", "json-damaged", "character 1"),
        (b'{"a": 1} x', "json-damaged", "Extra data"),
        (b'"\n"', "json-damaged", "not JSON"),
    ],
)
def test_what_has_no_one_meaning_is_refused_by_what_it_is(content, code, said):
    with pytest.raises(Refused, match=f"^holds .*{said}") as refused:
        parse(content, "x.json")
    assert refused.value.code == code
    assert "x.json" in refused.value.message
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("content", [b'"' + b'\\"' * 2_000_000, b'"\\' * 2_000_000, b'"' * 2_000_001])
def test_strings_without_an_end_take_no_longer_than_others(content):
    start = time.perf_counter()
    with pytest.raises(Refused, match="not JSON"):
        parse(content, "x.json")
    assert time.perf_counter() - start < 3


def test_a_caller_who_is_far_down_gets_a_refusal_too():
    limits = dataclasses.replace(LIMITS, json_depth=10**6)
    with pytest.raises(Refused, match="nested too deep") as refused:
        parse(b"[" * sys.getrecursionlimit() * 2, "x.json", limits)
    assert refused.value.code == "json-depth"
