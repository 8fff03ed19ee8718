"""What a member's stored answers depend on, as one digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from kerasemble.core.alignment import InputSpec
from kerasemble.core.errors import KerasembleError
from kerasemble.members.loading import Loaded
from kerasemble.members.member import Member, name_of


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
