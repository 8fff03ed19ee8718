"""A proposal is made only where it makes a member better on rows that it was not made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.match import halves

Hits = npt.NDArray[np.float64]


def held_out(hits: Callable[[IntArray, IntArray], Hits], labels: IntArray) -> Hits:
    """Return for each row whether it is right under what the other half of the rows would have proposed.

    Args:
        hits: called with the rows to propose from and the rows to judge; returns the hits of the latter.
        labels: (samples,) class indices; each half has its share of every class.

    Returns:
        (samples,) hits; none where one half has no rows to propose from.
    """
    half = halves(labels)
    one, other = np.flatnonzero(half == 0), np.flatnonzero(half == 1)
    if not len(one) or not len(other):
        return np.zeros(len(labels))
    judged = np.empty(len(labels))
    judged[one], judged[other] = hits(other, one), hits(one, other)
    return judged


def can_judge(labels: IntArray) -> bool:
    """Say whether each half of the rows holds each class that has rows at all."""
    counts = np.bincount(labels)
    return bool((counts[counts > 0] > 1).all())


def balanced(hits: Hits, labels: IntArray) -> float:
    """Return the mean over classes of the share that is right."""
    counts = np.bincount(labels)
    return float((np.bincount(labels, hits)[counts > 0] / counts[counts > 0]).mean())


def verified(proposal: Finding, before: Hits | float, after: Hits, labels: IntArray) -> Finding | None:
    """Return the proposal with its figures, or None where it does not raise the balanced accuracy.

    Args:
        proposal: what is to be said.
        before: (samples,) hits as things are; where nothing can be read as things are, the accuracy of a blind guess.
        after: (samples,) hits as proposed, from `held_out`.
        labels: (samples,) class indices, as they were given.
    """
    old = before if isinstance(before, float) else balanced(before, labels)
    new = balanced(after, labels)
    if not new > old:
        return None
    figures = {**proposal.figures, "rows": len(labels), "before": old, "held_out": new}
    return dataclasses.replace(proposal, figures=figures)
