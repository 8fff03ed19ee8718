"""Custom classes and functions by name, as the command line and a file of members give them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerasemble.core.errors import KerasembleError
from kerasemble.members.backend import import_keras


def import_objects(names: Sequence[str]) -> dict[str, Any]:
    """Return the objects that "module:Class" names, by the name that a model file calls them by.

    Modules are found as Python finds them, and in the working directory.

    Raises:
        KerasembleError: a name is not of this form, or there is no such module or object.
    """
    if names:
        import_keras()  # on the backend that the user chose, before their module imports it
    return {name.rpartition(":")[2]: _import(name) for name in names}


def _import(name: str) -> Any:  # noqa: ANN401 - a class or a function
    module, _, item = name.partition(":")
    if not module or not item:
        msg = f"--custom '{name}' is not MODULE:NAME. Write for example my_layers:Attention."
        raise KerasembleError(msg)
    # Only while the user's own module is imported: a model file must find nothing there.
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), item)
    except ImportError as error:
        msg = f"--custom {name}: the module cannot be imported ({error}). Is it in this folder, or installed?"
        raise KerasembleError(msg) from error
    except AttributeError as error:
        msg = f"--custom {name}: the module {module} has no {item}."
        raise KerasembleError(msg) from error
    finally:
        sys.path.pop(0)
