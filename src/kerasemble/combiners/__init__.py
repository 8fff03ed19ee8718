"""One combiner a file. A class that stands in a file of this folder is found by itself."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import pkgutil

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import name_of
from kerasemble.core.errors import KerasembleError


def registry() -> dict[str, type[Combiner]]:
    """Return every combiner by name, sorted: this folder's and those defined elsewhere in the process.

    One that is defined again, as in a notebook's cell, takes the place of the first.
    """
    _import_all()
    pending, found = [Combiner], {}
    while pending:
        kind = pending.pop(0)
        pending.extend(kind.__subclasses__())
        if not inspect.isabstract(kind):
            found[name_of(kind)] = kind
    return dict(sorted(found.items()))


def find(name: str) -> type[Combiner]:
    """Return the combiner called `name`, e.g. "weighted-average".

    Raises:
        KerasembleError: there is none; the message names the nearest.
    """
    known = registry()
    # A chain is made of a combiner and stages; its name alone says nothing.
    named = [each for each in known if each != "chain"]
    if name not in known:
        near = difflib.get_close_matches(name, named, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"There is no combiner '{name}'.{hint} The combiners are: {', '.join(named)}."
        raise KerasembleError(msg)
    return known[name]


def by_name(name: str) -> Combiner:
    """Return the combiner that a person calls so, with its defaults.

    Raises:
        KerasembleError: there is none, or the name says too little.
    """
    if name == "chain":
        msg = (
            "A chain is a combiner with stages. Name the combiner, and give stages=[Temperature(), ...] (--calibrate)."
        )
        raise KerasembleError(msg)
    return find(name)()


@functools.cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
