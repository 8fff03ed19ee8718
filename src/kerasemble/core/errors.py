"""The one exception and the one warning of this library."""

from __future__ import annotations

import warnings


class KerasembleError(ValueError):
    """Input that cannot be used: the message says what, where, what was received and the remedy."""


class KerasembleWarning(UserWarning):
    """Input that can be used but looks wrong; the same sentence stands in the report."""


def warn(message: str) -> None:
    """Emit `message` as a `KerasembleWarning` that points at the caller's caller."""
    warnings.warn(message, KerasembleWarning, stacklevel=3)
