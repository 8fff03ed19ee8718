"""Options as users give them: checked, and frozen into what can be hashed and written."""

from __future__ import annotations

import dataclasses
import numbers
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError


def as_array(value: object, what: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Return anything that NumPy can read as an array.

    Raises:
        KerasembleError: NumPy cannot, because it is ragged or because its own framework refuses; the message says why.
    """
    try:
        return np.asarray(value)
    except ValueError as error:
        msg = f"{what} is ragged: its rows differ in length. ({error})"
        raise KerasembleError(msg, code=Code.NOT_AN_ARRAY) from error
    except Exception as error:  # tensors of other frameworks raise anything
        msg = f"{what} cannot be read as an array. ({error})"
        raise KerasembleError(msg, code=Code.NOT_AN_ARRAY) from error


def freeze(value: object) -> Any:  # noqa: ANN401 - any option
    """Return an option as numbers, strings and tuples of them; by name where the value has names.

    Example:
        >>> freeze(np.array([2, 1])), freeze({"a": np.float32(0.5)})
        ((2, 1), (('a', 0.5),))
    """
    if isinstance(value, str | bytes) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return value
    if isinstance(value, Mapping):
        return tuple((str(name), freeze(item)) for name, item in value.items())
    # A pandas Series that is indexed by names is a mapping in all but its class.
    if hasattr(value, "to_dict") and all(isinstance(name, str) for name in getattr(value, "index", [0])):
        return freeze(value.to_dict())
    if hasattr(value, "__array__") and not isinstance(value, type):
        return freeze(as_array(value, "An option").tolist())
    return tuple(freeze(item) for item in value) if isinstance(value, list | tuple) else value


def check_whole(name: str, value: object, least: int) -> None:
    """Refuse what is not a whole number of at least `least`.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        msg = f"{name} must be a whole number of at least {least}. Received: {name}={value!r}."
        raise KerasembleError(msg, code=Code.OPTION)


def is_number(value: object) -> bool:
    """Return whether a value is a real number that a float can hold."""
    if not isinstance(value, numbers.Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def check_number(name: str, value: object, holds: Callable[[float], bool], range_: str, remedy: str = "") -> None:
    """Refuse what is not a number in a range.

    Args:
        name: of the option.
        value: given.
        holds: whether a number lies in the range.
        range_: the range in words.
        remedy: what else can be done.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    if not is_number(value) or isinstance(value, bool) or not holds(float(value)):  # type: ignore[arg-type]  # is_number
        msg = f"{name} must be {range_}. Received: {name}={value!r}.{remedy}"
        raise KerasembleError(msg, code=Code.OPTION)


def check_positive(name: str, value: object, remedy: str = "") -> None:
    """Refuse what is not a finite number above zero.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    check_number(name, value, lambda number: 0 < number < np.inf, "above zero and finite", remedy)


def check_choice(name: str, value: object, choices: Collection[str], where: str = "") -> None:
    """Refuse what is none of some words.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    if not isinstance(value, str) or value not in choices:
        words = [repr(choice) for choice in choices]
        msg = f"{where}{name} must be {', '.join(words[:-1])} or {words[-1]}. Received: {name}={value!r}."
        raise KerasembleError(msg, code=Code.OPTION)


def check_flag(name: str, value: object, where: str = "") -> None:
    """Refuse what is neither True nor False.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    if not isinstance(value, bool | np.bool_):
        msg = f"{where}{name} must be True or False. Received: {name}={value!r}."
        raise KerasembleError(msg, code=Code.OPTION)


def check_function(name: str, value: object) -> None:
    """Refuse what is neither None nor can be called.

    Raises:
        KerasembleError: the option `name` is something else.
    """
    if value is not None and not callable(value):
        msg = f"{name} must be a function. Received: {name}={value!r}."
        raise KerasembleError(msg, code=Code.OPTION)


def as_names(name: str, value: object) -> tuple[str, ...]:
    """Return a list of names, of classes or members, as text.

    Raises:
        KerasembleError: it is one text, a number, or in no order.
    """
    if hasattr(value, "__array__") and not isinstance(value, type):
        value = as_array(value, name).tolist()
    if isinstance(value, str | bytes | set | frozenset | Mapping) or not isinstance(value, Iterable):
        msg = f"{name} must be a list of names in order. Received: {name}={value!r}."
        raise KerasembleError(msg, code=Code.OPTION)
    names = tuple(value)
    wrong = [each for each in names if each is None or isinstance(each, list | tuple | Mapping)]
    if wrong:
        msg = f"{name} must be one list of names. Received among them: {first(wrong)}."
        raise KerasembleError(msg, code=Code.OPTION)
    return tuple(str(each) for each in names)


def check_range(value: object, name: str = "data_range") -> tuple[float, float] | None:
    """Return the lowest and the highest value that data can take, None where that is not said.

    Raises:
        KerasembleError: it is something else.
    """
    ends = freeze(value)
    if ends is None:
        return None
    numbers_ = isinstance(ends, tuple) and len(ends) == 2 and all(is_number(end) for end in ends)
    if not numbers_ or not -np.inf < ends[0] < ends[1] < np.inf:
        msg = f"{name} must be (low, high) with low below high. Received: {name}={value!r}."
        raise KerasembleError(msg, code=Code.OPTION)
    return ends[0], ends[1]


def as_path(value: object, what: str) -> Path:
    """Return the path of `what`.

    Raises:
        KerasembleError: it is no path.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str) or "\0" in os.fspath(value):
        msg = f"{what} is opened by its path. Received: {value!r}."
        raise KerasembleError(msg, code=Code.OPTION)
    return Path(value)
