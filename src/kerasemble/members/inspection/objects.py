"""Every object that a configuration names, wherever it stands: Keras makes whatever a file asks for."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from kerasemble.members.inspection.allow_list import CODE_LAYERS, CONTROL_FLOW, AllowList, Known, allow_list
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.specials import TRUST, check_special

# Packages of which no class can be the user's own: Keras's, those that it would import, and what they stand on.
_NOT_CUSTOM = (
    frozenset({"keras", "tf_keras", "keras_hub", "keras_nlp", "keras_cv", "tensorflow", "jax", "torch", "numpy"})
    | frozenset({"scipy", "h5py", "builtins"})
    | (sys.stdlib_module_names - {"__main__"})
)
# Theirs are made where the user has imported them, as any class that is registered in this process.
_LIBRARIES = ("keras_hub", "keras_nlp", "keras_cv")
_TRAINING = re.compile(r"(tf_)?keras\.(src\.)?(optimizers|losses|metrics)(\.|$)")
# Nodes that tf.keras made of TensorFlow's functions.
_KERAS_2 = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod"})
# In `.h5` files Keras takes any text that is the name of one of its functions for the function.
_FUNCTIONS = ("serialize", "deserialize")
# Keras reads a file where one of these is a path; lists are data.
_VOCABULARIES = ("vocabulary", "idf_weights")


class Policy(NamedTuple):
    """What the user vouches for.

    Args:
        trust: code that the file brings may run.
        custom: names of classes and functions that the user gives: "Name" or "package>Name".
    """

    trust: bool = False
    custom: Collection[str] = ()


class _Item(NamedTuple):
    """A value to look at, the layer that it is in, the key that it stands under, whether it is for training only."""

    value: Any
    where: str
    key: str
    training: bool


def known_class(config: Mapping[str, Any]) -> Known | None:
    """Return what a serialised object is where that is a class of Keras that may be made, else None."""
    name, module = config.get("class_name"), config.get("module")
    if not isinstance(name, str):
        return None
    if "module" not in config:
        return allow_list().bare.get(name)
    return allow_list().classes.get((module, name)) if isinstance(module, str) else None


def check_objects(config: Mapping[str, Any], policy: Policy) -> tuple[str, ...]:
    """Look at every object that a model's configuration names.

    Args:
        config: of a model, parsed and mended.
        policy: what the user vouches for.

    Returns:
        Warnings.

    Raises:
        Refused: it names what Keras must not make, reads a file or brings code.
    """
    ignored: dict[str, None] = {}
    stack = [_Item(config, "", "model", training=False)]
    while stack:
        item = stack.pop()
        if isinstance(item.value, list | tuple):
            stack += [item._replace(value=value) for value in item.value]
        elif isinstance(item.value, dict):
            stack += _of_dict(item, policy, ignored, top=item.value is config)
    if not ignored:
        return ()
    return (f"It was compiled with {', '.join(ignored)}, of its author's own; members are opened uncompiled.",)


def _of_dict(item: _Item, policy: Policy, ignored: dict[str, None], *, top: bool) -> Iterator[_Item]:
    """Check a dict and yield what in it is to be looked at."""
    config = item.value
    if isinstance(item.value.get("class_name"), str):
        name = config["class_name"]
        if name.startswith("__") and name.endswith("__"):
            if not (policy.trust and name == "__lambda__"):
                yield from (item._replace(value=value) for value in check_special(config, _in(item.where)))
            return
        known = _check_class(item, policy, ignored)
        item = item._replace(where=_where(item, config.get("config")) if known is not None else item.where)
        inner = config.get("config")
        if known is not None and isinstance(inner, dict):
            _check_settings(inner, item.where, policy)
    elif "class_name" in config:
        raise Refused("config", f"holds a class that has no name{_in(item.where)}. Save the model again.")
    if not isinstance(config.get("shared_object_id", 0), int | None):
        raise Refused("config", f"holds a shared object with a wrong mark{_in(item.where)}. Save the model again.")
    for key, value in config.items():
        # The model itself is opened with compile=False; what a nested model was compiled with, Keras makes.
        training = item.training or (top and key in ("compile_config", "training_config"))
        yield _Item(value, item.where, str(key), training)


def _check_class(item: _Item, policy: Policy, ignored: dict[str, None]) -> Known | None:
    """Check a class or function; return it where it is one of Keras's that may be made."""
    config, allowed = item.value, allow_list()
    name, module, registered = config["class_name"], config.get("module"), config.get("registered_name")
    function = name == "function"
    if function:
        name = config.get("config")
        if not isinstance(name, str):
            raise Refused("config", f"names a function by something else than its name{_in(item.where)}.")
    if vouched(policy, name, registered):
        return None
    known = None if function else known_class(config)
    # Keras looks for a registered name before all else: one that differs could be any class that is registered.
    own = registered in (None, name, config["class_name"], known.name if known else name)
    if own and (known is not None or (function and _known_function(name, module, allowed))):
        return known
    if item.training and isinstance(module, str) and _TRAINING.match(module):
        return None  # an optimizer of another version, which is not made
    place = f"{module}:{name}" if isinstance(module, str) else name
    where = _in(_where(item, config.get("config")))
    _check_code(name, where, policy)
    if policy.trust and name in CODE_LAYERS | CONTROL_FLOW:
        return None
    package = module.partition(".")[0] if isinstance(module, str) else ""
    if package in _LIBRARIES and registered == f"{package}>{name}" and not item.training:
        cure = f"Where you know who made the file, import {package} first, or give --custom {place}."
        raise Refused("custom-class", f"needs '{name}'{where}, a class of {package}, which is not imported. {cure}")
    # What @keras.saving.register_keras_serializable(package=...) writes.
    theirs = known is None and module is None and registered == f"{str(registered).rpartition('>')[0]}>{name}"
    if not (own or theirs) or package in _NOT_CUSTOM:
        msg = f"asks for '{place}'{where}, which no model needs. Get the model from whoever made it without that."
        raise Refused("function" if function else "class", msg)
    if item.training:
        ignored[f"'{name}'"] = None
        return None
    _check_bare(name, where, config)
    raise _custom(name, place, where)


def _check_bare(name: str, where: str, config: Mapping[str, Any]) -> None:
    """Refuse what Keras has and cannot find in an `.h5` file."""
    if name in _KERAS_2:
        msg = f"holds a TensorFlow operation of Keras 2{where}, a {name}, which Keras 3 does not have."
        raise Refused("class", f"{msg} Open it with tf_keras and build it anew from layers.")
    if "module" not in config and any(name == own for _, own in allow_list().classes):
        msg = f"names '{name}'{where} without its module, so that Keras cannot find it."
        raise Refused("class", f"{msg} Save the model as a .keras file.")


def _check_code(name: str, where: str, policy: Policy) -> None:
    if policy.trust:
        return
    if name == "Lambda":
        raise Refused("lambda", f"brings code of its own{where}, a Lambda. {TRUST}")
    if name in CODE_LAYERS:
        raise Refused("code-layer", f"runs other code{where}, a {name}. {TRUST}")
    if name in CONTROL_FLOW:
        raise Refused("control-flow", f"brings a function{where}, a node '{name}'. {TRUST}")


def _check_settings(config: Mapping[str, Any], where: str, policy: Policy) -> None:
    """Check the texts and paths among the settings of one of Keras's classes."""
    for key, value in config.items():
        is_path = isinstance(value, str) and key.endswith(("_file", "_path", "filename", "filepath", "directory"))
        if (key in _VOCABULARIES and isinstance(value, str | dict)) or (is_path and value):
            cure = "Give the layer its vocabulary as a list and save the model again."
            raise Refused("vocabulary", f"reads another file, {value!r:.200}{_in(where)} as its '{key}'. {cure}")
        if isinstance(value, str) and value in _FUNCTIONS and key != "name":
            raise Refused("function", f"names the function '{value}'{_in(where)}, which no model needs.")
        if key in ("activation", "recurrent_activation") and isinstance(value, str):
            _check_activation(value, where, policy)


def _check_activation(name: str, where: str, policy: Policy) -> None:
    allowed = allow_list()
    # Activations that are layers are named as such: "LeakyReLU".
    if name not in allowed.activations and name not in allowed.bare and not vouched(policy, name, None):
        raise _custom(name, name, _in(where))


def _known_function(name: str, module: object, allowed: AllowList) -> bool:
    if module is None or module in ("builtins", "", "keras"):
        return name in allowed.function_names
    return isinstance(module, str) and (module, name) in allowed.functions


def vouched(policy: Policy, name: str, registered: object) -> bool:
    """Say whether the user gives a class or function himself."""
    names = [each for each in (name, registered) if isinstance(each, str)]
    return any(each in policy.custom or each.rpartition(">")[2] in policy.custom for each in names)


def _custom(name: str, place: str, where: str) -> Refused:
    given = f"--custom {place if ':' in place and not place.startswith('__main__') else f'MODULE:{name}'}"
    given = f"{given} (custom_objects={{'{name}': {name}}})"
    msg = f"needs '{name}'{where}, which is not part of Keras. Give it with {given}."
    return Refused("custom-class", msg)


def _where(item: _Item, config: object) -> str:
    """Return the path of the layer that an object is or belongs to."""
    own = config.get("name") if isinstance(config, dict) else None
    if not isinstance(own, str) or item.key not in ("layers", "layer", "backward_layer", "cell", "cells"):
        return item.where
    return f"{item.where}/{own}".lstrip("/")


def _in(where: str) -> str:
    return f" in layer '{where}'" if where else ""
