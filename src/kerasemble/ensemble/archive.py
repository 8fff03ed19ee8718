"""A `.keras` file that also says what made it, in an entry that bare Keras ignores."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target
from kerasemble.members.files import check_file
from kerasemble.members.member import Model

ENTRY = "kerasemble.json"
_FORMAT = 1
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
    content = json.dumps({"format": _FORMAT, **record}, indent=1, allow_nan=False)
    with atomic_target(path, overwrite=overwrite) as temporary:
        model.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(zipfile.ZipInfo(ENTRY, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return Path(path)


def read_record(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the record in a file, or None where it is a model that kerasemble did not make.

    Raises:
        KerasembleError: the file is no model, or a newer version of kerasemble wrote it.
    """
    target = check_file(path)
    if target.suffix.lower() != ".keras":
        return None
    try:
        with zipfile.ZipFile(target) as archive:
            if ENTRY not in archive.namelist():
                return None
            record = json.loads(archive.read(ENTRY))
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        msg = f"{target} is damaged: {error}. Save or copy it again."
        raise KerasembleError(msg) from error
    if record.get("format") != _FORMAT:
        msg = f"{target} was saved by a newer kerasemble ({record.get('kerasemble')}). Update kerasemble to open it."
        raise KerasembleError(msg)
    return dict(record)
