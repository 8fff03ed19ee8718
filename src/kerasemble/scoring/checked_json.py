"""JSON files that notice when a byte of them is not what was written."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import write_whole

# Of everything in a store; a store of another format is not read.
FORMAT = 2


class DamagedError(Exception):
    """A file does not hold what was written."""


def write_json(path: Path, body: dict[str, Any]) -> None:
    """Replace a file by `body` with its checksum; a file that says the same already is left alone.

    Raises:
        KerasembleError: it cannot be written, or a newer version of kerasemble wrote it.
    """
    with contextlib.suppress(DamagedError):  # then it is high time that it is replaced
        read_json(path)
    write_whole(path, to_bytes(body))


def to_bytes(body: dict[str, Any]) -> bytes:
    """Return what `read_json` reads as `body`."""
    return json.dumps({"format": FORMAT, "sha256": _checksum(body), "body": body}, indent=1, sort_keys=True).encode()


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what `write_json` wrote; None where there is no file.

    Raises:
        DamagedError: it does not hold what was written.
        KerasembleError: it cannot be read, or a newer version of kerasemble wrote it.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}. Mend its permissions, or give another store."
        raise KerasembleError(msg) from error
    try:
        content = json.loads(raw)
        version, body, checksum = content["format"], content["body"], content["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError(str(error)) from error
    ours = isinstance(body, dict) and checksum == _checksum(body)
    # With our checksum, which the format is part of, it is the number that is damaged.
    if isinstance(version, int) and version > FORMAT and not ours:
        msg = f"{path} has format {version}; this version of kerasemble reads {FORMAT}. Update it."
        raise KerasembleError(msg)
    known: dict[str, Any] = body
    if version != FORMAT or not ours or raw != to_bytes(known):
        msg = "it is not what was written"
        raise DamagedError(msg)
    return known


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([FORMAT, body], sort_keys=True).encode()).hexdigest()
