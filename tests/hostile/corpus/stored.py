"""Weights that lie elsewhere, that are not there, that swell, or that are no numbers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from corpus.case import Case, file_case
from corpus.seeds import (
    archive,
    chain,
    hdf5,
    numbers,
    old_chain,
    write_old,
    write_weights,
)

KERNEL, BIAS = "layers/dense/vars/0", "layers/dense/vars/1"
OLD_KERNEL = "model_weights/out/out/kernel:0"
Change = Callable[[h5py.File, str], None]


def _new(change: Change, units: Any = 2) -> Callable[[Path], bytes]:
    """Return a `.keras` file in whose weights the kernel is deleted and something else put in its place."""

    def content(_: Path) -> bytes:
        def write(file: h5py.File) -> None:
            write_weights(file, (4, 2))
            del file[KERNEL]
            change(file, KERNEL)

        return archive(chain(units=units), hdf5(write))

    return content


def _old(change: Change, units: int = 2) -> Callable[[Path], bytes]:
    """Return an `.h5` file in which the kernel is deleted and something else put in its place."""

    def content(_: Path) -> bytes:
        def write(file: h5py.File) -> None:
            write_old(file, old_chain(units=units))
            del file[OLD_KERNEL]
            change(file, OLD_KERNEL)

        return hdf5(write)

    return content


def _array(values: Any, **options: Any) -> Change:
    return lambda file, path: file.create_dataset(path, data=values, **options)


def _declared(shape: tuple[int, ...], **options: Any) -> Change:
    return lambda file, path: file.create_dataset(path, shape=shape, **{"dtype": "f4", **options})


def _external_link(file: h5py.File, path: str) -> None:
    file[path] = h5py.ExternalLink("other.h5", "/secret")


def _soft_link(file: h5py.File, path: str) -> None:
    file["kept"] = numbers(4, 2)
    file[path] = h5py.SoftLink("/kept")


def _external_data(name: str) -> Change:
    """Return what declares the kernel to be the first bytes of another file."""
    return lambda file, path: file.create_dataset(path, shape=(4, 2), dtype="f4", external=[(name, 0, 32)])


def _virtual(file: h5py.File, path: str) -> None:
    layout = h5py.VirtualLayout(shape=(4, 2), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(4, 2))
    file.create_virtual_dataset(path, layout)


def _filtered(number: int) -> Change:
    """Return what stores the kernel through a filter that is a plugin, if it is anywhere."""

    def change(file: h5py.File, path: str) -> None:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk((4, 2))
        settings.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space, kind = h5py.h5s.create_simple((4, 2)), h5py.h5t.IEEE_F32LE
        data = h5py.h5d.create(file.id, path.encode(), kind, space, settings)
        data.write_direct_chunk((0, 0), numbers(4, 2).tobytes())

    return change


def _chunk_bomb(file: h5py.File, path: str) -> None:
    """1 GB of zeros in 1 MB: each chunk is packed once and written often."""
    data = file.create_dataset(path, shape=(64, 4 << 20), chunks=(1, 4 << 20), dtype="f4", compression="gzip")
    packed = zlib.compress(bytes(16 << 20), 9)
    for row in range(64):
        data.id.write_direct_chunk((row, 0), packed)


def _late(file: h5py.File, path: str) -> None:
    """A contiguous array that is declared and never written."""
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
    space = h5py.h5s.create_simple((4, 2))
    h5py.h5d.create(file.id, path.encode(), h5py.h5t.IEEE_F32LE, space, settings)


def _references(file: h5py.File, path: str) -> None:
    file.create_dataset(path, data=np.array([file.ref] * 8, dtype=h5py.ref_dtype).reshape(4, 2), dtype=h5py.ref_dtype)


def _regions(file: h5py.File, path: str) -> None:
    region = file[path.replace("/0", "/1")].regionref[:]
    file.create_dataset(path, data=np.array([region] * 8, dtype=h5py.regionref_dtype), dtype=h5py.regionref_dtype)


def _ragged(file: h5py.File, path: str) -> None:
    data = file.create_dataset(path, (4, 2), dtype=h5py.vlen_dtype(np.float32))
    data[0, 0] = np.zeros(3, np.float32)


def _named_type(file: h5py.File, path: str) -> None:
    file[path] = np.dtype("f4")


def _group(file: h5py.File, path: str) -> None:
    file.create_group(path)


def _nothing(_: h5py.File, __: str) -> None:
    return None


_ODD: dict[str, tuple[str, str, Change]] = {
    "external-link": ("the kernel lies in another file", "hdf5-link hdf5-external", _external_link),
    "soft-link": ("the kernel lies under another name", "hdf5-link", _soft_link),
    "external-data": ("the kernel is the start of /etc/passwd", "hdf5-external", _external_data("/etc/passwd")),
    "external-relative": (
        "the kernel is the start of the file beside it",
        "hdf5-external",
        _external_data("other.bin"),
    ),
    "virtual-data": ("the kernel is made of other files", "hdf5-external", _virtual),
    "filter": ("a filter that is a plugin on some machines", "hdf5-filter", _filtered(32015)),
    "filter-private": ("a filter of a number that nobody has", "hdf5-filter", _filtered(511)),
    "text": ("an array of strings", "hdf5-type", _array(np.full((4, 2), b"1.0"))),
    "objects": (
        "strings of any length",
        "hdf5-type",
        _array(np.full((4, 2), "1.0", dtype=object), dtype=h5py.string_dtype()),
    ),
    "ragged": ("arrays in an array", "hdf5-type", _ragged),
    "compound": ("records", "hdf5-type", _array(np.zeros((4, 2), [("a", "f4"), ("b", "S8")]))),
    "subarrays": (
        "arrays of fixed size in an array",
        "hdf5-type shape-mismatch",
        _declared((4, 2), dtype=np.dtype(("f4", (1000,)))),
    ),
    "references": ("references to objects", "hdf5-type", _references),
    "regions": ("references to regions", "hdf5-type", _regions),
    "opaque": ("bytes of no type", "hdf5-type", _array(np.zeros((4, 2), "V8"))),
    "enumeration": ("an enumeration", "hdf5-type", _declared((4, 2), dtype=h5py.enum_dtype({"a": 1}))),
    "complex": ("complex numbers", "hdf5-type", _array(np.zeros((4, 2), np.complex64))),
    "named-type": ("a type instead of an array", "hdf5-type hdf5-object unstored-weights", _named_type),
    "group": ("a group instead of an array", "hdf5-object unstored-weights shape-mismatch", _group),
    "empty": (
        "an array without a space",
        "hdf5-type hdf5-object shape-mismatch unstored-weights",
        _array(h5py.Empty("f4")),
    ),
    "scalar": ("one number", "shape-mismatch", _array(np.float32(1))),
    "flat": ("the same numbers in another shape", "shape-mismatch", _array(numbers(8))),
    "nan": ("not a number", "not-finite", _array(np.full((4, 2), np.nan, np.float32))),
    "one-infinite": ("one infinite number", "not-finite", _array(np.array([[1, 2]] * 3 + [[-np.inf, 1]], np.float32))),
    "infinite-half": ("infinite in half precision", "not-finite", _array(np.full((4, 2), np.inf, np.float16))),
    "infinite-as-single": (
        "1e300, which is infinite as float32",
        "not-finite hdf5-type",
        _array(np.full((4, 2), 1e300)),
    ),
    "nan-packed": (
        "not a number, packed",
        "not-finite",
        _array(np.full((4, 2), np.nan, np.float32), compression="gzip"),
    ),
    "unwritten": ("declared and never written", "hdf5-bomb unstored-weights", _late),
    "unwritten-chunk": (
        "declared with a fill value and never written",
        "hdf5-bomb unstored-weights",
        _declared((4, 2), chunks=(4, 2), fillvalue=1),
    ),
    "missing": ("a kernel that the file does not store", "unstored-weights", _nothing),
}
# Of these the configuration declares as much as the file.
_BOMBS: dict[str, tuple[str, str, int, Change]] = {
    "fill-8-gigabytes": (
        "8 GB of a fill value, nothing stored",
        "hdf5-bomb dimension too-many-parameters",
        500_000_000,
        _declared((4, 500_000_000), chunks=(4, 1000), fillvalue=1),
    ),
    "fill-3-gigabytes": (
        "3.2 GB of a fill value: below Keras's own limit",
        "hdf5-bomb dimension too-many-parameters",
        200_000_000,
        _declared((4, 200_000_000), chunks=(4, 1000), fillvalue=1),
    ),
    "fill-unpacked": (
        "1.6 GB declared and never written",
        "hdf5-bomb dimension too-many-parameters",
        100_000_000,
        _declared((4, 100_000_000)),
    ),
    "packed-zeros": ("1 GB of zeros packed into 1 MB", "hdf5-bomb shape-mismatch", 4 << 20, _chunk_bomb),
    "string-of-4-gigabytes": ("one string of 4 GB", "hdf5-type hdf5-bomb", 2, _declared((4, 2), dtype="S1000000000")),
    "huge-chunk": (
        "a chunk of 4 GB around 8 numbers",
        "hdf5-bomb hdf5-damaged unstored-weights",
        2,
        _declared((4, 2), maxshape=(None, None), chunks=(30_000, 30_000)),
    ),
}


def _secret(make: Callable[[Path], bytes], suffix: str) -> Callable[[Path], Path]:
    """Return what writes the file and, beside it, the file that it tries to read."""

    def write(folder: Path) -> Path:
        with h5py.File(folder / "other.h5", "w") as other:
            other["secret"] = numbers(4, 2)
        (folder / "other.bin").write_bytes(bytes(64))
        path = folder / f"model{suffix}"
        path.write_bytes(make(folder))
        return path

    return write


CASES = [
    *(
        Case(f"hdf5/{key}", what, tuple(codes.split()), _secret(_new(change), ".keras"))
        for key, (what, codes, change) in _ODD.items()
    ),
    *(
        Case(f"hdf5-h5/{key}", _ODD[key][0], tuple(_ODD[key][1].split()), _secret(_old(_ODD[key][2]), ".h5"))
        for key in (
            "external-link",
            "soft-link",
            "external-data",
            "virtual-data",
            "filter",
            "objects",
            "nan",
            "unwritten",
            "missing",
        )
    ),
    *(
        file_case(f"hdf5/{key}", what, codes, _new(change, units))
        for key, (what, codes, units, change) in _BOMBS.items()
    ),
    file_case(
        "hdf5-h5/fill-3-gigabytes",
        _BOMBS["fill-3-gigabytes"][0],
        "hdf5-bomb dimension too-many-parameters",
        _old(_BOMBS["fill-3-gigabytes"][3], 200_000_000),
        ".h5",
    ),
]
