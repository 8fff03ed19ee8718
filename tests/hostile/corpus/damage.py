"""HDF5 whose own structures are damaged, so that native code fails, or never returns."""

from __future__ import annotations

import struct
from collections.abc import Callable

from corpus.case import Case, file_case
from corpus.seeds import archive, chain, old, old_chain, weights

OLD, NEW = old(old_chain()), weights()
Change = Callable[[bytearray], None]
_ROOT = 96  # where h5py puts the object header of the root group, behind the superblock


def _put(form: str, at: Callable[[bytearray], int] | int, value: int) -> Change:
    def change(data: bytearray) -> None:
        struct.pack_into(form, data, at if isinstance(at, int) else at(data), value)

    return change


def _behind(text: bytes, distance: int = 0, *, last: bool = False) -> Callable[[bytearray], int]:
    """Return what finds a place by the text that stands before it; a negative distance reaches before the text."""
    return lambda data: (data.rindex if last else data.index)(text) + distance


def _tree_to_itself(data: bytearray) -> None:
    """The first child of every B-tree is the B-tree."""
    at = data.find(b"TREE")
    while at >= 0:
        struct.pack_into("<Q", data, at + 32, at)
        at = data.find(b"TREE", at + 4)


def _siblings(data: bytearray) -> None:
    """The neighbours of every B-tree are the B-tree."""
    at = data.find(b"TREE")
    while at >= 0:
        struct.pack_into("<QQ", data, at + 8, at, at)
        at = data.find(b"TREE", at + 4)


def _names_to_root(data: bytearray) -> None:
    """Every name in every group is that of the root group."""
    at = data.find(b"SNOD")
    while at >= 0:
        for entry in range(struct.unpack_from("<H", data, at + 6)[0]):
            struct.pack_into("<Q", data, at + 8 + 40 * entry + 8, _ROOT)
        at = data.find(b"SNOD", at + 4)


# A value in the global heap, where texts lie, has its length 8 bytes before it.
_LENGTH = _behind(b"out/kernel:0", -8)
_DAMAGED = "hdf5-damaged truncated not-a-model"
_SPIN = "hdf5-timeout hdf5-damaged"
# What becomes of a damaged structure depends on where native code meets it.
_ANY = (
    "hdf5-damaged hdf5-link hdf5-object hdf5-timeout hdf5-memory hdf5-type unstored-weights layer-order truncated "
    "config weights-only"
)

_BOTH: dict[str, tuple[str, str, Change]] = {
    "version": ("a version of the superblock that is none", _DAMAGED, _put("<B", 8, 255)),
    "address-size": ("addresses of 3 bytes", _DAMAGED, _put("<B", 13, 3)),
    "end": ("its end lies at 2**62", _DAMAGED, _put("<Q", 40, 1 << 62)),
    "root": ("the root group is the superblock", _ANY, _put("<Q", 64, 0)),
    "root-far": ("the root group lies at 2**62", _ANY, _put("<Q", 64, 1 << 62)),
    "tree": ("a B-tree that is none", _ANY, _put("<I", _behind(b"TREE"), 0)),
    "tree-to-itself": ("B-trees that hold themselves", _ANY, _tree_to_itself),
    "neighbours": ("B-trees that are their own neighbours", "hdf5-damaged hdf5-timeout", _siblings),
    "names-to-root": ("all names are the root group's", _ANY, _names_to_root),
    "heap": ("a heap of 2**62 bytes", _ANY, _put("<Q", _behind(b"HEAP", 8), 1 << 62)),
    "leaf": ("a leaf of 65,535 names", _ANY, _put("<H", _behind(b"SNOD", 6), 65535)),
}
_TEXTS: dict[str, tuple[str, str, Change]] = {
    "endless": ("one byte makes native code loop for ever: a text of 96 bytes for 12", _SPIN, _put("<B", _LENGTH, 96)),
    "endless-by-2-to-56": ("as above, with a text of 2**56 bytes", _ANY, _put("<Q", _LENGTH, 1 << 56)),
    "text-of-no-bytes": ("a text of 0 bytes in the heap", _ANY, _put("<Q", _LENGTH, 0)),
    "heap-of-texts": ("a heap of texts of 2**62 bytes", _ANY, _put("<Q", _behind(b"GCOL", 8), 1 << 62)),
}


def _changed(content: bytes, change: Change) -> bytes:
    data = bytearray(content)
    change(data)
    return bytes(data)


CASES: list[Case] = [
    *(
        file_case(f"damage/{key}", what, codes, archive(chain(), _changed(NEW, change)))
        for key, (what, codes, change) in _BOTH.items()
    ),
    *(
        file_case(f"damage-h5/{key}", what, codes, _changed(OLD, change), ".h5")
        for key, (what, codes, change) in {**_BOTH, **_TEXTS}.items()
    ),
]
