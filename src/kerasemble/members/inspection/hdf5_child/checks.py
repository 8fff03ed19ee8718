"""What each object in an HDF5 file must be: numbers that lie in the file, and no more of them than it stores."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np

from .fault import Fault, decode, show

# gzip, shuffle, Fletcher-32 and LZF: all that h5py can always read. Others would be looked for as plug-ins.
_FILTERS = (1, 2, 3, 32000)
# By sign, exponent and mantissa: where each begins, and how long the last two are.
_FLOATS = {
    (15, 10, 5, 0, 10): "float16",
    (15, 7, 8, 0, 7): "bfloat16",
    (31, 23, 8, 0, 23): "float32",
    (63, 52, 11, 0, 52): "float64",
}


def check_layout(array: Any, path: str, limits: dict[str, int]) -> None:  # noqa: ANN401 - h5py is not typed
    """Refuse arrays whose values lie elsewhere, or can be read only by a plug-in or with much memory."""
    plan = array.get_create_plist()
    if plan.get_layout() == h5py.h5d.VIRTUAL or plan.get_external_count():
        raise Fault("hdf5-external", f"keeps the values of {show(path)} in another file or array.")
    for index in range(plan.get_nfilters()):
        code = plan.get_filter(index)[0]
        if code not in _FILTERS:
            raise Fault("hdf5-filter", f"compresses {show(path)} by filter {code}; gzip, shuffle and lzf are read.")
    if array.get_space().get_simple_extent_type() == h5py.h5s.NULL:
        raise Fault("hdf5-type", f"holds {show(path)}, which has no values.")
    if plan.get_layout() == h5py.h5d.CHUNKED:
        size = math.prod(plan.get_chunk()) * array.get_type().get_size()
        if size > limits["chunk_bytes"]:
            message = f"stores {show(path)} in parts of {size:,} bytes; at most {limits['chunk_bytes']:,} are read."
            raise Fault("hdf5-bomb", message)


def dtype_of(kind: Any, path: str) -> str:  # noqa: ANN401 - h5py is not typed
    """Return the name of a type of numbers."""
    name = None
    if kind.get_class() == h5py.h5t.INTEGER and kind.get_size() in (1, 2, 4, 8):
        name = f"{'' if kind.get_sign() else 'u'}int{8 * kind.get_size()}"
    elif kind.get_class() == h5py.h5t.FLOAT:
        name = _FLOATS.get(kind.get_fields())
    elif kind.get_class() == h5py.h5t.ENUM and kind.equal(h5py.h5t.py_create(np.dtype("bool"), logical=True)):
        name = "bool"
    elif kind.get_class() == h5py.h5t.OPAQUE and kind.get_size() == 2:
        name = "bfloat16"  # which h5py stores so, since NumPy has none
    if name is None:
        raise Fault("hdf5-type", f"holds {show(path)} with values that are no numbers.")
    return name


def check_stored(name: str, declared: int, stored: int, limits: dict[str, int]) -> None:
    """Refuse what declares far more bytes than it stores."""
    if declared > limits["ratio_from"] and declared > limits["ratio"] * stored:
        shown = name if name.startswith("all ") else show(name)
        message = f"declares {declared:,} bytes for {shown} and stores {stored:,}: more than {limits['ratio']} times."
        raise Fault("hdf5-bomb", message)


def check_whole(array: Any, path: str, declared: int, stored: int) -> None:  # noqa: ANN401 - h5py is not typed
    """Refuse an array of which a part was never written: HDF5 would fill it with zeros."""
    plan = array.get_create_plist()
    missing = stored < declared
    if plan.get_layout() == h5py.h5d.CHUNKED:
        sizes = zip(array.shape, plan.get_chunk(), strict=True)
        missing = array.get_num_chunks() < math.prod(-(-length // part) for length, part in sizes)
    if missing:
        raise Fault("unstored-weights", f"does not store the weight {show(path)}, or not all of it.")


def check_attributes(node: Any, path: str, limits: dict[str, int]) -> None:  # noqa: ANN401 - h5py is not typed
    """Refuse attributes that are neither text nor numbers, and such as are too long."""
    count = h5py.h5a.get_num_attrs(node)
    if count > limits["objects"]:
        raise Fault("hdf5-object", f"gives {show(path)} {count:,} attributes.")
    for index in range(count):
        attribute = h5py.h5a.open(node, index=index)
        kind = attribute.get_type().get_class()
        if kind not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM):
            message = f"gives {show(path)} the attribute {show(decode(attribute.name))}, no text or number."
            raise Fault("hdf5-type", message)
        size = math.prod(attribute.shape) * attribute.get_type().get_size()
        if size > limits["json_bytes"]:
            name = show(decode(attribute.name))
            message = f"has an attribute {name} of {size:,} bytes; at most {limits['json_bytes']:,} are read."
            raise Fault("json-size", message)
