"""What looks wrong although it can be computed: said in the report, never silently used."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from kerasemble.core.arrays import IntArray, blocks, first
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.leakage import trained_on
from kerasemble.evaluation.match import strength
from kerasemble.evaluation.misread import misread

# A shift by one is said only where it explains at least this much more of the labels than the labels as given, for the
# member in the middle, and where that is more than chance by so many standard deviations over all members.
_SHIFT_GAIN, _CHANCE = 0.1, 4.0
# From here on who always answers the most frequent class is right too often for accuracy to tell anything.
_MOSTLY = 0.9
# Below this many rows two members that give labels only may agree on all of them and be different.
_ENOUGH_LABELS = 100


def suspicions(predictions: Predictions, labels: IntArray | None = None) -> tuple[Finding, ...]:
    """Return what about members or labels looks wrong.

    Args:
        predictions: of all members for the same rows.
        labels: (samples,) class indices, where they are known.
    """
    constant = _constant(predictions)
    found = [*_duplicates(predictions), *constant]
    if labels is not None:
        shifts = _shifts(predictions, labels)
        found += [*_absent(predictions, labels), *_uneven(predictions, labels), *map(_shifted, shifts.items())]
        # What is off by a shift of all labels is no fault of a member.
        mended = (labels + next(iter(shifts), 0)) % len(predictions.classes)
        found += misread(predictions, mended, [str(each.member) for each in constant])
        found += trained_on(predictions, labels)
    return tuple(found)


def lone_member(predictions: Predictions) -> tuple[str, ...]:
    """Return a sentence where there is one member only, which cannot be combined with anything."""
    if len(predictions.members) > 1:
        return ()
    return (f"There is one member ('{predictions.members[0]}'): nothing to combine.",)


def _duplicates(predictions: Predictions) -> list[Finding]:
    """Compare each pair, stopping at the first row that differs, which is nearly always the first."""
    if predictions.samples < 2:
        return []
    # Two that give labels only may well agree on few rows.
    if predictions.labels_only and predictions.samples < _ENOUGH_LABELS:
        return []
    pairs = combinations(enumerate(predictions.members), 2)
    return [
        Finding(
            "duplicate",
            f"Members '{one}' and '{other}' give identical predictions: a duplicate counts twice.",
            "Leave one out.",
            other,
        )
        for (left, one), (right, other) in pairs
        if _alike(predictions, left, right)
    ]


def _alike(predictions: Predictions, one: int, other: int) -> bool:
    """Compare two members a block at a time, the first row before all."""
    values = predictions.values
    spans = (slice(0, 1), *blocks(predictions.samples, len(predictions.classes), times=8))
    return all(np.array_equal(values[one, rows], values[other, rows]) for rows in spans)


def _constant(predictions: Predictions) -> list[Finding]:
    if predictions.samples < 2:
        return []
    return [
        Finding(
            "constant",
            f"Member '{name}' gives the same answer for all {predictions.samples} rows:",
            "is it trained, and its input right?",
            name,
        )
        for name, values in zip(predictions.members, predictions.each(), strict=True)
        if np.allclose(values, values[:1], rtol=0, atol=1e-6)
    ]


def _absent(predictions: Predictions, labels: IntArray) -> list[Finding]:
    counts = np.bincount(labels, minlength=len(predictions.classes))
    absent = [name for name, count in zip(predictions.classes, counts, strict=True) if not count]
    if not absent:
        return []
    unknown = f"the scores say nothing about {'it' if len(absent) == 1 else 'them'}."
    return [Finding("absent class", f"No row is labelled {first(absent)}:", unknown)]


def _uneven(predictions: Predictions, labels: IntArray) -> list[Finding]:
    """Warn where nearly all rows are of one class; that all are is said of the classes that have none."""
    counts = np.bincount(labels, minlength=len(predictions.classes))
    share = counts.max() / len(labels)
    if share < _MOSTLY or share == 1:
        return []
    top = predictions.classes[int(counts.argmax())]
    always = f"{share:.1%} of the rows are labelled {top}, so always answering that has this accuracy:"
    remedy = "look at balanced accuracy, or weigh classes with class_weight='balanced'."
    return [Finding("uneven classes", always, remedy)]


def _shifts(predictions: Predictions, labels: IntArray) -> dict[int, float]:
    """Look for labels that are the true ones plus or minus one, as when 0..C-1 was made from another list.

    Returns:
        What mends it, and by how much it raises the members' accuracy on the median.
    """
    classes = len(predictions.classes)
    if classes < 3:
        return {}
    found = {}
    for shift in (-1, 1):
        moved = (labels + shift) % classes
        gains = [hits(values, moved) - hits(values, labels) for values in predictions.each()]
        middle = float(np.median([gain.mean() for gain in gains]))
        sure = strength(np.mean(gains, axis=0), labels, np.bincount(labels)) > _CHANCE
        if sure and middle > _SHIFT_GAIN:
            found[shift] = middle
    return found


def _shifted(found: tuple[int, float]) -> Finding:
    shift, gain = found
    evidence = f"Labels look shifted: adding {shift} to each raises the members' accuracy by {gain:.0%}."
    return Finding("labels shifted", evidence, "Check that label 0 means the first class.")
