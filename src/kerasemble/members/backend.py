"""Keras, imported when it is first needed, on a backend that is installed."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import sys
from pathlib import Path
from types import ModuleType

from kerasemble.core.errors import KerasembleError

# JAX first: with everything it takes 687 MB and imports in 1.3 s, where TensorFlow takes 1.5 GB and 4.1 s.
_PREFERRED = ("jax", "tensorflow", "torch")


def import_keras() -> ModuleType:
    """Return the `keras` module, on the backend that the user chose or else the first that is installed.

    Keras itself takes TensorFlow where nothing is chosen, and fails where that is not installed.

    Raises:
        KerasembleError: no backend is installed, or not the one in `KERAS_BACKEND`.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = _backend()
    return importlib.import_module("keras")


def reason(error: Exception) -> str:
    """Return what is wrong by one of Keras's errors, without the colours, calls and configurations around it."""
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    text = re.split("(?:Exception|Error) encountered:", text)[-1].partition("Full object config")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return next(iter(said or lines), type(error).__name__)[:300]


def _backend() -> str:
    asked = os.environ.get("KERAS_BACKEND")
    # Keras also has backends that are not in our list (openvino): those are taken at the user's word.
    if asked and (asked not in _PREFERRED or _installed(asked)):
        return asked
    if asked:
        msg = f"KERAS_BACKEND is '{asked}', which is not installed. Run: pip install 'kerasemble[{asked}]'"
        raise KerasembleError(msg)
    for name in (_configured(), *_PREFERRED):
        if name and _installed(name):
            return name
    msg = "Keras needs a backend and none is installed. Run: pip install 'kerasemble[jax]'"
    raise KerasembleError(msg)


def _configured() -> str | None:
    """Return the backend in Keras's own settings file, which Keras writes at its first import."""
    home = Path(os.environ.get("KERAS_HOME") or Path("~").expanduser() / ".keras")
    try:
        backend = json.loads((home / "keras.json").read_text(encoding="utf-8")).get("backend")
    except (OSError, ValueError, AttributeError):
        return None
    return backend if isinstance(backend, str) else None


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
