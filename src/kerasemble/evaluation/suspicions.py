"""What looks wrong although it can be computed: said in the report, never silently used."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from kerasemble.core.arrays import IntArray, blocks, first
from kerasemble.core.codes import Code
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows, few_effective
from kerasemble.evaluation.class_order import find_class_order, hits_in_order
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.leakage import trained_on
from kerasemble.evaluation.match import strength
from kerasemble.evaluation.misread import misread
from kerasemble.evaluation.proposals import Hits, held_out, verified

# A shift by one is said only where it explains at least this much more of the labels than the labels as given, for the
# member in the middle, and where that is more than chance by so many standard deviations over all members.
_SHIFT_GAIN, _CHANCE = 0.1, 4.0
# A member that is surely worse with the shift speaks against it, and so does an order of the classes that explains so
# much more: the shift must reach this share of what the order gains. One error in ten thousand, for poor members.
_SURE, _SHARE = 3.72, 0.5
# From here on who always answers the most frequent class is right too often for accuracy to tell anything.
_MOSTLY = 0.9
# Below this many rows two members that give labels only may agree on all of them and be different.
_ENOUGH_LABELS = 100


def suspicions(predictions: Predictions, labels: IntArray | None = None, *, named: bool = False) -> tuple[Finding, ...]:
    """Return what about members or labels looks wrong.

    Args:
        predictions: of all members for the same rows.
        labels: (samples,) class indices, where they are known.
        named: whether labels were given as names of classes, which cannot be shifted.
    """
    constant = _constant(predictions)
    found = [*_duplicates(predictions), *constant]
    if labels is not None:
        found += [*_absent(predictions, labels), *_uneven(predictions, labels)]
        shift = None if named else _shift(predictions, labels)
        mended = labels
        if shift is not None:
            found.append(shift)
            mended = (labels + int(shift.figures["shift"])) % len(predictions.classes)
        constants = [str(each.member) for each in constant]
        found += misread(predictions, mended, constants, shifted=shift is not None)
        found += trained_on(predictions, labels)
    return tuple(found)


def uneven_weights(weights: RowWeights) -> list[Finding]:
    """Return a warning where a few rows hold nearly all of the weight."""
    if not few_effective(weights):
        return []
    effective = effective_rows(weights)
    evidence = f"The weights of {len(weights)} rows make them count as {effective:.1f} rows of equal weight."
    remedy = "A few rows decide every figure: check sample_weight and class_weight."
    return [Finding(Code.FEW_EFFECTIVE_ROWS, evidence, remedy, figures={"effective_rows": effective})]


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
            Code.DUPLICATE,
            f"Members '{one}' and '{other}' give identical predictions: a duplicate counts twice.",
            "Leave one out.",
            other,
            figures={"rows": predictions.samples},
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
            Code.CONSTANT,
            f"Member '{name}' gives the same answer for all {predictions.samples} rows:",
            "is it trained, and its input right?",
            name,
            figures={"rows": predictions.samples},
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
    figures = {"rows": len(labels), "classes": len(absent)}
    return [Finding(Code.ABSENT_CLASS, f"No row is labelled {first(absent)}:", unknown, figures=figures)]


def _uneven(predictions: Predictions, labels: IntArray) -> list[Finding]:
    """Warn where nearly all rows are of one class; that all are is said of the classes that have none."""
    counts = np.bincount(labels, minlength=len(predictions.classes))
    share = counts.max() / len(labels)
    if share < _MOSTLY or share == 1:
        return []
    top = predictions.classes[int(counts.argmax())]
    always = f"{share:.1%} of the rows are labelled {top}, so always answering that has this accuracy:"
    remedy = "look at balanced accuracy, or weigh classes with class_weight='balanced'."
    return [Finding(Code.UNEVEN_CLASSES, always, remedy, figures={"rows": len(labels), "share": float(share)})]


def _shift(predictions: Predictions, labels: IntArray) -> Finding | None:
    """Look for labels that are the true ones plus or minus one, as when 0..C-1 was made from another list.

    It must be so for all members: where one is better without, the labels are right, and where another order of their
    classes explains more, it is that which they share.
    """
    classes = len(predictions.classes)
    if classes < 3:
        return None
    counts = np.bincount(labels)
    right = {  # by shift, (members, samples)
        shift: np.stack([hits(values, (labels + shift) % classes) for values in predictions.each()])
        for shift in (-1, 0, 1)
    }
    means = {shift: each.mean(axis=0) for shift, each in right.items()}
    shift = max(means, key=lambda each: float(means[each].mean()))
    gains = right[shift] - right[0]
    gain = float(np.median(gains.mean(axis=1)))
    if gain <= _SHIFT_GAIN or strength(gains.mean(axis=0), labels, counts) <= _CHANCE:
        return None
    if min(strength(each, labels, counts) for each in gains) < -_SURE:
        return None
    moved = (labels + shift) % classes
    sure = [find_class_order(values, moved) is not None for values in predictions.each()]
    ordered = float(np.mean([hits_in_order(values, labels).mean() for values in predictions.each()]))
    given, shifted = float(means[0].mean()), float(means[shift].mean())
    # A poor member may be better in some other order whatever its labels are, but hardly gain twice as much.
    if 2 * sum(sure) >= len(sure) or shifted - given < _SHARE * (ordered - given):
        return None

    def judge(others: IntArray, rows: IntArray) -> Hits:
        best = max(means, key=lambda each: float(means[each][others].mean()))
        return np.asarray(means[best][rows], dtype=np.float64)

    return verified(_shifted(shift, classes, gain), means[0], held_out(judge, labels), labels)


def _shifted(shift: int, classes: int, gain: float) -> Finding:
    mended = f"(y {'+' if shift > 0 else '-'} {abs(shift)}) % {classes}"
    evidence = f"Labels look shifted: {mended} raises the members' accuracy by {100 * gain:.0f} points."
    remedy = "Check that label 0 means the first class; if it does, give every member classes=[...] in its own order."
    return Finding(Code.LABELS_SHIFTED, evidence, remedy, figures={"shift": shift, "gain": gain})
