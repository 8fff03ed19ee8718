"""What an ensemble's file says of itself, in an entry of the archive that bare Keras ignores."""

from __future__ import annotations

import json
import os
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_path
from kerasemble.members.inspection.archive import read_entry
from kerasemble.members.inspection.record import Refused

ENTRY = "kerasemble.json"
FORMAT = 1
# A record holds what was learned and every score: some 10 kB; with preprocessing layers, their weights as text.
_MOST_BYTES = 2**28


def read_record(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the record in a file, or None where it is a model that kerasemble did not make.

    Raises:
        KerasembleError: the file is no model, or a newer version of kerasemble wrote it.
    """
    target = as_path(path, "A model")
    if target.suffix.lower() != ".keras" or target.is_dir():
        return None
    try:
        content = read_entry(target, ENTRY, _MOST_BYTES)
    except Refused as error:
        msg = f"{target} {error.message}"
        raise KerasembleError(msg) from error
    if content is None:
        return None
    try:
        record = dict(json.loads(content))
        version, complete = record["format"], {"fitted", "members", "report"} <= set(record)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"{target} is damaged: its {ENTRY} is no record ({error}). Save or copy it again."
        raise KerasembleError(msg) from error
    if version != FORMAT:
        msg = f"{target} was saved by a newer kerasemble ({record.get('kerasemble')}). Update kerasemble to open it."
        raise KerasembleError(msg)
    if not complete:
        msg = f"{target} is damaged: its {ENTRY} is not complete. Save or copy it again."
        raise KerasembleError(msg)
    return record
