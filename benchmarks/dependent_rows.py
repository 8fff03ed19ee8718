"""Whether intervals hold the truth where rows are copies of each other, or tell of their neighbours.

    python benchmarks/dependent_rows.py [--repetitions 200] [--json FILE]

Members are made. Of copies, nothing more is known than of each row once: it is counted how often a gain over the best
member is claimed. Of series, two members' skills change slowly, each as an autoregression of first order; the truth is
what the plain mean gains over a member on the average of all time, and it is counted how often the interval holds it.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np

from kerasemble.combiners.average import Average
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.compare import compare

MEMORIES, ROWS = (0.0, 0.5, 0.9), 1000
HOW = ("rows hold the truth", "blocks do", "forward does", "warned of")


def copies(rng: np.random.Generator, rows: int = 40, times: int = 10) -> tuple[Predictions, np.ndarray]:
    """Return weak members and labels of rows of which each comes several times, in any order."""
    y = rng.integers(0, 5, rows)
    logits = 0.3 * (0.3 * np.eye(5)[y] + rng.normal(size=(3, rows, 5)))
    odds = np.exp(logits)
    tables = dict(zip("abc", odds / odds.sum(axis=2, keepdims=True), strict=True))
    index = rng.permutation(np.repeat(np.arange(rows), times))
    return Predictions.from_arrays(tables).rows(index), y[index]


def series(rng: np.random.Generator, memory: float, rows: int = ROWS) -> tuple[Predictions, np.ndarray]:
    """Return two members whose skills change slowly, each as its own autoregression of the given memory, and labels."""
    y = rng.integers(0, 2, rows)
    noise = rng.normal(size=(2, rows))
    skill = np.empty((2, rows))
    skill[:, 0] = noise[:, 0]
    for row in range(1, rows):
        skill[:, row] = memory * skill[:, row - 1] + (1 - memory**2) ** 0.5 * noise[:, row]
    # The probability of the true class, of which each member has its own.
    true = 1 / (1 + np.exp(-(0.5 + skill)))
    tables = {
        name: np.stack([np.where(y == 0, p, 1 - p), np.where(y == 1, p, 1 - p)], axis=1)
        for name, p in zip("ab", true, strict=True)
    }
    return Predictions.from_arrays(tables), y


def truth(rng: np.random.Generator) -> float:
    """Return by how much the plain mean's loss is below that of a member, which are alike, whatever the memory."""
    true = 1 / (1 + np.exp(-(0.5 + rng.normal(size=(2, 2_000_000)))))
    return float((np.log(true.mean(axis=0)) - np.log(true[0])).mean())


def unknown(seen: Predictions) -> Predictions:
    """Return predictions of which all inputs are taken to differ, so that no copies are found."""
    return dataclasses.replace(seen, row_hashes=np.arange(seen.samples, dtype=np.uint64))


def said(warned: list[warnings.WarningMessage], code: Code) -> bool:
    """Return whether a warning of this code is among those."""
    return any(isinstance(each.message, KerasembleWarning) and each.message.code == code for each in warned)


def main() -> None:
    """Draw, compare, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    times, rng = asked.repetitions, np.random.default_rng(0)
    found: dict[str, float] = {}
    claimed = np.zeros(3)
    for _ in range(times):
        seen, y = copies(rng)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            one = compare(seen, y, ["weighted-geometric-average"], repeats=1)
        with warnings.catch_warnings(action="ignore"):
            other = compare(unknown(seen), y, ["weighted-geometric-average"], repeats=1)
        claimed += [one.scores[-1].gain.low > 0, other.scores[-1].gain.low > 0, said(warned, Code.COPIES)]
    found |= dict(
        zip(
            ("copies as one unit: a gain is claimed", "copies as rows: a gain is claimed", "copies, warned of"),
            claimed / times,
            strict=True,
        )
    )
    gain = truth(rng)
    for memory in MEMORIES:
        held = np.zeros(4)
        for _ in range(times):
            seen, y = series(rng, memory)
            for index, cv in enumerate((5, "blocks", "forward")):
                with warnings.catch_warnings(record=True) as warned:
                    warnings.simplefilter("always")
                    report = compare(seen, y, [Average()], cv=cv, repeats=1)
                interval = report["a"].over_mean
                held[index] += interval.low <= -gain <= interval.high
                held[3] += index == 0 and said(warned, Code.DEPENDENT)
        for name, share in zip(HOW, held / times, strict=True):
            found[f"neighbours of correlation {memory}: {name}"] = float(share)
    print(f"| of {times} draws | share |\n| --- | --: |")
    for name, share in found.items():
        print(f"| {name} | {share:.1%} |")
    if asked.json:
        asked.json.write_text(json.dumps({"repetitions": times, **found}, indent=1))


if __name__ == "__main__":
    main()
