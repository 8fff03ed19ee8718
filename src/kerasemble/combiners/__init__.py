"""One combiner a file. A class that stands in a file of this folder is found by itself."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import inspect
import pkgutil
import re

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import name_of
from kerasemble.core.codes import Code
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


# What people and other libraries call some of them.
_ALIASES = {
    "mean": "average",
    "averaging": "average",
    "soft-voting": "average",
    "soft-vote": "average",
    "vote": "majority-vote",
    "voting": "majority-vote",
    "majority": "majority-vote",
    "majority-voting": "majority-vote",
    "hard-voting": "majority-vote",
    "hard-vote": "majority-vote",
    "plurality": "majority-vote",
    "blend": "weighted-average",
    "blending": "weighted-average",
    "weighted-mean": "weighted-average",
    "linear-pool": "weighted-average",
    "geometric-mean": "geometric-average",
    "log-linear-pool": "weighted-geometric-average",
    "weighted-geometric-mean": "weighted-geometric-average",
    "greedy": "greedy-selection",
    "hill-climbing": "greedy-selection",
    "ensemble-selection": "greedy-selection",
    "stack": "stacking",
    "max": "maximum",
    "min": "minimum",
    "rank": "rank-average",
    "ranking": "rank-average",
    "borda-count": "rank-average",
    "trimmed-average": "trimmed-mean",
    "dawid-skene": "bayesian-vote",
}


def find(name: str) -> type[Combiner]:
    """Return the combiner called `name`, e.g. "weighted-average", or by another usual name, e.g. "blend".

    Raises:
        KerasembleError: there is none; the message names the nearest.
    """
    known = registry()
    # "WeightedAverage", "weighted_average" and "Weighted average" are one name.
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s_]+", "-", name.strip()).lower()
    meant = next((each for each in (name, plain, _ALIASES.get(plain)) if each in known), None)
    if meant is not None:
        return known[meant]
    # A chain is made of a combiner and stages; its name alone says nothing.
    named = [each for each in known if each != "chain"]
    near = difflib.get_close_matches(plain, [*named, *_ALIASES], n=1)
    hint = f" Did you mean '{_ALIASES.get(near[0], near[0])}'?" if near else ""
    msg = f"There is no combiner '{name}'.{hint} The combiners are: {', '.join(named)}."
    raise KerasembleError(msg, code=Code.NO_SUCH_COMBINER)


def as_combiner(given: object) -> Combiner:
    """Return a combiner: itself; or the one of a name or a class, with its defaults.

    Raises:
        KerasembleError: there is none of that name, or it is something else.

    Example:
        >>> as_combiner("voting")
        MajorityVote(weights=None)
    """
    if isinstance(given, Combiner):
        return given
    if isinstance(given, type) and issubclass(given, Combiner) and not inspect.isabstract(given):
        given = name_of(given)
    if not isinstance(given, str):
        msg = f"A combiner is a recipe such as Average(), or the name of one. Received: {given!r}."
        raise KerasembleError(msg, code=Code.NO_SUCH_COMBINER)
    kind = find(given)
    if name_of(kind) == "chain":
        msg = (
            "A chain is a combiner with stages. Name the combiner, and give stages=[Temperature(), ...] (--calibrate)."
        )
        raise KerasembleError(msg, code=Code.NO_SUCH_COMBINER)
    return kind()


def weighted(recipe: Combiner, weights: object) -> Combiner:
    """Return the recipe with the members' weights.

    Raises:
        KerasembleError: it takes none, or has some that differ.
    """
    options = {field.name: field.default for field in dataclasses.fields(recipe)}
    if "weights" not in options:
        takers = ", ".join(name for name, kind in registry().items() if "weights" in kind.__dataclass_fields__)
        msg = f"weights go with {takers}, not with {name_of(recipe)}. Leave one of the two out."
        raise KerasembleError(msg, code=Code.OPTION)
    given = {name: getattr(recipe, name) for name in options}
    same = type(recipe)(**given | {"weights": weights})
    if recipe not in (same, type(recipe)(**given | {"weights": options["weights"]})):
        msg = f"{recipe} has weights, and weights={weights!r} are given too. Leave one of the two out."
        raise KerasembleError(msg, code=Code.OPTION)
    return same


@functools.cache
def _import_all() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
