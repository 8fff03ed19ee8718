"""How often what is said of honest weak members, and of members that share an order of classes, is wrong.

The members are made: their truth is known. `detection.py` adds the tables to its own; `python benchmarks/advice.py`
prints them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import softmax
from kerasemble.core.codes import Code
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.suspicions import suspicions

DRAWS = 200
WEAK = ((40, 0.8), (100, 0.7), (100, 0.5), (150, 0.5))  # rows and skill: right in 64 to 72 %
ORDERS = ((3, 300), (4, 400), (10, 500))  # classes and rows
SHARED = ((1, 0), (2, 0), (3, 0), (3, 1), (2, 2))  # members that share an order, and beside them members that do not
ACCUSED = {Code.UNRELATED, Code.LABELS_UNRELATED, Code.BELOW_CHANCE}
UNTOLD = {Code.NEAR_CHANCE, Code.LABELS_NEAR_CHANCE}


class Wrong(NamedTuple):
    """Of one draw: whether an order was advised that is not the member's, and whether one was missed."""

    advised: bool
    missed: bool


def member(labels: np.ndarray, classes: int, skill: float, rng: np.random.Generator) -> np.ndarray:
    """Return calibrated probabilities (rows, classes) of a member of this skill."""
    return softmax(skill * (skill * np.eye(classes)[labels] + rng.normal(size=(len(labels), classes))), np)


def weak(rows: int, skill: float, members: int) -> Iterator[tuple[float, tuple[Finding, ...]]]:
    """Yield the first member's accuracy and what is found, for draws of honest weak members of two classes."""
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, rows)
        tables = {f"m{i}": member(labels, 2, skill, rng) for i in range(members)}
        accuracy = float((tables["m0"].argmax(axis=1) == labels).mean())
        yield accuracy, suspicions(Predictions.from_arrays(tables), labels)


def shared(classes: int, rows: int, odd: int, right: int, *, named: bool) -> Iterator[Wrong]:
    """Yield what is advised where `odd` members share an order that is drawn, and `right` others are as they should be.

    Labels are names or indices; of indices a shift may be meant where the order is one by one further.
    """
    names = [f"class {i}" for i in range(classes)]
    one_further = [list(np.roll(np.arange(classes), shift)) for shift in (-1, 1)]
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        order = rng.permutation(classes)
        labels = rng.integers(0, classes, rows)
        tables = {f"m{i}": member(labels, classes, 2.5, rng) for i in range(odd + right)}
        tables = {key: value[:, order] if int(key[1:]) < odd else value for key, value in tables.items()}
        found = suspicions(Predictions.from_arrays(tables, classes=names), labels, named=named)
        expected = {} if list(order) == sorted(order) else {f"m{i}": [names[j] for j in order] for i in range(odd)}
        said = {each.member: list(each.options["classes"]) for each in found if each.code == Code.CLASS_ORDER}
        shifted = any(each.code == Code.LABELS_SHIFTED for each in found)
        if shifted and not named and not right and list(order) in one_further:
            expected = {}
            shifted = False
        wrong = shifted or any(expected.get(str(name)) != classes for name, classes in said.items())
        yield Wrong(wrong, any(name not in said for name in expected))


def lines() -> Iterator[str]:
    """Yield the two tables."""
    yield f"Honest weak members of two classes, {DRAWS} draws each: the share of draws in which one is accused of"
    yield "having nothing to do with the labels or of being no better than chance, and in which one, or all, cannot be"
    yield "told from chance on so few rows.\n"
    yield "| members | rows | right in | accused | cannot be told |"
    yield "| --- | --- | --- | --- | --- |"
    for members in (1, 4):
        for rows, skill in WEAK:
            drawn = list(weak(rows, skill, members))
            codes = [{each.code for each in found} for _, found in drawn]
            accused, untold = (np.mean([bool(said & each) for each in codes]) for said in (ACCUSED, UNTOLD))
            accuracy = np.mean([accuracy for accuracy, _ in drawn])
            yield f"| {members} | {rows} | {accuracy:.0%} | {accused:.1%} | {untold:.1%} |"
    yield f"\nMembers that share an order of classes, drawn anew in each of {DRAWS} draws: the share of draws in which"
    yield "another order, or a shift of the labels, is advised, and in which a member that needs advice gets none.\n"
    yield "| classes | rows | share it | do not | labels | advised wrongly | not advised |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for classes, rows in ORDERS:
        for odd, right in SHARED:
            for named in (True, False):
                drawn = list(shared(classes, rows, odd, right, named=named))
                advised, missed = (np.mean([each[i] for each in drawn]) for i in (0, 1))
                kind = "names" if named else "indices"
                yield f"| {classes} | {rows} | {odd} | {right} | {kind} | {advised:.1%} | {missed:.1%} |"


if __name__ == "__main__":
    print("\n".join(lines()))
