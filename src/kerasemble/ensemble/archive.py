"""A `.keras` file that also says what made it, in an entry that bare Keras ignores."""

from __future__ import annotations

import functools
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from kerasemble.core.alignment import InputSpec
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, check_suffix
from kerasemble.ensemble.graph import by_name
from kerasemble.ensemble.probe import noise
from kerasemble.members.backend import import_keras, reason
from kerasemble.members.member import Model
from kerasemble.members.record import ENTRY, FORMAT
from kerasemble.members.unrandom import built, is_keras

# The time in a zip entry; fixed, so that the same ensemble gives the same entry.
_EPOCH = (1980, 1, 1, 0, 0, 0)
# Rows of noise on which the file must answer as the model does, and by how much it may differ.
_ROWS, _TOLERANCE = 4, 1e-5


def write_archive(model: Model, record: dict[str, Any], path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Save a model and its record as one `.keras`, whole or not at all; return its path.

    Raises:
        KerasembleError: the path does not end in .keras, exists and `overwrite` is False, or cannot be written.
    """
    check_suffix(path, ".keras", "An ensemble is")
    content = json.dumps({"format": FORMAT, **record}, indent=1, allow_nan=False)
    with atomic_target(path, overwrite=overwrite) as temporary:
        try:
            model.save(temporary)
        except (TypeError, ValueError, NotImplementedError, RuntimeError) as error:
            msg = f"Keras cannot save this ensemble: {reason(error)}"
            raise KerasembleError(msg) from error
        _check_reopens(temporary, model)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(zipfile.ZipInfo(ENTRY, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return Path(path)


def _check_reopens(path: Path, model: Model) -> None:
    """Refuse a file that bare Keras does not open, or whose model answers otherwise than the one that was saved."""
    keras = import_keras()
    x = noise(InputSpec(tuple(model.inputs[0].shape[1:]), model.inputs[0].dtype), _ROWS)
    try:
        load = functools.partial(keras.saving.load_model, path)
        reopened = built(load).model if is_keras(model) else load()
    except Exception as error:  # Keras raises anything for what it cannot open
        msg = f"Keras saved this ensemble but cannot open it: {reason(error)}"
        raise KerasembleError(msg) from error
    saved, found = (by_name(each(x, training=False)) for each in (model, reopened))
    for name, array in saved.items():
        if array.dtype == bool:
            # On noise a row may stand at a threshold, on the other side of which rounding then puts it.
            continue
        if not np.allclose(array, found[name], rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True):
            off = np.nanmax(np.abs(array - found[name]))
            msg = f"The ensemble answers otherwise once saved and opened (by up to {off:.2g})."
            raise KerasembleError(msg)
