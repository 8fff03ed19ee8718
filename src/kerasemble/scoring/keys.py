"""What a member's stored answers depend on, as one digest."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasemble.core.alignment import InputSpec
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import digest
from kerasemble.members.loading import Loaded
from kerasemble.members.member import Member, name_of


def outside_content(member: Member) -> str | None:
    """Return a digest of a member that is no Keras model; None where nobody could tell it from others.

    A file of saved predictions is known by its bytes, and an estimator by its pickle, see `pickled_content`. What a
    function answers depends on what it refers to, of which there is no end.

    Raises:
        KerasembleError: the file cannot be read.
    """
    if member.path is None:
        return None if member.kind == "function" else pickled_content(member.source)
    try:
        return digest(member.path)
    except OSError as error:
        msg = f"Member '{member.name}': {member.path} cannot be read: {error.strerror}. Give the path of a file."
        raise KerasembleError(msg, code=Code.UNREADABLE) from error


def outside_key(member: Member, content: str, steps: Sequence[str], stored: str) -> str:
    """Return the key of the answers of a member that is no Keras model, given the digest of its content."""
    parts = [member.kind, content, *steps, str(member.head), stored]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def pickled_content(value: object) -> str | None:
    """Return the SHA-256 of a value's pickle and of the versions of the code that it needs.

    None where it has no pickle, or another one each time, or needs code that may change under the same name: a module
    without a version, such as a notebook's own.
    """
    try:
        modules, plain = _unpickled(pickle.dumps(value, protocol=5))
        _, again = _unpickled(content := pickle.dumps(plain, protocol=5))
        if pickle.dumps(again, protocol=5) != content:
            return None
    except Exception:  # noqa: BLE001 - whatever a class of the user's raises: it cannot be pickled
        return None
    versions = []
    for name in sorted(modules):
        package = name.partition(".")[0]
        version = getattr(sys.modules.get(package), "__version__", None)
        if version is None and package not in sys.stdlib_module_names:
            return None
        versions.append(f"{package} {version}")
    return hashlib.sha256("\0".join([*dict.fromkeys(versions), ""]).encode() + content).hexdigest()


def _unpickled(content: bytes) -> tuple[set[str], object]:
    """Return a value from its pickle, which was made in this process, and the modules that it needs."""
    modules: set[str] = set()

    class Noting(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - as pickle's
            modules.add(module)
            return super().find_class(module, name)

    value = Noting(io.BytesIO(content)).load()
    return modules, value


def member_key(member: Member, loaded: Loaded, inputs: InputSpec, steps: Sequence[str], stored: str) -> str:
    """Return the key of a member's raw answers: its content, how its input is made, and what is stored of them."""
    file = None if loaded.inspection is None else loaded.inspection.sha256
    # What a function builds is not in the file of weights.
    whole = file is not None and not callable(member.architecture)
    content = file if file is not None and whole else _content(loaded.model, name_of(member))
    convention = "" if member.layers else str(member.preprocess)
    layers = [_content(layer, name_of(member)) for layer in member.layers]
    parts = [content, convention, *layers, str(inputs), *steps, str(member.head), stored]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _content(layer: Any, owner: str) -> str:  # noqa: ANN401 - a Keras layer or model
    """Return the SHA-256 of a layer's configuration and weights."""
    try:
        config = json.dumps(layer.get_config(), sort_keys=True, default=_plain)
    except NotImplementedError as error:
        msg = (
            f"Member '{owner}' has no get_config(), so nobody can tell whether it has changed since its answers were "
            "stored. Save it and give the file, or leave the store out."
        )
        raise KerasembleError(msg) from error
    digest = hashlib.sha256(f"{type(layer).__qualname__} {config}".encode())
    for weights in layer.get_weights():
        digest.update(np.ascontiguousarray(weights).data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a configuration holds
    """Return an array whole, as a list, and anything else as text: the text of a long array leaves numbers out."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
