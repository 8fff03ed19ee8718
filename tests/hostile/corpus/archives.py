"""Archives that one reader sees differently from another, that leave their folder, or that swell."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
from collections.abc import Callable
from io import BytesIO

from corpus.case import file_case
from corpus.seeds import METADATA, archive, chain, dense, weights, zipped

CONFIG, OTHER = (json.dumps(chain(units=units)).encode() for units in (2, 3))
MEMBERS = [("metadata.json", METADATA), ("config.json", CONFIG), ("model.weights.h5", weights())]
GOOD = zipped(MEMBERS)
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def _with(name: str, content: bytes = b"x", mode: int = 0) -> bytes:
    """Return the archive with one more member."""
    info = zipfile.ZipInfo("placeholder")
    info.filename = name  # as it stands: ZipInfo itself would mend it
    info.external_attr = mode << 16
    return zipped([*MEMBERS, (info, content)])


def _linked_config() -> bytes:
    info = zipfile.ZipInfo("config.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped([MEMBERS[0], (info, b"/etc/passwd"), MEMBERS[2]])


def _named_with_nul() -> bytes:
    """Two members: config.json, and config.json cut by a NUL from the rest of its name."""
    return _with("config.jsonQhidden", OTHER).replace(b"config.jsonQhidden", b"config.json\0hidden")


def _packed(name: str, method: int, content: bytes) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for each, text in MEMBERS:
            file.writestr(each, content if each == name else text, method if each == name else zipfile.ZIP_STORED)
    return buffer.getvalue()


def _asset_bomb() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in MEMBERS:
            file.writestr(name, text)
        file.writestr("assets/bomb.txt", bytes(64 << 20), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _patched(change: Callable[[bytearray, int, int], None], name: bytes = b"config.json") -> bytes:
    """Return the archive with the local and central header of a member changed in place."""
    data = bytearray(GOOD)
    local = data.index(LOCAL + data[4:26] * 0) if not name else data.rindex(LOCAL, 0, data.index(name))
    central = data.rindex(CENTRAL, 0, data.rindex(name))
    change(data, local, central)
    return bytes(data)


def _flag(bits: int) -> bytes:
    def change(data: bytearray, local: int, central: int) -> None:
        for place in (local + 6, central + 8):
            struct.pack_into("<H", data, place, bits)

    return _patched(change, b"model.weights.h5")


def _method(number: int) -> bytes:
    def change(data: bytearray, local: int, central: int) -> None:
        for place in (local + 8, central + 10):
            struct.pack_into("<H", data, place, number)

    return _patched(change)


def _central(offset: int, form: str, value: int, name: bytes = b"config.json") -> bytes:
    """Return the archive with a field of a member's central header changed, so that it lies about the member."""
    return _patched(lambda data, _, central: struct.pack_into(form, data, central + offset, value), name)


def _other_local_name() -> bytes:
    def change(data: bytearray, local: int, _: int) -> None:
        data[local + 30 : local + 30 + 11] = b"c0nfig.json"

    return _patched(change)


def _other_local_extra() -> bytes:
    """The local header declares an extra field of another length: readers find the content at different places."""
    return _patched(lambda data, local, _: struct.pack_into("<H", data, local + 28, 8))


def _damaged(name: bytes) -> bytes:
    data = bytearray(GOOD)
    start = data.index(name) + len(name)
    data[start + 60] ^= 1
    return bytes(data)


def _end(offset: int, form: str, value: int) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(form, data, data.rindex(END) + offset, value)
    return bytes(data)


def _overlapping() -> bytes:
    """A hundred assets in the central directory that are all the same bytes."""
    data = bytearray(zipped([*MEMBERS, ("assets/00", bytes(100_000))]))
    end = data.rindex(END)
    entry = bytes(data[data.rindex(CENTRAL, 0, end) : end])
    more = b"".join(entry.replace(b"assets/00", f"assets/{index:02}".encode()) for index in range(1, 100))
    data[end:end] = more
    struct.pack_into(
        "<HHI", data, len(data) - 14, 103, 103, struct.unpack_from("<I", data, len(data) - 10)[0] + len(more)
    )
    return bytes(data)


def _zip64(size: int) -> bytes:
    """Return the archive with the size of its configuration in a zip64 field."""
    data = bytearray(GOOD)
    place = data.rindex(CENTRAL, 0, data.rindex(b"config.json"))
    struct.pack_into("<I", data, place + 24, 0xFFFFFFFF)
    struct.pack_into("<H", data, place + 30, 12)
    extra = struct.pack("<HHQ", 1, 8, size)
    at = place + 46 + len("config.json")
    data[at:at] = extra
    end = data.rindex(END)
    struct.pack_into("<I", data, end + 12, struct.unpack_from("<I", data, end + 12)[0] + len(extra))
    return bytes(data)


def _zip64_end() -> bytes:
    """The archive's own end of zip64 says that the directory lies at 2**62."""
    data = bytearray(GOOD)
    end = data.rindex(END)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, 200, 1 << 62)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    struct.pack_into("<I", data, end + 16, 0xFFFFFFFF)
    data[end:end] = record + locator
    return bytes(data)


def _end_in_comment() -> bytes:
    """The true end has a comment which is the end of another archive that lies in front."""
    hidden = zipped([MEMBERS[0], ("config.json", OTHER), MEMBERS[2]])
    data = bytearray(GOOD)
    comment = hidden[hidden.rindex(END) :]
    struct.pack_into("<H", data, len(data) - 2, len(comment))
    return hidden[: hidden.rindex(END)] + bytes(data) + comment


_NAMES = {
    "parent": "../escaped.txt",
    "parent-in-assets": "assets/../../escaped.txt",
    "absolute": "/tmp/escaped.txt",  # noqa: S108 - never written
    "backslash": "assets\\..\\..\\escaped.txt",
    "drive": "C:/escaped.txt",
    "drive-relative": "C:escaped.txt",
    "share": "//host/share/escaped.txt",
    "unknown": "setup.py",
    "dotted": "assets/./../config.json",
    "double-slash": "assets//config.json",
    "control": "assets/\x1b[2Jcleared",
    "direction": "assets/\u202etxt.exe",
    "long": "assets/" + "a" * 5000,
    "case": "CONFIG.JSON",
    "space": "config.json ",
    "folder-as-config": "config.json/",
}
# An archive that lies about a member is found out in one of many places.
_LIES = "zip-damaged zip-crc zip-incomplete zip-bomb zip-name zip-duplicate json-damaged json-size truncated"

CASES = [
    file_case(
        "archive/two-configurations",
        "the reader that checks sees the first, Keras the last",
        "zip-duplicate",
        zipped([*MEMBERS, ("config.json", OTHER)]),
    ),
    file_case(
        "archive/two-weights", "as above", "zip-duplicate", zipped([*MEMBERS, ("model.weights.h5", weights((4, 3)))])
    ),
    file_case("archive/two-metadata", "as above", "zip-duplicate", zipped([*MEMBERS, ("metadata.json", b"{}")])),
    file_case(
        "archive/name-with-nul",
        "a name that ends earlier for some readers",
        "zip-name zip-duplicate",
        _named_with_nul(),
    ),
    *(
        file_case(f"archive/name-{key}", f"a member named {name[:40]!r}", "zip-name zip-duplicate", _with(name))
        for key, name in _NAMES.items()
    ),
    file_case("archive/link", "a link out of the folder", "zip-link", _with("assets/a", b"/etc", stat.S_IFLNK | 0o777)),
    file_case("archive/link-as-configuration", "the configuration is a link", "zip-link", _linked_config()),
    file_case("archive/fifo", "a member is a pipe", "zip-link zip-name", _with("assets/a", b"", stat.S_IFIFO | 0o666)),
    file_case(
        "archive/device", "a member is a device", "zip-link zip-name", _with("assets/a", b"", stat.S_IFCHR | 0o666)
    ),
    file_case("archive/encrypted", "cannot be looked into", "zip-encrypted", _flag(1)),
    file_case("archive/encrypted-strongly", "cannot be looked into", "zip-encrypted zip-damaged", _flag(0x41)),
    file_case("archive/patched-data", "a patch instead of data", "zip-damaged zip-encrypted zip-crc", _flag(0x20)),
    file_case(
        "archive/program-before", "a shell script that is also a model", "zip-prefix not-a-model", b"#!/bin/sh\n" + GOOD
    ),
    file_case("archive/archive-before", "two archives in a file", "zip-prefix", archive(chain(units=3)) + GOOD),
    file_case(
        "archive/end-in-comment",
        "two ends, readers differ in which they take",
        "zip-prefix zip-damaged",
        _end_in_comment(),
    ),
    file_case(
        "archive/bytes-after",
        "a program after the archive",
        "zip-damaged zip-prefix truncated",
        GOOD + b"#!/bin/sh\n" * 9,
    ),
    file_case(
        "archive/bomb-configuration",
        "64 MB of spaces in 64 kB",
        "zip-bomb json-size",
        lambda _: _packed("config.json", 8, b" " * (64 << 20)),
    ),
    file_case(
        "archive/bomb-weights",
        "64 MB of zeros in 64 kB",
        "zip-bomb",
        lambda _: _packed("model.weights.h5", 8, bytes(64 << 20)),
    ),
    file_case(
        "archive/bomb-bzip2",
        "16 MB of spaces in 50 bytes",
        "zip-bomb zip-damaged not-supported",
        lambda _: _packed("config.json", 12, b" " * (16 << 20)),
    ),
    file_case(
        "archive/bomb-lzma",
        "16 MB of spaces in 2 kB",
        "zip-bomb zip-damaged not-supported",
        lambda _: _packed("config.json", 14, b" " * (16 << 20)),
    ),
    file_case(
        "archive/bomb-asset", "64 MB of zeros, unpacked beside the model", "zip-bomb zip-name", lambda _: _asset_bomb()
    ),
    file_case(
        "archive/method-unknown", "a way of packing that no reader knows", "zip-damaged not-supported", _method(93)
    ),
    file_case("archive/method-shrink", "a way of packing of 1989", "zip-damaged not-supported", _method(1)),
    file_case(
        "archive/many-members",
        "5,000 members",
        "zip-too-many",
        lambda _: zipped([*MEMBERS, *((f"assets/{index}", b"") for index in range(5000))]),
    ),
    file_case(
        "archive/overlapping",
        "100 members are the same 100 kB",
        "zip-damaged zip-bomb zip-name",
        lambda _: _overlapping(),
    ),
    file_case("archive/size-larger", "declares more than it holds", _LIES, _central(24, "<I", 1 << 30)),
    file_case("archive/size-smaller", "declares less than it holds", _LIES, _central(24, "<I", 10)),
    file_case("archive/packed-size-larger", "reaches over the next member", _LIES, _central(20, "<I", 1 << 20)),
    file_case("archive/offset-beyond", "starts behind the end", _LIES, _central(42, "<I", 1 << 30)),
    file_case("archive/offset-of-another", "starts where another member does", _LIES, _central(42, "<I", 0)),
    file_case(
        "archive/local-name-differs", "named otherwise where it starts", "zip-damaged zip-name", _other_local_name()
    ),
    file_case("archive/local-extra-differs", "starts elsewhere for some readers", _LIES, _other_local_extra()),
    file_case("archive/damaged-configuration", "a flipped bit", "zip-crc", _damaged(b"config.json")),
    file_case("archive/damaged-weights", "a flipped bit", "zip-crc", _damaged(b"model.weights.h5")),
    file_case("archive/zip64-size", "2**62 bytes declared in a zip64 field", _LIES, _zip64(1 << 62)),
    file_case("archive/zip64-end", "its directory lies at 2**62", "zip-damaged zip-prefix truncated", _zip64_end()),
    file_case(
        "archive/fewer-members",
        "says that it has one member",
        "zip-damaged zip-incomplete truncated",
        _end(10, "<H", 1),
    ),
    file_case(
        "archive/directory-elsewhere",
        "its directory lies behind the end",
        "zip-damaged zip-prefix truncated",
        _end(16, "<I", 1 << 30),
    ),
    file_case("archive/no-configuration", "no config.json", "zip-incomplete", zipped([MEMBERS[0], MEMBERS[2]])),
    file_case("archive/no-weights", "no weights", "zip-incomplete", zipped(MEMBERS[:2])),
    file_case(
        "archive/all-in-a-folder",
        "the configuration is not where Keras looks",
        "zip-name zip-incomplete",
        zipped([(f"model/{name}", content) for name, content in MEMBERS]),
    ),
    file_case(
        "archive/pickled-arrays",
        "weights as .npz, in which arrays may be pickles",
        "zip-name zip-incomplete not-supported",
        zipped([*MEMBERS[:2], ("model.weights.npz", zipped([("a.npy", b"\x93NUMPY\x01\0")]))]),
    ),
    file_case("archive/empty", "no members at all", "zip-incomplete zip-damaged not-a-model", zipped([])),
    file_case("archive/layer", "holds a layer, not a model", "top-level", archive(dense())),
]
