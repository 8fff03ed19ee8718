"""Members' raw answers on disk: run once, read many times.

A store is a folder with one immutable `.npy` for each member and data set, and a `manifest.json` that lists them with
their SHA-256. Both are written beside their final name and renamed, so that a killed run leaves whole files only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import InputSpec
from kerasemble.core.arrays import FloatArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, sha256
from kerasemble.members.loading import Loaded
from kerasemble.members.member import Member, name_of

_FORMAT = 1


class Store:
    """Arrays by key in a folder. A key says all that the array depends on, so nothing is ever overwritten."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Open or make the folder.

        Raises:
            KerasembleError: it cannot be made, or a newer version of kerasemble wrote it.
        """
        self._folder = Path(folder)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"The store {self._folder} cannot be made: {error.strerror}. Give a folder that you may write to."
            raise KerasembleError(msg) from error
        self._manifest = self._folder / "manifest.json"
        self._shards = self._read_manifest()

    def get(self, key: str) -> FloatArray | None:
        """Return the array stored under `key`; None where there is none or its bytes are not those stored."""
        entry = self._shards.get(key)
        path = self._folder / f"{key}.npy"
        if entry is None or not path.is_file() or sha256(path) != entry["sha256"]:
            return None
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

    def put(self, key: str, member: str, values: FloatArray) -> None:
        """Store an array under `key`; `member` is noted for people who look into the manifest."""
        path = self._folder / f"{key}.npy"
        with atomic_target(path, overwrite=True) as temporary, temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
        self._shards[key] = {"member": member, "shape": list(values.shape), "sha256": sha256(path)}
        content = json.dumps({"format": _FORMAT, "shards": self._shards}, indent=1, sort_keys=True)
        with atomic_target(self._manifest, overwrite=True) as temporary:
            temporary.write_text(content, encoding="utf-8")

    def _read_manifest(self) -> dict[str, Any]:
        if not self._manifest.exists():
            return {}
        try:
            content = json.loads(self._manifest.read_text(encoding="utf-8"))
            version = content["format"]
            if version == _FORMAT:
                return {key: {**entry, "sha256": str(entry["sha256"])} for key, entry in content["shards"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"{self._manifest} is damaged: {error}. Remove it; the members will be run again."
            raise KerasembleError(msg) from error
        msg = f"{self._manifest} has format {version}; this version of kerasemble reads {_FORMAT}. Update it."
        raise KerasembleError(msg)


def data_fingerprint(x: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of data: its dtype, its shape and its bytes."""
    digest = hashlib.sha256(f"{x.dtype.str} {x.shape}".encode())
    digest.update(np.ascontiguousarray(x).data)
    return digest.hexdigest()


def member_key(member: Member, loaded: Loaded, inputs: InputSpec, steps: Sequence[str], data: str) -> str:
    """Return the key of a member's raw answers: its content, how its input is made, and the data's fingerprint."""
    file = None if loaded.inspection is None else loaded.inspection.sha256
    # What a function builds is not in the file of weights.
    whole = file is not None and not callable(member.architecture)
    content = file if file is not None and whole else _content(loaded.model, name_of(member))
    convention = "" if member.layers else str(member.preprocess)
    layers = [_content(layer, name_of(member)) for layer in member.layers]
    parts = [content, convention, *layers, str(inputs), *steps, str(member.head), data]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _content(layer: Any, owner: str) -> str:  # noqa: ANN401 - a Keras layer or model
    """Return the SHA-256 of a layer's configuration and weights."""
    try:
        config = json.dumps(layer.get_config(), sort_keys=True, default=_plain)
    except NotImplementedError as error:
        msg = (
            f"Member '{owner}' has no get_config(), so nobody can tell whether it has changed since its answers were "
            "stored. Save it and give the file, or leave the store out."
        )
        raise KerasembleError(msg) from error
    digest = hashlib.sha256(f"{type(layer).__qualname__} {config}".encode())
    for weights in layer.get_weights():
        digest.update(np.ascontiguousarray(weights).data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a configuration holds
    """Return an array whole, as a list, and anything else as text: the text of a long array leaves numbers out."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
