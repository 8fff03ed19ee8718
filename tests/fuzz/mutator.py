"""A seeded mutator of model files: of their bytes, of their JSON, and of the structures of HDF5."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

from corpus import seeds  # found by the line above

# What a hostile file puts in place of a value.
_VALUES: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**18, 1e300, "", "x" * 300, "\ud7ff", "../x", [], [[]], {}, [None], "Lambda",
    "keras", "keras.config", "os", "function", "__lambda__", "__numpy__", "float16", {"class_name": "__ellipsis__"},
    seeds.function("os", "system"), seeds.function("keras.config", "set_floatx"), seeds.tensor("x"), [2, 2], "relu",
]  # fmt: skip
_KEYS = ["class_name", "config", "module", "name", "layers", "registered_name", "units", "shape", "inbound_nodes"]
_NUMBERS = [0, 1, 2, 3, 7, 96, 255, 256, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 64) - 1]


class Mutant(NamedTuple):
    """A changed file: its suffix, its bytes, and how it came to be."""

    suffix: str
    content: bytes
    how: str


def seed_files() -> list[tuple[str, bytes]]:
    """Return small good models, made without Keras, as suffix and bytes."""
    dense, chain, weights = seeds.dense, seeds.chain, seeds.weights
    inner = seeds.functional([seeds.source(name="y"), seeds.called(dense("inner"), "y")], "y", "inner", name="nested")
    image = seeds.sequential(
        seeds.source((None, 8, 8, 4)),
        seeds.layer("ZeroPadding2D", "pad", padding=[[1, 1], [1, 1]]),
        seeds.layer("UpSampling2D", "up", size=[2, 2]),
        seeds.layer("GlobalAveragePooling2D", "pool"),
        dense("out", 2, activation="softmax"),
    )
    old = seeds.old_chain(seeds.old_layer("Dropout", "drop", rate=0.5))
    return [
        (".keras", seeds.archive(chain())),
        (".keras", seeds.archive(chain(dense("dense")), weights((4, 4), (4, 2)))),
        (".keras", seeds.archive(chain(inner), _nested_weights())),
        (".keras", seeds.archive(image)),
        (".h5", seeds.old(old)),
        (".h5", seeds.old(seeds.old_chain())),
    ]


def _nested_weights() -> bytes:
    def write(file: Any) -> None:
        for place, shape in (("layers/functional/layers/dense", (4, 4)), ("layers/dense", (4, 2))):
            file[f"{place}/vars/0"], file[f"{place}/vars/1"] = seeds.numbers(*shape), seeds.numbers(shape[1])

    return seeds.hdf5(write)


def mutate(files: list[tuple[str, bytes]], rng: random.Random) -> Mutant:
    """Return one of the files, changed in one to four places."""
    suffix, content = rng.choice(files)
    if suffix == ".keras" and rng.random() < 0.75:
        content, how = _archive(content, rng)
    else:
        change = _structure if suffix == ".h5" and rng.random() < 0.6 else _bytes
        content, how = _often(change, content, rng), change.__name__.strip("_")
    return Mutant(suffix, content, how)


def _often(change: Any, content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        content = change(content, rng)
    return content


def _bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip a bit, cut, insert, or copy a part of the file over another."""
    data, place = bytearray(content), rng.randrange(max(1, len(content)))
    kind = rng.randrange(5)
    if not data:
        return content
    if kind == 0:
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[place] = rng.choice([0, 0xFF, 0x7F, 0x80, rng.randrange(256)])
    elif kind == 2:
        del data[place : rng.choice([len(data), place + rng.randrange(1, 64)])]
    elif kind == 3:
        data[place:place] = rng.randbytes(rng.randrange(1, 64))
    else:
        start = rng.randrange(len(data))
        data[place : place + 64] = data[start : start + rng.randrange(1, 64)]
    return bytes(data)


def _structure(content: bytes, rng: random.Random) -> bytes:
    """Overwrite an address or a number of HDF5 with another, or with an address of the same file."""
    data = bytearray(content)
    marks = [place for mark in (b"TREE", b"HEAP", b"SNOD", b"GCOL") for place in _all(content, mark)]
    if not marks or len(data) < 200:
        return _bytes(content, rng)
    form, width = rng.choice([("<B", 1), ("<H", 2), ("<I", 4), ("<Q", 8)])
    near = rng.choice(marks) + rng.randrange(48) if rng.random() < 0.7 else rng.randrange(len(data))
    value = rng.choice([*_NUMBERS, *marks, 96]) & ((1 << (8 * width)) - 1)
    struct.pack_into(form, data, min(near, len(data) - 8), value)
    return bytes(data)


def _all(content: bytes, mark: bytes) -> list[int]:
    places, at = [], content.find(mark)
    while at >= 0:
        places.append(at)
        at = content.find(mark, at + 1)
    return places


def _archive(content: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Change what is in an archive and pack it again, so that its checksums are right."""
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        members = [(name, file.read(name)) for name in file.namelist()]
    index = rng.choice([1, 1, 1, 2, 0])
    name, text = members[index]
    if name == "model.weights.h5":
        change = rng.choice([_bytes, _structure])
        text = _often(change, text, rng)
        how = f"weights-{change.__name__.strip('_')}"
    elif rng.random() < 0.2:
        text, how = _bytes(text, rng), "text"
    else:
        value = json.loads(text)
        for _ in range(rng.choice([1, 1, 2, 3])):
            mutate_json(value, rng)
        text, how = json.dumps(value).encode(), "json"
    members[index] = (name, text)
    return seeds.zipped(members), how


def mutate_json(value: Any, rng: random.Random) -> None:
    """Change one place in a JSON value."""
    places = [(parent, key) for parent, key in _places(value)]
    if not places:
        return
    parent, key = rng.choice(places)
    kind = rng.randrange(6)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        parent[key] = copy.deepcopy(rng.choice(_VALUES))
    elif kind == 2:
        other, there = rng.choice(places)
        parent[key] = copy.deepcopy(other[there])
    elif kind == 3 and isinstance(parent, list):
        parent.insert(key, copy.deepcopy(parent[key]))
    elif kind == 4 and isinstance(parent, dict):
        parent[rng.choice(_KEYS)] = copy.deepcopy(rng.choice(_VALUES))
    elif isinstance(parent[key], int | float):
        parent[key] = rng.choice([0, -1, parent[key] + 1, parent[key] * 1000, 2**31])
    else:
        parent[key] = [parent[key]]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a JSON value: a dict or list, and a key of it."""
    found, stack = [], [value]
    while stack:
        each = stack.pop()
        keys = range(len(each)) if isinstance(each, list) else list(each) if isinstance(each, dict) else ()
        found += [(each, key) for key in keys]
        stack += [each[key] for key in keys]
    return found
