"""JSON from strangers: read as its one possible meaning, or refused. What Python's reader lets pass is not let pass."""

from __future__ import annotations

import collections
import itertools
import json
import math
import re
from typing import Any, NoReturn

from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Refused

# A string, ended or not, so that no byte is looked at twice; the braces in it are no depth.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STEPS = {ord(b"["): 1, ord(b"{"): 1, ord(b"]"): -1, ord(b"}"): -1}
_NOT_BRACKETS = bytes(set(range(256)) - set(_STEPS))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_CURE = "Save the model again, or get it again from its source."


def parse(content: bytes, what: str, limits: Limits = LIMITS) -> Any:  # noqa: ANN401 - JSON is anything
    """Return the value that JSON stands for.

    Size, depth and the number of values are known before anything is made of them. A key twice, NaN, and numbers that
    overflow are refused: readers differ in what they make of those.

    Args:
        content: as it is in the file.
        what: a name for it in errors: "config.json".
        limits: of its bytes, depth, values and digits.

    Raises:
        Refused: it is not JSON, or more than the limits.
    """
    _check_extent(content, what, limits)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused("json-encoding", f"holds a {what} that is not UTF-8 (byte {error.start:,}). {_CURE}") from error
    if text.startswith("\ufeff"):
        raise Refused("json-encoding", f"holds a {what} that begins with a byte order mark. Save it without one.")
    try:
        value = _Decoder(what, limits).decode(text)
        if _SURROGATE.search(content):
            # Half a character can be read but never be written or shown.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("json-encoding", f"holds half a character (a lone surrogate) in its {what}. {_CURE}") from error
    except json.JSONDecodeError as error:
        message = f"holds a {what} that is not JSON: {error.msg} at character {error.pos:,}. {_CURE}"
        raise Refused("json-damaged", message) from error
    except RecursionError as error:  # from far down in the caller's own calls even a few levels are too many
        raise Refused("json-depth", f"holds a {what} nested too deep for Python. {_CURE}") from error
    return value


class _Decoder(json.JSONDecoder):
    """Python's decoder without what it takes beyond JSON."""

    def __init__(self, what: str, limits: Limits) -> None:
        super().__init__(
            parse_int=self._integer,
            parse_float=self._real,
            parse_constant=self._constant,
            object_pairs_hook=self._unique,
        )
        self._what, self._digits = what, limits.json_digits

    def _integer(self, digits: str) -> int:
        if len(digits.lstrip("-")) > self._digits:
            message = (
                f"holds an integer of {len(digits):,} digits in its {self._what}; at most {self._digits} are read."
            )
            raise Refused("json-number", f"{message} {_CURE}")
        return int(digits)

    def _real(self, digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            message = f"holds the number {digits[:20]} in its {self._what}, beyond any float. {_CURE}"
            raise Refused("json-number", message)
        return value

    def _constant(self, word: str) -> NoReturn:
        raise Refused("json-number", f"holds {word} in its {self._what}, which is no JSON. {_CURE}")

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice, _ = collections.Counter(key for key, _ in pairs).most_common(1)[0]
            message = f"holds the key {twice[:80]!r} twice in one place of its {self._what}. {_CURE}"
            raise Refused("json-duplicate", message)
        return found


def _check_extent(content: bytes, what: str, limits: Limits) -> None:
    """Refuse what is too long, too deep or of too many values, without parsing it."""
    if len(content) > limits.json_bytes:
        message = f"holds a {what} of {len(content):,} bytes; at most {limits.json_bytes:,} are read. {_CURE}"
        raise Refused("json-size", message)
    bare = _STRING.sub(b"", content)
    brackets = bare.translate(None, _NOT_BRACKETS)
    depth = max(itertools.accumulate(_STEPS[each] for each in brackets), default=0)
    if depth > limits.json_depth:
        message = f"holds a {what} nested {depth:,} deep; at most {limits.json_depth} levels are read. {_CURE}"
        raise Refused("json-depth", message)
    values = bare.count(b",") + len(brackets) // 2
    if values > limits.json_values:
        message = f"holds a {what} of {values:,} values; at most {limits.json_values:,} are read. {_CURE}"
        raise Refused("json-size", message)
