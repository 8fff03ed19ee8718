"""Members whose classes or rows are in another order than is assumed, and labels that are."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray, first
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.class_order import ClassOrder, above_chance, find_class_order, looks_shuffled
from kerasemble.evaluation.finding import Finding

# Rows below which a single poor member is not told from one whose rows are shuffled: of 40 X-rays a member that is
# right in 77 % was taken for shuffled in one case of three, of 100 in none.
_ENOUGH_FOR_ONE = 100
# A member that is right in twice as many rows as chance stays above this in 99 cases of 100 (200 rows, ten classes).
_NO_BETTER = 1.0


class _Seen(NamedTuple):
    name: str
    accuracy: float
    order: ClassOrder | None
    shuffled: bool
    idle: bool  # no better than chance


def misread(predictions: Predictions, labels: IntArray, skip: Collection[str] = ()) -> list[Finding]:
    """Return what is found of the order of members' classes and rows.

    Args:
        predictions: of all members.
        labels: (samples,) class indices.
        skip: members that are not to be looked at, as they are known to be constant.
    """
    pairs = zip(predictions.members, predictions.each(), strict=True)
    seen = [_look(name, values, labels) for name, values in pairs if name not in skip]
    found = [_class_order(predictions, each.name, each.order) for each in seen if each.order is not None]
    shuffled = [each for each in seen if each.shuffled]
    if shuffled and len(shuffled) == len(seen):
        return [*found, _labels_shuffled(shuffled, len(labels))]
    if len(labels) < _ENOUGH_FOR_ONE:
        return found
    best = max((each.accuracy for each in seen), default=0.0)
    found += [_rows_shuffled(each, best, len(labels)) for each in shuffled]
    return found + [_no_better(each, len(labels)) for each in seen if each.idle and not each.shuffled]


def _look(name: str, values: FloatArray, labels: IntArray) -> _Seen:
    order = find_class_order(values, labels)
    accuracy = float(hits(values, labels).mean())
    idle = order is None and above_chance(values, labels) < _NO_BETTER
    return _Seen(name, accuracy, order, order is None and looks_shuffled(values, labels), idle)


def _class_order(predictions: Predictions, name: str, found: ClassOrder) -> Finding:
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
    return Finding("class order", evidence, remedy, name, "proposal", {"classes": names})


def _labels_shuffled(seen: list[_Seen], samples: int) -> Finding:
    accuracies = [each.accuracy for each in seen]
    share = f"{min(accuracies):.0%}"
    if len(seen) > 1:
        share += f" to {max(accuracies):.0%}"
    evidence = f"No member's answers have to do with the labels: right in {share} of {samples} rows, in any order."
    return Finding("labels shuffled", evidence, "Are the labels in the order of the rows?")


def _rows_shuffled(seen: _Seen, best: float, samples: int) -> Finding:
    evidence = (
        f"The answers of member '{seen.name}' have nothing to do with the labels: right in {seen.accuracy:.0%} of "
        f"{samples} rows, whatever the order of its classes; another member in {best:.0%}."
    )
    return Finding("rows in another order", evidence, "Are its rows in this order, and is it trained?", seen.name)


def _no_better(seen: _Seen, samples: int) -> Finding:
    evidence = f"Member '{seen.name}' is no better than chance: right in {seen.accuracy:.0%} of {samples} rows."
    remedy = "Look at its preprocessing and the order of its classes, or leave it out."
    return Finding("no better than chance", evidence, remedy, seen.name)
