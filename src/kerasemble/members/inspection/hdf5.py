"""HDF5 from strangers, read by a process of its own that is ended when it takes too long."""

from __future__ import annotations

import base64
import dataclasses
import importlib.util
import json
import os
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from kerasemble.members.inspection.document import parse
from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Refused, StoredArray, StoredLayer, Weights

# The process imports that one folder as a package, and not what lies around it.
_CHILD = Path(__file__).with_name("hdf5_child")
_START = """
import sys, types
package = sys.modules["hdf5_child"] = types.ModuleType("hdf5_child")
package.__path__ = [sys.argv[2]]
from hdf5_child.process import main
main()
"""
_CURE = "Save the model again, or get it again from its source."
# One thread: pools of them take time and address space. No plug-ins: they are code. Windows needs the rest.
_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "HDF5_PLUGIN_PRELOAD": "::",
}


class Hdf5(NamedTuple):
    """What an HDF5 file is made of.

    Args:
        weights: without those of an optimizer.
        model_config: the model's configuration as bytes of JSON, where the file holds one.
        keras_version: that saved it, where it says.
        top: names of the groups at its root.
    """

    weights: Weights
    model_config: bytes | None
    keras_version: str | None
    top: tuple[str, ...]


class Hdf5Reader:
    """A process that reads one HDF5 file: first what it is made of, then whether all values are there and finite.

    While it reads the values, which takes longest, the caller can judge what they are said to be.

    Example:
        >>> with Hdf5Reader(file, 0, size) as reader:  # doctest: +SKIP
        ...     found = reader.structure()
        ...     reader.finish()
    """

    def __init__(self, file: BinaryIO, offset: int, size: int, limits: Limits = LIMITS) -> None:
        """Take an open file and where in it the HDF5 begins and how many bytes it has."""
        self._file, self._offset, self._size, self._limits = file, offset, size, limits
        self._seconds = limits.child_seconds + size / limits.child_rate
        self._late = threading.Event()

    def __enter__(self) -> Self:
        """Start the process and its clock."""
        check_length(self._file, self._offset, self._size)
        limits = self._limits
        task = {
            "offset": self._offset,
            "size": self._size,
            "memory": limits.child_memory,
            "seconds": self._seconds,
            "limits": {
                name: getattr(limits, name) for name in ("objects", "ratio", "ratio_from", "chunk_bytes", "json_bytes")
            },
            "places": _places(),
        }
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module, with numbers for arguments
                [sys.executable, "-I", "-B", "-c", _START, json.dumps(task), os.fspath(_CHILD)],
                stdin=self._file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ENVIRONMENT},
                start_new_session=True,
            )
        except OSError as error:
            message = f"cannot be inspected: the process that reads HDF5 does not start ({error.strerror})."
            raise Refused("unreadable", f"{message} Free some memory and try again.") from error
        self._timer = threading.Timer(self._seconds * limits.child_patience, self._end_late)
        self._timer.daemon = True
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process, whatever it is doing."""
        self._timer.cancel()
        self._end()
        self._process.communicate()

    def structure(self) -> Hdf5:
        """Return what the file is made of.

        Raises:
            Refused: it is damaged, links elsewhere, declares more than it stores, or took too long.
        """
        answer = self._answer()
        model_config = answer["model_config"]
        layers = answer["layers"]
        return Hdf5(
            weights=Weights(
                tuple(StoredArray(path, tuple(shape), dtype) for path, shape, dtype in answer["arrays"]),
                None if layers is None else tuple(StoredLayer(name, tuple(paths)) for name, paths in layers),
            ),
            model_config=None if model_config is None else base64.b64decode(model_config),
            keras_version=answer["keras_version"],
            top=tuple(answer["top"]),
        )

    def finish(self) -> None:
        """Wait until all values were read.

        Raises:
            Refused: some are damaged, NaN or infinite, or it took too long.
        """
        self._answer()

    def _answer(self) -> dict[str, Any]:
        """Return the next line that the process prints."""
        limits = dataclasses.replace(
            self._limits, json_bytes=self._limits.child_output, json_values=self._limits.child_output
        )
        stdout = self._process.stdout
        line = stdout.readline(limits.json_bytes + 1) if stdout is not None else b""
        if not line.endswith(b"\n"):
            raise self._no_answer(line)
        answer = parse(line, "list of weights", limits)
        if "code" in answer:
            raise Refused(answer["code"], f"{answer['message']} {_CURE}")
        return dict(answer)

    def _no_answer(self, line: bytes) -> Refused:
        if line:
            self._end()
        code = self._process.wait()
        name = signal.Signals(-code).name if code < 0 else f"code {code}"
        if self._late.is_set() or name == "SIGXCPU":
            message = f"could not be read as HDF5 in {self._seconds:.0f} seconds: it is damaged, or made to hang."
            return Refused("hdf5-timeout", f"{message} {_CURE}")
        if line:
            return Refused("hdf5-object", f"names more weights than are read. {_CURE}")
        message = f"cannot be read as HDF5: the process that reads it ended with {name}."
        return Refused("hdf5-damaged", f"{message} {_CURE}")

    def _end_late(self) -> None:
        self._late.set()
        self._end()

    def _end(self) -> None:
        # The process starts no others, so that it is its whole group.
        self._process.kill()


def check_length(file: BinaryIO, offset: int, size: int) -> None:
    """Refuse a file that is shorter than its own header says.

    Raises:
        Refused: with both numbers.
    """
    file.seek(offset)
    head = file.read(min(size, 64))
    file.seek(0)
    if not head.startswith(b"\x89HDF\r\n\x1a\n") or len(head) < 64:
        message = f"is truncated or damaged: its weights have {size:,} bytes and do not begin as HDF5. {_CURE}"
        raise Refused("hdf5-damaged", message)
    version = head[8]
    # Version 1 has four bytes more than 0; from 2 on the header is another. The width of an address is nearly always 8.
    width, begin = (head[13], 24 if version == 0 else 28) if version < 2 else (head[9], 12)
    if width != 8:
        return
    (end,) = struct.unpack_from("<Q", head, begin + 16)
    if end > size:
        message = f"is truncated: it has {size:,} bytes and its header says {end:,}. Copy or download it again."
        raise Refused("truncated", message)


def _places() -> list[str]:
    """Return the folders that h5py and NumPy are imported from here, without importing them."""
    specs = [importlib.util.find_spec(name) for name in ("h5py", "numpy")]
    return [os.fspath(Path(spec.origin).parents[1]) for spec in specs if spec is not None and spec.origin]
