"""Greedy selection of members with replacement: each step adds the one with which the mean is best."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.solvers.quadratic import Vector

# Takes how often each member is selected (members,) and the indices of some candidates; gives for each of these the
# error, lower is better, of the mean of the selected and that candidate.
Errors: TypeAlias = Callable[[IntArray, IntArray], Vector]
# Takes counts (members,) and the indices of equally good candidates; gives one of these.
Settle: TypeAlias = Callable[[IntArray, IntArray], int]

# AutoGluon's rules. Errors closer than this, relatively, are equal; and unless the first is tiny all are rounded
# before they are compared, so that what no score shows adds no member.
_EQUAL = 1e-12
_DECIMALS = 6
_TINY = 1e-4


def select(
    errors: Errors,
    settle: Settle,
    allowed: IntArray,
    members: int,
    steps: int,
    *,
    most: int | None = None,
    sorted_start: int = 0,
) -> IntArray:
    """Return how often each member is selected (members,), at the first best of up to `steps` selections.

    Each step adds the member with which the mean of the selected has the least error; of equally good ones those that
    are selected already go first, and `settle` chooses among these. Without a sorted start these are the steps and
    the rules of AutoGluon's EnsembleSelection.

    Args:
        errors: of the mean of the selected and one more.
        settle: chooses among equally good candidates.
        allowed: the indices, ascending, of the members that may be selected.
        members: how many there are in all.
        steps: how many selections are made.
        most: how many distinct members may be selected; None for any number.
        sorted_start: start from the best of the means of up to this many members, the best ones alone.

    Reference:
        Caruana, Niculescu-Mizil, Crew and Ksikes 2004, ICML.
    """
    most = len(allowed) if most is None else most
    counts, least, decimals = _start(errors, allowed, members, min(sorted_start, most, steps))
    best = counts.copy()
    while counts.sum() < steps:
        candidates = allowed if np.count_nonzero(counts) < most else np.flatnonzero(counts)
        if counts.any() and np.array_equal(candidates, np.flatnonzero(counts)) and len(candidates) == 1:
            break  # One member alone is the mean of any number of its copies.
        found = _rounded(errors(counts, candidates), decimals)
        added = _choose(found, counts, candidates, settle)
        error = float(found[candidates == added][0])
        if not counts.any():
            decimals = _decimals(error)
            error = error if decimals is None else float(np.round(error, decimals))
        counts[added] += 1
        if error < least:
            best, least = counts.copy(), error
    return best


def by_log_loss(log_loss: Errors) -> Settle:
    """Return the rule that takes the candidate with the lowest log loss, and of equal ones the earliest."""

    def settle(counts: IntArray, equal: IntArray) -> int:
        return int(equal[_least(log_loss(counts, equal))][0])

    return settle


def at_random(seed: int) -> Settle:
    """Return the rule that takes any candidate, drawn as AutoGluon draws it, whose seed is 0."""
    random = np.random.RandomState(seed)  # its generator, so that the draws are the same
    return lambda counts, equal: int(random.choice(equal))  # noqa: ARG005 - as Settle has it


def _start(errors: Errors, allowed: IntArray, members: int, longest: int) -> tuple[IntArray, float, int | None]:
    """Return the counts (members,) of the start, its error, and to how many decimals errors are rounded from then."""
    counts = np.zeros(members, dtype=np.int64)
    best, least, decimals = counts.copy(), np.inf, None
    if longest:
        alone = errors(counts, allowed)
        decimals = _decimals(float(alone.min()))
        for member in allowed[np.argsort(alone, kind="stable")][:longest]:
            error = float(_rounded(errors(counts, np.array([member])), decimals)[0])
            counts[member] = 1
            if error < least:
                best, least = counts.copy(), error
    return best, least, decimals


def _choose(found: Vector, counts: IntArray, candidates: IntArray, settle: Settle) -> int:
    """Return the candidate of least error; of equal ones one that is selected already, if any is."""
    equal = candidates[_least(found)]
    selected = equal[counts[equal] > 0]
    equal = selected if len(selected) else equal
    return int(equal[0]) if len(equal) == 1 else settle(counts, equal)


def _least(found: Vector) -> IntArray:
    """Return the positions of the errors that are as good as the least."""
    return np.flatnonzero(np.isclose(found, found.min(), rtol=_EQUAL, atol=0))


def _decimals(first: float) -> int | None:
    """Return to how many decimals errors are rounded, given the first one; None for not at all."""
    return _DECIMALS if abs(first) > _TINY else None


def _rounded(errors: Vector, decimals: int | None) -> Vector:
    return errors if decimals is None else errors.round(decimals)
