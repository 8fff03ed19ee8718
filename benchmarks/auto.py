"""Measure how good what `auto` chooses is on rows that nobody has seen, against what could be taken without choosing.

    python benchmarks/auto.py [--draws 20] [--jobs 2] [--only fair wine15] [--holdout] [--why] [--out docs/measured]

A setting is a pool, of `pools.py` or `packaged.py`, and a number of labelled rows to fit to; the rest are scored on.
Each is drawn 20 times with fixed seeds. Shown is the mean log loss of auto above that of the other, with the standard
error of the mean over draws, which share rows, so it is a hint and no interval. Auto is worse in a setting where that
is above two standard errors and above 0.002. Writes auto.json and auto.md; with `--holdout` auto-holdout.json and .md,
of the pools that rules are made without. `--why` prints the draws in which auto was worse than the best of the others
by most.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import packaged
import pools
from quality import AERIAL, ROWS, ROWS_OF_VOTES, combined, predictions

import kerasemble as ke
from kerasemble.core.metrics import hits, log_losses
from kerasemble.evaluation.candidates import default_combiners
from kerasemble.evaluation.compare import compared
from kerasemble.evaluation.plan import Settings

SEED = 15
WORSE = 0.002
OTHERS = ("average", "greedy", "stacking", "log-linear pool", "best member")

Setting = tuple[str, int]  # pool, and rows to fit to; 0 where the pool has its own division
Draw = dict[str, Any]  # what was scored in one draw, as it is written to the file


def settings(*, holdout: bool) -> list[Setting]:
    """Return what is measured."""
    if holdout:
        return [(name, rows) for name, pool in packaged.HOLDOUT.items() for rows in pool.fitted_to]
    fitted_to = {name: pool.fitted_to for name, pool in packaged.OPEN.items()}
    known = {**fitted_to, **ROWS, **ROWS_OF_VOTES}
    return [*((name, rows) for name, counts in known.items() for rows in counts), (AERIAL, 0)]


@cache
def loaded(name: str) -> pools.Pool:
    """Return a pool, loaded once a process."""
    return packaged.load(name) if name in packaged.PACKAGED else pools.load(name)


def draw(setting: Setting, number: int) -> Draw:
    """Return the losses of all in one draw of a setting, and what auto compared and took."""
    warnings.simplefilter("ignore")  # few rows for many numbers are what is measured
    name, rows = setting
    pool = loaded(f"{AERIAL}-{number + 1}" if name == AERIAL else name)
    # A draw is the same however many there are.
    fit, score = list(pools.splits(pool, rows, 1 if name == AERIAL else number + 1, SEED))[-1]
    seen, labels, truth = predictions(pool), pool.labels[fit], pool.labels[score]
    to_fit, to_score = seen.rows(fit), seen.rows(score)
    stacks = any(isinstance(each, ke.Stacking) for each in default_combiners(to_fit))
    others = {
        "average": ke.Average(),
        "greedy": ke.GreedySelection(),
        "stacking": ke.Stacking() if stacks else ke.WeightedGeometricAverage(),
        "log-linear pool": ke.WeightedGeometricAverage(),
        "best member": "best member",
    }
    start = time.process_time()
    chosen = compared(to_fit, labels, None, Settings())
    seconds = time.process_time() - start
    answers = {"auto": chosen.fitted(to_score)}
    answers |= {other: combined(what, to_fit, labels, to_score) for other, what in others.items()}
    report = chosen.report
    compared_losses = {each.name: each.loss(report.measure) for each in report.scores if each.kind == "combiner"}
    return {
        "pool": name,
        "rows": rows,
        "draw": number,
        "log_loss": {which: float(log_losses(values, truth).mean()) for which, values in answers.items()},
        "accuracy": {which: float(hits(values, truth).mean()) for which, values in answers.items()},
        "taken": ("member " if report.chosen.kind == "member" else "") + report.chosen.name,
        "compared": {**compared_losses, "best member": report.best_member.loss(report.measure)},
        "seconds": seconds,
    }


def measure(wanted: Iterable[Setting], draws: int, jobs: int) -> list[Draw]:
    """Return all draws of all settings, in their order."""
    found = []
    # Threads of JAX, with which members are trained, do not survive a fork.
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as workers:
        of_setting = [
            [workers.submit(draw, each, number) for number in range(pools.FOLDS if each[0] == AERIAL else draws)]
            for each in wanted
        ]
        for futures in of_setting:
            found += [future.result() for future in futures]
            print(summary(found[-len(futures) :]), flush=True)
    return found


def apart(of: list[Draw], other: str) -> tuple[float, float]:
    """Return the mean log loss of auto above another's, and its standard error over draws."""
    above = np.array([each["log_loss"]["auto"] - each["log_loss"][other] for each in of])
    return float(above.mean()), float(above.std(ddof=1) / np.sqrt(len(above))) if len(above) > 1 else np.inf


def by_setting(draws: list[Draw]) -> dict[Setting, list[Draw]]:
    """Return the draws of each setting."""
    found: dict[Setting, list[Draw]] = {}
    for each in draws:
        found.setdefault((each["pool"], each["rows"]), []).append(each)
    return found


def is_worse(mean: float, error: float) -> bool:
    """Return whether auto is worse: surely so, and by enough to matter."""
    return mean > 2 * error and mean > WORSE


def summary(of: list[Draw]) -> str:
    """Return the row of a setting in the table."""
    cells = []
    for other in OTHERS:
        mean, error = apart(of, other)
        shown = f"{mean:+.4f} ± {error:.4f}"
        cells.append(f"**{shown}**" if is_worse(mean, error) else shown)
    loss, right = (np.mean([each[key]["auto"] for each in of]) for key in ("log_loss", "accuracy"))
    seconds = np.mean([each["seconds"] for each in of])
    heading = f"{of[0]['pool']} {of[0]['rows'] or ''}".rstrip()
    return f"| {heading} | {loss:.4f} | {100 * right:.1f} | {' | '.join(cells)} | {seconds:.1f} |"


def report(draws: list[Draw]) -> str:
    """Return the table, and in how many settings auto is worse and better than each of the others."""
    settings_ = by_setting(draws)
    each = {other: [apart(of, other) for of in settings_.values()] for other in OTHERS}
    worse = [sum(is_worse(*pair) for pair in pairs) for pairs in each.values()]
    better = [sum(is_worse(-mean, error) for mean, error in pairs) for pairs in each.values()]
    means = [np.mean([mean for mean, _ in pairs]) for pairs in each.values()]
    most = max(map(len, settings_.values()))
    lines = [
        f"Log loss of `auto` above that of the others, ± its standard error over {most} draws; bold where worse.\n",
        f"| | auto | right, % | {' | '.join(OTHERS)} | CPU s |",
        f"|{' --- |' * (len(OTHERS) + 4)}",
        *(summary(of) for of in settings_.values()),
        f"| mean of settings | | | {' | '.join(f'{mean:+.4f}' for mean in means)} | |",
        f"| worse in | | | {' | '.join(map(str, worse))} | |",
        f"| better in | | | {' | '.join(map(str, better))} | |",
    ]
    return "\n".join([*lines, ""])


def why(draws: list[Draw]) -> str:
    """Return in which draws auto was worse than the best of the others by most: what it took, and what it saw."""

    def behind(each: Draw) -> float:
        return each["log_loss"]["auto"] - min(each["log_loss"][other] for other in OTHERS)

    lines = []
    for each in sorted(draws, key=behind, reverse=True)[:40]:
        held_out = ", ".join(f"{which} {loss:.3f}" for which, loss in each["log_loss"].items())
        saw = ", ".join(f"{which} {loss:.3f}" for which, loss in each["compared"].items())
        lines.append(f"{each['pool']} {each['rows']} #{each['draw']}: took {each['taken']}; {held_out}\n  saw {saw}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table and write it; settings that are not measured keep their figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="POOL")
    parser.add_argument("--holdout", action="store_true", help="the five pools that rules are made without")
    parser.add_argument("--why", action="store_true", help="print the draws in which auto was worse by most")
    options = parser.parse_args()
    every = settings(holdout=options.holdout)
    wanted = [each for each in every if options.only is None or each[0] in options.only]
    for name in dict.fromkeys(name for name, _ in wanted if name != AERIAL):
        loaded(name)  # members are trained once, before there are several processes
    start = time.perf_counter()
    measured = measure(wanted, options.draws, options.jobs)
    file = options.out / ("auto-holdout.json" if options.holdout else "auto.json")
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    again = {name for name, _ in wanted}
    order = list(dict.fromkeys(name for name, _ in every))
    draws = sorted(
        measured + [each for each in before if each["pool"] not in again], key=lambda each: order.index(each["pool"])
    )
    text = report(draws)
    seconds = sum(each["seconds"] for each in measured)
    print(f"\n{text}\nauto took {seconds:.0f} s of CPU time; all took {time.perf_counter() - start:.0f} s.")
    if options.why:
        print(why(draws))
    options.out.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(draws) + "\n", encoding="utf-8")
    file.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
