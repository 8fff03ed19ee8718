"""Measure what stages promise on rows that nobody has seen: coverage, risk, calibration.

    python benchmarks/stages.py [--out docs/measured/stages.md] [--repeats 50] [--only digits mnist]

For each pool of `pools.py` the rows are divided at random, by class, into some to fit to and the rest to look at,
several times; the aerial votes have one division a fold. Everything is learned from the rows that are fitted to: the
combiner, a `WeightedGeometricAverage`, or a `BayesianVote` where members give labels only, and the stages after it.

Abstaining is measured beside the method that it replaced, which looks for the threshold by halving, and on made
probabilities too, whose risk is known without drawing rows: so often as is allowed it may be more than stated.
"""

from __future__ import annotations

import argparse
import dataclasses
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pools
from scipy.special import betaincinv

import kerasemble as ke
from kerasemble.combiners.fitted import Fit
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


def by_class(name: str, every: Sequence[Division]) -> Iterable[list[str]]:
    """Yield a line for sets of all rows and one for sets by class: coverage in all, and of the class it is least of."""
    for title, option in (("all rows", False), ("each class", True)):
        found = []
        for each in every:
            inside = outputs(each, [ke.ConformalSets(0.9, by_class=option)])["prediction_set"]
            held = inside[np.arange(len(each.true)), each.true]
            count = np.bincount(each.true, minlength=inside.shape[1])
            found.append((np.bincount(each.true, held, len(count)), count, inside.sum(axis=1).mean()))
        held, count = (np.sum([each[part] for each in found], axis=0) for part in (0, 1))
        least = np.min(held[count > 0] / count[count > 0])
        size = np.mean([each[2] for each in found])
        yield [name, title, f"{held.sum() / count.sum():.1%}", f"{least:.1%}", f"{size:.3f}"]


def rare(rows: int, repeats: int) -> list[Division]:
    """Return divisions of a made pool: three members, one row in ten of the rare class."""
    return [
        Division(*_rare(np.random.default_rng([seed, 0]), rows), *_rare(np.random.default_rng([seed, 1]), 5000))
        for seed in range(repeats)
    ]


def _rare(rng: np.random.Generator, rows: int) -> tuple[Predictions, np.ndarray]:
    labels = (rng.random(rows) < 0.1).astype(np.int64)
    logits = np.log([0.9, 0.1]) + np.eye(2)[labels] + 0.9 * rng.normal(size=(3, rows, 2))
    raw = np.exp(logits)
    return Predictions.from_arrays(dict(zip("abc", raw / raw.sum(axis=-1, keepdims=True), strict=True))), labels


def halving(probabilities: np.ndarray, true: np.ndarray, risk: float, confidence: float = 0.95) -> float:
    """Return the most doubt that is answered, as it was found before: by halving, the bound divided by the looks.

    The source is Geifman and El-Yaniv 2017, NeurIPS.
    """
    doubt = np.sort(probabilities, axis=1)[:, :-1].sum(axis=1)
    levels, at, rows = np.unique(doubt, return_inverse=True, return_counts=True)
    errors, answered = np.cumsum(np.bincount(at, 1 - hits(probabilities, true))), np.cumsum(rows)
    chance = (1 - confidence) / np.ceil(np.log2(len(levels) + 1))
    low, high, best = int(np.searchsorted(answered, np.log(chance) / np.log(1 - risk))), len(levels) - 1, -1
    while low <= high:
        middle = (low + high + 1) // 2
        wrong, count = errors[middle], answered[middle]
        if wrong < count and betaincinv(wrong + 1, count - wrong, 1 - chance) <= risk:
            best, low = middle, middle + 1
        else:
            high = middle - 1
    return -1.0 if best < 0 else float(levels[best])


def abstaining(name: str, every: Sequence[Division]) -> Iterable[list[str]]:
    """Yield a line for each risk: what was found among the answers, in how many divisions it was more, how many."""
    for risk in RISKS:
        found, shares, before = [], [], []
        for each in every:
            learn = Recorded()
            answer = outputs(each, [ke.Temperature(), learn, ke.Abstain(risk)])
            kept = ~answer["abstain"]
            shares.append(kept.mean())
            doubt = np.sort(answer["probabilities"], axis=1)[:, :-1].sum(axis=1)
            before.append((doubt <= halving(learn.seen[-1], each.labels, risk)).mean())
            if kept.any():
                found.append((1 - hits(answer["probabilities"], each.true)[kept]).mean())
        more = sum(wrong > risk for wrong in found)
        shown = [f"{np.mean(found):.2%}", f"{more} of {len(every)}"] if found else ["none answered", "-"]
        yield [name, f"{risk:.0%}", *shown, f"{np.mean(before):.1%}", f"{np.mean(shares):.1%}"]


@dataclasses.dataclass(frozen=True)
class Recorded(ke.Stage):
    """A stage that notes the probabilities that the one after it learns from, and adds nothing of use."""

    output: ClassVar[str | None] = "recorded"
    seen: list[np.ndarray] = dataclasses.field(default_factory=list)

    def learn(self, probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> Fit:
        """Note them."""
        del labels, weights
        self.seen.append(probabilities)
        return Fit({"nothing": np.zeros(1)})

    def apply(self, probabilities: np.ndarray, learned: object, xp: object) -> np.ndarray:
        """Return something for each row."""
        del learned, xp
        return probabilities[..., 0]

    def describe(self, learned: object) -> str:
        """Return nothing of use."""
        del learned
        return "recorded"


# Of made probabilities: the parameters of the beta distribution that the first class's is drawn from, and the share of
# the rows whose label is turned over whatever the probability says.
MAKERS = {"sure": (0.5, 0.5, 0.0), "sure, 3 % turned": (0.3, 0.3, 0.03), "doubtful": (2.0, 2.0, 0.0)}


def guarantee(draws: int) -> Iterable[list[str]]:
    """Yield a line for each maker and risk: how often the true risk is more than stated, before and now; answered."""
    for maker, (a, b, turned) in MAKERS.items():
        for rows, risk in ((400, 0.02), (400, 0.05), (400, 0.1), (1500, 0.02), (1500, 0.05)):
            stage = ke.Abstain(risk)
            # The true risk at a threshold, from very many rows and their true chance to be wrong.
            first = np.random.default_rng(1).beta(a, b, 10**6)
            doubt = np.sort(np.minimum(first, 1 - first))
            wrong = np.cumsum(doubt * (1 - 2 * turned) + turned) / np.arange(1, len(doubt) + 1)
            broken, share = np.zeros(2), np.zeros(2)
            for seed in range(draws):
                rng = np.random.default_rng([seed, rows])
                first = rng.beta(a, b, rows)
                probabilities = np.stack([first, 1 - first], axis=1)
                labels = (rng.random(rows) > first) ^ (rng.random(rows) < turned)
                threshold = stage.learn(probabilities, labels.astype(np.int64), np.ones(rows)).learned["threshold"][0]
                for which, most in enumerate((halving(probabilities, labels.astype(np.int64), risk), threshold)):
                    answered = int(np.searchsorted(doubt, most, side="right"))
                    share[which] += answered / len(doubt) / draws
                    broken[which] += (answered > 0 and wrong[answered - 1] > risk) / draws
            yield [maker, str(rows), f"{risk:.0%}", *(f"{each:.1%}" for each in (*broken, *share))]


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
    parser.add_argument("--draws", type=int, default=2000, help="of made probabilities")
    parser.add_argument("--only", nargs="+", default=[*ROWS, AERIAL], metavar="SET")
    options = parser.parse_args()
    measured: dict[str, list[list[str]]] = {"sets": [], "by class": [], "abstaining": [], "calibration": []}
    for name in options.only:
        every = divisions(name, options.repeats)
        title = f"{name} ({every[0].seen.samples} rows, {len(every)} divisions)"
        measured["sets"] += sets(title, every)
        measured["by class"] += by_class(title, every)
        measured["abstaining"] += abstaining(title, every)
        measured["calibration"] += calibration(title, every)
    made = rare(1000, options.repeats)
    measured["by class"] += by_class(f"made, one in ten of the rare class (1000 rows, {len(made)} divisions)", made)
    text = "\n".join(
        [
            table(("set", "method", "coverage stated", "found", "in 9 of 10 divisions", "mean size"), measured["sets"]),
            table(
                ("set", "coverage of 90 % for", "found", "of the least covered class", "mean size"),
                measured["by class"],
            ),
            table(
                ("set", "risk stated", "found", "more than stated", "answered before", "answered"),
                measured["abstaining"],
            ),
            table(
                ("made", "rows", "risk", "more than stated, before", "now", "answered before", "answered"),
                guarantee(options.draws),
            ),
            table(("set", "calibrator", "log loss", "ECE", "accuracy"), measured["calibration"]),
        ]
    )
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
