"""Members whose classes or rows are in another order than is assumed, and labels that are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray, first
from kerasemble.core.codes import Code
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.chance import Answers, Chance, balanced_rows, compared, look
from kerasemble.evaluation.class_order import ClassOrder, find_class_order, hits_in_order
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.proposals import verified

# What tells more of the labels than this many standard deviations is told from chance: with labels that were shuffled
# it happens once in 4,000 times.
_INFORMED = 3.5
# Of several members one may well tell more by chance.
_ANY_INFORMED = 4.0
# What lies between this (one in forty) and that can hardly be told from chance: of all members it is said where they
# are at most so much above it, of one beside others where these are surely better.
_TOLD, _SLIGHT = 1.96, 0.15
# A member has nothing to do with the labels where it surely is no more than this above chance.
_NOTHING = 0.05
# Rows of a class on the mean, and in all, below which a poor set of members and shuffled labels look alike.
_ENOUGH_OF_CLASS, _ENOUGH = 10, 40
# Rows below which a single poor member is not told from one whose rows are shuffled: of 40 X-rays a member that is
# right in 77 % was taken for shuffled in one case of three, of 100 in none.
_ENOUGH_FOR_ONE = 100


class _Seen(NamedTuple):
    name: str
    order: Finding | None
    answers: Answers


def misread(
    predictions: Predictions, labels: IntArray, skip: Collection[str] = (), *, shifted: bool = False
) -> list[Finding]:
    """Return what is found of the order of members' classes and rows.

    Args:
        predictions: of all members.
        labels: (samples,) class indices.
        skip: members that are not to be looked at, as they are known to be constant.
        shifted: whether these are other labels than were given; then no other order of classes is proposed, as that is
            for the labels as they are.
    """
    pairs = zip(predictions.members, predictions.each(), strict=True)
    seen = [
        _Seen(name, None if shifted else _class_order(predictions, name, values, labels), look(values, labels))
        for name, values in pairs
        if name not in skip
    ]
    found = [each.order for each in seen if each.order is not None]
    least = max(_ENOUGH_OF_CLASS * len(predictions.classes), _ENOUGH)
    enough = len(labels) >= least
    if enough and seen and not found:
        together = compared([each.answers for each in seen], labels)
        apart = [compared([each.answers], labels) for each in seen]
        near = together.told < _TOLD or together.highest < together.blind + _SLIGHT
        if near and together.told < _INFORMED and max(each.told for each in apart) < _ANY_INFORMED:
            return _sayable([_of_labels(together, apart, len(labels))], labels, least)
    if len(labels) < _ENOUGH_FOR_ONE:
        return found
    return [*found, *_sayable(_of_members(seen, labels, enough=enough), labels, least)]


def _sayable(found: list[Finding], labels: IntArray, least: int) -> list[Finding]:
    """Leave out what is only near chance where a class has too few rows for a good member to be told from it."""
    if balanced_rows(labels) >= least:
        return found
    return [each for each in found if each.code not in (Code.NEAR_CHANCE, Code.LABELS_NEAR_CHANCE)]


def _class_order(predictions: Predictions, name: str, values: FloatArray, labels: IntArray) -> Finding | None:
    found = find_class_order(values, labels)
    if found is None:
        return None
    return verified(_reordered(predictions, name, found), hits(values, labels), hits_in_order(values, labels), labels)


def _reordered(predictions: Predictions, name: str, found: ClassOrder) -> Finding:
    classes = predictions.classes
    columns = np.array(found.order)
    if predictions.alignment is not None:
        # These columns were put into the classes' order once: back to the member's own.
        columns = np.array(predictions.alignment.readings[predictions.members.index(name)].order)[columns]
    names = [classes[place] for place in np.argsort(columns)]
    evidence = (
        f"Member '{name}' is right in {found.before:.0%} of {predictions.samples} rows, and in {found.after:.0%} with "
        f"its classes in another order, in which {found.moved} of {len(classes)} are elsewhere."
    )
    remedy = f"If they are, give the member classes=[{first([repr(name) for name in names], 20)}]."
    figures = {"accuracy": found.before, "reordered": found.after, "moved": found.moved}
    return Finding(Code.CLASS_ORDER, evidence, remedy, name, "proposal", {"classes": names}, figures=figures)


def _of_labels(together: Chance, apart: Sequence[Chance], samples: int) -> Finding:
    """Return what to say where no member can be told from chance: it is the labels, or all are poor."""
    low, high = min(each.accuracy for each in apart), max(each.accuracy for each in apart)
    share = f"{low:.0%}" if len(apart) == 1 else f"{low:.0%} to {high:.0%}"
    remedy = "Are the labels in the order of the rows?"
    figures = _figures(together, samples)
    if together.highest < together.blind + _NOTHING:
        evidence = (
            f"No member's answers have to do with the labels of {samples} rows, in any order of the classes: balanced "
            f"accuracy of {share}, {together.highest:.0%} at most (97.5 % bound), and {together.blind:.0%} by chance."
        )
        return Finding(Code.LABELS_UNRELATED, evidence, remedy, figures=figures)
    evidence = (
        f"The members {_hardly(together)} be told from chance on {samples} rows: balanced accuracy of {share}, and "
        f"{together.blind:.0%} by chance."
    )
    return Finding(Code.LABELS_NEAR_CHANCE, evidence, f"{remedy} If so, more rows would tell.", figures=figures)


def _of_members(seen: Sequence[_Seen], labels: IntArray, *, enough: bool) -> list[Finding]:
    apart = [(each, compared([each.answers], labels)) for each in seen]
    best = max((chance for _, chance in apart), key=lambda chance: chance.accuracy, default=None)
    found = [
        _of_member(each.name, chance, best, len(labels), enough=enough)
        for each, chance in apart
        if each.order is None and best is not None
    ]
    return [each for each in found if each is not None]


def _of_member(name: str, own: Chance, best: Chance, samples: int, *, enough: bool) -> Finding | None:
    """Return what to say of a member that is hardly told from chance, or is not above it."""
    figures = {**_figures(own, samples), "best": best.accuracy}
    remedy = "Are its rows in this order, and is it trained?"
    if enough and own.told < _INFORMED:
        if own.highest < own.blind + _NOTHING:
            evidence = (
                f"The answers of member '{name}' have nothing to do with the labels of {samples} rows, in any order of "
                f"its classes: balanced accuracy of {own.accuracy:.0%}, {own.highest:.0%} at most (97.5 % bound), and "
                f"{own.blind:.0%} by chance; another member {best.accuracy:.0%}."
            )
            return Finding(Code.UNRELATED, evidence, remedy, name, figures=figures)
        if own.told < _TOLD or own.highest < best.low:
            evidence = (
                f"Member '{name}' {_hardly(own)} be told from chance on {samples} rows: balanced accuracy of "
                f"{own.accuracy:.0%} ({own.low:.0%} to {own.high:.0%}), and {own.blind:.0%} by chance; the best member "
                f"{best.accuracy:.0%}."
            )
            return Finding(Code.NEAR_CHANCE, evidence, remedy, name, figures=figures)
    if own.high >= own.blind + _NOTHING:
        return None
    evidence = (
        f"Member '{name}' is no better than chance: balanced accuracy of {own.accuracy:.0%} on {samples} rows, "
        f"{own.high:.0%} at most (97.5 % bound), and {own.blind:.0%} by chance."
    )
    remedy = "Look at its preprocessing and the order of its classes, or leave it out."
    return Finding(Code.BELOW_CHANCE, evidence, remedy, name, figures=figures)


def _hardly(chance: Chance) -> str:
    return "cannot" if chance.told < _TOLD else "can hardly"


def _figures(chance: Chance, samples: int) -> dict[str, float]:
    own = {"accuracy": chance.accuracy, "low": chance.low, "high": chance.high, "highest": chance.highest}
    return {"rows": samples, **own, "chance": chance.blind, "deviations": chance.told}
