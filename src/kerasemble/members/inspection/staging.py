"""What Keras opens is what was inspected: a private copy, verified and mended, that goes when the model is there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.members.inspection.assembly import assemble
from kerasemble.members.inspection.examined import Architecture, Asked, Examined
from kerasemble.members.inspection.inspect import examine
from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Inspection, Refused
from kerasemble.members.inspection.source import no_room, private_folder


class Staged(NamedTuple):
    """A file ready to be opened.

    Args:
        inspection: of the user's file.
        path: of the copy: a `.keras`, an `.h5`, the folder of a SavedModel, or weights alone where the architecture is
            a function (`.weights.h5`, or `.h5` in the older layout).
    """

    inspection: Inspection
    path: Path


@contextlib.contextmanager
def staged(
    path: str | os.PathLike[str],
    *,
    architecture: Architecture | None = None,
    trust: bool = False,
    custom: Collection[str] = (),
    limits: Limits = LIMITS,
) -> Iterator[Staged]:
    """Yield a file's private copy, inspected and mended; it is deleted at the end.

    Args:
        path: as for `inspect`, and all else too.
        architecture: of a file of weights.
        trust: accept code in the file.
        custom: names of classes and functions that you give to Keras.
        limits: of sizes and times.

    Raises:
        KerasembleError: the file is refused, or there is no room for a copy.
    """
    # An open file cannot be deleted on Windows, and a SavedModel's may still be.
    with private_folder(ignore_errors=os.name == "nt") as work:
        found = examine(path, Asked(architecture, trust, custom, limits), work, copy=True)
        yield Staged(found.inspection, _ready(found, work))


def _ready(found: Examined, work: Path) -> Path:
    """Return what Keras is to open."""
    said = found.inspection
    refusal = Refused(said.code or "", said.reason or "")
    if said.safe:
        try:
            return assemble(found, work)
        except OSError as error:
            refusal = no_room(error)
    msg = f"{said.path[:200]} {refusal.message}"
    raise KerasembleError(msg, code=refusal.code or Code.INVALID) from refusal
