"""HDF5 in which something lies where it should not: rings, swapped layers, names that lead elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from corpus.case import Case, file_case
from corpus.seeds import (
    archive,
    chain,
    dense,
    hdf5,
    numbers,
    old,
    old_chain,
    old_layer,
    weights,
    write_old,
    write_weights,
)

BIAS = "layers/dense/vars/1"
Change = Callable[[h5py.File], None]


def _stored(change: Change, config: Any = None) -> bytes:
    """Return a `.keras` file of whose weights something else is changed."""

    def write(file: h5py.File) -> None:
        write_weights(file, (4, 2))
        change(file)

    return archive(config or chain(), hdf5(write))


def _delete(path: str) -> Change:
    return lambda file: file.__delitem__(path)


def _many(file: h5py.File) -> None:
    group = file.create_group("many")
    for index in range(20_000):
        group[str(index)] = group["0"] if index else file["layers"]


def _array_for_group(file: h5py.File) -> None:
    del file["layers/dense/vars"]
    file["layers/dense/vars"] = numbers(2)


def _ring_of_groups(file: h5py.File) -> None:
    file["layers/dense/again"] = file["layers"]


def _swapped() -> bytes:
    """Two layers of the same shape whose groups are named in the other order."""
    config = old_chain(old_layer("Dense", "a", units=4), old_layer("Dense", "b", units=4))
    both = {"kernel": numbers(4, 4), "bias": numbers(4)}
    return old(config, b=both, a=both, out={"kernel": numbers(4, 2), "bias": numbers(2)})


def _swapped_within() -> bytes:
    """A layer's own weights in the other order, all of one shape."""
    config = old_chain(old_layer("BatchNormalization", "n"))
    names = ("beta", "gamma", "moving_mean", "moving_variance")
    return old(config, n={name: numbers(4) + 2 for name in names}, out={"kernel": numbers(4, 2), "bias": numbers(2)})


def _old_attribute(change: Change) -> Callable[[Path], bytes]:
    def write(file: h5py.File) -> None:
        write_old(file, old_chain())
        change(file)

    return lambda _: hdf5(write)


def _set(path: str, name: str, value: Any) -> Change:
    def change(file: h5py.File) -> None:
        file[path].attrs[name] = value

    return change


def _config_reference(file: h5py.File) -> None:
    file.attrs["model_config"] = file["model_weights"].ref


def _alone(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(weights())
        return folder / name

    return make


def _user_block() -> bytes:
    """HDF5 after 512 bytes of something else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "block.h5")
        with h5py.File(path, "w", userblock_size=512) as file:
            write_old(file, old_chain())
        return b"#!/bin/sh\n" + path.read_bytes()[10:]


_WRONG_CONFIG = "config json-damaged hdf5-type hdf5-object weights-only not-a-model"
CASES = [
    file_case(
        "hdf5/ring",
        "a group that holds the one that holds it",
        "hdf5-link hdf5-object hdf5-damaged",
        _stored(_ring_of_groups),
    ),
    file_case(
        "hdf5/ring-of-root",
        "a group that holds everything",
        "hdf5-link hdf5-object hdf5-damaged",
        _stored(lambda file: file.__setitem__("layers/root", file["/"])),
    ),
    file_case(
        "hdf5/many-objects",
        "20,000 names of a group",
        "hdf5-object hdf5-link hdf5-memory hdf5-timeout",
        lambda _: _stored(_many),
    ),
    file_case(
        "hdf5/dangling-link",
        "a link to nothing, not among the weights",
        "hdf5-link",
        _stored(lambda file: file.__setitem__("layers/more", h5py.SoftLink("/nowhere"))),
    ),
    file_case(
        "hdf5/linked-optimizer",
        "the optimiser's numbers lie elsewhere",
        "hdf5-link hdf5-external",
        _stored(lambda file: file.__setitem__("optimizer", h5py.ExternalLink("/etc/passwd", "/"))),
    ),
    file_case(
        "hdf5/no-layers",
        "all weights are missing: zeros or random in Keras",
        "unstored-weights",
        _stored(_delete("layers")),
    ),
    file_case("hdf5/no-bias", "a bias is missing", "unstored-weights", _stored(_delete(BIAS))),
    file_case(
        "hdf5/second-layer-missing",
        "the weights of one of two layers are missing",
        "unstored-weights",
        archive(chain(dense("dense")), weights((4, 4))),
    ),
    file_case(
        "hdf5/vars-is-array",
        "an array where a group should be",
        "hdf5-object unstored-weights",
        _stored(_array_for_group),
    ),
    file_case(
        "hdf5/user-block",
        "bytes before the weights",
        "hdf5-damaged not-a-model hdf5-object truncated",
        lambda _: archive(chain(), _user_block()),
    ),
    file_case("hdf5/no-hdf5", "weights that are no HDF5", "hdf5-damaged not-a-model", archive(chain(), b"weights")),
    file_case(
        "hdf5/empty-weights",
        "weights of 0 bytes",
        "hdf5-damaged not-a-model empty truncated zip-incomplete",
        archive(chain(), b""),
    ),
    file_case(
        "hdf5-h5/user-block",
        "a shell script that is also a model",
        "not-a-model hdf5-damaged wrong-suffix",
        _user_block(),
        ".h5",
    ),
    file_case("hdf5-h5/swapped-layers", "two layers' weights are swapped", "layer-order", _swapped(), ".h5"),
    file_case("hdf5-h5/swapped-weights", "a layer's weights are swapped", "layer-order", _swapped_within(), ".h5"),
    file_case(
        "hdf5-h5/layer-outside",
        "a layer's weights lie outside its group",
        "layer-order hdf5-object unstored-weights hdf5-link config",
        _old_attribute(_set("model_weights", "layer_names", [b"../optimizer"])),
        ".h5",
    ),
    file_case(
        "hdf5-h5/absolute-weight",
        "a weight's name leads elsewhere",
        "layer-order hdf5-object unstored-weights hdf5-link config",
        _old_attribute(_set("model_weights/out", "weight_names", [b"/model_weights/out/out/kernel:0", b"out/bias:0"])),
        ".h5",
    ),
    file_case(
        "hdf5-h5/same-weight-twice",
        "the same array as kernel and bias",
        "layer-order unstored-weights shape-mismatch hdf5-object",
        _old_attribute(_set("model_weights/out", "weight_names", [b"out/kernel:0", b"out/kernel:0"])),
        ".h5",
    ),
    file_case(
        "hdf5-h5/layer-names-number",
        "the names of the layers are a number",
        "layer-order hdf5-type unstored-weights hdf5-object hdf5-damaged config",
        _old_attribute(_set("model_weights", "layer_names", 7)),
        ".h5",
    ),
    file_case(
        "hdf5-h5/config-number",
        "the configuration is a number",
        _WRONG_CONFIG,
        _old_attribute(_set("/", "model_config", 7)),
        ".h5",
    ),
    file_case(
        "hdf5-h5/config-array",
        "the configuration is an array",
        _WRONG_CONFIG,
        _old_attribute(_set("/", "model_config", np.zeros(100))),
        ".h5",
    ),
    file_case(
        "hdf5-h5/config-reference",
        "the configuration is a reference",
        _WRONG_CONFIG,
        _old_attribute(_config_reference),
        ".h5",
    ),
    file_case(
        "hdf5-h5/config-not-text",
        "the configuration is no UTF-8",
        "json-encoding " + _WRONG_CONFIG,
        _old_attribute(_set("/", "model_config", np.bytes_(b'{"a": "\xff\xfe"}'))),
        ".h5",
    ),
    Case("hdf5-h5/weights-alone", "weights without a model", ("weights-only",), _alone("model.weights.h5")),
    Case(
        "hdf5-h5/weights-alone-renamed",
        "weights without a model, named as a model",
        ("weights-only",),
        _alone("model.h5"),
    ),
]
