"""What is kept of a member's answers."""

from __future__ import annotations

from kerasemble.core.errors import KerasembleError

DTYPES = ("float32", "float16", "labels")


def check_dtype(dtype: str) -> None:
    """Raise a `KerasembleError` where answers cannot be kept as `dtype`."""
    if dtype not in DTYPES:
        msg = f"dtype must be one of {', '.join(DTYPES)}. Received: dtype={dtype!r}."
        raise KerasembleError(msg)
