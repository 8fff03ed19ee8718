"""Combiners' names, and recipes as JSON."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # `base` imports this for the names.
    from kerasemble.combiners.base import Combiner


def name_of(combiner: type[Combiner] | Combiner) -> str:
    """Return the combiner's name on the command line and in files: WeightedAverage -> "weighted-average"."""
    kind = combiner if isinstance(combiner, type) else type(combiner)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def label(combiner: type[Combiner] | Combiner) -> str:
    """Return the combiner's name in a sentence: WeightedAverage -> "weighted average"."""
    return name_of(combiner).replace("-", " ")


def with_options(combiner: Combiner, options: Mapping[str, Any]) -> Combiner:
    """Return the recipe with those of the options that it has."""
    known = {field.name for field in dataclasses.fields(combiner)}
    return dataclasses.replace(combiner, **{name: value for name, value in options.items() if name in known})


def recipe_to_json(combiner: Combiner) -> dict[str, Any]:
    """Return the combiner's name and its options."""
    return {"name": name_of(combiner), **dataclasses.asdict(combiner)}


def recipe_from_json(data: Mapping[str, Any]) -> Combiner:
    """Return the combiner that `recipe_to_json` described.

    Raises:
        KerasembleError: no combiner has that name.
    """
    from kerasemble.combiners import find

    options = {key: _frozen(value) for key, value in data.items() if key != "name"}
    return find(data["name"])(**options)


def _frozen(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
