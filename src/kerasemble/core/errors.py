"""The one exception and the one warning of this library."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_NONE: Mapping[str, Any] = MappingProxyType({})


class KerasembleError(ValueError):
    """Input that cannot be used: the message says what, where, what was received and the remedy.

    Args:
        message: the sentence for people.
        options: of `Member`, which would mend it, where there are some: {"output": "logits"}.
    """

    def __init__(self, message: str, options: Mapping[str, Any] = _NONE) -> None:
        """Keep the options beside the message."""
        super().__init__(message)
        self.options = dict(options)


class KerasembleWarning(UserWarning):
    """Input that can be used but looks wrong; the same sentence stands in the report."""


def warn(message: str) -> None:
    """Emit `message` as a `KerasembleWarning` that points at the caller's caller."""
    warnings.warn(message, KerasembleWarning, stacklevel=3)
