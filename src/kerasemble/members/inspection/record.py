"""What an inspection finds: the types that its steps hand on."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from kerasemble.core.errors import KerasembleError


class Refused(KerasembleError):  # noqa: N818 - it says what is done with the file
    """A file is not opened.

    Args:
        code: a word for the reason, the same in every version: "lambda", "zip-bomb", "external-link", ...
        message: what is wrong and the cure, to be read after the file's path: "is empty (0 bytes). Save it again."
    """

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the message."""
        super().__init__(message)
        self.code = code
        self.message = message


class StoredArray(NamedTuple):
    """A weight in a file: its path in the HDF5 hierarchy, its shape and its dtype in NumPy's words ("float32")."""

    path: str
    shape: tuple[int, ...]
    dtype: str


class StoredLayer(NamedTuple):
    """What an `.h5` file of Keras 2 says of a layer: its name, and its weights' paths in the order they are set."""

    name: str
    weights: tuple[str, ...]


class Weights(NamedTuple):
    """The weights in an HDF5 file.

    Args:
        arrays: all of them, in the order of the file.
        layers: in the order that Keras sets them, where the file is of the older layout; else None.
    """

    arrays: tuple[StoredArray, ...]
    layers: tuple[StoredLayer, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Port:
    """An input or output of a model.

    Args:
        name: of the layer that it belongs to.
        shape: with None for the batch and for whatever varies; None where the file does not say.
        dtype: None where the file does not say.
        activation: name of the last activation; None for an input, and where the file does not say.
    """

    name: str
    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None
    activation: str | None = None


class Structure(NamedTuple):
    """What a model's configuration says.

    Args:
        layers: how many, those of nested models counted and nested models themselves not.
        inputs: of the model.
        outputs: of the model.
        largest: elements of the largest activation for one sample, None where it cannot be known.
    """

    layers: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    largest: int | None


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a model file is, found out without running it.

    Args:
        path: as it was given.
        format: "keras", "h5", "folder" (an unzipped .keras), "json", "weights" or "saved_model"; None where it is no
            model.
        size: in bytes.
        sha256: of the file's bytes; of a folder's files in the order of their names.
        keras_version: that saved it, where it says.
        layers: how many, those of nested models counted.
        parameters: how many numbers are stored as weights of the model (not of the optimizer).
        inputs: of the model.
        outputs: of the model.
        classes: names in the order of the output, where they are recorded.
        mended: what was changed so that this Keras opens it, a sentence each.
        vouched: what was accepted because the user vouches for it: "trust", or names of custom classes.
        warnings: what is odd and not refused, a sentence each.
        code: a word for why it is refused; None where it is safe.
        reason: the same in a sentence with the cure, to be read after the path; None where it is safe.
    """

    path: str
    format: str | None = None
    size: int | None = None
    sha256: str | None = None
    keras_version: str | None = None
    layers: int | None = None
    parameters: int | None = None
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    classes: tuple[str, ...] | None = None
    mended: tuple[str, ...] = ()
    vouched: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    code: str | None = None
    reason: str | None = None

    @property
    def safe(self) -> bool:
        """Whether the file may be opened."""
        return self.code is None

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        return {"safe": self.safe, **dataclasses.asdict(self)}
