"""What looks wrong although it can be computed: said in the report, never silently used."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from kerasemble.core.arrays import IntArray, first
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions

# A shift by one is said only where it explains at least this much more of the labels than the labels as given, and
# more than chance: between two shifts the accuracy of a member that knows nothing differs by up to 0.82 / sqrt(rows)
# (one standard deviation, three classes).
_SHIFT_GAIN, _CHANCE = 0.2, 2.0
# Below this many rows two members that give labels only may agree on all of them and be different.
_ENOUGH_LABELS = 100
# A member that makes fewer than this share of the next best one's mistakes may have been trained on these rows; said
# where the next best makes at least so many that it is no accident.
_TOO_GOOD, _MISTAKES = 0.1, 20


def suspicions(predictions: Predictions, labels: IntArray | None = None) -> tuple[str, ...]:
    """Return a sentence for each thing about members or labels that looks wrong."""
    found = [*_duplicates(predictions), *_constant(predictions)]
    if labels is not None:
        found += [*_absent(predictions, labels), *_shifted(predictions, labels), *_too_good(predictions, labels)]
    return tuple(found)


def lone_member(predictions: Predictions) -> tuple[str, ...]:
    """Return a sentence where there is one member only, which cannot be combined with anything."""
    if len(predictions.members) > 1:
        return ()
    return (f"There is one member ('{predictions.members[0]}'): nothing to combine.",)


def _duplicates(predictions: Predictions) -> list[str]:
    """Compare each pair, stopping at the first row that differs, which is nearly always the first."""
    if predictions.samples < 2:
        return []
    # Two that give labels only may well agree on few rows.
    if predictions.labels_only and predictions.samples < _ENOUGH_LABELS:
        return []
    pairs = combinations(zip(predictions.members, predictions.values, strict=True), 2)
    return [
        f"Members '{one}' and '{other}' give identical predictions: a duplicate counts twice. Leave one out."
        for (one, left), (other, right) in pairs
        if np.array_equal(left[:1], right[:1]) and np.array_equal(left, right)
    ]


def _constant(predictions: Predictions) -> list[str]:
    if predictions.samples < 2:
        return []
    return [
        f"Member '{name}' gives the same answer for all {predictions.samples} rows: is it trained, and its input right?"
        for name, values in zip(predictions.members, predictions.each(), strict=True)
        if np.allclose(values, values[:1], rtol=0, atol=1e-6)
    ]


def _absent(predictions: Predictions, labels: IntArray) -> list[str]:
    counts = np.bincount(labels, minlength=len(predictions.classes))
    absent = [name for name, count in zip(predictions.classes, counts, strict=True) if not count]
    if not absent:
        return []
    return [f"No row is labelled {first(absent)}: the scores say nothing about {'it' if len(absent) == 1 else 'them'}."]


def _shifted(predictions: Predictions, labels: IntArray) -> list[str]:
    """Look for labels that are the true ones plus or minus one, as when 0..C-1 was made from another list."""
    classes = len(predictions.classes)
    if classes < 3:
        return []
    found = []
    for shift in (-1, 1):
        moved = (labels + shift) % classes
        gains = [hits(values, moved).mean() - hits(values, labels).mean() for values in predictions.each()]
        if np.median(gains) > _SHIFT_GAIN + _CHANCE / np.sqrt(len(labels)):
            found.append(
                f"Labels look shifted: adding {shift} to each raises the members' accuracy by {np.median(gains):.0%}. "
                "Check that label 0 means the first class."
            )
    return found


def _too_good(predictions: Predictions, labels: IntArray) -> list[str]:
    """Look for a member that was trained on these rows, by its having next to no mistakes where all others have."""
    # Of two, one may well be that much better.
    if len(predictions.members) < 3:
        return []
    mistakes = np.array([len(labels) - hits(values, labels).sum() for values in predictions.each()])
    best, second = np.argsort(mistakes, kind="stable")[:2]
    if mistakes[second] < _MISTAKES or mistakes[best] >= _TOO_GOOD * mistakes[second]:
        return []
    sentence = (
        f"Member '{predictions.members[best]}' is wrong in {mistakes[best]:.0f} of {len(labels)} rows, the next best "
        f"in {mistakes[second]:.0f}: was it trained on these rows? What is fitted to them then trusts it too much."
    )
    return [sentence]
