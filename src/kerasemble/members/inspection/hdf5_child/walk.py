"""All that an HDF5 file holds, found by hard links alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import h5py

from .checks import check_attributes, check_layout, check_stored, check_whole, dtype_of
from .fault import Fault, decode, show


class Walk:
    """All groups and arrays of a file, each met once, by hard links alone."""

    def __init__(self, file: Any, size: int, limits: dict[str, int]) -> None:  # noqa: ANN401 - h5py is not typed
        """Visit them.

        Raises:
            Fault: something in the file is not what Keras writes.
        """
        self.limits = limits
        self.groups: dict[str, Any] = {}
        self.arrays: dict[str, tuple[Any, str]] = {}
        self._seen: set[int] = set()
        self._stored = self._declared = 0
        waiting = [("", file.id)]
        while waiting:
            path, node = waiting.pop()
            address = h5py.h5o.get_info(node).addr
            if address in self._seen:
                raise Fault("hdf5-link", f"links {show(path)} to what has another name already, perhaps in a circle.")
            self._seen.add(address)
            check_attributes(node, path, limits)
            if isinstance(node, h5py.h5g.GroupID):
                self.groups[path] = node
                waiting += reversed(list(self._children(path, node)))
            elif isinstance(node, h5py.h5d.DatasetID):
                self._add_array(path, node)
            else:
                raise Fault("hdf5-object", f"holds {show(path)}, which is neither a group nor an array.")
        if self._stored > size:
            message = f"declares arrays of {self._stored:,} bytes in a file of {size:,}: they share their bytes."
            raise Fault("hdf5-bomb", message)

    def _children(self, path: str, group: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - h5py is not typed
        if len(self._seen) + group.get_num_objs() > self.limits["objects"]:
            raise Fault("hdf5-object", f"holds more than {self.limits['objects']:,} groups and arrays.")
        for name in group:
            below = f"{path}/{decode(name)}".lstrip("/")
            kind = group.links.get_info(name).type
            if kind == h5py.h5l.TYPE_EXTERNAL:
                raise Fault("hdf5-external", f"links {show(below)} to another file.")
            if kind != h5py.h5l.TYPE_HARD:
                raise Fault("hdf5-link", f"holds {show(below)} as a link to a name, not as a thing of its own.")
            yield below, h5py.h5o.open(group, name)

    def _add_array(self, path: str, array: Any) -> None:  # noqa: ANN401 - h5py is not typed
        check_layout(array, path, self.limits)
        dtype = dtype_of(array.get_type(), path)
        declared = math.prod(array.shape) * array.get_type().get_size()
        stored = array.get_storage_size()
        check_stored(path, declared, stored, self.limits)
        self._stored += stored
        self._declared += declared
        check_stored("all arrays together", self._declared, self._stored, self.limits)
        check_whole(array, path, declared, stored)
        self.arrays[path] = (array, dtype)
