"""Measure how many of the most accurate voters a Bayesian vote should count, on published votes.

    python benchmarks/few_voters.py [--draws 20] > docs/measured/few-voters.md

Rows to fit to are drawn as in auto.py. The most accurate voters, the counts and the power are all of these rows; log
loss and accuracy are of the others. The last row takes the number of voters of least cross-fitted log loss.
"""

from __future__ import annotations

import argparse

import numpy as np
import pools
from auto import SEED
from quality import AERIAL, ROWS_OF_VOTES, predictions

import kerasemble as ke
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions

FEW = (1, 3, 5, 7, 10, 15)
FOLDS = 5


def vote(fit: Predictions, labels: np.ndarray, score: Predictions, few: int) -> np.ndarray:
    """Return the probabilities (rows, classes) of the Bayesian vote of the most accurate, of all where few is 0."""
    right = [hits(values, labels).mean() for values in fit.each()]
    kept = np.argsort(-np.array(right), kind="stable")[: few or None]
    names = [fit.members[index] for index in np.sort(kept)]
    return ke.BayesianVote().fit(fit.only(names), labels)(score.only(names))


def picked(fit: Predictions, labels: np.ndarray) -> int:
    """Return how many voters have the least cross-fitted log loss."""
    folds = np.empty(len(labels), np.int64)
    folds[pools.stratified_order(labels, np.random.default_rng(SEED))] = np.arange(len(labels)) % FOLDS
    losses = []
    for few in (*FEW, 0):
        total = 0.0
        for fold in range(FOLDS):
            others, mine = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            total += log_losses(vote(fit.rows(others), labels[others], fit.rows(mine), few), labels[mine]).sum()
        losses.append(total)
    return (*FEW, 0)[int(np.argmin(losses))]


def cells(names: list[str], rows: int, draws: int) -> list[str]:
    """Return log loss and accuracy by the number of voters, the last with that number picked."""
    found = []
    for name in names:
        pool = pools.load(name)
        seen = predictions(pool)
        for fit, score in pools.splits(pool, rows, draws, SEED):
            to_fit, labels, to_score, truth = seen.rows(fit), pool.labels[fit], seen.rows(score), pool.labels[score]
            counts = (*FEW, 0, picked(to_fit, labels))
            answers = [vote(to_fit, labels, to_score, few) for few in counts]
            found.append([(log_losses(each, truth).mean(), 100 * hits(each, truth).mean()) for each in answers])
    return [f"{loss:.3f}, {right:.1f} %" for loss, right in np.mean(found, axis=0)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=20)
    draws = parser.parse_args().draws
    columns = {
        f"{name} {rows}": cells([name], rows, draws) for name, counts in ROWS_OF_VOTES.items() for rows in counts
    }
    columns[AERIAL] = cells([f"{AERIAL}-{fold}" for fold in range(1, pools.FOLDS + 1)], 0, 1)
    print(
        f"Bayesian vote: log loss and accuracy on unseen rows, mean of {draws} draws ({pools.FOLDS} folds of aerial).\n"
    )
    print(f"| most accurate | {' | '.join(columns)} |\n|{' --- |' * (1 + len(columns))}")
    for name, row in zip((*FEW, "all", "as cross-fitting picks"), zip(*columns.values(), strict=True), strict=True):
        print(f"| {name} | {' | '.join(row)} |")


if __name__ == "__main__":
    main()
