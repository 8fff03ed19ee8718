"""Sizes and shapes: what the rules for layers and operations are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerasemble.members.inspection.nodes import Shape

Config = Mapping[str, Any]
# From a layer's configuration and the shapes that it takes to those that it returns. A rule may raise any of
# UNKNOWN: then the shape is not known.
Rule = Callable[[Config, Sequence[Shape]], Sequence[Shape]]
UNKNOWN = (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError)


def whole(value: object) -> int:
    """Return a whole number, which Keras also takes as 3.0.

    Raises:
        TypeError: it is none.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        msg = f"a whole number was expected. Received: {value!r}"
        raise TypeError(msg)
    return value


def each(value: object, rank: int) -> tuple[int, ...]:
    """Return `rank` whole numbers from one for all or a list of them."""
    if isinstance(value, list | tuple):
        numbers = tuple(whole(item) for item in value)
        if len(numbers) not in (1, rank):
            msg = f"{rank} numbers were expected. Received: {value!r}"
            raise ValueError(msg)
        return numbers if len(numbers) == rank else numbers * rank
    return (whole(value),) * rank


def checked(shape: Sequence[Any]) -> Shape:
    """Return a shape whose sizes are whole numbers or None.

    Raises:
        TypeError, ValueError: they are not.
    """
    sizes = tuple(None if size is None else whole(size) for size in shape)
    if any(size is not None and size < 0 for size in sizes):
        msg = f"a size below zero in {sizes}"
        raise ValueError(msg)
    return sizes


def channels_last(config: Config) -> bool:
    """Say whether the last axis is that of channels."""
    return config.get("data_format") != "channels_first"


def split(shape: Shape, config: Config) -> tuple[Shape, int | None]:
    """Return the spatial axes and the channels of a shape (batch, ...)."""
    return (shape[1:-1], shape[-1]) if channels_last(config) else (shape[2:], shape[1])


def product(sizes: Sequence[int | None]) -> int | None:
    """Return the product, None where one is not known."""
    return None if None in sizes else math.prod(size for size in sizes if size is not None)


def merged(*sizes: int | None) -> int | None:
    """Return the sum of sizes, None where one is not known."""
    return None if None in sizes else sum(size for size in sizes if size is not None)


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape that NumPy's rules make of several."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result: list[int | None] = []
    for sizes in zip(*padded, strict=True):
        wide = {size for size in sizes if size != 1}
        known = wide - {None}
        if len(known) > 1:
            msg = f"shapes do not match: {shapes}"
            raise ValueError(msg)
        result.append(next(iter(known)) if known else (None if wide else 1))
    return tuple(result)


def concatenated(shapes: Sequence[Shape], axis: int) -> Shape:
    """Return the shape of tensors put one after the other along an axis."""
    axis %= len(shapes[0])
    if any(len(shape) != len(shapes[0]) for shape in shapes):
        msg = f"shapes do not match: {shapes}"
        raise ValueError(msg)
    known = [next((size for size in sizes if size is not None), None) for sizes in zip(*shapes, strict=True)]
    known[axis] = merged(*(shape[axis] for shape in shapes))
    return tuple(known)


def reshaped(shape: Shape, target: Sequence[Any]) -> Shape:
    """Return `target`, its -1 worked out from `shape`."""
    sizes = [-1 if item is None else whole(item) for item in target]
    if -1 not in sizes:
        return tuple(sizes)
    rest, whole_size = math.prod(size for size in sizes if size != -1), product(shape)
    known = None if whole_size is None or rest == 0 or whole_size % rest else whole_size // rest
    return tuple(known if size == -1 else size for size in sizes)
