"""The steps of an inspection in their order, each of which may refuse the file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from kerasemble.core.options import as_path
from kerasemble.members.inspection import archive as archives
from kerasemble.members.inspection.configuration import check_code
from kerasemble.members.inspection.document import parse
from kerasemble.members.inspection.examined import Architecture, Asked, Examined
from kerasemble.members.inspection.folder import copy_tree, folder_kind, pack
from kerasemble.members.inspection.hdf5 import Hdf5, Hdf5Reader
from kerasemble.members.inspection.limits import LIMITS, Limits
from kerasemble.members.inspection.record import Inspection, Refused, Weights
from kerasemble.members.inspection.source import digest, identify, locate, open_regular, private_folder
from kerasemble.members.inspection.vouching import check_vouched
from kerasemble.members.legacy import mend

_GIVE_ARCHITECTURE = (
    "Give the architecture: Member(..., architecture='model.json') with what model.to_json() says, or a function that "
    "builds the model."
)


def inspect(
    path: str | os.PathLike[str],
    *,
    architecture: Architecture | None = None,
    trust: bool = False,
    custom: Collection[str] = (),
    limits: Limits = LIMITS,
) -> Inspection:
    """Return what a model file is, without running it and without Keras.

    A bad file raises nothing: the record says why it is refused, and all that was known until then. What is no path
    raises a `KerasembleError`.

    Args:
        path: of a `.keras`, `.h5` or `.hdf5` file, of an unzipped `.keras`, of a SavedModel, or of weights.
        architecture: of a file of weights: the path of a JSON file from `model.to_json()`, or a function that builds
            the model (which is not called).
        trust: accept code, such as a Lambda layer, because you know who made the file.
        custom: names of the classes and functions that the file names and you give to Keras.
        limits: of sizes and times.

    Returns:
        The record; its `safe` is whether the file may be opened.

    Example:
        >>> inspect("gone.keras").reason
        'does not exist. Give the path of a .keras or .h5 file.'
    """
    target = as_path(path, "A model")
    with private_folder() as work:
        return examine(target, Asked(architecture, trust, custom, limits), work, copy=False).inspection


def examine(path: str | os.PathLike[str], asked: Asked, work: Path, *, copy: bool) -> Examined:
    """Return what a file is, and what opening it needs.

    Args:
        path: of the file or folder.
        asked: what the user says to it.
        work: an empty private folder.
        copy: whether to copy the file there and inspect the copy, so that nobody else can change what was inspected.
    """
    found = Examined(Inspection(os.fspath(path)), Path(path))
    try:
        target = locate(path)
        if target.is_dir():
            _examine_folder(found, target, asked, work, copy=copy)
        else:
            _examine_file(found, target, asked, work, copy=copy)
    except Refused as refusal:
        found.learn(code=refusal.code, reason=refusal.message)
    return found


def _examine_folder(found: Examined, folder: Path, asked: Asked, work: Path, *, copy: bool) -> None:
    kind = folder_kind(folder)
    found.learn(format=kind)
    found.place = work / ("packed.keras" if kind == "folder" else folder.name)
    if kind == "folder":
        total = pack(folder, found.place, asked.limits)
    else:
        total = copy_tree(folder, found.place if copy else None, asked.limits)
    found.learn(size=total.size, sha256=total.sha256)
    if kind == "folder":
        with open_regular(found.place) as file:
            _examine_archive(found, file, asked, work)
    elif asked.trust:
        found.learn(vouched=("trust",))
    else:
        message = "is a TensorFlow SavedModel: a graph that can read and write files when it is run. Save the model as "
        message += ".keras where it was made, or pass trust=True (--trust FOLDER) if you know who made it."
        raise Refused("saved-model", message)


def _examine_file(found: Examined, target: Path, asked: Asked, work: Path, *, copy: bool) -> None:
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_regular(target, asked.limits))
        found.learn(size=os.fstat(file.fileno()).st_size)
        if copy:
            found.place = work / "copy"
            found.learn(sha256=digest(file, found.place))
            file = stack.enter_context(open_regular(found.place))
        else:
            found.learn(sha256=digest(file))
        content = identify(file, Path(found.inspection.path))
        found.learn(format=content)
        if content == "json":
            _refuse_json(parse(file.read(asked.limits.json_bytes + 1), "text", asked.limits))
        elif content == "keras":
            _examine_archive(found, file, asked, work)
        else:
            _examine_hdf5(found, file, asked)


def _refuse_json(value: object) -> NoReturn:
    if isinstance(value, dict) and "weight_map" in value:
        message = "lists the parts of weights in several files, which are not supported. Save them in one file: "
        raise Refused("not-supported", f"{message}model.save('model.keras').")
    message = "is JSON, which holds no weights. Give the file of weights, with this as its architecture: "
    raise Refused("no-weights", f"{message}Member('model.weights.h5', architecture='model.json').")


def _examine_archive(found: Examined, file: BinaryIO, asked: Asked, work: Path) -> None:
    limits = asked.limits
    with archives.open_archive(file, limits) as archive, contextlib.ExitStack() as stack:
        unpacked = archives.verify(archive, work)
        documents = {name: archives.content(archive, name, limits.json_bytes) for name in archives.JSON_ENTRIES}
        parsed = {name: parse(text, name, limits) for name, text in documents.items() if text is not None}
        found.learn_version(_at(parsed.get(archives.METADATA), "keras_version"))
        found.learn_classes(_at(parsed.get(archives.RECORD), "fitted", "classes"))
        if asked.architecture is not None:
            raise Refused("architecture", "holds its own architecture. Leave the one that you give out.")
        if isinstance(config := parsed[archives.CONFIG], dict):
            check_code(config, trust=asked.trust, custom=asked.custom)
        span = archives.span(archive, file, archives.WEIGHTS)
        if unpacked is not None:
            file = stack.enter_context(open_regular(unpacked))
            span = (0, os.fstat(file.fileno()).st_size)
        reader = stack.enter_context(Hdf5Reader(file, *span, limits))
        hdf5 = reader.structure()
        _judge(found, config, hdf5.weights._replace(layers=None), asked)
        reader.finish()


def _examine_hdf5(found: Examined, file: BinaryIO, asked: Asked) -> None:
    size = os.fstat(file.fileno()).st_size
    with Hdf5Reader(file, 0, size, asked.limits) as reader:
        hdf5 = reader.structure()
        found.learn_version(hdf5.keras_version)
        weights = hdf5.weights
        if hdf5.model_config is not None:
            if asked.architecture is not None:
                raise Refused("architecture", "holds its own architecture. Leave the one that you give out.")
            found.layout = "h5"
            # Without the list of its layers Keras would set no weights.
            weights = weights._replace(layers=weights.layers or ())
            _judge(found, parse(hdf5.model_config, "model_config", asked.limits), weights, asked)
        else:
            _judge_weights(found, hdf5, asked)
        reader.finish()


def _judge_weights(found: Examined, hdf5: Hdf5, asked: Asked) -> None:
    """Go on with a file of weights alone."""
    weights = hdf5.weights
    if weights.layers is None and not any("vars" in array.path.split("/") for array in weights.arrays):
        held = ", ".join(repr(name[:40]) for name in hdf5.top[:3]) or "nothing"
        message = f"is HDF5 but no Keras model: it holds {held}. Save the model with model.save('model.keras')."
        raise Refused("not-a-model", message)
    found.learn(format="weights")
    found.layout = "keras" if weights.layers is None else "h5"
    found.learn_parameters(weights)
    if asked.architecture is None:
        raise Refused("weights-only", f"holds weights without an architecture. {_GIVE_ARCHITECTURE}")
    if not callable(asked.architecture):
        found.learn(format="json")
        config = _read_architecture(asked.architecture, asked.limits)
        found.learn_version(_at(config, "keras_version"))
        _judge(found, config, weights, asked)


def _read_architecture(path: str | os.PathLike[str], limits: Limits) -> Any:  # noqa: ANN401 - JSON is anything
    """Return the value in a JSON file."""
    try:
        with open_regular(locate(path), limits) as file:
            content = identify(file, Path(path))
            if content == "json":
                return parse(file.read(limits.json_bytes + 1), "text", limits)
    except Refused as refusal:
        message = f"comes with the architecture {str(path)[:200]}, which {refusal.message}"
        raise Refused("architecture", message) from refusal
    message = f"comes with the architecture {str(path)[:200]}, which is a .{content} file."
    raise Refused("architecture", f"{message} Give what model.to_json() says, as a JSON file, or a function.")


def _judge(found: Examined, config: object, weights: Weights, asked: Asked) -> None:
    """Mend a configuration and check it with the weights that there are."""
    found.learn_parameters(weights)
    # Keras up to 2.2.2 wrote a Sequential's layers to .h5 as a list.
    if not isinstance(config, dict) and not (isinstance(config, list) and found.layout == "h5"):
        raise Refused("config", f"holds a configuration that is a {type(config).__name__}. Save the model again.")
    if _at(config, "config", "layers") == []:
        raise Refused("config", "holds a model without layers. Save the model again with model.save('model.keras').")
    mended = mend(config, weights, found.layout)
    found.learn(mended=mended.done)
    structure, warnings, vouched = check_vouched(
        mended.config, moved(weights, mended.moves), trust=asked.trust, custom=asked.custom
    )
    if found.inspection.format == "json" or mended.moves or mended.scales or mended.config != _uncompiled(config):
        found.mended = mended
    found.learn(
        layers=structure.layers,
        inputs=structure.inputs,
        outputs=structure.outputs,
        warnings=(*found.inspection.warnings, *warnings),
        vouched=vouched,
    )


def _uncompiled(value: Any) -> Any:  # noqa: ANN401 - JSON is anything
    """Return a configuration without the empty training settings of models that were never compiled."""
    if isinstance(value, list):
        return [_uncompiled(each) for each in value]
    if isinstance(value, dict):
        return {key: _uncompiled(each) for key, each in value.items() if key != "compile_config" or each}
    return value


def moved(weights: Weights, moves: Collection[tuple[str, str]]) -> Weights:
    """Return weights with the paths that they have once groups or arrays were moved."""

    def place(path: str) -> str:
        for stored, wanted in moves:
            if path == stored or path.startswith(f"{stored}/"):
                return wanted + path[len(stored) :]
        return path

    arrays = tuple(array._replace(path=place(array.path)) for array in weights.arrays)
    if weights.layers is None:
        return Weights(arrays)
    layers = (layer._replace(weights=tuple(map(place, layer.weights))) for layer in weights.layers)
    return Weights(arrays, tuple(layers))


def _at(value: object, *keys: str) -> object:
    """Return what is under the keys, one below the other; None where one is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
