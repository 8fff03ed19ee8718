"""What the user says to a file, and what is known of it so far."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable, Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Inspection, Weights
from kerasemble.members.legacy import Mended

# The path of a JSON file, or a function that builds the model, which is never called here.
Architecture: TypeAlias = str | os.PathLike[str] | Callable[[], Any]
Layout = Literal["keras", "h5"]

_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}[0-9A-Za-z.+-]{0,20}")
# Of Dropout and the like: stored, but no weight of the model.
_SEEDS = "seed_generator"


class Asked(NamedTuple):
    """What the user says to a file: its architecture, and what they vouch for."""

    architecture: Architecture | None = None
    trust: bool = False
    custom: Collection[str] = ()
    limits: Limits = LIMITS


@dataclasses.dataclass
class Examined:
    """What is known of a file; it grows from step to step.

    Args:
        inspection: for the user.
        place: of the bytes that were inspected: the file itself, or a private copy.
        layout: how the weights are laid out: as Keras 3 does, or as `.h5` files are.
        mended: what Keras is to read in place of what is stored; None where it is as it was.
    """

    inspection: Inspection
    place: Path
    layout: Layout = "keras"
    mended: Mended | None = None

    def learn(self, **facts: Any) -> None:  # noqa: ANN401 - fields of Inspection, which has their types
        """Add to what the user is told."""
        self.inspection = dataclasses.replace(self.inspection, **facts)

    def learn_parameters(self, weights: Weights) -> None:
        """Count the numbers that are weights."""
        shapes = (array.shape for array in weights.arrays if _SEEDS not in array.path)
        self.learn(parameters=sum(math.prod(shape) for shape in shapes))

    def learn_version(self, said: object) -> None:
        """Note the version of Keras that saved the file, with a warning where it is newer than what is installed."""
        if not isinstance(said, str) or not _VERSION.fullmatch(said):
            return
        self.learn(keras_version=said)
        installed = version("keras")
        if _numbers(said) > _numbers(installed):
            warning = f"It was saved by Keras {said}; {installed} is installed. Update Keras if it does not open."
            self.learn(warnings=(*self.inspection.warnings, warning))

    def learn_classes(self, said: object) -> None:
        """Note the names of the classes, where they are names."""
        if isinstance(said, list) and said and all(isinstance(name, str) for name in said):
            self.learn(classes=tuple(said))


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:2])
