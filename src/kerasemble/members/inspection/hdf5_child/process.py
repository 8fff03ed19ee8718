"""The process itself: what it may use, and the two lines that it prints."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import sys
from typing import Any

if importlib.util.find_spec("h5py") is None or importlib.util.find_spec("numpy") is None:
    # The parent found them by PYTHONPATH or in the user's folder, which an isolated interpreter leaves out.
    sys.path.extend(json.loads(sys.argv[1])["places"])

import h5py
import numpy as np

from .contents import structure
from .fault import Fault, show
from .values import check_values
from .walk import Walk
from .window import Window


def rehearse(limits: dict[str, int]) -> None:
    """Read a small file of our own, so that what Python imports at first use is there when no file can be opened."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.attrs.update({"layer_names": [b"a"], "model_config": "{}", "keras_version": b"3", "number": 1.0})
        group = file.create_group("a")
        group.attrs["weight_names"] = [b"b"]
        group["b"] = np.ones(2, np.float32)
        group.create_dataset("c", data=np.ones((2, 2), bool), compression="gzip")
    with h5py.File(memory, "r") as file:
        walk = Walk(file, len(memory.getvalue()), limits)
        structure(walk)
        check_values(walk)


def restrict(memory: int, seconds: float) -> None:
    """Give back what a reader of one file needs not: memory, time, and the opening and writing of files."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; there the parent's clock alone holds
        return
    # At the first of the two times the process is ended by a signal that says so.
    time = (math.ceil(seconds), math.ceil(seconds) + 1)
    bounds = {"AS": (memory, memory), "CPU": time, "CORE": (0, 0), "FSIZE": (0, 0), "NOFILE": (0, 0)}
    for name, bound in bounds.items():
        try:
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), bound)
        except (ValueError, OSError):  # macOS knows a limit of the address space and takes none
            continue


def answer(said: dict[str, Any]) -> None:
    """Print a line for the parent."""
    sys.stdout.write(f"{json.dumps(said)}\n")
    sys.stdout.flush()


def main() -> None:
    """Look at the file on standard input and print what it is."""
    task = json.loads(sys.argv[1])
    rehearse(task["limits"])
    restrict(task["memory"], task["seconds"])
    try:
        with h5py.File(Window(0, task["offset"], task["size"]), "r") as file:
            walk = Walk(file, task["size"], task["limits"])
            answer(structure(walk))
            check_values(walk)
            said: dict[str, Any] = {}
    except Fault as fault:
        said = {"code": fault.code, "message": fault.message}
    except MemoryError:
        said = {"code": "hdf5-memory", "message": f"needs more than {task['memory']:,} bytes of memory to be read."}
    except Exception as error:  # noqa: BLE001 - h5py raises RuntimeError, OSError, KeyError, ... for damaged files
        text = " ".join(str(error).split())[:200]
        said = {"code": "hdf5-damaged", "message": f"is damaged as HDF5: {show(text)}."}
    answer(said)
