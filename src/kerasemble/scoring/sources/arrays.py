"""Arrays in memory, and `.npy` and `.npz` files, which are read as they are needed."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path
from typing import IO, Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import encode_labels
from kerasemble.core.options import as_array
from kerasemble.scoring.sources.inputs import check_no_text, check_one_input
from kerasemble.scoring.sources.source import Source

_KEYS = ("x", "y", "classes")
# Of an entry in a zip archive: where the lengths of its name and of its extra field stand, and its size without them.
_NAME_LENGTH, _LOCAL_HEADER = 26, 30
_CHUNK = 2**20
# Of the versions of `.npy` that numbers are written in.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@final
class Array(Source):
    """An array of rows, in memory or mapped from a file."""

    def __init__(
        self,
        x: npt.ArrayLike,
        *,
        place: str = "",
        y: npt.NDArray[Any] | None = None,
        classes: tuple[str, ...] | None = None,
    ) -> None:
        """Keep the array as it is.

        Raises:
            KerasembleError: it is ragged, empty or not numeric.
        """
        check_one_input(x)
        self.array = as_array(x, "The data, whose rows must have one shape,")
        check_no_text(self.array, place)
        super().__init__(self.array.shape, self.array.dtype, place=place, y=y, classes=classes)

    def read(self, start: int, stop: int) -> npt.NDArray[Any]:
        """Return the rows from `start` up to `stop`, as a view."""
        return self.array[start:stop]


def open_arrays(path: Path) -> Array:
    """Return what is in an `.npz` with `x`, and `y` and `classes` if it has them, or in an `.npy` of rows.

    An `.npy`, and an `x` that `numpy.savez` wrote, are mapped, so that they may be larger than memory; an `x` that
    `numpy.savez_compressed` wrote is unpacked into memory.

    Raises:
        KerasembleError: it cannot be read, or has no `x`.
    """
    try:
        if _is_npy(path):
            return Array(np.load(path, mmap_mode="r", allow_pickle=False), place=str(path))
        # Opened here, since NumPy leaves a damaged archive open.
        with path.open("rb") as handle, _open(handle) as file:
            found = list(getattr(file, "files", ()))
            arrays: dict[str, Any] = {key: file[key] for key in _KEYS[1:] if key in found}
            if "x" in found:
                mapped = _mapped(path, "x")
                arrays["x"] = file["x"] if mapped is None else mapped
    except KerasembleError:
        raise
    except Exception as error:  # NumPy raises ValueError, BadZipFile, EOFError, OSError, ... for a bad file
        reason = str(error).splitlines()[0]
        if "pickle" in reason:
            reason = "it holds objects or is something else. Save numbers with np.savez('data.npz', x=x, y=y)"
        msg = f"{path} cannot be read as an .npz: {reason}."
        raise KerasembleError(msg) from error
    if "x" not in arrays:
        msg = f"{path} has no 'x'. It has: {first(found) or 'nothing'}. Save it with np.savez('data.npz', x=x, y=y)."
        raise KerasembleError(msg)
    x, y = arrays["x"], arrays.get("y")
    if "classes" not in arrays:
        return Array(x, place=str(path), y=y)
    if arrays["classes"].ndim != 1:
        msg = f"{path}: classes must be a list of names. Received: an array of shape {arrays['classes'].shape}."
        raise KerasembleError(msg)
    classes = tuple(arrays["classes"].astype(str).tolist())
    # By name, a label means the same in whichever order members have the classes.
    source = Array(x, place=str(path), classes=classes)
    return source if y is None else source.labelled(np.array(classes)[encode_labels(y, classes, len(source))])


def _is_npy(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(6) == b"\x93NUMPY"


def _open(handle: IO[bytes]) -> Any:  # noqa: ANN401 - NumPy's archive
    """Open an `.npz`, whatever its suffix; what is none has no names."""
    opened = np.load(handle, allow_pickle=False)
    return contextlib.nullcontext() if isinstance(opened, np.ndarray) else opened


def _mapped(path: Path, key: str) -> npt.NDArray[Any] | None:
    """Return an array of an archive as a map of the file; None where it is compressed, empty or holds objects."""
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{key}.npy")
        if entry.compress_type != zipfile.ZIP_STORED:
            return None
        with archive.open(entry) as content:
            while content.read(_CHUNK):
                pass  # to the end, where the checksum is compared: a map has none
        with archive.open(entry) as content:
            read_header = _HEADERS.get(np.lib.format.read_magic(content))
            if read_header is None:
                return None
            shape, fortran, dtype = read_header(content)
            header = content.tell()
    if dtype.hasobject or not np.prod(shape):
        return None
    with path.open("rb") as file:
        file.seek(entry.header_offset + _NAME_LENGTH)
        name, extra = np.frombuffer(file.read(4), dtype="<u2").tolist()
    offset = entry.header_offset + _LOCAL_HEADER + name + extra + header
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if fortran else "C")
