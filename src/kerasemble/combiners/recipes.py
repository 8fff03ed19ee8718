"""What combiners and stages are before a fit: frozen options, a name, and JSON."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, final

from kerasemble.core.options import freeze

if TYPE_CHECKING:
    # `base` imports this for the names.
    from kerasemble.combiners.base import Combiner
    from kerasemble.combiners.stages.base import Stage


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Options that never change: numbers, strings and tuples of them, whatever they were given as."""

    @final
    def __post_init__(self) -> None:
        """Freeze the options, arrays and lists to tuples among them, then check them."""
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, freeze(getattr(self, field.name)))
        self.check_options()

    def check_options(self) -> None:
        """Raise a `KerasembleError` for options out of their range; any are taken unless this is overridden."""


def name_of(combiner: type[Combiner | Stage] | Combiner | Stage) -> str:
    """Return the combiner's name on the command line and in files: WeightedAverage -> "weighted-average"."""
    kind = combiner if isinstance(combiner, type) else type(combiner)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


def label(combiner: type[Combiner | Stage] | Combiner | Stage) -> str:
    """Return the combiner's name in a sentence: WeightedAverage -> "weighted average"."""
    return name_of(combiner).replace("-", " ")


def with_options(combiner: Combiner, options: Mapping[str, Any]) -> Combiner:
    """Return the recipe with those of the options that it has."""
    known = {field.name for field in dataclasses.fields(combiner)}
    return dataclasses.replace(combiner, **{name: value for name, value in options.items() if name in known})


def recipe_to_json(recipe: Combiner | Stage) -> dict[str, Any]:
    """Return the recipe's name and its options, of which some may be recipes too."""
    options = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    return {"name": name_of(recipe), **{name: _plain(value) for name, value in options.items()}}


def recipe_from_json(data: Mapping[str, Any]) -> Combiner:
    """Return the combiner that `recipe_to_json` described.

    Raises:
        KerasembleError: no combiner has that name.
    """
    from kerasemble.combiners import find

    return find(data["name"])(**_options(data))


def _options(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _frozen(value) for key, value in data.items() if key != "name"}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any option
    if dataclasses.is_dataclass(value):
        return recipe_to_json(value)  # type: ignore[arg-type]  # a recipe, as every dataclass in one is
    return tuple(_plain(item) for item in value) if isinstance(value, tuple) else value


def _frozen(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        from kerasemble.combiners.stages import stages

        stage = stages().get(value["name"])
        return recipe_from_json(value) if stage is None else stage(**_options(value))
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
