"""Whether the stated 95 % intervals hold the truth, and what a comparison costs in fits.

    python benchmarks/estimates.py [--repetitions 1000] [--json FILE]

Members and rows are made, so the truth is known: it is measured on rows of their own, fifty thousand of them. In
each repetition new rows are drawn and compared. The truth of a comparison is the mean over folds of what the thing
that was chosen without the fold gains over the member that was picked without it; the truth of the ensemble is what
the combiner gains that is fitted to all rows. Beside them stands what the interval would be without nesting: that of
the winner's own cross-fitted score.

`--direct` pairs rules that learn nothing instead, thousands of times, ordinary ones and ones that are very sure and
sometimes wrong, on 150, 400 and 1,000 rows drawn from the fifty thousand. Of each kind of members it prints the most
among its pairs.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.special import softmax

from kerasemble.combiners import registry
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import Chain
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.single_best import SingleBest
from kerasemble.core.arrays import CLIP
from kerasemble.core.metrics import log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.candidates import BEST, candidates_of, default_combiners, with_mean
from kerasemble.evaluation.compare import compare, cross_fitted
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.folds import make_folds
from kerasemble.evaluation.nested import cross_fit_choice, take_on_all
from kerasemble.evaluation.options import options_of
from kerasemble.evaluation.scored import Rows, doubt_of
from kerasemble.evaluation.significance import bootstrap, paired_interval, paired_test

TRUTH_ROWS = 50_000


# Name, baseline and other (samples, classes), class indices (samples,).
Pair: TypeAlias = tuple[str, np.ndarray, np.ndarray, np.ndarray]


class Case(NamedTuple):
    """Members of some skill, whose errors have a part in common, and how many rows there are to compare on."""

    name: str
    rows: int
    skills: tuple[float, ...]
    shared: float
    sure: float = 1.0
    classes: int = 3


CASES = (
    Case("alike, 200 rows", 200, (1.0, 1.0, 1.0, 1.0), 0.5),
    Case("alike, 500 rows", 500, (1.0, 1.0, 1.0, 1.0), 0.5),
    Case("one good, 500 rows", 500, (1.6, 0.4, 0.4, 0.4), 0.5),
    Case("errors nearly all shared, 500 rows", 500, (1.0, 1.0, 1.0, 1.0), 0.95),
    Case("too sure, 500 rows", 500, (1.0, 0.9, 0.8, 0.7), 0.5, 2.0),
    Case("alike, 2,000 rows", 2000, (1.0, 1.0, 1.0, 1.0), 0.5),
    Case("weak, 150 rows", 150, (0.3, 0.25, 0.2), 0.5),
    Case("sharp 5 times, 5 % wrong, 150 rows", 150, (2.3, 2.3, 2.3), 0.7, 5.0, 2),
    Case("sharp 25 times, 5 % wrong, 400 rows", 400, (2.3, 2.2, 2.1), 0.7, 25.0, 2),
    Case("sharp 10 times, 0.7 % wrong, 1,000 rows", 1000, (3.5, 3.4, 3.4), 0.7, 10.0, 2),
)

# Of whose members the losses are paired directly, without a fit: ordinary ones, and ones that are very sure and
# sometimes wrong.
ORDINARY = (
    Case("alike", 0, (1.0, 1.0, 1.0, 1.0), 0.5),
    Case("one good", 0, (1.6, 0.4, 0.4, 0.4), 0.5),
    Case("errors nearly all shared", 0, (1.0, 1.0, 1.0, 1.0), 0.95),
    Case("too sure", 0, (1.0, 0.9, 0.8, 0.7), 0.5, 2.0),
    Case("good", 0, (2.2, 2.2, 2.0), 0.5),
    Case("weak", 0, (0.3, 0.25, 0.2), 0.5),
    # Not looked at when the interval was chosen.
    Case("very good", 0, (3.0, 2.9, 2.8), 0.6),
    Case("good, 8 classes", 0, (2.4, 2.2, 2.0, 1.8), 0.4, 1.0, 8),
    Case("two of little in common", 0, (1.4, 1.3), 0.1, 1.3, 2),
)
SKEWED = (
    Case("sharp 5 times, 5 % wrong", 0, (2.3, 2.3, 2.3), 0.7, 5.0, 2),
    Case("sharp 25 times, 5 % wrong", 0, (2.3, 2.2, 2.1), 0.7, 25.0, 2),
    Case("sharp 5 times, 4 % wrong", 0, (2.8, 2.7, 2.6), 0.7, 5.0),
    Case("sharp 10 times, 0.7 % wrong", 0, (3.5, 3.4, 3.4), 0.7, 10.0, 2),
    Case("sharp 25 times, 0.3 % wrong", 0, (3.9, 3.8, 3.8), 0.7, 25.0, 2),
    Case("sharp 8 times, 10 classes, 7 % wrong", 0, (3.2, 3.1, 3.1), 0.5, 8.0, 10),
    # Not looked at when the interval was chosen.
    Case("sharp 12 times, 4 classes", 0, (2.9, 2.8, 2.4), 0.8, 12.0, 4),
    Case("sharp 3 times, 30 classes", 0, (3.4, 3.2, 3.0), 0.6, 3.0, 30),
)


def draw(case: Case, rows: int, rng: np.random.Generator) -> tuple[Predictions, np.ndarray]:
    """Return predictions and class indices of new rows."""
    y = rng.integers(0, case.classes, rows)
    common = rng.normal(size=(rows, case.classes))
    tables = {}
    for index, skill in enumerate(case.skills):
        own = rng.normal(size=(rows, case.classes))
        noise = np.sqrt(case.shared) * common + np.sqrt(1 - case.shared) * own
        logits = case.sure * skill * (skill * np.eye(case.classes)[y] + noise)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        tables[f"m{index}"] = odds / odds.sum(axis=1, keepdims=True)
    return Predictions.from_arrays(tables), y


def rows_of(seen: Predictions, y: np.ndarray) -> Rows:
    """Return rows that count alike and stand each for itself."""
    return Rows(seen, y, np.ones(len(y)), None, np.arange(len(y)))


def risk(combiner: Combiner, seen: Predictions, y: np.ndarray, truth: Rows, weights: np.ndarray) -> float:
    """Return what a combiner loses on the rows of the truth, fitted under these weights."""
    return float(truth.losses(combiner.fit(seen, y, sample_weight=weights)(truth.predictions)).mean())


def repetitions(case: Case, count: int, seed: int) -> dict[str, float]:
    """Return how often the intervals held the truth, and by how much the estimates are off on average."""
    rng = np.random.default_rng(seed)
    truth = rows_of(*draw(case, TRUTH_ROWS, rng))
    held, errors = np.zeros((count, 3), dtype=bool), np.zeros((count, 3))
    below, claimed = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for index in range(count):
        seen, y = draw(case, case.rows, rng)
        rows = rows_of(seen, y)
        candidates = candidates_of(with_mean(default_combiners(seen)), seen, rows.measure)
        folds = make_folds(y, None, 5, None, index)
        options = options_of(rows, folds)
        table = cross_fitted(rows, candidates, folds, options)
        choice = cross_fit_choice(table, candidates, folds, options).choice
        position = take_on_all(table, candidates).position
        plain = rows.gain(*(each.losses(rows) for each in (table.best_member, table.combined[position])))

        of = partial(risk, seen=seen, y=y, truth=truth)
        recipes = dict(zip(candidates.names, candidates.recipes, strict=True))
        best, taken, of_folds = recipes[BEST], iter(choice.taken), []
        for division in folds:
            for fold in range(5):
                others = (division != fold).astype(float)
                of_folds.append(of(best, weights=others) - of(recipes[next(taken)], weights=others))
        all_rows = np.ones(len(y))
        final = of(best, weights=all_rows) - of(candidates.recipes[position], weights=all_rows)
        below[index], claimed[index] = choice.gain.low > np.mean(of_folds), choice.gain.low > 0 >= np.mean(of_folds)
        for place, (gain, true) in enumerate(((choice.gain, np.mean(of_folds)), (choice.gain, final), (plain, final))):
            held[index, place] = gain.low <= true <= gain.high
            errors[index, place] = gain.mean - true
    names = ("choice", "ensemble", "not nested")
    return {
        "choice: below": float(below.mean()),
        "choice: a loss": float(claimed.mean()),
        **{f"{name}: held": float(share) for name, share in zip(names, held.mean(axis=0), strict=True)},
        **{f"{name}: bias": float(each) for name, each in zip(names, errors.mean(axis=0), strict=True)},
    }


def raised(probabilities: np.ndarray, power: float) -> np.ndarray:
    """Return probabilities (samples, classes) to a power, rows summing to one."""
    return softmax(power * np.log(np.maximum(probabilities, CLIP)), axis=1)


def pairs(case: Case, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield name, baseline, other (samples, classes) and class indices: rules that learn nothing, on many rows."""
    seen, y = draw(case, TRUTH_ROWS, rng)
    members = list(seen.each())
    mean = np.mean(members, axis=0)
    pool = softmax(np.mean([np.log(np.maximum(each, CLIP)) for each in members], axis=0), axis=1)
    mild = raised(members[0], 0.5 / case.sure)
    yield "member, mean", members[0], mean, y
    yield "member, geometric mean", members[0], pool, y
    yield "mean, geometric mean", mean, pool, y
    yield "two members", members[0], members[1], y
    if case.sure > 2:
        votes = np.mean([np.eye(case.classes)[each.argmax(axis=1)] for each in members], axis=0)
        yield "mild member, mean", mild, mean, y
        yield "mild member, member", mild, members[0], y
        yield "mild member, vote", mild, votes, y


def rare_events(wrong: float, sure: float, rng: np.random.Generator) -> Pair:
    """Return a calibrated baseline, and what is always as sure as this and wrong in this share of the rows."""
    y = rng.integers(0, 2, TRUTH_ROWS)
    right = np.where(rng.random(len(y)) < 0.03, 0.3, 0.9) * rng.uniform(0.95, 1, len(y))
    other = np.where(rng.random(len(y)) < wrong, sure, 1 - sure)
    tables = (np.where(np.arange(2) == y[:, None], each[:, None], 1 - each[:, None]) for each in (right, other))
    return (f"rare, {wrong:.1%}", *tables, y)


class Direct(NamedTuple):
    """How a pair's intervals do, as shares of draws; the width is the median one, relative to that of Student's.

    Args:
        below: the truth is below the interval.
        told: it is, and the rows are said to be enough.
        above: it is above.
        claimed: a gain is claimed that is a loss, of rows that are said to be enough.
        few: something would be claimed, and the rows are said to be too few.
        student: the truth is below Student's interval.
        width: of the interval.
    """

    below: float
    told: float
    above: float
    claimed: float
    few: float
    student: float
    width: float


def direct(pair: Pair, rows: int, count: int, rng: np.random.Generator) -> Direct:
    """Return how the intervals of one pair do on so many draws of rows, whose truth is that of all rows."""
    _, baseline, other, y = pair
    losses = [log_losses(each, y) for each in (baseline, other)]
    wrong = doubt_of(baseline) - doubt_of(other)
    truth = float((losses[0] - losses[1]).mean())
    found = np.zeros((count, 7))
    for index in range(count):
        drawn = rng.integers(0, len(y), rows)
        alone = paired_interval(losses[0][drawn], losses[1][drawn])
        tested = paired_test(losses[0][drawn], losses[1][drawn], unseen=(wrong[drawn], wrong[drawn]))
        _, low, high = tested.interval
        below = truth < low
        found[index] = (
            below,
            below and tested.enough,
            truth > high,
            low > 0 >= truth and tested.enough,
            (low > 0 or high < 0) and not tested.enough,
            truth < alone.low,
            (high - low) / max(alone.high - alone.low, 1e-12),
        )
    return Direct(*map(float, found[:, :6].mean(axis=0)), float(np.median(found[:, 6])))


def print_direct(rows: int, count: int, seed: int = 0) -> dict[str, dict[str, float]]:
    """Print, of each kind of members, the most of each share among its pairs, and the median width."""
    heads = ("members", "rows", "truth below", "and rows enough", "above", "a loss claimed", "too few rows")
    print(f"| {' | '.join(heads)} | below Student's | width |")
    print(f"| --- |{' --: |' * 8}")
    found: dict[str, dict[str, float]] = {}
    kinds = [(case.name, partial(pairs, case)) for case in (*ORDINARY, *SKEWED)]
    for wrong in (0.002, 0.005, 0.01, 0.02):
        of = partial(lambda wrong, rng: [rare_events(wrong, sure, rng) for sure in (1e-3, 1e-5, 1e-7)], wrong)
        kinds.append((f"sure, and rarely wrong: {wrong:.1%}", of))
    widths = []
    for number, (name, of) in enumerate(kinds):
        rng = np.random.default_rng([seed, number, rows])
        each = np.array([direct(pair, rows, count, rng) for pair in of(rng)])
        line = [*each[:, :6].max(axis=0).tolist(), float(np.median(each[:, 6]))]
        found[f"{name}, {rows} rows"] = dict(zip(Direct._fields, line, strict=True))
        widths += each[:, 6].tolist() if number < len(ORDINARY) else []
        print(f"| {name} | {rows:,} | {' | '.join(f'{share:.1%}' for share in line[:6])} | {line[6]:.2f} |", flush=True)
    print(f"| *median width of all ordinary pairs* | {rows:,} | | | | | | | {np.median(widths):.2f} |\n", flush=True)
    return found


def sure_voters(rows: int, draws: int = 300, seed: int = 0) -> tuple[int, int, int, float, float]:
    """Return what is said of voters that agree and are right on few rows.

    Returns:
        In how many draws they made no mistake; in how many of these the interval of the rows alone, and that with one
        row more, says that the gain over the best member is real; and the log loss of the vote and of a member on
        other rows.
    """
    rng = np.random.default_rng(seed)
    case = Case("", 0, (3.0, 3.0, 3.0), 0.9, classes=2)
    truth, truth_y = draw(case, TRUTH_ROWS, rng)
    vote = MajorityVote().fit(truth)
    found = np.zeros(3, dtype=int)
    for index in range(draws):
        seen, y = draw(case, rows, rng)
        if len(set(y)) < 2 or (seen.values.argmax(axis=-1) != y).any():
            continue
        report = compare(seen, y, [MajorityVote()], metrics=["log loss"], repeats=1, seed=index)
        (division,) = make_folds(y, None, 5, 1, index)
        best = cross_fit(SingleBest(), seen, y, division, np.ones(rows))
        alone = paired_interval(log_losses(best, y), log_losses(MajorityVote().fit(seen)(seen), y))
        found += (1, alone.low > 0, report["majority vote"].gain.low > 0)
    return (*map(int, found), log_losses(vote(truth), truth_y).mean(), log_losses(truth.values[0], truth_y).mean())


def few_groups(groups: int, repetitions: int = 1000, rows: int = 20, seed: int = 0) -> tuple[float, float]:
    """Return how often an interval of a difference that is none leaves out zero: of percentiles, and as it is given."""
    rng = np.random.default_rng(seed)
    numbers, weights = np.repeat(np.arange(groups), rows), np.ones(groups * rows)
    found = np.zeros(2)
    for index in range(repetitions):
        difference = rng.normal(size=groups)[numbers]
        drawn = [difference.reshape(groups, rows)[rng.integers(0, groups, groups)].mean() for _ in range(200)]
        low, high = np.quantile(drawn, (0.025, 0.975))
        interval = bootstrap(lambda w, d=difference: float(w @ d / w.sum()), weights, numbers, index).interval
        found += (low > 0 or high < 0, interval.low > 0 or interval.high < 0)
    return tuple(found / repetitions)


def fits() -> dict[str, float]:
    """Return how many fits of all combiners a comparison of them in ten folds takes."""
    rng = np.random.default_rng(0)
    seen, y = draw(Case("", 0, tuple(np.linspace(0.6, 1.4, 10)), 0.5, classes=10), 20_000, rng)
    # A chain without stages is its combiner.
    recipes = with_mean([kind() for kind in registry().values() if kind is not Chain])
    rows = rows_of(seen, y)
    candidates = candidates_of(recipes, seen, rows.measure)
    single = {}
    for name, recipe in zip(candidates.names, candidates.recipes, strict=True):
        began = time.perf_counter()
        recipe.fit(seen, y)(seen)
        single[name] = time.perf_counter() - began
    folds = make_folds(y, None, 10, None, 0)
    began = time.perf_counter()
    options = options_of(rows, folds)
    table = cross_fitted(rows, candidates, folds, options)
    once = time.perf_counter() - began
    cross_fit_choice(table, candidates, folds, options)
    whole = time.perf_counter() - began
    total = sum(single.values())
    return {"one fit of each": total, "cross-fitted": once / total, "with the choice": whole / total}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--case", type=int, help="one of the cases, by number from 0")
    parser.add_argument("--direct", action="store_true", help="only pairs whose losses need no fit")
    parser.add_argument("--skip-fits", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, dict[str, float]] = {}
    if options.direct:
        for rows in (150, 400, 1000):
            found |= print_direct(rows, options.repetitions)
    else:
        found |= print_comparisons(options)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def print_comparisons(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Print how the intervals of whole comparisons do, what fooled them before, and what a comparison costs."""
    found: dict[str, dict[str, float]] = {}
    heads = (
        "members",
        "held the choice's truth",
        "truth below",
        "a loss claimed",
        "held the ensemble's",
        "not nested",
        "bias, not nested",
        "seconds",
    )
    print(f"| {' | '.join(heads)} |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    shown = ("choice: held", "choice: below", "choice: a loss", "ensemble: held", "not nested: held")
    for seed, case in enumerate(CASES):
        if options.case not in (None, seed):
            continue
        began = time.perf_counter()
        got = found[case.name] = repetitions(case, options.repetitions, seed)
        shares = " | ".join(f"{got[name]:.1%}" for name in shown)
        bias = f"{got['not nested: bias']:+.4f} ({got['ensemble: bias']:+.4f} nested)"
        print(f"| {case.name} | {shares} | {bias} | {time.perf_counter() - began:.0f} |", flush=True)
    if options.case is None:
        print(
            "\n| rows | draws without a mistake | real, by the rows alone | with one row more | truth: vote, member |"
        )
        print("| --: | --: | --: | --: | --: |")
        for rows in (20, 40, 80):
            draws, alone, more, vote, member = sure_voters(rows)
            print(
                f"| {rows} | {draws} | {alone / draws:.0%} | {more / draws:.0%} | {vote:.3f}, {member:.3f} |",
                flush=True,
            )
        print("\n| groups | wrong, by percentiles | as it is given |\n| --: | --: | --: |")
        for groups in (2, 3, 5, 10, 30):
            percentiles, given = few_groups(groups)
            print(f"| {groups} | {percentiles:.1%} | {given:.1%} |", flush=True)
    if not options.skip_fits:
        found["fits"] = fits()
        print(found["fits"])
    return found


if __name__ == "__main__":
    main()
