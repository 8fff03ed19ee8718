"""Time Kerasemble's fits against what people use today, one after the other in one process, on one thread.

    pip install -r benchmarks/requirements.txt
    python benchmarks/fitting.py [--out docs/measured] [--only linear greedy]

Writes fitting.json and fitting.md, which the documentation includes. Times are CPU seconds of the process: ours is the
median of five runs, and a peer's the median of as many as fit into ten seconds, one at least. Runs take turns, so that
a noisy machine is noisy for both. The ratio is the peer's time over ours. Extra memory is what NumPy allocated beyond
the inputs at its peak, measured in a run of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import peers
from threadpoolctl import threadpool_limits

import kerasemble as ke
from kerasemble.core.arrays import CLIP
from kerasemble.core.tasks import Task
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.folds import stratified_folds

RUNS, SECONDS_PER_PEER = 5, 10.0
STEPS = 100


class Job(NamedTuple):
    """One thing to fit.

    Args:
        name: of the job, with its shape (members, rows, classes).
        ours: what is timed of ours; returns what `check` takes.
        peers: by name, and what is timed of each.
        goals: by a peer's name, the ratio that is wanted.
        check: says in a few words how good the answers are, given ours and those of the peers by name.
    """

    name: str
    ours: Callable[[], Any]
    peers: dict[str, Callable[[], Any]]
    goals: dict[str, float]
    check: Callable[[Any, dict[str, Any]], str]


def pool(members: int, samples: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (members, samples, classes) of members of different skill that err together, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    # With many classes the true one must stand out further to be found.
    skills = np.linspace(0.5, 3, members) + np.log10(classes) - 1
    shared = rng.normal(size=(samples, classes)).astype(np.float32)
    values = np.empty((members, samples, classes), dtype=np.float32)
    for index, skill in enumerate(skills):
        logits = 0.7 * shared + rng.normal(size=shared.shape).astype(np.float32)
        logits[np.arange(samples), labels] += skill
        logits *= rng.uniform(0.5, 2)
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        values[index] = powers / powers.sum(axis=-1, keepdims=True)
    return values, labels


def predictions(values: np.ndarray) -> ke.Predictions:
    """Return an array as predictions, without a copy."""
    names = tuple(f"m{index}" for index in range(len(values)))
    return ke.Predictions(values, names, tuple(str(index) for index in range(values.shape[-1])), Task.MULTICLASS)


def linear() -> Job:
    """Return the linear pool under log loss."""
    values, labels = pool(10, 50_000, 10)
    seen = predictions(values)
    true = np.maximum(peers.true_class(values, labels), CLIP)

    def check(ours: ke.FittedCombiner, theirs: dict[str, Any]) -> str:
        weights = {name: answer[1] if name.startswith("AutoGluon") else answer for name, answer in theirs.items()}
        gaps = (f"{name} {peers.certified_gap(true, np.asarray(each)):.0e}" for name, each in weights.items())
        return f"certified gap {ours.gap:.0e}; {', '.join(gaps)}"

    return Job(
        "linear pool, log loss (10, 5e4, 10)",
        lambda: ke.WeightedAverage().fit(seen, labels),
        {
            "SLSQP as written": partial(peers.slsqp_as_written, values, labels),
            "expert's SLSQP": partial(peers.slsqp_expert, values, labels),
            "EM to 1e-5": partial(peers.em, values, labels),
            f"AutoGluon, {STEPS} steps": partial(peers.autogluon, values, labels, STEPS),
        },
        {"SLSQP as written": 200, f"AutoGluon, {STEPS} steps": 1000, "expert's SLSQP": 1},
        check,
    )


def large() -> Job:
    """Return the linear pool over a million rows."""
    values, labels = pool(10, 1_000_000, 10)
    seen = predictions(values)
    return Job(
        "linear pool, log loss (10, 1e6, 10)",
        lambda: ke.WeightedAverage().fit(seen, labels),
        {"EM to 1e-5": partial(peers.em, values, labels)},
        {"EM to 1e-5": 10},
        lambda ours, _: f"certified gap {ours.gap:.0e}; goal 64 MB",
    )


def log_linear(samples: int, classes: int) -> Job:
    """Return the log-linear pool."""
    values, labels = pool(10, samples, classes)
    seen, ridge = predictions(values), 10 / samples
    logs = np.log(np.maximum(values, CLIP, dtype=np.float64))

    def loss(weights: np.ndarray) -> float:
        mixed = np.tensordot(weights, logs, axes=1)
        true = mixed[np.arange(samples), labels]
        return float(np.mean(np.logaddexp.reduce(mixed, axis=-1) - true) + ridge * np.sum((weights - 0.1) ** 2))

    def check(ours: ke.FittedCombiner, theirs: dict[str, Any]) -> str:
        own = np.array([ours.weights.get(name, 0.0) for name in seen.members])
        above = (f"{name} {loss(each) - loss(own):+.0e}" for name, each in theirs.items())
        return f"certified gap {ours.gap:.0e}; objective of {', '.join(above)}"

    shape = "(10, 4e4, 10)" if classes == 10 else f"(10, {samples}, {classes})"
    return Job(
        f"log-linear pool {shape}",
        lambda: ke.WeightedGeometricAverage(strength=10).fit(seen, labels),
        {
            "L-BFGS": partial(peers.lbfgs_log_linear, values, labels, ridge),
            "L-BFGS, classes first": partial(peers.lbfgs_log_linear, values, labels, ridge, classes_first=True),
        },
        {"L-BFGS": 4},
        check,
    )


def greedy(metric: str, goal: float) -> Job:
    """Return greedy selection by AutoGluon's rules."""
    values, labels = pool(10, 50_000, 10)
    seen = predictions(values)
    peer = f"AutoGluon, {STEPS} steps"

    def check(ours: ke.FittedCombiner, theirs: dict[str, Any]) -> str:
        own = np.array([(ours.weights or {}).get(name, 0.0) for name in seen.members])
        same = np.allclose(own, theirs[peer][1], atol=1e-9)
        return "the same selections" if same else f"OTHER selections: {own} and {theirs[peer][1]}"

    return Job(
        f"greedy selection, {metric.replace('_', ' ')} (10, 5e4, 10)",
        lambda: ke.GreedySelection(steps=STEPS, metric=metric, ties="random").fit(seen, labels),
        {peer: partial(peers.autogluon, values, labels, STEPS, metric)},
        {peer: goal},
        check,
    )


def brier() -> Job:
    """Return the linear pool under the Brier score."""
    values, labels = pool(50, 20_000, 10)
    seen = predictions(values)
    targets = np.eye(10)[labels]

    def score(weights: np.ndarray) -> float:
        return float(np.mean(np.sum((np.tensordot(weights, values, axes=1) - targets) ** 2, axis=-1)))

    def check(ours: ke.FittedCombiner, theirs: dict[str, Any]) -> str:
        own = np.array([ours.weights.get(name, 0.0) for name in seen.members])
        above = (f"{name} {score(each) - score(own):+.0e}" for name, each in theirs.items())
        return f"certified gap {ours.gap:.0e}; score of {', '.join(above)}"

    return Job(
        "linear pool, Brier score (50, 2e4, 10)",
        lambda: ke.WeightedAverage(loss="brier").fit(seen, labels),
        {"SLSQP": partial(peers.brier_slsqp, values, labels), "nnls": partial(peers.brier_nnls, values, labels)},
        {"SLSQP": 100, "nnls": 7},
        check,
    )


def votes() -> Job:
    """Return the majority vote of a million rows of labels."""
    values, _ = pool(10, 100_000, 10)
    labels = np.tile(values.argmax(axis=-1).astype(np.uint8), (1, 10))
    seen = ke.Predictions.from_labels({f"m{index}": row for index, row in enumerate(labels)}, classes=10)
    fitted = ke.MajorityVote().fit(seen)

    def check(ours: np.ndarray, theirs: dict[str, Any]) -> str:
        counts = np.stack([(labels == index).sum(axis=0) for index in range(10)])
        most = counts.max(axis=0)
        right = all(np.array_equal(counts[each, np.arange(len(most))], most) for each in (ours, *theirs.values()))
        ties = float(np.mean((counts == most).sum(axis=0) > 1))
        return f"{'all' if right else 'NOT all'} give a class with the most votes; {ties:.0%} of rows tie"

    return Job(
        "majority vote from labels (10, 1e6, 10)",
        lambda: fitted.decide(seen),
        {
            "apply_along_axis(bincount)": partial(peers.vote_apply_along_axis, labels, 10),
            "scipy.stats.mode": partial(peers.vote_mode, labels),
            "one flat bincount": partial(peers.vote_flat_bincount, labels, 10),
            "crowd-kit": partial(peers.vote_crowdkit, labels),
        },
        {"apply_along_axis(bincount)": 35},
        check,
    )


def votes_of_probabilities() -> Job:
    """Return the majority vote of members that give probabilities over a thousand classes."""
    values, _ = pool(20, 50_000, 1000)
    seen = predictions(values)
    fitted = ke.MajorityVote().fit(seen)
    recipe = "argmax, apply_along_axis(bincount)"
    return Job(
        "majority vote from probabilities (20, 5e4, 1000)",
        lambda: fitted.decide(seen),
        {recipe: partial(peers.vote_of_probabilities, values), "argmax alone": partial(values.argmax, axis=-1)},
        {recipe: 10},
        lambda ours, theirs: f"{np.mean(ours == theirs[recipe]):.1%} of rows alike, the others tie",
    )


def dawid_skene() -> Job:
    """Return confusion matrices without labels."""
    values, labels = pool(10, 20_000, 10)
    given = values.argmax(axis=-1).astype(np.uint8)
    seen = ke.Predictions.from_labels({f"m{index}": row for index, row in enumerate(given)}, classes=10)

    def check(ours: ke.FittedCombiner, theirs: dict[str, Any]) -> str:
        own = np.mean(ours.decide(seen) == labels)
        return f"accuracy {own:.4f} and {np.mean(theirs['crowd-kit'].argmax(axis=-1) == labels):.4f}"

    return Job(
        "Dawid-Skene from labels (10, 2e4, 10)",
        lambda: ke.BayesianVote().fit(seen),
        {"crowd-kit": partial(peers.dawid_skene_crowdkit, given)},
        {},
        check,
    )


def stacking() -> Job:
    """Return a multinomial meta-learner."""
    values, labels = pool(10, 5_000, 10)
    seen = predictions(values)
    return Job(
        "stacking (10, 5000, 10)",
        lambda: ke.Stacking().fit(seen, labels),
        {"LogisticRegression": partial(peers.logistic_stacking, values, labels)},
        {},
        lambda *_: "ours chooses its strength by cross-fit, some 30 fits; theirs is one fit",
    )


def mean() -> Job:
    """Return the mean, which is bound by memory."""
    values, _ = pool(10, 500_000, 10)
    seen = predictions(values)
    fitted = ke.Average().fit(seen)
    target = np.empty_like(values)

    def check(ours: np.ndarray, theirs: dict[str, Any]) -> str:
        copied = min(cpu_seconds(lambda: np.copyto(target, values))[0] for _ in range(RUNS))
        mine = min(cpu_seconds(lambda: fitted(seen))[0] for _ in range(RUNS))
        share = (values.nbytes + ours.nbytes) / mine / (2 * values.nbytes / copied)
        apart = np.abs(ours - theirs["np.stack().mean()"]).max()
        return f"{share:.0%} of the bandwidth of copying an array (goal 70 %); at most {apart:.0e} apart"

    return Job(
        "mean (10, 5e5, 10)",
        lambda: fitted(seen),
        {
            "np.stack().mean()": partial(peers.mean_of_stack, list(values)),
            "values.mean(axis=0)": partial(values.mean, 0),
        },
        {},
        check,
    )


def cross_fits(name: str, combiner: ke.Combiner) -> Job:
    """Return ten folds, against a fit from scratch for each."""
    values, labels = pool(10, 20_000, 10)
    seen = predictions(values)
    folds = stratified_folds(labels, 10, 0)

    def from_scratch() -> np.ndarray:
        result = np.empty(values.shape[1:], dtype=values.dtype)
        for fold in range(10):
            rows, others = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            result[rows] = combiner.fit(seen.rows(others), labels[others])(seen.rows(rows))
        return result

    one = "one fit"

    def check(ours: np.ndarray, theirs: dict[str, Any]) -> str:
        index = np.arange(len(labels))
        scores = [-np.log(each[index, labels]).mean() for each in (ours, theirs["ten from scratch"])]
        return f"log loss {scores[0]:.9f} and {scores[1]:.9f}; goal at most 7 fits"

    return Job(
        f"10-fold cross-fit, {name} (10, 2e4, 10)",
        lambda: cross_fit(combiner, seen, labels, folds, np.ones(len(labels))),
        {one: lambda: combiner.fit(seen, labels), "ten from scratch": from_scratch},
        {one: 1 / 7},
        check,
    )


JOBS: dict[str, Callable[[], Job]] = {
    "linear": linear,
    "large": large,
    "log-linear": partial(log_linear, 40_000, 10),
    "log-linear-classes": partial(log_linear, 1_500, 1000),
    "greedy": partial(greedy, "log_loss", 150),
    "greedy-accuracy": partial(greedy, "accuracy", 15),
    "brier": brier,
    "votes": votes,
    "votes-of-probabilities": votes_of_probabilities,
    "dawid-skene": dawid_skene,
    "stacking": stacking,
    "mean": mean,
    "cross-fit": partial(cross_fits, "linear pool", ke.WeightedAverage()),
    "cross-fit-log-linear": partial(cross_fits, "log-linear pool", ke.WeightedGeometricAverage()),
}


def cpu_seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the CPU seconds of a call and its answer."""
    start = time.process_time()
    answer = function()
    return time.process_time() - start, answer


def measure(job: Job) -> list[dict[str, Any]]:
    """Run a job and its peers in turns; return a row of the table for each peer."""
    tracemalloc.start()
    answer = job.ours()
    extra = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    times: dict[str, list[float]] = {"ours": [], **{name: [] for name in job.peers}}
    answers: dict[str, Any] = {}
    for _ in range(RUNS):
        seconds, answer = cpu_seconds(job.ours)
        times["ours"].append(seconds)
        for name, peer in job.peers.items():
            if sum(times[name]) < SECONDS_PER_PEER:
                seconds, answers[name] = cpu_seconds(peer)
                times[name].append(seconds)
    note = job.check(answer, answers)
    ours = statistics.median(times["ours"])
    return [
        {
            "job": job.name,
            "ours_ms": ours * 1e3,
            "extra_mb": extra,
            "peer": name,
            "peer_ms": statistics.median(times[name]) * 1e3,
            "runs": len(times[name]),
            "ratio": statistics.median(times[name]) / ours,
            "goal": job.goals.get(name),
            "note": note,
        }
        for name in job.peers
    ]


def warm_up() -> None:
    """Call what imports a package once, so that no run pays for it."""
    values, labels = pool(3, 60, 3)
    given = values.argmax(axis=-1).astype(np.uint8)
    peers.autogluon(values, labels, 2)
    peers.slsqp_as_written(values, labels)
    peers.logistic_stacking(values, labels)
    peers.vote_mode(given)
    peers.vote_crowdkit(given)
    peers.dawid_skene_crowdkit(given)
    ke.WeightedAverage().fit(predictions(values), labels)


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table and the notes below it."""
    lines = [
        "| job (members, rows, classes) | ours | extra memory | peer | ratio | goal |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for before, row in zip([None, *rows], rows, strict=False):
        again = before is not None and before["job"] == row["job"]
        own = ("", "", "") if again else (row["job"], f"{_short(row['ours_ms'])} ms", f"{_short(row['extra_mb'])} MB")
        peer = f"{row['peer']}{' (1 run)' if row['runs'] == 1 else ''}"
        lines.append(f"| {' | '.join(own)} | {peer} | {_short(row['ratio'])} | {_goal(row)} |")
    notes = {row["job"]: row["note"] for row in rows}
    return "\n".join([*lines, "", *(f"- {job}: {note}." for job, note in notes.items()), ""])


def _short(number: float) -> str:
    """Return a number with three digits, or as many as it has before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _goal(row: dict[str, Any]) -> str:
    if row["goal"] is None:
        return ""
    wanted = _short(row["goal"])
    return wanted if row["ratio"] >= row["goal"] else f"{wanted}, **missed**"


def main() -> None:
    """Measure the jobs, print the table and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    parser.add_argument("--only", nargs="*", choices=list(JOBS), default=list(JOBS))
    options = parser.parse_args()
    # AutoGluon and scikit-learn warn of what they will change.
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):
        warm_up()
        for name in options.only:
            measured = measure(JOBS[name]())
            rows += measured
            print(table(measured), flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fitting.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    (options.out / "fitting.md").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
