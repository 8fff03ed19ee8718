"""Measure how good each combiner is on rows that nobody has seen, by how many labelled rows it was fitted to.

    python benchmarks/quality.py [--out docs/measured] [--repeats 10] [--only digits mnist]

Writes quality.json and quality.md, which the documentation includes. For each pool of `pools.py` the labelled rows are
divided at random, by class, into some to fit to and the rest to score on, several times. What is shown is the mean
score; `±` is twice the standard error of the mean difference from the plain mean over the divisions, which share
rows, so it is a hint and no interval. `auto` is what `kerasemble.compare` chooses on the rows that it is fitted to.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pools

import kerasemble as ke
from kerasemble.combiners import registry
from kerasemble.combiners.recipes import label
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task
from kerasemble.evaluation.compare import compared
from kerasemble.evaluation.plan import Settings

ROWS = {"digits": (50, 100, 200, 500), "mnist": (50, 200, 1000, 4000), "xray": (50, 100, 200, 500)}
ROWS_OF_VOTES = {"cifar-votes": (50, 200, 1000)}
AERIAL = "aerial-votes"
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
PLAIN_MEAN = "average"


def predictions(pool: pools.Pool) -> Predictions:
    """Return a pool as predictions: of labels only where it holds votes."""
    if pool.votes is not None:
        return Predictions.from_labels(dict(zip(pool.members, pool.votes, strict=True)), classes=pool.classes)
    task = Task.BINARY if len(pool.classes) == 2 else Task.MULTICLASS
    return Predictions(pool.values, pool.members, pool.classes, task)


def settings(
    repeats: int, only: list[str]
) -> Iterator[tuple[str, int, list[tuple[Predictions, Any, Predictions, Any]]]]:
    """Yield a pool's name, the number of rows fitted to, and the divisions: what is fitted to, what is scored on."""
    for name, counts in {**ROWS, **ROWS_OF_VOTES}.items():
        if name not in only:
            continue
        pool = pools.load(name)
        seen = predictions(pool)
        for count in counts:
            divided = [
                (seen.rows(fit), pool.labels[fit], seen.rows(score), pool.labels[score])
                for fit, score in pools.splits(pool, count, repeats, seed=0)
            ]
            yield name, count, divided
    if AERIAL in only:
        divided = []
        for fold in range(1, pools.FOLDS + 1):
            pool = pools.load(f"{AERIAL}-{fold}")
            seen = predictions(pool)
            fit, score = next(pools.splits(pool, 0, 1, seed=0))
            divided.append((seen.rows(fit), pool.labels[fit], seen.rows(score), pool.labels[score]))
        yield AERIAL, 201, divided


def candidates() -> dict[str, ke.Combiner | str]:
    """Return what is measured, by the name in the table."""
    found: dict[str, ke.Combiner | str] = {label(kind): kind() for kind in registry().values() if kind is not ke.Chain}
    found["weighted average, Brier"] = ke.WeightedAverage(loss="brier")
    found["weighted average, 3 members"] = ke.WeightedAverage(max_members=3)
    found["weighted geometric average, 3 members"] = ke.WeightedGeometricAverage(max_members=3)
    found["weighted geometric average, temperature"] = ke.WeightedGeometricAverage(temperature=True)
    found["weighted geometric average, free sign"] = ke.WeightedGeometricAverage(free_sign=True)
    found["best member, as the rows say"] = "best member"
    found["auto"] = "auto"
    return found


def combined(what: ke.Combiner | str, fit: Predictions, labels: np.ndarray, score: Predictions) -> np.ndarray:
    """Return probabilities (rows, classes) of the rows to score, from what the rows to fit taught."""
    if what == "best member":
        losses = [log_losses(values, labels).mean() for values in fit.each()]
        what = fit.members[int(np.argmin(losses))]
    elif what == "auto":
        return compared(fit, labels, None, Settings()).fitted(score)
    if isinstance(what, str):
        return next(score.only([what]).each())
    return what.fit(fit, labels)(score)


def measure(repeats: int, only: list[str]) -> list[dict[str, Any]]:
    """Return a record for each pool, number of rows and candidate."""
    records = []
    for pool, count, divided in settings(repeats, only):
        strengths = {f"strength {strength:g}": ke.WeightedGeometricAverage(strength=strength) for strength in STRENGTHS}
        scores: dict[str, list[tuple[float, float]]] = {}
        for name, what in {**candidates(), **strengths}.items():
            start = time.process_time()
            for fit, labels, score, truth in divided:
                values = combined(what, fit, labels, score)
                scores.setdefault(name, []).append((log_losses(values, truth).mean(), hits(values, truth).mean()))
            seconds = (time.process_time() - start) / len(divided)
            table = np.array(scores[name])
            apart = table[:, 0] - np.array(scores[PLAIN_MEAN])[:, 0]
            records.append(
                {
                    "pool": pool,
                    "rows": count,
                    "divisions": len(divided),
                    "combiner": name,
                    "log_loss": table[:, 0].mean(),
                    "accuracy": table[:, 1].mean(),
                    "above_mean": apart.mean(),
                    "error": 2 * apart.std(ddof=1) / np.sqrt(len(apart)) if len(apart) > 1 else None,
                    "seconds": seconds,
                }
            )
        best = min(
            (each for each in records if (each["pool"], each["rows"]) == (pool, count)),
            key=lambda each: each["log_loss"],
        )
        print(f"{pool}, {count} rows: best {best['combiner']}, log loss {best['log_loss']:.4f}", flush=True)
    return records


def markdown(records: list[dict[str, Any]], value: str, digits: int, choose_names: list[str]) -> str:
    """Return one value as a table: a row for each combiner, a column for each pool and number of rows."""
    columns = list(dict.fromkeys((each["pool"], each["rows"]) for each in records))
    cells = {(each["combiner"], each["pool"], each["rows"]): each for each in records}
    best = min if value == "log_loss" else max
    heading = ["", *(f"{pool} {rows}" for pool, rows in columns)]
    lines = [f"| {' | '.join(heading)} |", f"|{' --- |' * len(heading)}"]
    leaders = {column: best(round(cells[name, *column][value], digits) for name in choose_names) for column in columns}
    for name in choose_names:
        row = [name]
        for column in columns:
            cell = cells[name, *column]
            shown = f"{cell[value]:.{digits}f}"
            row.append(f"**{shown}**" if round(cell[value], digits) == leaders[column] else shown)
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def report(records: list[dict[str, Any]]) -> str:
    """Return the tables of log loss, of accuracy and of strengths."""
    strengths = [f"strength {strength:g}" for strength in STRENGTHS]
    names = [name for name in dict.fromkeys(each["combiner"] for each in records) if name not in strengths]
    return "\n".join(
        [
            "Log loss on unseen rows, by pool and the number of labelled rows fitted to; the lowest in bold.\n",
            markdown(records, "log_loss", 3, names),
            "Accuracy on the same rows, in per cent; the highest in bold.\n",
            markdown([{**each, "accuracy": 100 * each["accuracy"]} for each in records], "accuracy", 1, names),
            "Log loss of the weighted geometric average by the strength of its pull toward equal weights.\n",
            markdown(records, "log_loss", 3, [PLAIN_MEAN, label(ke.GeometricAverage), *strengths]),
        ]
    )


def main() -> None:
    """Measure, print the tables and write both files; pools that are not measured keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    parser.add_argument("--repeats", type=int, default=10)
    every = [*ROWS, *ROWS_OF_VOTES, AERIAL]
    parser.add_argument("--only", nargs="*", choices=every, default=every)
    options = parser.parse_args()
    # Few rows for many numbers are what is measured here.
    warnings.simplefilter("ignore", ke.KerasembleWarning)
    figures = options.out / "quality.json"
    before = json.loads(figures.read_text(encoding="utf-8")) if figures.exists() else []
    kept = [each for each in before if each["pool"] not in options.only]
    measured = kept + measure(options.repeats, options.only)
    records = sorted(measured, key=lambda each: every.index(each["pool"]))
    text = report(records)
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    figures.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    (options.out / "quality.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
