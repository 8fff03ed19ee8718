"""Which class each column of each member is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.tables import check_classes, check_widths
from kerasemble.members.member import Member, name_of


class ClassOrder(NamedTuple):
    """The ensemble's classes, for each member its columns in their order, and whether that order was stated.

    `ordered` is False where the members disagree and the first member's order was taken: then nobody has said what
    an integer label means.
    """

    classes: tuple[str, ...]
    orders: tuple[tuple[int, ...], ...]
    ordered: bool


def align_classes(members: Sequence[Member], widths: Sequence[int], classes: Sequence[object] | None) -> ClassOrder:
    """Align members by class name.

    Args:
        members: their `classes` say the order of their columns.
        widths: how many columns each answers with.
        classes: the order wanted; the members' own where None. Members without names follow it.

    Raises:
        KerasembleError: members differ in the number or the set of classes, or some are named and others are not.
    """
    kept = [kept_columns(member, width) for member, width in zip(members, widths, strict=True)]
    names = [_names(member, width, own) for member, width, own in zip(members, widths, kept, strict=True)]
    count = len(kept[0])
    check_widths(dict(zip(map(name_of, members), map(len, kept), strict=True)))
    named = [(member, own) for member, own in zip(members, names, strict=True) if own is not None]
    if all(own == check_classes(None, count) for _, own in named):
        # "0", "1", ... in this order are what members without names have.
        named = []
    wanted = _wanted(members, named, count, classes)
    orders = []
    for member, columns, given in zip(members, kept, names, strict=True):
        own = given if given is not None else wanted
        if set(own) != set(wanted) and own == check_classes(None, len(own)):
            own = wanted  # an ensemble that was saved without names: "0", "1", ... are positions
        if set(own) != set(wanted):
            raise _different(member, own, wanted)
        orders.append(tuple(columns[own.index(name)] for name in wanted))
    agreed = classes is not None or len({own for _, own in named}) <= 1
    return ClassOrder(wanted, tuple(orders), agreed)


def kept_columns(member: Member, width: int) -> tuple[int, ...]:
    """Return the columns of a member that are classes: all but those to ignore.

    Raises:
        KerasembleError: a column to ignore does not exist.
    """
    ignored = set()
    for column in member.ignore:
        if isinstance(column, str) and member.classes is not None and column in member.classes:
            ignored.add(list(member.classes).index(column))
        elif isinstance(column, int) and 0 <= column < width:
            ignored.add(column)
        else:
            known = f"{width} columns" if member.classes is None else f"the classes {first(list(member.classes), 20)}"
            msg = f"Member '{member.name}' has {known}; ignore={column!r} is none of them. Columns count from 0."
            raise KerasembleError(msg)
    return tuple(column for column in range(width) if column not in ignored)


def _names(member: Member, width: int, kept: tuple[int, ...]) -> tuple[str, ...] | None:
    """Return the names of the columns that are kept; those that are ignored may be named too, or not.

    Raises:
        KerasembleError: there are more or fewer names than columns.
    """
    if member.classes is None:
        return None
    names = tuple(member.classes)
    if len(names) == width:
        return tuple(names[column] for column in kept)
    if len(names) == len(kept):
        return names
    msg = f"Member '{member.name}' answers over {width} classes, but {len(names)} names were given: {first(names, 20)}."
    raise KerasembleError(msg)


def _wanted(
    members: Sequence[Member],
    named: Sequence[tuple[Member, tuple[str, ...]]],
    width: int,
    classes: Sequence[object] | None,
) -> tuple[str, ...]:
    if classes is not None or not named:
        return check_classes(classes, width)
    if len(named) < len(members):
        unnamed = [name_of(member) for member in members if member.classes is None]
        msg = (
            f"Member '{named[0][0].name}' names its classes and {first(unnamed)} do not, so their columns cannot be "
            "matched. Give classes=[...] (--classes), the order that members without names follow."
        )
        raise KerasembleError(msg)
    return named[0][1]


def _different(member: Member, own: tuple[str, ...], wanted: tuple[str, ...]) -> KerasembleError:
    lacks = [name for name in wanted if name not in own]
    extra = [name for name in own if name not in wanted]
    return KerasembleError(
        f"Member '{member.name}' has other classes: it lacks {first(lacks)} and has {first(extra)}. Its classes are "
        f"{first(own, 20)}; the others' {first(wanted, 20)}. Only members with the same classes can be combined."
    )
