"""What a store holds, read without the members and without Keras."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import Alignment
from kerasemble.core.arrays import first
from kerasemble.core.costs import Cost
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import digest
from kerasemble.core.options import as_path
from kerasemble.core.predictions import Predictions
from kerasemble.core.stacked import Stacked
from kerasemble.core.tasks import Task
from kerasemble.scoring.aligned import Aligned, in_memory_if_small
from kerasemble.scoring.checked_json import DamagedError, read_json
from kerasemble.scoring.shards import MANIFEST, read_cost
from kerasemble.scoring.store import DATA, LABELS, NAME, PREDICTIONS, ROWS, About, Noted, open_shards


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """What `predict` left in a store.

    Args:
        predictions: of the members that were asked for last; read as they are needed where they are large.
        y: (samples, ...) labels, where the data had them.
        data: what the store notes of the data: its `shape`, `dtype`, `fingerprint` and `place`.
    """

    predictions: Predictions
    y: npt.NDArray[Any] | None
    data: dict[str, Any]


def load_store(path: str | os.PathLike[str]) -> Stored:
    """Return the predictions and the labels in a store, without running anything.

    Args:
        path: of the folder that was given as `store`; or, where it has the answers to several sets of data, of one of
            the folders in it.

    Raises:
        KerasembleError: there is no store, it has several sets of data, rows are missing or damaged, or a member's file
            has changed since.

    Example:
        >>> import kerasemble as ke
        >>> run = ke.load_store("run/")  # doctest: +SKIP
        >>> ke.compare(run.predictions, run.y)  # doctest: +SKIP
    """
    folder = _data_folder(as_path(path, "A store"))
    data, note = _read(folder / DATA), _read(folder / PREDICTIONS)
    parts, costs = [], []
    alignment = Alignment.from_json(note["alignment"])
    for item, reading in zip(note["members"], alignment.readings, strict=True):
        noted = Noted(**item)
        _check_file(noted, reading.file or noted.sha256)
        about = About(noted.name, noted.key, noted.columns, noted.dtype)
        shards = open_shards(folder / noted.key[:NAME], tuple(data["shape"]), about)
        missing = shards.missing()
        if missing:
            rows = sum(each.stop - each.start for each in missing)
            msg = (
                f"{shards.folder / MANIFEST} is damaged or lacks {rows} of {len(shards)} rows of member "
                f"'{noted.name}'. Predict into this store again: only what is missing is run."
            )
            raise KerasembleError(msg)
        parts.append(Aligned(shards, reading, noted.precision))
        costs.append(read_cost(shards.folder))
    names = tuple(item["name"] for item in note["members"])
    values = in_memory_if_small(Stacked(parts))
    classes, task = tuple(note["classes"]), Task(note["task"])
    known = None if Cost() in costs else tuple(costs)
    y, hashes = (_read_array(folder / name, note[key]) for key, name in (("labels", LABELS), ("rows", ROWS)))
    seen = Predictions(values, names, classes, task, alignment, note["ordered"], data["fingerprint"], known, hashes)
    return Stored(seen, y, data)


def load_labels(path: str | os.PathLike[str], what: str = "labels") -> npt.NDArray[Any]:
    """Return labels in an `.npy`, or what else there is one of for each row.

    Raises:
        KerasembleError: it cannot be read.
    """
    try:
        labels: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        msg = f"{path} does not exist. Give the .npy file of the {what}."
        raise KerasembleError(msg) from error
    except Exception as error:  # NumPy raises OSError, ValueError, EOFError, ... for a bad file
        pickled = "it holds Python objects" if "pickle" in str(error) else str(error).splitlines()[0]
        msg = f"{path} cannot be read as the {what}: {pickled}. Save them as numbers or text: np.save(path, {what})."
        raise KerasembleError(msg) from error
    if not isinstance(labels, np.ndarray):
        msg = f"{path} is an archive of arrays. Save the {what} alone: np.save('{what}.npy', {what})."
        raise KerasembleError(msg)
    return labels


def _data_folder(path: Path) -> Path:
    """Return the folder of the one set of data in a store.

    Raises:
        KerasembleError: there is none, or there are several.
    """
    if (path / PREDICTIONS).is_file():
        return path
    found = sorted(each.parent for each in path.glob(f"data-*/{PREDICTIONS}"))
    if not found:
        msg = f"{path} has no finished predictions. Make some: kerasemble predict MODEL... --data DATA --store {path}"
        raise KerasembleError(msg)
    if len(found) > 1:
        listed = first([f"{each} ({_read(each / DATA)['shape'][0]} rows)" for each in found])
        msg = f"{path} has the answers to {len(found)} sets of data: {listed}. Give the folder of one of them."
        raise KerasembleError(msg)
    return found[0]


def _read(path: Path) -> dict[str, Any]:
    try:
        body = read_json(path)
    except DamagedError as error:
        body, reason = None, f"is damaged: {error}"
    else:
        reason = "is missing"
    if body is None:
        msg = f"{path} {reason}. Predict into this store again: what is stored is not run again."
        raise KerasembleError(msg)
    return body


def _check_file(noted: Noted, sha256: str | None) -> None:
    """Refuse answers of a member whose file is another by now; one that was moved or removed says nothing."""
    if noted.path is None or sha256 is None or not Path(noted.path).exists():
        return
    try:
        changed = digest(noted.path) != sha256
    except OSError as error:
        msg = f"Member '{noted.name}': {noted.path} cannot be read: {error.strerror}. Mend its permissions."
        raise KerasembleError(msg) from error
    if changed:
        msg = f"Member '{noted.name}': {noted.path} has changed since it was scored. Predict into this store again."
        raise KerasembleError(msg)


def _read_array(path: Path, sha256: str | None) -> npt.NDArray[Any] | None:
    if sha256 is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        content = b""
    if hashlib.sha256(content).hexdigest() != sha256:
        msg = f"{path} is not what was written. Predict into this store again: what is stored is not run again."
        raise KerasembleError(msg)
    array: npt.NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array
