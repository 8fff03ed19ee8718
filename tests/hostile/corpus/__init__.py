"""The corpus: every hostile file, by name."""

from __future__ import annotations

from corpus import archives, code, damage, documents, graphs, layout, names, places, sizes, stored
from corpus.case import MARKER, Case

# Damage first: three of its files hang until their time is over, while the others are judged beside them.
_FAMILIES = (damage, places, archives, documents, code, names, graphs, sizes, stored, layout)
CASES: tuple[Case, ...] = tuple(case for family in _FAMILIES for case in family.CASES)

# What a file would do only when it is compiled, which no member is.
TRAINING: tuple[Case, ...] = tuple(code.TRAINING)

__all__ = ["CASES", "MARKER", "TRAINING", "Case"]
