"""A file becomes a Keras model: inspected first, then opened by Keras, whose settings must stay as they were."""

from __future__ import annotations

import contextlib
import functools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.members.backend import import_keras, reason
from kerasemble.members.inspection.folder import folder_kind
from kerasemble.members.inspection.record import Inspection, Refused
from kerasemble.members.inspection.source import identify, locate, open_regular
from kerasemble.members.inspection.staging import staged
from kerasemble.members.unrandom import Model, built

# A function that builds the model, or the path of a JSON file.
Architecture: TypeAlias = Callable[[], Model] | str | os.PathLike[str]

# Keras says so, and goes on, where a file lacks weights that a layer has.
_RANDOM_WEIGHTS = ("freshly-initialized", "could not be loaded")
# What Keras itself and older versions of it call the answer of a SavedModel.
_ENDPOINTS = ("serve", "serving_default")


class Loaded(NamedTuple):
    """A model and what the inspection of its file found; None where it was given as an object."""

    model: Model
    inspection: Inspection | None = None


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse at once what is no model by its first bytes; the inspection comes when the file is opened.

    Raises:
        KerasembleError: it is missing, empty, something else than a model, or its name says another format.
    """
    try:
        target = locate(path)
        if target.is_dir():
            folder_kind(target)
        else:
            with open_regular(target) as file:
                identify(file, Path(path))
    except Refused as refusal:
        msg = f"{str(path)[:200]} {refusal.message}"
        raise KerasembleError(msg, code=refusal.code) from refusal


def load_file(
    path: str | os.PathLike[str],
    *,
    architecture: Architecture | None = None,
    trust: bool = False,
    custom_objects: Mapping[str, Any] | None = None,
) -> Loaded:
    """Return the `keras.Model` in a file, uncompiled: old training settings would only be in the way.

    Classes that were registered in this process by `keras.saving.register_keras_serializable` are known by that.

    Args:
        path: of a model file or folder, or of weights.
        architecture: of a file of weights.
        trust: open it although it brings code.
        custom_objects: classes and functions that the file names and Keras lacks.

    Raises:
        KerasembleError: the inspection refuses the file, Keras cannot open it, or opening it changed Keras's settings.
    """
    keras = import_keras()
    own = {**keras.saving.get_custom_objects(), **(custom_objects or {})}
    with staged(path, architecture=architecture, trust=trust, custom=tuple(own)) as copy, _settings_kept(path):
        try:
            with _no_random_weights():
                model = _open(copy.path, copy.inspection, architecture, trust=trust, custom_objects=custom_objects)
        except KerasembleError:
            raise
        except Exception as error:  # Keras raises anything from KeyError to RecursionError
            msg = f"{path} cannot be opened by Keras {keras.__version__}: {reason(error)}"
            raise KerasembleError(msg) from error
    if not isinstance(model, keras.Model):
        msg = f"{path} holds a {type(model).__name__}, not a model. Save the whole model with model.save(...)."
        raise KerasembleError(msg)
    for sentence in copy.inspection.warnings:
        warn(f"{path}: {sentence}")
    return Loaded(model, copy.inspection)


def _open(
    path: Path,
    inspection: Inspection,
    architecture: Architecture | None,
    *,
    trust: bool,
    custom_objects: Mapping[str, Any] | None,
) -> Model:
    keras = import_keras()
    if inspection.format == "saved_model":
        return _open_saved_model(path)
    if callable(architecture):
        model = architecture()
        model.load_weights(path)
        return model
    options = {"custom_objects": dict(custom_objects or {}), "compile": False, "safe_mode": not trust}
    load = functools.partial(keras.saving.load_model, path, **options)
    if inspection.vouched:
        return load()  # it may have classes that are not Keras's
    model, left = built(load)
    if left:
        msg = f"the file lacks weights, so layers would stay random: {first(left)}"
        raise ValueError(msg)
    return model


def _open_saved_model(folder: Path) -> Model:
    """Return a SavedModel as a Keras model of one layer.

    Raises:
        KerasembleError: Keras runs on another backend than TensorFlow, or the folder has no answer that is known.
    """
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        msg = (
            f"{folder} is a SavedModel, which only TensorFlow can run; Keras runs on {keras.backend.backend()}. Set "
            "KERAS_BACKEND=tensorflow, or save the model as .keras where it was made."
        )
        raise KerasembleError(msg)
    import tensorflow as tf

    signatures = tf.saved_model.load(os.fspath(folder)).signatures
    endpoint = next((name for name in _ENDPOINTS if name in signatures), None)
    if endpoint is None:
        msg = f"{folder} has no answer called {' or '.join(_ENDPOINTS)}. It has: {', '.join(signatures) or 'none'}."
        raise KerasembleError(msg)
    specs = list(signatures[endpoint].structured_input_signature[1].values())
    if len(specs) != 1:
        msg = f"{folder} takes {len(specs)} inputs. Members with one input are supported so far."
        raise KerasembleError(msg, code=Code.INPUT_SEVERAL)
    source = keras.Input(tuple(specs[0].shape)[1:], dtype=specs[0].dtype.name)
    layer = keras.layers.TFSMLayer(os.fspath(folder), call_endpoint=endpoint)
    return keras.Model(source, layer(source), name=folder.name or "saved_model")


@contextlib.contextmanager
def _no_random_weights() -> Iterator[None]:
    """Make an error of Keras's warning that a layer keeps the random weights that it was made with."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if any(words in str(warning.message) for words in _RANDOM_WEIGHTS):
            msg = f"the file lacks weights, so layers would stay random: {warning.message}"
            raise ValueError(msg)
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


@contextlib.contextmanager
def _settings_kept(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put Keras's settings back where a file changed them, and refuse it: models opened later would compute otherwise.

    Raises:
        KerasembleError: a setting is another than before.
    """
    before = _settings()
    try:
        yield
    finally:
        changed = [name for name, value in _settings().items() if value != before[name]]
        _restore(before)
    if changed:
        msg = f"{path} changed Keras's {', '.join(changed)} for the whole process; that was undone. Do not use it."
        raise KerasembleError(msg)


def _settings() -> dict[str, Any]:
    keras = import_keras()
    return {
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
        "image_data_format": keras.config.image_data_format(),
        "dtype_policy": keras.config.dtype_policy().name,
    }


def _restore(settings: Mapping[str, Any]) -> None:
    keras = import_keras()
    for name, value in settings.items():
        getattr(keras.config, f"set_{name}")(value)
