"""How often each member votes for each class where each class is true: counted, and smoothed toward a coin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.quadratic import Matrix, Vector
from kerasemble.solvers.votes import Ballots, Votes


class Counts(NamedTuple):
    """Votes by what was true, in effective rows.

    Args:
        votes: (members * classes, classes) by member, class voted for and true class.
        rows: (classes,) by true class.
    """

    votes: Matrix
    rows: Vector


class Smoothed(NamedTuple):
    """Counts with rows added that nobody saw, so that none is zero.

    Args:
        votes: (members * classes, classes), summing over the votes of a member to `rows`.
        rows: (classes,) by true class.
        prior: (classes,) by true class, for how frequent it is: with fewer rows added.
    """

    votes: Matrix
    rows: Vector
    prior: Vector


class Confusion(NamedTuple):
    """What a naive Bayes vote is made of.

    Args:
        log_prior: (classes,) of each class.
        log_votes: (members * classes, classes), of a member's vote for a class where a class is true.
    """

    log_prior: Vector
    log_votes: Matrix


def no_counts(members: int, classes: int) -> Counts:
    """Return the counts of no rows."""
    return Counts(np.zeros((members * classes, classes)), np.zeros(classes))


def add(counts: Counts, votes: Votes, truth: Matrix) -> None:
    """Add a block's votes to `counts`, in place.

    Args:
        counts: so far.
        votes: of the block.
        truth: (rows, classes), how much of each row belongs to each class; sums to how much the row counts.
    """
    counts.votes[votes.cells] += votes.shares.T @ truth
    counts.rows[:] += truth.sum(axis=0)


def count(ballots: Ballots, labels: IntArray, weights: RowWeights) -> Counts:
    """Return the counts where the truth is known.

    Args:
        ballots: the votes.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts, of which only ratios matter.
    """
    shares = in_effective_rows(weights)
    counts = no_counts(ballots.members, ballots.classes)
    for rows, votes in ballots:
        add(counts, votes, shares[rows, None] * (labels[rows, None] == np.arange(ballots.classes)))
    return counts


def in_effective_rows(weights: RowWeights) -> RowWeights:
    """Return the weights with the number of equally weighted rows that would tell as much for their sum."""
    return np.asarray(weights * (effective_rows(weights) / weights.sum()))


def smoothed(counts: Counts, smoothing: float) -> Smoothed:
    """Return the counts with `smoothing` rows of each class added, voted on as a coin falls.

    The coin is the member's own: it votes for the true class as often as the member did in all rows and in two more,
    of which it got one right, and for each other class equally often. For how frequent the classes are, one row of
    each is added: with ten, 50 rows of unequal classes gave 4 to 38 % more log loss, and of equal ones 1 to 8 % less.
    """
    classes = len(counts.rows)
    table = counts.votes.reshape(-1, classes, classes)
    right = ((np.einsum("mcc->m", table) + 1) / (counts.rows.sum() + 2))[:, None, None]
    coin = np.where(np.eye(classes, dtype=bool), right, (1 - right) / (classes - 1))
    votes = (table + smoothing * coin).reshape(-1, classes)
    return Smoothed(votes, counts.rows + smoothing, counts.rows + 1)


def confusion(smooth: Smoothed) -> Confusion:
    """Return the logarithms of the frequencies in smoothed counts."""
    return Confusion(np.log(smooth.prior / smooth.prior.sum()), np.log(smooth.votes) - np.log(smooth.rows))


def normalised(scores: Matrix) -> tuple[Matrix, Vector]:
    """Return exp(scores) (rows, classes) divided by its sums, and the logarithm of these sums (rows,)."""
    best = scores.max(axis=1, keepdims=True)
    pool = np.exp(scores - best)
    totals = pool @ np.ones(scores.shape[1])
    pool /= totals[:, None]
    return pool, best[:, 0] + np.log(totals)
