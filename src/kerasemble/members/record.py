"""What an ensemble's file says of itself, in an entry of the archive that bare Keras ignores."""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.members.files import check_file

ENTRY = "kerasemble.json"
FORMAT = 1


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
            record = dict(json.loads(archive.read(ENTRY)))
        version, complete = record["format"], {"fitted", "members", "report"} <= set(record)
    except Exception as error:  # a damaged archive raises BadZipFile, zlib.error, NotImplementedError, ...
        msg = f"{target} is damaged: {type(error).__name__} {error}. Save or copy it again."
        raise KerasembleError(msg) from error
    if version != FORMAT:
        msg = f"{target} was saved by a newer kerasemble ({record.get('kerasemble')}). Update kerasemble to open it."
        raise KerasembleError(msg)
    if not complete:
        msg = f"{target} is damaged: its {ENTRY} is not complete. Save or copy it again."
        raise KerasembleError(msg)
    return record
