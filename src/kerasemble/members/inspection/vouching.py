"""What the user vouches for: used only where it is needed, so that the record says what was accepted because of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from kerasemble.members.inspection.configuration import check_configuration
from kerasemble.members.inspection.record import Refused, Structure, Weights


def check_vouched(
    config: dict[str, Any], weights: Weights, *, trust: bool, custom: Collection[str]
) -> tuple[Structure, tuple[str, ...], tuple[str, ...]]:
    """Return what a configuration says, its warnings, and what was accepted because the user vouches for it.

    Args:
        config: of the model, mended.
        weights: in its file.
        trust: whether the user vouches for the file.
        custom: names of classes and functions that the user vouches for.

    Raises:
        Refused: it is not safe even with what the user vouches for.
    """
    used = tuple(sorted({*custom} & set(_names(config))))
    attempts: list[tuple[tuple[str, ...], bool, tuple[str, ...]]] = [((), False, ())]
    if used:
        attempts.append((used, False, used))
    if trust:
        attempts.append((used, True, (*used, "trust")))
    for given, trusted, vouched in attempts[:-1]:
        try:
            return *check_configuration(config, weights, trust=trusted, custom=given), vouched
        except Refused:
            continue  # the last attempt, with all that is vouched for, says what is wrong
    given, trusted, vouched = attempts[-1]
    return *check_configuration(config, weights, trust=trusted, custom=given), vouched


def _names(value: object) -> Iterator[str]:
    """Return all texts in a configuration, those after the ">" of a registered name as well."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _names(each)
    elif isinstance(value, str):
        yield value
        yield value.rpartition(">")[2]
