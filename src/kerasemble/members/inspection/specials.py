"""Objects whose class has a name in double underscores: data that Keras writes in its own way, and bytecode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerasemble.members.inspection.record import Refused

TRUST = "Open it with --trust FILE (trust=True) only if you know who made it."
# What NumPy may be asked to make of a list: with the dtype "U500000000" each text would take 2 GB.
_DTYPES = frozenset(
    {"bool", "string", "float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64"}
    | {"complex128"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (4, 8, 16, 32, 64)}
)


def check_special(config: Mapping[str, Any], where: str) -> list[Any]:
    """Check what Keras makes of such a name.

    Args:
        config: the object.
        where: the layer that it is in, for errors: " in layer 'a'".

    Returns:
        What in it is to be looked at as well.

    Raises:
        Refused: it is code, a class, or data that takes more memory than it has in the file.
    """
    name, inner = config["class_name"], config.get("config")
    if name == "__lambda__":
        raise Refused("lambda", f"brings code of its own{where}, a Python lambda. {TRUST}")
    if name not in _GOOD:
        msg = f"asks for '{name}'{where}, which no model needs. Get the model from whoever made it without that."
        raise Refused("class", msg)
    if not isinstance(inner, dict) or not _GOOD[name](inner):
        raise Refused("config", f"holds a damaged '{name}'{where}. Save or copy it again.")
    return list(inner.values()) if name == "__slice__" else []


def _is_array(config: Mapping[str, Any]) -> bool:
    return _is_dtype(config) and _is_data(config.get("value"))


def _is_bytes(config: Mapping[str, Any]) -> bool:
    return isinstance(config.get("value"), str)


def _is_slice(config: Mapping[str, Any]) -> bool:
    return all(isinstance(config.get(key), int | dict | None) for key in ("start", "stop", "step"))


def _is_tensor(config: Mapping[str, Any]) -> bool:
    shape = config.get("shape")
    return isinstance(shape, list) and all(map(_is_size, shape)) and _is_dtype(config)


def _is_ellipsis(_: Mapping[str, Any]) -> bool:
    return True


def _is_dtype(config: Mapping[str, Any]) -> bool:
    return isinstance(config.get("dtype"), str) and config["dtype"] in _DTYPES


def _is_size(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _is_data(value: object) -> bool:
    """Say whether a value is a number or text, or lists of these."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif not isinstance(value, int | float | str):
            return False
    return True


_GOOD = {
    "__numpy__": _is_array,
    "__tensor__": _is_array,
    "__bytes__": _is_bytes,
    "__slice__": _is_slice,
    "__keras_tensor__": _is_tensor,
    "__ellipsis__": _is_ellipsis,
}
