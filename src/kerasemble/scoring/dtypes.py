"""What is kept of a member's answers."""

from __future__ import annotations

from kerasemble.core.options import check_choice

DTYPES = ("float32", "float16", "labels")


def check_dtype(dtype: str) -> None:
    """Raise a `KerasembleError` where answers cannot be kept as `dtype`."""
    check_choice("dtype", dtype, DTYPES)
