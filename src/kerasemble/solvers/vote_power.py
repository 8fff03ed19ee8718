"""How far to believe votes together, as the members that cast them err together."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.confusion import Confusion, Smoothed, confusion, in_effective_rows, normalised
from kerasemble.solvers.newton import Evaluation, Solution, minimise
from kerasemble.solvers.quadratic import Matrix, Vector
from kerasemble.solvers.votes import Ballots, Votes

# The powers among which the best is looked for. Independent members want 1.
_LEAST, _MOST = 1e-12, 10.0
# From above, Newton's step for a logarithm ends below zero; a step divides the power by no more than this.
_STEEPEST = 10.0
# What rounding may leave of a count from which its only row is taken away.
_LEAST_COUNT = 1e-12
# What rounding leaves of the variance of numbers that are equal.
_NO_VARIANCE = 1e-12


def solve_power(
    ballots: Ballots,
    labels: IntArray,
    weights: RowWeights,
    smooth: Smoothed,
    *,
    strength: float = 1.0,
    gap: float = 1e-9,
) -> Solution:
    """Return the power p > 0 of the votes at which the log loss of rows that were not counted is least.

    f(p) = mean(-log softmax(log_prior + p sum_m log_votes_m)_true) + strength / rows * (members p - log p), where
    each row is scored by what the counts are without it. (Its own class's are all that change, but for the members'
    coins, which are left as they are.) The last term keeps the power finite where no row is wrong: it is least at
    1 / members, the power of members that all know the same. f is convex, and by that term at least strength / rows /
    100 so up to a power of 10, which gives the certificate: f(p) - f* <= max over q of
    f'(p) (p - q) - strength / rows / 200 (p - q)**2.

    Args:
        ballots: the votes.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts, of which only ratios matter.
        smooth: the counts of the same rows, smoothed.
        strength: of the shrinkage, in rows.
        gap: the bound on f(p) - f*, in nats, at which to stop.
    """
    members, means = ballots.members, weights / weights.sum()
    pull = strength / effective_rows(weights)
    log_prior, log_votes = np.log(smooth.prior), confusion(smooth).log_votes
    true_prior, true_votes = _without_the_row(ballots, labels, in_effective_rows(weights), smooth)

    def evaluate(powers: Vector, curvature: bool) -> Evaluation:  # noqa: ARG001, FBT001 - as newton.Function has it
        power = float(powers[0])
        value = pull * (members * power - np.log(power))
        slope, curve = pull * (members - 1 / power), pull / power**2
        for rows, votes in ballots:
            true, index = labels[rows], np.arange(votes.shares.shape[0])
            evidence = votes.shares @ log_votes[votes.cells]
            evidence[index, true] = true_votes[rows]
            scores = log_prior + power * evidence
            scores[index, true] = true_prior[rows] + power * true_votes[rows]
            pool, log_totals = normalised(scores)
            expected = np.einsum("rc,rc->r", pool, evidence)
            value += float(means[rows] @ (log_totals - scores[index, true]))
            slope += float(means[rows] @ (expected - true_votes[rows]))
            evidence -= expected[:, None]
            curve += float(means[rows] @ np.einsum("rc,rc,rc->r", pool, evidence, evidence))
        reach = min(abs(slope) * _MOST**2 / pull, power - _LEAST if slope > 0 else _MOST - power)
        bound = abs(slope) * reach - pull / _MOST**2 * reach**2 / 2
        return Evaluation(float(value), np.array([slope]), np.array([[curve]]), float(bound))

    return minimise(evaluate, np.array([1 / members]), gap, _newton_step)


def power_of_design(ballots: Ballots, found: Confusion) -> float:
    """Return the power of votes whose truth nobody knows: one over their design effect, and 1 at most.

    The design effect is how many times as much the number of wrong votes varies from row to row as it would if the
    members erred independently. Votes are wrong by how probable `found` makes the other classes. Where no row has more
    of them than another, the members may all be one: 1 / members.

    Reference:
        Kish 1965, Survey Sampling.
    """
    members, sums, squares, totals = ballots.members, 0.0, 0.0, np.zeros((2, ballots.members))
    for _, votes in ballots:
        truth, _ = normalised(found.log_prior + votes.shares @ found.log_votes[votes.cells])
        row = np.repeat(np.arange(len(truth)), np.diff(votes.shares.indptr))
        voter, voted = np.divmod(votes.cells[votes.shares.indices], ballots.classes)
        right = np.bincount(row * members + voter, votes.shares.data * truth[row, voted], len(truth) * members)
        wrong = 1 - right.reshape(-1, members)
        totals += [wrong.sum(axis=0), (wrong**2).sum(axis=0)]
        sums += float(wrong.sum())
        squares += float((wrong.sum(axis=1) ** 2).sum())
    independent = float((totals[1] - totals[0] ** 2 / ballots.samples).sum())
    together = squares - sums**2 / ballots.samples
    if together <= _NO_VARIANCE * ballots.samples:
        return 1 / members
    return min(1.0, independent / together)


def _without_the_row(ballots: Ballots, labels: IntArray, shares: RowWeights, smooth: Smoothed) -> tuple[Vector, Vector]:
    """Return for each row's true class its prior and what the votes say for it, by the counts without that row.

    Both are logarithms (samples,), the prior's but for a constant.
    """
    prior = np.log(np.maximum(smooth.prior[labels] - shares, _LEAST_COUNT))
    evidence = -ballots.members * np.log(np.maximum(smooth.rows[labels] - shares, _LEAST_COUNT))
    for rows, votes in ballots:
        evidence[rows] += _for_true_class(votes, labels[rows], shares[rows], smooth)
    return prior, evidence


def _for_true_class(votes: Votes, true: IntArray, shares: RowWeights, smooth: Smoothed) -> Vector:
    """Return the sum over members of the logarithm of how often the vote fell otherwise on the true class (rows,)."""
    row = np.repeat(np.arange(len(true)), np.diff(votes.shares.indptr))
    vote = votes.shares.data
    left = smooth.votes[votes.cells[votes.shares.indices], true[row]] - shares[row] * vote
    logs = vote * np.log(np.maximum(left, _LEAST_COUNT))
    return np.asarray(np.bincount(row, weights=logs, minlength=len(true)), dtype=np.float64)


def _newton_step(hessian: Matrix, gradient: Vector, at: Vector) -> Vector:
    """Return the power that Newton's step leads to, as far as it goes at once."""
    return np.asarray(np.clip(at - gradient / hessian[0], np.maximum(at / _STEEPEST, _LEAST), _MOST))
