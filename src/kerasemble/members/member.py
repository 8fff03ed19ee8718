"""A pre-trained model together with how to read it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, final

from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import as_names, check_choice, check_flag, freeze
from kerasemble.members.loading import Loaded, check_path, load_file
from kerasemble.members.preprocessing import CONVENTIONS, Convention, parse_convention
from kerasemble.members.record import read_record

OUTPUTS = ("auto", "probabilities", "logits", "unnormalised")
Kind = Literal["model", "file", "predictions", "estimator", "function"]
_SAVED_PREDICTIONS = (".npy", ".npz", ".csv")
# Keras models and layers, which are not typed.
Model: TypeAlias = Any
Layer: TypeAlias = Any
# A Keras model, the path of a file, an object with `predict_proba`, or a function of the data.
Source: TypeAlias = Any


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """A pre-trained model with a name, its preprocessing, the kind of its output and the names of its classes.

    A file is inspected, and opened when the member is first run. A model object is used as it is and never changed. The
    file of a saved ensemble says its own classes and output.

    What is no Keras model takes part in everything except the making of one Keras model: an object with
    `predict_proba` (scikit-learn, XGBoost), any function from the data (samples, ...) to numbers (samples, classes),
    and a file of saved predictions for the very rows that are used.

    Args:
        source: a `keras.Model`; the path of a `.keras`, `.h5` or `.hdf5` file, of an unzipped Keras folder, of a
            SavedModel folder (TensorFlow only, needs `trust`), or of weights, with `architecture`; an object with
            `predict_proba`; a function; or the path of an `.npy`, `.npz` or `.csv` with saved predictions.
        name: unique among the members; the file's or model's own name where left out.
        preprocess: what the model expects, where that is not the data as it is: "0..1", "-1..1", "0..255", "caffe"
            (BGR, ImageNet means) or "torch" (0..1, ImageNet mean and deviation), taken from the data's own range;
            "bgr", "channels_first" or "channels_last" (the data has its channels first, the member does not), alone or
            with one of those as "bgr+0..1"; or a Keras layer or a list of them. Images are resized to the model's size
            and number of channels anyway.
        output: "probabilities", "logits", "unnormalised" (zero and above, each row divided by its sum), or "auto",
            which looks at the values and refuses in doubt.
        classes: class names in the order of the model's output.
        head: which output, by name, of a model that has several; which member, of a file of saved predictions.
        ignore: columns of the output, by position or by name, that are no class of the ensemble's, such as a
            background class; the others are divided by their sum.
        architecture: of a file of weights: the path of a JSON file from `model.to_json()`, or a function that builds
            the model.
        trust: open the file although it brings code, such as a Lambda layer: only if you know who made it.
        custom_objects: the classes and functions that the file names and Keras lacks, by name.
        record: what made an ensemble; it is read from the file of one.

    Raises:
        KerasembleError: the file is not a model's, or an option is not one of those above.

    Example:
        >>> Member("resnet.keras", preprocess="-1..1", classes=["cat", "dog"])  # doctest: +SKIP
        Member('resnet', preprocess='-1..1', classes=('cat', 'dog'))
    """

    source: Source
    name: str | None = None
    preprocess: str | Layer | Sequence[Layer] | None = None
    output: str = "auto"
    classes: Sequence[str] | None = None
    head: str | None = None
    ignore: Sequence[str | int] = ()
    architecture: Callable[[], Model] | str | os.PathLike[str] | None = None
    trust: bool = False
    custom_objects: Mapping[str, Any] | None = None
    record: Mapping[str, Any] | None = dataclasses.field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check what can be checked without running the model."""
        if self.name is not None and (not isinstance(self.name, str) or not self.name):
            msg = f"A member's name is text. Received: name={self.name!r}."
            raise KerasembleError(msg, code=Code.OPTION)
        where = f"Member '{self.name or self._own_name()}'"
        if self.kind == "file" and self.path is not None:
            check_path(self.path)
            self._read_record(self.path)
        check_choice("output", self.output, OUTPUTS, f"{where}: ")
        check_flag("trust", self.trust, f"{where}: ")
        self._check_preprocess(where)
        if self.classes is not None:
            classes = as_names(f"{where}: classes", self.classes)
            if len(set(classes)) != len(classes):
                msg = f"{where}: class names must be unique. Received: {first(classes, 20)}."
                raise KerasembleError(msg)
            object.__setattr__(self, "classes", classes)
        ignored = freeze(self.ignore)
        ignored = ignored if isinstance(ignored, tuple) else (ignored,)
        wrong = [column for column in ignored if not isinstance(column, str | int)]
        if wrong:
            msg = f"{where}: ignore lists columns by position or by name. Received among them: {first(wrong)}."
            raise KerasembleError(msg, code=Code.OPTION)
        object.__setattr__(self, "ignore", ignored)

    def _check_preprocess(self, where: str) -> None:
        if self.preprocess is not None and self.kind not in ("model", "file"):
            msg = f"{where} is {self.describe_kind()}, which takes the data as it is. Leave preprocess out."
            raise KerasembleError(msg)
        if isinstance(self.preprocess, str) and parse_convention(self.preprocess) is None:
            known = ", ".join(f"'{name}'" for name in CONVENTIONS)
            msg = (
                f"{where}: preprocess must be {known}, 'bgr', 'channels_first' or 'channels_last', two of them as "
                f"'bgr+0..1', or Keras layers. Received: preprocess={self.preprocess!r}."
            )
            raise KerasembleError(msg)
        for layer in self.layers:
            if not hasattr(layer, "get_config"):
                msg = f"{where}: preprocess must be a name, or Keras layers. Received: {type(layer).__name__}."
                raise KerasembleError(msg)

    def _read_record(self, path: Path) -> None:
        """Take from the record of a saved ensemble what was not given."""
        record = read_record(path)
        if record is None:
            return
        object.__setattr__(self, "record", record)
        if self.classes is None:
            object.__setattr__(self, "classes", tuple(record["fitted"]["classes"]))
        if self.output == "auto":
            object.__setattr__(self, "output", "probabilities")
        # Of an ensemble with stages, which has outputs besides.
        if self.head is None and len(record.get("outputs", ())) > 1:
            object.__setattr__(self, "head", "probabilities")

    @property
    def kind(self) -> Kind:
        """What the source is.

        Raises:
            KerasembleError: nothing that can be a member.
        """
        if self.path is not None:
            return "predictions" if self.path.suffix.lower() in _SAVED_PREDICTIONS else "file"
        if hasattr(self.source, "predict") and hasattr(self.source, "weights"):
            return "model"
        if hasattr(self.source, "predict_proba"):
            return "estimator"
        # A Keras layer is callable too, but answers with tensors and is no trained model.
        if callable(self.source) and not hasattr(self.source, "weights") and not isinstance(self.source, type):
            return "function"
        msg = (
            "A member is a keras.Model, the path of one, an object with predict_proba, a function of the data, or a "
            f"file of saved predictions. Received: {type(self.source).__name__}."
        )
        raise KerasembleError(msg)

    @property
    def is_keras(self) -> bool:
        """Whether the source is a Keras model or the file of one, so that it can become part of another."""
        return self.kind in ("model", "file")

    def describe_kind(self) -> str:
        """Return in words what the source is."""
        words = {"model": "a Keras model", "file": "a model file", "predictions": "a file of saved predictions"}
        return words.get(self.kind, "a function" if self.kind == "function" else f"a {type(self.source).__name__}")

    @property
    def convention(self) -> Convention:
        """What `preprocess` says of scale, colours and axes; nothing where it is a layer or left out."""
        text = self.preprocess if isinstance(self.preprocess, str) else ""
        return parse_convention(text) or Convention()

    @property
    def range(self) -> tuple[float, float] | None:
        """The range of the data that a saved ensemble was fitted on, where its members needed to know."""
        alignment = None if self.record is None else self.record["fitted"]["alignment"]
        span = None if alignment is None else alignment["inputs"]["range"]
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

    def open(self) -> Loaded:
        """Return the Keras model: the one given, or the one in the file, opened afresh.

        Raises:
            KerasembleError: the file cannot be opened, or the member is no Keras model.
        """
        if self.kind == "model":
            return Loaded(self.source)
        if self.path is None or self.kind != "file":
            msg = (
                f"Member '{self.name or self._own_name()}' is {self.describe_kind()}, which cannot be part of a Keras "
                "model. It takes part in predict, check, compare, combine and evaluate, but not in to_keras and save."
            )
            raise KerasembleError(msg)
        return load_file(
            self.path, architecture=self.architecture, trust=self.trust, custom_objects=self.custom_objects
        )

    def _own_name(self) -> str:
        if self.path is not None:
            return self.path.stem
        own = type(self.source).__name__ if self.kind == "estimator" else getattr(self.source, "__name__", "function")
        return str(getattr(self.source, "name", own)) if self.kind == "model" else own.strip("<>")

    def __repr__(self) -> str:
        """Return the name and those options that were given."""
        options = {"preprocess": self.preprocess, "classes": self.classes, "head": self.head}
        given = [f"{key}={value!r}" for key, value in options.items() if value is not None]
        if self.output != "auto":
            given.append(f"output={self.output!r}")
        if self.ignore:
            given.append(f"ignore={self.ignore!r}")
        return f"Member({', '.join([repr(self.name or self._own_name()), *given])})"


def as_members(items: Sequence[Member | Source]) -> tuple[Member, ...]:
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
