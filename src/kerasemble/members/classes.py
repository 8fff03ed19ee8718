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
        widths: how many classes each answers over.
        classes: the order wanted; the members' own where None. Members without names follow it.

    Raises:
        KerasembleError: members differ in the number or the set of classes, or some are named and others are not.
    """
    check_widths(dict(zip(map(name_of, members), widths, strict=True)))
    for member, width in zip(members, widths, strict=True):
        if member.classes is not None and len(member.classes) != width:
            msg = (
                f"Member '{member.name}' answers over {width} classes, but {len(member.classes)} names were given: "
                f"{first(list(member.classes), 20)}."
            )
            raise KerasembleError(msg)
    named = [member for member in members if member.classes is not None]
    if all(member.classes == check_classes(None, widths[0]) for member in named):
        # "0", "1", ... in this order are what members without names have.
        named = []
    wanted = _wanted(members, named, widths[0], classes)
    orders = []
    for member in members:
        own = tuple(member.classes) if member.classes is not None else wanted
        if set(own) != set(wanted) and own == check_classes(None, len(own)):
            own = wanted  # an ensemble that was saved without names: "0", "1", ... are positions
        if set(own) != set(wanted):
            raise _different(member, own, wanted)
        orders.append(tuple(own.index(name) for name in wanted))
    agreed = classes is not None or len({member.classes for member in named}) <= 1
    return ClassOrder(wanted, tuple(orders), agreed)


def _wanted(
    members: Sequence[Member], named: Sequence[Member], width: int, classes: Sequence[object] | None
) -> tuple[str, ...]:
    if classes is not None or not named:
        return check_classes(classes, width)
    if len(named) < len(members):
        unnamed = [name_of(member) for member in members if member.classes is None]
        msg = (
            f"Member '{named[0].name}' names its classes and {first(unnamed)} do not, so their columns cannot be "
            "matched. Give classes=[...] (--classes), the order that members without names follow."
        )
        raise KerasembleError(msg)
    return tuple(str(name) for name in named[0].classes or ())


def _different(member: Member, own: tuple[str, ...], wanted: tuple[str, ...]) -> KerasembleError:
    lacks = [name for name in wanted if name not in own]
    extra = [name for name in own if name not in wanted]
    return KerasembleError(
        f"Member '{member.name}' has other classes: it lacks {first(lacks)} and has {first(extra)}. Its classes are "
        f"{first(own, 20)}; the others' {first(wanted, 20)}. Only members with the same classes can be combined."
    )
