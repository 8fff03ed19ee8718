"""Measure what stages promise on rows that nobody has seen: coverage, risk, calibration.

    python benchmarks/stages.py [--out docs/measured/stages.md] [--repeats 50] [--only digits mnist]

For each pool of `pools.py` the rows are divided at random, by class, into some to fit to and the rest to look at,
several times; the aerial votes have one division a fold. Everything is learned from the rows that are fitted to: the
combiner, a `WeightedGeometricAverage`, or a `BayesianVote` where members give labels only, and the stages after it.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pools

import kerasemble as ke
from kerasemble.combiners.stages.conformal_sets import METHODS
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task

ROWS = {"digits": 400, "mnist": 1000, "xray": 400, "cifar-votes": 1000}
AERIAL = "aerial-votes"
COVERAGES, RISKS = (0.9, 0.95), (0.02, 0.05, 0.1)
CALIBRATORS: dict[str, tuple[ke.Stage, ...]] = {
    "none": (),
    "temperature": (ke.Temperature(),),
    "vector scaling": (ke.VectorScaling(),),
    "isotonic": (ke.Isotonic(),),
}
BINS = 15


class Division(NamedTuple):
    """Rows to fit to and rows to look at, with their labels."""

    seen: Predictions
    labels: np.ndarray
    unseen: Predictions
    true: np.ndarray


def predictions(pool: pools.Pool) -> Predictions:
    """Return a pool as predictions: of labels only where it holds votes."""
    if pool.votes is not None:
        return Predictions.from_labels(dict(zip(pool.members, pool.votes, strict=True)), classes=pool.classes)
    task = Task.BINARY if len(pool.classes) == 2 else Task.MULTICLASS
    return Predictions(pool.values, pool.members, pool.classes, task)


def divisions(name: str, repeats: int) -> list[Division]:
    """Return the divisions of a pool, or of the aerial votes of every fold."""
    names = [f"{AERIAL}-{fold}" for fold in range(1, pools.FOLDS + 1)] if name == AERIAL else [name]
    found = []
    for pool in map(pools.load, names):
        seen = predictions(pool)
        for fit, look in pools.splits(pool, ROWS.get(name, 0), repeats, seed=7):
            found.append(Division(seen.rows(fit), pool.labels[fit], seen.rows(look), pool.labels[look]))
    return found


def combiner(seen: Predictions) -> ke.Combiner:
    """Return what comes before the stages."""
    return ke.BayesianVote() if seen.labels_only else ke.WeightedGeometricAverage()


def outputs(division: Division, stages: Sequence[ke.Stage]) -> dict[str, np.ndarray]:
    """Return what a chain of these stages answers to the rows that it has not seen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ke.KerasembleWarning)
        fitted = ke.Chain(combiner(division.seen), tuple(stages)).fit(division.seen, division.labels)
    return fitted.outputs(division.unseen)


def sets(name: str, every: Sequence[Division]) -> Iterable[list[str]]:
    """Yield a line for each method and coverage: how often the true class is in the set, and how large sets are."""
    for coverage in COVERAGES:
        for method in METHODS:
            found, sizes = [], []
            for each in every:
                inside = outputs(each, [ke.ConformalSets(coverage, method)])["prediction_set"]
                found.append(inside[np.arange(len(each.true)), each.true].mean())
                sizes.append(inside.sum(axis=1).mean())
            yield [name, method, f"{coverage:.1%}", f"{np.mean(found):.1%}", spread(found), f"{np.mean(sizes):.3f}"]


def abstaining(name: str, every: Sequence[Division]) -> Iterable[list[str]]:
    """Yield a line for each risk: what was found among the answers, in how many divisions it was more, how many."""
    for risk in RISKS:
        found, shares, broken = [], [], []
        for each in every:
            answer = outputs(each, [ke.Temperature(), ke.Abstain(risk)])
            kept = ~answer["abstain"]
            wrong = 1 - hits(answer["probabilities"], each.true)[kept]
            shares.append(kept.mean())
            if kept.any():
                found.append(wrong.mean())
                broken.append(wrong.mean() > risk)
        shown = [f"{np.mean(found):.2%}", f"{sum(broken)} of {len(every)}"] if found else ["none answered", "-"]
        yield [name, f"{risk:.0%}", *shown, f"{np.mean(shares):.1%}"]


def calibration(name: str, every: Sequence[Division]) -> Iterable[list[str]]:
    """Yield a line for each calibrator: log loss, calibration error and accuracy."""
    for title, stages in CALIBRATORS.items():
        scores = []
        for each in every:
            probabilities = outputs(each, stages)["probabilities"]
            loss, right = log_losses(probabilities, each.true).mean(), hits(probabilities, each.true).mean()
            scores.append((loss, calibration_error(probabilities, each.true), right))
        loss, error, accuracy = np.mean(scores, axis=0)
        yield [name, title, f"{loss:.4f}", f"{error:.4f}", f"{accuracy:.2%}"]


def calibration_error(probabilities: np.ndarray, true: np.ndarray) -> float:
    """Return the mean distance of confidence and accuracy over bins of equally many rows."""
    confidence, right = probabilities.max(axis=1), hits(probabilities, true)
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, BINS)
    return float(sum(len(part) * abs(confidence[part].mean() - right[part].mean()) for part in parts) / len(order))


def spread(values: Sequence[float]) -> str:
    """Return the range that holds the middle nine tenths of the values."""
    low, high = np.quantile(values, [0.05, 0.95])
    return f"{low:.1%} to {high:.1%}"


def table(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    rule = ["---"] * len(heading)
    return "\n".join("| " + " | ".join(line) + " |" for line in (heading, rule, *lines)) + "\n"


def main() -> None:
    """Measure, print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, metavar="FILE.md")
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--only", nargs="+", default=[*ROWS, AERIAL], metavar="SET")
    options = parser.parse_args()
    measured: dict[str, list[list[str]]] = {"sets": [], "abstaining": [], "calibration": []}
    for name in options.only:
        every = divisions(name, options.repeats)
        title = f"{name} ({every[0].seen.samples} rows, {len(every)} divisions)"
        measured["sets"] += sets(title, every)
        measured["abstaining"] += abstaining(title, every)
        measured["calibration"] += calibration(title, every)
    text = "\n".join(
        [
            table(("set", "method", "coverage stated", "found", "in 9 of 10 divisions", "mean size"), measured["sets"]),
            table(("set", "risk stated", "found", "more than stated", "answered"), measured["abstaining"]),
            table(("set", "calibrator", "log loss", "ECE", "accuracy"), measured["calibration"]),
        ]
    )
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
