"""Members' confusion matrices from their votes alone: expectation and maximisation in turn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.solvers.confusion import Confusion, add, confusion, no_counts, normalised, smoothed
from kerasemble.solvers.quadratic import Matrix
from kerasemble.solvers.votes import Ballots

# Each reads all votes once. Thirty models of CIFAR-10 take ten.
MOST_PASSES = 500


class Unlabelled(NamedTuple):
    """What was found.

    Args:
        confusion: the prior and the members' confusion.
        values: the mean log likelihood of a row's votes, in nats, in each pass.
        converged: whether it stopped changing.
    """

    confusion: Confusion
    values: tuple[float, ...]
    converged: bool


def solve_dawid_skene(
    ballots: Ballots, smoothing: float, *, change: float = 1e-9, most_passes: int | None = None
) -> Unlabelled:
    """Return the confusion under which the members' votes are likely, each row's true class being unknown.

    Each pass takes for the truth what the last one's confusion says of it (the first: the members' shares of votes),
    and counts and smooths as if it were known.

    Args:
        ballots: the votes.
        smoothing: how many rows are added of each class, see `smoothed`.
        change: of the mean log likelihood, in nats, at which to stop.
        most_passes: at which to stop anyway; 500 where None.

    Reference:
        Dawid and Skene 1979, Applied Statistics 28.
    """
    found, _ = _pass(ballots, None, smoothing)
    values: list[float] = []
    while len(values) < (MOST_PASSES if most_passes is None else most_passes):
        found, value = _pass(ballots, found, smoothing)
        values.append(value)
        if len(values) > 1 and abs(values[-1] - values[-2]) <= change:
            return Unlabelled(found, tuple(values), converged=True)
    return Unlabelled(found, tuple(values), converged=False)


def _pass(ballots: Ballots, last: Confusion | None, smoothing: float) -> tuple[Confusion, float]:
    """Return the confusion that follows from the last one, and the mean log likelihood of the last one."""
    counts, value = no_counts(ballots.members, ballots.classes), 0.0
    for _, votes in ballots:
        if last is None:
            truth: Matrix = votes.shares @ np.eye(ballots.classes)[votes.cells % ballots.classes] / ballots.members
        else:
            truth, likelihood = normalised(last.log_prior + votes.shares @ last.log_votes[votes.cells])
            value += float(likelihood.sum())
        add(counts, votes, truth)
    return confusion(smoothed(counts, smoothing)), value / ballots.samples
