"""The bytes of an archive around its entries: it begins with one, ends with their list, and no two of them overlap."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

from kerasemble.members.inspection.limits import Limits
from kerasemble.members.inspection.record import Refused

_ENTRY, _LISTED, _END, _END64, _LOCATOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_END_SIZE, _LOCATOR_SIZE, _END64_SIZE = 22, 20, 56
# The longest comment that the end can have.
_COMMENT = 0xFFFF
_CURE = "Save the model again, or get it again from its source."


class _List(NamedTuple):
    """Where the list of entries is: how many, its first byte, its size."""

    entries: int
    offset: int
    size: int


def check_structure(file: BinaryIO, limits: Limits) -> None:
    """Refuse an archive that different programs would read differently, or whose list is too long to be read.

    Raises:
        Refused: it is truncated, has bytes before or after it, or entries that share bytes.
    """
    size = file.seek(0, os.SEEK_END)
    listed, end = _find_list(file, size)
    if listed.entries > limits.archive_members:
        message = f"holds {listed.entries:,} entries; at most {limits.archive_members:,} are read. {_CURE}"
        raise Refused("zip-too-many", message)
    if listed.size > limits.directory_bytes:
        message = (
            f"has a list of entries of {listed.size:,} bytes; at most {limits.directory_bytes:,} are read. {_CURE}"
        )
        raise Refused("zip-too-many", message)
    before = end - listed.size - listed.offset
    if before < 0:
        raise Refused("zip-damaged", f"is damaged: the list of its entries lies outside of it. {_CURE}")
    if before > 0:
        message = f"has {before:,} bytes that its list of entries does not know, before the archive or in it."
        raise Refused("zip-prefix", f"{message} {_CURE}")
    file.seek(listed.offset)
    _check_entries(file, file.read(listed.size), listed)
    file.seek(0)


def _find_list(file: BinaryIO, size: int) -> tuple[_List, int]:
    """Return where the list of entries is, and where it ends."""
    file.seek(max(0, size - _END_SIZE - _COMMENT))
    tail = file.read()
    found = tail.rfind(_END)
    if found < 0 or len(tail) - found < _END_SIZE:
        raise _truncated(file, size)
    after = len(tail) - found - _END_SIZE
    count, list_size, offset, comment = struct.unpack("<HLLH", tail[found + 10 : found + _END_SIZE])
    if after or comment:
        message = f"has {after:,} bytes after the end of the archive, which says {comment:,}; Keras writes none."
        raise Refused("zip-damaged", f"{message} {_CURE}")
    end = size - _END_SIZE
    locator = tail[-_END_SIZE - _LOCATOR_SIZE : -_END_SIZE]
    if not locator.startswith(_LOCATOR):
        return _List(count, offset, list_size), end
    end -= _LOCATOR_SIZE + _END64_SIZE
    file.seek(max(0, end))
    record = file.read(_END64_SIZE)
    if not record.startswith(_END64) or len(record) < _END64_SIZE:
        raise Refused("zip-damaged", f"is damaged: the end of the archive is not whole. {_CURE}")
    count, list_size, offset = struct.unpack("<QQQ", record[32:56])
    return _List(count, offset, list_size), end


def _check_entries(file: BinaryIO, listing: bytes, listed: _List) -> None:
    """Refuse entries that begin elsewhere than listed, share bytes, or are more or fewer than the end says.

    Overlapping entries make a bomb of a small file: each is within the ratio, all together are not.
    """
    spans = []
    position = 0
    while listing[position : position + 4] == _LISTED and len(listing) - position >= 46:
        fields = struct.unpack("<LLLHHH", listing[position + 16 : position + 34])
        (offset,) = struct.unpack("<L", listing[position + 42 : position + 46])
        name_size, extra_size, comment_size = fields[3:]
        extra = listing[position + 46 + name_size : position + 46 + name_size + extra_size]
        stored, offset = _wide(extra, fields[2], fields[1], offset)
        spans.append((offset, stored))
        position += 46 + name_size + extra_size + comment_size
    if position != len(listing) or len(spans) != listed.entries:
        message = f"is damaged: the list of its entries has {len(spans)} of {listed.entries}. {_CURE}"
        raise Refused("zip-damaged", message)
    reached = 0
    for offset, stored in sorted(spans):
        file.seek(offset)
        header = file.read(30)
        if not header.startswith(_ENTRY) or len(header) < 30:
            raise Refused("zip-damaged", f"is damaged: at byte {offset:,} there is no entry. {_CURE}")
        if offset < reached:
            raise Refused("zip-bomb", f"has entries that share bytes, at byte {offset:,}. {_CURE}")
        reached = offset + 30 + sum(struct.unpack("<HH", header[26:30])) + stored
    if reached > listed.offset:
        raise Refused("zip-damaged", f"is damaged: an entry reaches into the list of entries. {_CURE}")
    if spans and min(spans)[0]:
        raise Refused("zip-prefix", f"has {min(spans)[0]:,} bytes before its first entry. {_CURE}")


def _wide(extra: bytes, full: int, stored: int, offset: int) -> tuple[int, int]:
    """Return an entry's stored size and place, from its wide fields where the narrow ones are full."""
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack("<HH", extra[position : position + 4])
        if kind == 1:
            fields = extra[position + 4 : position + 4 + size]
            numbers = iter(struct.unpack(f"<{len(fields) // 8}Q", fields[: len(fields) // 8 * 8]))
            narrow = (full, stored, offset)
            _, stored, offset = (next(numbers, each) if each == 0xFFFFFFFF else each for each in narrow)
        position += 4 + size
    return stored, offset


def _truncated(file: BinaryIO, size: int) -> Refused:
    """Return the refusal of a file without an end, with the bytes that it lacks where an entry says so."""
    offset = 0
    # Keras writes three entries and the assets: whatever lies further on adds nothing.
    for _ in range(100):
        file.seek(offset)
        header = file.read(30)
        if len(header) < 30 or not header.startswith(_ENTRY):
            break
        stored, name_size, extra_size = struct.unpack("<LxxxxHH", header[18:30])
        name, extra = file.read(name_size), file.read(extra_size)
        stored, _ = _wide(extra, struct.unpack("<L", header[22:26])[0], stored, 0)
        offset += 30 + name_size + extra_size + stored
        if offset > size:
            shown = name.decode("utf-8", "replace")[:80]
            message = f"is truncated: it has {size:,} bytes, and its entry {shown!r} alone reaches to {offset:,}."
            return Refused("truncated", f"{message} Copy or download it again.")
    message = f"is truncated: it has {size:,} bytes and the list of its entries, which comes last, is missing."
    return Refused("truncated", f"{message} Copy or download it again.")
