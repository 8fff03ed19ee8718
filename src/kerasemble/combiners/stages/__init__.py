"""What may follow a combiner, one stage a file: calibration, prediction sets, abstaining."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from kerasemble.combiners.recipes import name_of
from kerasemble.combiners.stages.base import Stage


def stages() -> dict[str, type[Stage]]:
    """Return every stage by name, sorted: this folder's and those defined elsewhere in the process."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    kinds = [kind for kind in Stage.__subclasses__() if not inspect.isabstract(kind)]
    return dict(sorted((name_of(kind), kind) for kind in kinds))
