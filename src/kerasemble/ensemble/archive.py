"""A `.keras` file that also says what made it, in an entry that bare Keras ignores."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target
from kerasemble.members.member import Model
from kerasemble.members.record import ENTRY, FORMAT

# The time in a zip entry; fixed, so that the same ensemble gives the same entry.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(model: Model, record: dict[str, Any], path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Save a model and its record as one `.keras`, whole or not at all; return its path.

    Raises:
        KerasembleError: the path does not end in .keras, exists and `overwrite` is False, or cannot be written.
    """
    if Path(path).suffix != ".keras":
        msg = f"An ensemble is saved as .keras. Received: {path}."
        raise KerasembleError(msg)
    content = json.dumps({"format": FORMAT, **record}, indent=1, allow_nan=False)
    with atomic_target(path, overwrite=overwrite) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(zipfile.ZipInfo(ENTRY, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return Path(path)
