"""What may follow a combiner, one stage a file: calibration, prediction sets, abstaining."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil

from kerasemble.combiners.recipes import name_of
from kerasemble.combiners.stages.base import Stage
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError


def stages() -> dict[str, type[Stage]]:
    """Return every stage by name, sorted: this folder's and those defined elsewhere in the process."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    kinds = [kind for kind in Stage.__subclasses__() if not inspect.isabstract(kind)]
    return dict(sorted((name_of(kind), kind) for kind in kinds))


def as_stage(given: object) -> Stage:
    """Return a stage: itself; or the one of a name or a class, with its defaults.

    Raises:
        KerasembleError: there is none of that name, it has no defaults, or it is something else.
    """
    if isinstance(given, Stage):
        return given
    name = name_of(given) if isinstance(given, type) and issubclass(given, Stage) else given
    kind = stages().get(name) if isinstance(name, str) else None
    if kind is None or any(field.default is dataclasses.MISSING for field in dataclasses.fields(kind)):
        msg = f"A stage is Temperature(), ConformalSets(0.95), Abstain(0.02), ... Received: {given!r}."
        raise KerasembleError(msg, code=Code.OPTION)
    return kind()
