"""A pre-trained model together with how to read it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, final

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.members.files import load_file
from kerasemble.members.preprocessing import CONVENTIONS
from kerasemble.members.record import read_record

OUTPUTS = ("auto", "probabilities", "logits")
# Keras models and layers, which are not typed.
Model: TypeAlias = Any
Layer: TypeAlias = Any


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """A pre-trained model with a name, its preprocessing, the kind of its output and the names of its classes.

    A file is opened when the member is first run. A model object is used as it is and never changed. The file of a
    saved ensemble says its own classes and output.

    Args:
        source: a `keras.Model`, or the path of a `.keras`, `.h5` or `.hdf5` file.
        name: unique among the members; the file's or model's own name where left out.
        preprocess: what the model expects, where that is not the data as it is: "0..1", "-1..1", "0..255", "caffe"
            (BGR, ImageNet means) or "torch" (0..1, ImageNet mean and deviation), taken from the data's own range; or
            a Keras layer or a list of them. Images are resized to the model's size and number of channels anyway.
        output: "probabilities", "logits", or "auto", which looks at the values and refuses in doubt.
        classes: class names in the order of the model's output.
        head: which output, by name, of a model that has several.

    Raises:
        KerasembleError: the file is not a model's, or an option is not one of those above.

    Example:
        >>> Member("resnet.keras", preprocess="-1..1", classes=["cat", "dog"])  # doctest: +SKIP
        Member('resnet', preprocess='-1..1', classes=('cat', 'dog'))
    """

    source: Model | str | os.PathLike[str]
    name: str | None = None
    preprocess: str | Layer | Sequence[Layer] | None = None
    output: str = "auto"
    classes: Sequence[str] | None = None
    head: str | None = None
    # What the file of a saved ensemble says of itself.
    record: Mapping[str, Any] | None = dataclasses.field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check what can be checked without running the model."""
        where = f"Member '{self.name or self._own_name()}'"
        if self.path is not None:
            self._read_record()
        elif not hasattr(self.source, "predict") or not hasattr(self.source, "weights"):
            msg = f"A member is a keras.Model or the path of one. Received: {type(self.source).__name__}."
            raise KerasembleError(msg)
        if self.output not in OUTPUTS:
            msg = f"{where}: output must be one of {', '.join(OUTPUTS)}. Received: output={self.output!r}."
            raise KerasembleError(msg)
        if isinstance(self.preprocess, str) and self.preprocess not in CONVENTIONS:
            known = ", ".join(f"'{name}'" for name in CONVENTIONS)
            msg = f"{where}: preprocess must be {known}, or Keras layers. Received: preprocess={self.preprocess!r}."
            raise KerasembleError(msg)
        for layer in self.layers:
            if not hasattr(layer, "get_config"):
                msg = f"{where}: preprocess must be a name, or Keras layers. Received: {type(layer).__name__}."
                raise KerasembleError(msg)
        if self.classes is not None:
            classes = tuple(str(name) for name in self.classes)
            if len(set(classes)) != len(classes):
                msg = f"{where}: class names must be unique. Received: {first(classes, 20)}."
                raise KerasembleError(msg)
            object.__setattr__(self, "classes", classes)

    def _read_record(self) -> None:
        """Take from the record of a saved ensemble what was not given."""
        record = None if self.path is None else read_record(self.path)
        if record is None:
            return
        object.__setattr__(self, "record", record)
        if self.classes is None:
            object.__setattr__(self, "classes", tuple(record["fitted"]["classes"]))
        if self.output == "auto":
            object.__setattr__(self, "output", "probabilities")

    @property
    def range(self) -> tuple[float, float] | None:
        """The range of the data that a saved ensemble was fitted on, where its members needed to know."""
        span = None if self.record is None else self.record["fitted"]["alignment"]["inputs"]["range"]
        return None if span is None else (span[0], span[1])

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers in `preprocess`; none where it is a name."""
        if self.preprocess is None or isinstance(self.preprocess, str):
            return ()
        return tuple(self.preprocess) if isinstance(self.preprocess, list | tuple) else (self.preprocess,)

    @property
    def path(self) -> Path | None:
        """The file that the model is in, or None where it was given as an object."""
        return Path(self.source) if isinstance(self.source, str | os.PathLike) else None

    def load(self) -> Model:
        """Return the model: the one given, or the one in the file, opened afresh.

        Raises:
            KerasembleError: the file cannot be opened.
        """
        return self.source if self.path is None else load_file(self.path)

    def _own_name(self) -> str:
        return self.path.stem if self.path is not None else str(getattr(self.source, "name", "member"))

    def __repr__(self) -> str:
        """Return the name and those options that were given."""
        options = {"preprocess": self.preprocess, "classes": self.classes, "head": self.head}
        given = [f"{key}={value!r}" for key, value in options.items() if value is not None]
        if self.output != "auto":
            given.append(f"output={self.output!r}")
        return f"Member({', '.join([repr(self.name or self._own_name()), *given])})"


def as_members(items: Sequence[Member | Model | str | os.PathLike[str]]) -> tuple[Member, ...]:
    """Return `items` as members with unique names: models and paths become members with default options.

    Two that were named alike on purpose are an error; names taken from files and models get a number.

    Raises:
        KerasembleError: there are no items, or two were given one name.
    """
    if isinstance(items, str | os.PathLike) or not isinstance(items, Sequence):
        msg = f"Members must be a list of models, paths or Member(...). Received: {type(items).__name__}."
        raise KerasembleError(msg)
    if not items:
        msg = "There are no members. Give at least one model."
        raise KerasembleError(msg)
    members = [item if isinstance(item, Member) else Member(item) for item in items]
    taken = [member.name for member in members if member.name is not None]
    repeated = sorted({name for name in taken if taken.count(name) > 1})
    if repeated:
        msg = f"Two members have one name: {first(repeated)}. Give each its own, Member(..., name=...)."
        raise KerasembleError(msg)
    named = []
    for member in members:
        name = member.name
        if name is None:
            own = member._own_name()  # noqa: SLF001 - of the class in this file
            tries = (own if number == 1 else f"{own}-{number}" for number in range(1, len(members) + len(taken) + 2))
            name = next(each for each in tries if each not in taken)
            taken.append(name)
        named.append(dataclasses.replace(member, name=name))
    return tuple(named)


def name_of(member: Member) -> str:
    """Return the name of a member that went through `as_members`."""
    return str(member.name)
