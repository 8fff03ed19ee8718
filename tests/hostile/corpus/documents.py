"""JSON that readers read differently, or that takes all memory or the whole stack."""

from __future__ import annotations

import json

from corpus.case import file_case
from corpus.seeds import archive, chain, old, old_chain, weights, zipped

GOOD = json.dumps(chain()).encode()


def _changed(before: str, after: str) -> bytes:
    """Return a model in which a part of the text of its configuration is another."""
    text = GOOD.decode()
    if before not in text:
        msg = f"the seed holds no {before!r}"
        raise ValueError(msg)
    return archive(text.replace(before, after, 1).encode("utf-8", "surrogatepass"))


def _metadata(text: bytes) -> bytes:
    return zipped([("metadata.json", text), ("config.json", GOOD), ("model.weights.h5", weights())])


_DEPTH = 100_000
_UNITS = '"units": 2'
_NUMBER = "json-number dimension config"
_SHALLOW = "json-depth json-damaged"

CASES = [
    file_case("json/mark", "a byte order mark", "json-encoding", archive(b"\xef\xbb\xbf" + GOOD)),
    file_case(
        "json/utf-16",
        "another encoding, which Python's reader guesses",
        "json-encoding",
        archive(GOOD.decode().encode("utf-16")),
    ),
    file_case(
        "json/utf-32",
        "another encoding, which Python's reader guesses",
        "json-encoding json-damaged",
        archive(GOOD.decode().encode("utf-32-le")),
    ),
    file_case(
        "json/invalid-utf-8",
        "bytes that are no text",
        "json-encoding",
        archive(GOOD.replace(b'"out"', b'"o\xff\xfet"')),
    ),
    file_case(
        "json/overlong-utf-8",
        "a quotation mark in two bytes",
        "json-encoding",
        archive(GOOD.replace(b'"x"', b'"\xc0\xa2"')),
    ),
    file_case(
        "json/surrogate",
        "half a character in a name",
        "json-encoding config json-damaged",
        _changed('"name": "model"', '"name": "\\ud800"'),
    ),
    file_case(
        "json/doubled-class",
        "two classes for an object, the last wins",
        "json-duplicate",
        _changed('"class_name": "Functional"', '"class_name": "Functional", "class_name": "Lambda"'),
    ),
    file_case(
        "json/doubled-units",
        "two values for a key, deep inside",
        "json-duplicate",
        _changed(_UNITS, '"units": 2, "units": 3'),
    ),
    file_case(
        "json/doubled-by-escape",
        "the same key in two spellings",
        "json-duplicate",
        _changed(_UNITS, '"units": 2, "un\\u0069ts": 3'),
    ),
    file_case(
        "json/doubled-in-metadata",
        "two versions",
        "json-duplicate",
        _metadata(b'{"keras_version": "3.0.0", "keras_version": "3.15.1"}'),
    ),
    file_case("json/deep-lists", "100,000 lists in each other", _SHALLOW, archive(b"[" * _DEPTH + b"]" * _DEPTH)),
    file_case(
        "json/deep-objects",
        "100,000 objects in each other",
        _SHALLOW,
        archive(b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH),
    ),
    file_case("json/deep-and-open", "100,000 lists that never end", _SHALLOW, archive(b"[" * _DEPTH)),
    file_case(
        "json/deep-inside", "2,000 lists in a layer", _SHALLOW, _changed(_UNITS, '"units": ' + "[" * 2000 + "]" * 2000)
    ),
    file_case(
        "json/deep-in-metadata", "100,000 lists in the metadata", _SHALLOW, _metadata(b"[" * _DEPTH + b"]" * _DEPTH)
    ),
    file_case("json/huge-integer", "an integer of 5,000 digits", _NUMBER, _changed(_UNITS, '"units": ' + "9" * 5000)),
    file_case("json/long-integer", "an integer of 30 digits", _NUMBER, _changed(_UNITS, '"units": ' + "9" * 30)),
    file_case(
        "json/million-digits",
        "an integer that takes seconds to read",
        _NUMBER + " json-size",
        lambda _: _changed(_UNITS, '"units": ' + "9" * 1_000_000),
    ),
    file_case("json/overflow", "a number that becomes infinite", _NUMBER, _changed(_UNITS, '"units": 1e999')),
    file_case("json/nan", "NaN", "json-number", _changed('"trainable": true', '"trainable": NaN')),
    file_case("json/infinity", "Infinity", "json-number", _changed('"trainable": true', '"trainable": -Infinity')),
    file_case("json/nan-in-metadata", "NaN in the metadata", "json-number", _metadata(b'{"keras_version": NaN}')),
    file_case(
        "json/long-string",
        "a string of 50 MB",
        "json-size",
        lambda _: archive(GOOD.replace(b'"model"', b'"' + b"m" * (50 << 20) + b'"', 1)),
    ),
    file_case(
        "json/wide", "a list of 4 million numbers", "json-size", lambda _: archive(b"[" + b"1," * 4_000_000 + b"1]")
    ),
    file_case(
        "json/long-metadata", "metadata of 20 MB", "json-size", lambda _: _metadata(b'"' + b"m" * (20 << 20) + b'"')
    ),
    file_case("json/cut", "ends in the middle", "json-damaged", archive(GOOD[: len(GOOD) // 2])),
    file_case("json/empty", "nothing at all", "json-damaged", archive(b"")),
    file_case("json/more-after-it", "two objects", "json-damaged", archive(GOOD + GOOD)),
    file_case("json/comment", "no JSON", "json-damaged", archive(b"// a model\n" + GOOD)),
    file_case("json/number-alone", "a number instead of a model", "config top-level", archive(b"1")),
    file_case("json/null", "null instead of a model", "config top-level", archive(b"null")),
    file_case("json/list", "a list instead of a model", "config top-level", archive(b"[]")),
    file_case("json/empty-object", "an empty object instead of a model", "config top-level", archive(b"{}")),
    file_case(
        "json/class-as-list",
        "a class's name is a list",
        "config class top-level",
        _changed('"class_name": "Dense"', '"class_name": ["Dense"]'),
    ),
    file_case(
        "json/config-as-list",
        "a layer's configuration is a list",
        "config class",
        _changed('"layers": [', '"layers": [[], '),
    ),
    file_case(
        "json/layers-as-number",
        "layers are a number",
        "config",
        archive({**chain(), "config": {"name": "m", "layers": 1, "input_layers": [], "output_layers": []}}),
    ),
    file_case(
        "json-h5/doubled",
        "two values for a key",
        "json-duplicate",
        old(json.dumps(old_chain()).replace('"units": 2', '"units": 2, "units": 3')),
        ".h5",
    ),
    file_case(
        "json-h5/nan", "NaN", "json-number", old(json.dumps(old_chain()).replace('"units": 2', '"units": NaN')), ".h5"
    ),
    file_case("json-h5/deep", "100,000 lists in each other", _SHALLOW, old("[" * _DEPTH + "]" * _DEPTH), ".h5"),
    file_case(
        "json-h5/long", "a configuration of 50 MB", "json-size", lambda _: old('"' + "m" * (50 << 20) + '"'), ".h5"
    ),
    file_case("json-h5/cut", "ends in the middle", "json-damaged", old(json.dumps(old_chain())[:100]), ".h5"),
    file_case("json-h5/empty", "an empty configuration", "json-damaged weights-only config", old(""), ".h5"),
]
