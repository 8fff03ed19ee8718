"""Loaders of frameworks, which are not imported here: who has such an object has imported its framework."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kerasemble.core.errors import KerasembleError
from kerasemble.scoring.sources.batches import Batch, as_batch, is_array
from kerasemble.scoring.sources.source import Source
from kerasemble.scoring.sources.stream import AFRESH, Stream
from kerasemble.scoring.sources.survey import Expected

_SHUFFLED = "is shuffled, and members are compared row by row. Give shuffle=False."


def from_loader(data: object) -> Source | None:
    """Return a loader of a framework, or anything that gives batches each time it is iterated, as a source.

    Returns:
        None where it is none.

    Raises:
        KerasembleError: it is shuffled, leaves rows out, does not end, or can be read once only.
    """
    if _is(data, "keras.utils", "PyDataset"):
        return _from_keras(data)
    if _is(data, "tensorflow.data", "Dataset"):
        return _from_tensorflow(data)
    if _is(data, "torch.utils.data", "DataLoader"):
        return _from_torch(data)
    if _is(data, "torch.utils.data", "Dataset"):
        msg = "A torch Dataset gives single samples. Give DataLoader(dataset, batch_size=256)."
        raise KerasembleError(msg)
    if _is(data, "grain", "MapDataset", "IterDataset", "DataLoader"):
        return _from_grain(data)
    if isinstance(data, list):
        return _from_list(data)
    return None


def from_iterable(data: Iterable[Any]) -> Stream:
    """Return what gives batches each time it is iterated as a source.

    Raises:
        KerasembleError: it can be read once only.
    """
    who = f"The {type(data).__name__}"
    if isinstance(data, Iterator):
        msg = f"{who} can be read once only. {AFRESH}"
        raise KerasembleError(msg)
    return _stream(data, Expected(who))


def from_function(make: Callable[[], Any]) -> Stream:
    """Return what a function gives afresh each time it is called as a source.

    Raises:
        KerasembleError: it gives nothing that can be iterated.
    """
    who = f"What {getattr(make, '__name__', 'the function').replace('<lambda>', 'the function')} returns"

    def batches() -> Iterator[Batch]:
        made = make()
        if not isinstance(made, Iterable) or is_array(made):
            msg = f"{who} is no batches, but {type(made).__name__}. Give a function that returns batches, or the data."
            raise KerasembleError(msg)
        for item in made:
            yield as_batch(item, who)

    return Stream(batches, Expected(who))


def _is(data: object, module: str, *names: str) -> bool:
    """Say whether it is of one of a module's classes; what was not imported has no objects."""
    root, _, rest = module.partition(".")
    found: Any = sys.modules.get(root)
    for part in rest.split(".") if rest else ():
        found = getattr(found, part, None)
    kinds = tuple(kind for kind in (getattr(found, name, None) for name in names) if isinstance(kind, type))
    return isinstance(data, kinds)


def _stream(data: Iterable[Any], expected: Expected, classes: tuple[str, ...] | None = None) -> Stream:
    def batches() -> Iterator[Batch]:
        for item in data:
            yield as_batch(item, expected.who)

    return Stream(batches, expected, classes=classes)


def _by_index(data: Any, count: int, expected: Expected) -> Stream:  # noqa: ANN401 - of any framework
    def batches() -> Iterator[Batch]:
        for index in range(count):
            yield as_batch(data[index], expected.who)

    return Stream(batches, expected)


def _from_list(data: list[Any]) -> Stream | None:
    """Return a list of batches as a source; None for what is an array of rows."""
    who = "The list of batches"
    if not data or not _are_batches(data):
        return None
    return _stream(data, Expected(who, ends=True))


def _are_batches(data: list[Any]) -> bool:
    if all(isinstance(item, Mapping) for item in data):
        return True
    if all(isinstance(item, tuple) and item and isinstance(item[0], Mapping) for item in data):
        return True
    if all(isinstance(item, tuple | list) and item and is_array(item[0]) for item in data):
        # A list of lists of arrays of one shape is an array; with labels their shapes differ.
        return isinstance(data[0], tuple) or len({np.shape(part) for part in data[0]}) > 1
    if not all(is_array(item) and len(item.shape) > 1 for item in data):
        return False
    lengths = [item.shape[0] for item in data]
    # As batches have it: all of one length but the last.
    return len(set(lengths[:-1])) == 1 and lengths[-1] < lengths[0]


def _from_keras(data: Any) -> Stream:  # noqa: ANN401 - Keras is not typed
    who = f"The PyDataset {type(data).__name__}"
    if getattr(data, "shuffle", False) is True:
        msg = f"{who} {_SHUFFLED}"
        raise KerasembleError(msg)
    count = data.num_batches
    if count is None:
        raise _endless(who, "Give it a __len__ of one pass")
    return _by_index(data, count, Expected(who, ends=True))


def _from_tensorflow(data: Any) -> Stream:  # noqa: ANN401 - TensorFlow is not typed
    import tensorflow as tf

    who = "The tf.data.Dataset"
    if int(data.cardinality()) == int(tf.data.INFINITE_CARDINALITY):
        raise _endless(who, "Leave out repeat(), or give take(n)")
    spec = data.element_spec
    parts = [spec["x"], spec.get("y")] if isinstance(spec, Mapping) and "x" in spec else spec
    x, *rest = parts if isinstance(parts, tuple | list) else (parts,)
    shape, label = getattr(x, "shape", None), getattr(rest[0], "shape", None) if rest else None
    if shape is not None and shape.rank is not None:
        if shape.rank < 2 or (label is not None and label.rank == 0):
            msg = f"{who} gives single samples, of shape {tuple(shape)}, not batches (rows, ...). Give .batch(256)."
            raise KerasembleError(msg)
        if shape[0] is not None:
            msg = (
                f"{who} gives batches of {shape[0]} rows and no fewer: the last partial batch is dropped, or it is not "
                "batched. Give .batch(256, drop_remainder=False)."
            )
            raise KerasembleError(msg)
    names = getattr(data, "class_names", None)
    stream = _stream(_Numpy(data), Expected(who, ends=int(data.cardinality()) >= 0))
    if names and stream.y is not None and stream.y.ndim == 1 and stream.y.dtype.kind in "iu":
        stream.y, stream.classes = np.array(names)[stream.y], tuple(names)
    return stream


class _Numpy:
    """A `tf.data.Dataset` whose tensors are arrays."""

    def __init__(self, data: Any) -> None:  # noqa: ANN401 - TensorFlow is not typed
        self._data = data

    def __iter__(self) -> Iterator[Any]:
        return iter(self._data.as_numpy_iterator())


def _from_torch(data: Any) -> Stream:  # noqa: ANN401 - PyTorch need not be there
    who = "The DataLoader"
    sampler = getattr(data.batch_sampler, "sampler", None) or data.sampler
    if "Random" in type(sampler).__name__:
        msg = f"{who} {_SHUFFLED} (It has a {type(sampler).__name__}.)"
        raise KerasembleError(msg)
    if not hasattr(data.dataset, "__len__"):
        return _stream(data, Expected(who))
    # Some samplers show some of the rows; which is meant, unlike a batch that is dropped.
    rows = len(sampler) if hasattr(sampler, "__len__") else len(data.dataset)
    size = getattr(data.batch_sampler, "batch_size", None) or data.batch_size
    if getattr(data.batch_sampler, "drop_last", data.drop_last) and size and rows % size:
        raise _dropped(who, rows, size, "drop_last")
    return _stream(data, Expected(who, rows if data.batch_size is not None else None, ends=True))


def _from_grain(data: Any) -> Stream:  # noqa: ANN401 - grain is not typed
    who = f"The grain {type(data).__name__}"
    if _is(data, "grain", "MapDataset"):
        size, parents = getattr(data, "_batch_size", None), getattr(data, "_parents", ())
        if len(data) == sys.maxsize:
            raise _endless(who, "Leave out repeat(), or give [:n]")
        if size and parents and getattr(data, "_drop_remainder", False) and len(parents[0]) % size:
            raise _dropped(who, len(parents[0]), size, "drop_remainder")
        return _by_index(data, len(data), Expected(who, ends=True))
    sampler = getattr(data, "_sampler", None)
    if sampler is not None and getattr(sampler, "_num_epochs", 1) is None:
        raise _endless(who, "Give num_epochs=1")
    return _stream(data, Expected(who))


def _endless(who: str, cure: str) -> KerasembleError:
    return KerasembleError(f"{who} is endless. {cure}: one pass over the rows.")


def _dropped(who: str, rows: int, size: int, option: str) -> KerasembleError:
    return KerasembleError(
        f"{who}: the last partial batch is dropped, {rows - rows % size} of {rows} rows come. Give {option}=False."
    )
