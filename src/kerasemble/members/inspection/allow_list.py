"""Which classes and functions Keras may be asked for by a file, read from the installed Keras without importing it."""

from __future__ import annotations

import functools
import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from kerasemble.core.errors import KerasembleError

Group = Literal["layers", "models", "ops", "helpers"]

# They run what a file brings, or call what it names. Keras itself refuses only the first two of them.
CODE_LAYERS = frozenset({"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"})
CONTROL_FLOW = frozenset(
    {"Map", "Scan", "AssociativeScan", "Switch", "WhileLoop", "ForiLoop", "Cond", "VectorizedMap", "JVP", "Function"}
)
# Public modules whose classes a saved model names besides its layers.
_HELPERS = (
    "initializers",
    "regularizers",
    "constraints",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "dtype_policies",
    "quantizers",
    "random",
)
# Only these modules' functions are named by models: Keras looks for a function in all of its public ones.
_FUNCTIONS = ("activations", "losses", "metrics")
# Folder, base class and group of classes that are in no public module. ConvNeXt and InceptionResNetV2 have a layer of
# their own.
_PRIVATE: tuple[tuple[str, str, Group], ...] = (
    ("ops", "Operation", "ops"),
    ("activations", "Operation", "ops"),
    ("applications", "Layer", "layers"),
)
_NO_CLASSES = frozenset({"Input", "InputSpec", "serialize", "deserialize", "get"})
_IMPORT = re.compile(r"^from (keras\.src[\w.]*) import (?:\(\s*)?(\w+) as (\w+)", re.MULTILINE)
_CLASS = re.compile(r"^class (\w+)\((?:\w+\.)?(\w+)\):", re.MULTILINE)


class Known(NamedTuple):
    """A class of Keras.

    Args:
        name: the class's own, where an alias ("MaxPool2D") was looked up.
        group: "layers", "models", "ops" (nodes of a graph that are no layers) or "helpers" (all else).
    """

    name: str
    group: Group


class AllowList(NamedTuple):
    """What may be named.

    Args:
        classes: by (module, name), where the module is one that Keras writes: the public one and the defining one.
        bare: by name alone, as `.h5` files name classes.
        functions: by (module, name).
        function_names: by name alone, with those that Keras 2 wrote.
        activations: names that a layer's `activation` may have.
    """

    classes: Mapping[tuple[str, str], Known]
    bare: Mapping[str, Known]
    functions: frozenset[tuple[str, str]]
    function_names: frozenset[str]
    activations: frozenset[str]


@functools.cache
def allow_list() -> AllowList:
    """Return what the installed Keras offers and no file can misuse. Its first call takes about 30 ms.

    Raises:
        KerasembleError: Keras is not installed, or laid out in a way that is not known.
    """
    root = _root()
    classes: dict[tuple[str, str], Known] = {}
    bare: dict[str, Known] = {}
    functions: set[tuple[str, str]] = set()
    for public, source, name, alias in _exports(root):
        if name[0].isupper():
            known = Known(name, _group(source))
            classes[public, alias] = classes[source, name] = known
            bare.setdefault(alias, known)
            bare.setdefault(name, known)
        elif public.rpartition(".")[2] in _FUNCTIONS:
            functions |= {(public, alias), (source, name)}
    classes["keras.src.models.functional", "Functional"] = bare["Functional"] = Known("Functional", "models")
    classes |= _private(root)
    if not {("keras.layers", "Dense"), ("keras.src.ops.numpy", "Add"), ("keras", "DTypePolicy")} <= set(classes):
        msg = f"The installed Keras at {root} is laid out in another way than Keras 3 is. Install keras 3.15 or later."
        raise KerasembleError(msg)
    activations = frozenset(name for place, name in functions if "activations" in place)
    return AllowList(classes, bare, frozenset(functions), frozenset(name for _, name in functions), activations)


def _exports(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield (public module, defining module, name, public name) of what the public modules hold."""
    for module in ("layers", "models", *_HELPERS, *_FUNCTIONS):
        for source, name, alias in _IMPORT.findall(_text(root / module.replace(".", "/") / "__init__.py")):
            if name not in CODE_LAYERS | _NO_CLASSES:
                yield f"keras.{module}", source, name, alias
    for source, name, alias in _IMPORT.findall(_text(root / "__init__.py")):
        if source.startswith(("keras.src.models.", "keras.src.dtype_policies.")):
            yield "keras", source, name, alias


def _private(root: Path) -> dict[tuple[str, str], Known]:
    """Return the classes that no public module holds: nodes of graphs, and layers of applications."""
    found: dict[tuple[str, str], Known] = {}
    for folder, base, group in _PRIVATE:
        # Keras's tests are installed with it, and import what lies in the working folder.
        for file in sorted(file for file in (root / "src" / folder).glob("*.py") if not file.stem.endswith("_test")):
            place = f"keras.src.{folder}.{file.stem}"
            found |= {(place, name): Known(name, group) for name in _subclasses(_text(file), base) - CONTROL_FLOW}
    return found


def _group(source: str) -> Group:
    if source.startswith("keras.src.layers."):
        return "layers"
    return "models" if source.startswith("keras.src.models.") else "helpers"


def _subclasses(text: str, base: str) -> set[str]:
    """Return the subclasses of `base` in a module's source, and their subclasses that come after them."""
    found = {base}
    for name, parent in _CLASS.findall(text):
        if parent in found:
            found.add(name)
    return found - {base}


def _root() -> Path:
    # Finding a package's spec does not run the package.
    spec = importlib.util.find_spec("keras")
    if spec is None or not spec.submodule_search_locations:
        msg = "Keras is not installed. Run: pip install 'kerasemble[jax]'"
        raise KerasembleError(msg)
    return Path(next(iter(spec.submodule_search_locations)))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""  # what is missing shows where Dense or Add are
