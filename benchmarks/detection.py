"""Measure which faults of members, labels and rows are found, and how often a fault is found where there is none.

    python benchmarks/detection.py [--out docs/measured] [--seeds 10] [--sets 200] [--only digits mnist colour xray]

Writes detection.json and detection.md. The members are those of `doubtful.py`, of all kinds and qualities, on real
images. Each fault is put into each member (or the labels), on random rows, stratified by class, that no member was
trained on: 20, 50 and 200 for each class, as far as there are so many. It counts as found only if the proposal, or the
sentence and the member that it names, is the right one. What is found in sets without a fault, of two to eight members
and 5 to 200 rows a class, is a false alarm.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import doubtful
import numpy as np
import pools
import untrained

from kerasemble.core.arrays import softmax
from kerasemble.core.codes import Code
from kerasemble.core.metrics import hits
from kerasemble.core.outputs import look_at
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task
from kerasemble.evaluation.class_order import find_background
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.suspicions import suspicions
from kerasemble.members.convention_trials import convert, try_conventions

ROWS = (20, 50, 200)  # for each class
CLEAN_ROWS = (5, 10, *ROWS)
VOTES = ("cifar-votes", *(f"aerial-votes-{fold}" for fold in range(1, pools.FOLDS + 1)))
GOAL, ALARMS = 0.99, 0.01
# Said of a member, and of all of them, whose answers have nothing to do with the labels, or cannot be told from chance.
UNRELATED = {Code.UNRELATED, Code.NEAR_CHANCE}
LABELS = {Code.LABELS_UNRELATED, Code.LABELS_NEAR_CHANCE}


class Known(NamedTuple):
    """A member whose answers are right: its probabilities (rows, columns), and its mean recall over the classes."""

    name: str
    values: np.ndarray
    accuracy: float


class Group(NamedTuple):
    """Members that answered the same rows."""

    name: str
    members: list[Known]
    labels: np.ndarray
    classes: int
    votes: bool = False


class Outcome(NamedTuple):
    """Whether one fault in one member was found."""

    fault: str
    group: str
    rows: int  # for each class
    band: str
    found: bool


def balanced(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over classes of the share that is right."""
    right = hits(values, labels)
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


def band(accuracy: float, classes: int) -> str:
    """Return how good a member is as it should be read, in words of the table."""
    if accuracy >= (0.8 if classes == 2 else 0.65):
        return "good"
    if accuracy >= (0.75 if classes == 2 else 0.5):
        return "fair"
    return "twice chance" if classes > 2 and accuracy >= 2 / classes else "less"


def stratified(labels: np.ndarray, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Return so many rows, or all if there are fewer, that hold the classes in their proportions."""
    return pools.stratified_order(labels, rng)[:rows]


def predictions(values: dict[str, np.ndarray], group: Group) -> Predictions:
    """Return arrays as predictions: of labels where the group's members give only these."""
    classes = tuple(f"class {i}" for i in range(group.classes))
    if group.votes:
        votes = {name: [classes[i] for i in p.argmax(axis=1)] for name, p in values.items()}
        return Predictions.from_labels(votes, classes=classes)
    task = Task.BINARY if group.classes == 2 else Task.MULTICLASS
    return Predictions(np.stack(list(values.values())).astype(np.float32), tuple(values), classes, task)


def orders(classes: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return orders in which a member may have its columns: column j is class order[j]."""
    if classes == 2:
        return {"classes reversed, two": np.array([1, 0])}
    swapped = np.arange(classes)
    two = rng.choice(classes, 2, replace=False)
    swapped[two] = swapped[two[::-1]]
    blind = rng.permutation(classes)
    while (blind == np.arange(classes)).all():
        blind = rng.permutation(classes)
    return {
        "classes in any order": blind,
        "two classes swapped": swapped,
        "classes reversed": np.arange(classes)[::-1],
        "classes rotated": np.roll(np.arange(classes), int(rng.integers(1, classes))),
    }


def of_member(found: tuple[Finding, ...], codes: Collection[Code], name: str | None) -> list[Finding]:
    """Return the findings of a member, or of the labels where `name` is None, that have one of these codes."""
    return [each for each in found if each.code in codes and each.member == name]


def as_good(member: Known, group: Group, order: np.ndarray, proposed: list[str]) -> bool:
    """Say whether a proposal is the order itself, or right in as many of all rows, as where a class is never named."""
    columns = np.argsort([int(name.removeprefix("class ")) for name in proposed])
    shown = order[columns]  # for each class the one whose column would answer for it
    if (shown == np.arange(group.classes)).all():
        return True
    own, other = (
        float(hits(member.values, answer[group.labels]).mean()) for answer in (np.arange(group.classes), shown)
    )
    return other >= own - 0.001


def in_members(group: Group, seeds: int) -> Iterator[Outcome]:
    """Put each fault into each member, beside three good ones."""
    good = [each for each in group.members if band(each.accuracy, group.classes) == "good"]
    for rows in ROWS:
        if rows * group.classes > len(group.labels):
            continue
        for place, member in enumerate(group.members):
            for seed in range(seeds):
                rng = np.random.default_rng([doubtful.SEED, seed, place, rows])
                index = stratified(group.labels, rows * group.classes, rng)
                labels = group.labels[index]
                others = [each for each in good if each is not member]
                peers = {others[i].name: others[i].values[index] for i in rng.permutation(len(others))[:3]}
                mine = member.values[index]

                def outcome(fault: str, *, found: bool) -> Outcome:
                    words = band(member.accuracy, group.classes)  # noqa: B023  # used in this turn only
                    return Outcome(fault, group.name, rows, words, found)  # noqa: B023  # likewise

                def said(values: np.ndarray) -> tuple[Finding, ...]:
                    return suspicions(predictions({**peers, member.name: values}, group), labels)  # noqa: B023  # as above

                for fault, order in orders(group.classes, rng).items():
                    found = of_member(said(mine[:, order]), {Code.CLASS_ORDER}, member.name)
                    right = bool(found) and as_good(member, group, order, found[0].options["classes"])
                    yield outcome(fault, found=right)
                shuffled = said(mine[rng.permutation(len(mine))])
                yield outcome(
                    "rows of a member shuffled", found=bool(of_member(shuffled, UNRELATED, member.name))
                )
                constant = said(np.tile(mine[:1], (len(mine), 1)))
                yield outcome("constant member", found=bool(of_member(constant, {Code.CONSTANT}, member.name)))
                if not group.votes or len(labels) >= 100:
                    twice = suspicions(predictions({**peers, member.name: mine, "copy": mine}, group), labels)
                    yield outcome("duplicate", found=bool(of_member(twice, {Code.DUPLICATE}, "copy")))


def in_labels(group: Group, seeds: int) -> Iterator[Outcome]:
    """Shift and shuffle the labels of sets of four members that are at least twice as good as chance."""
    able = [each for each in group.members if band(each.accuracy, group.classes) != "less"]
    for rows in ROWS:
        if rows * group.classes > len(group.labels):
            continue
        for seed in range(10 * seeds):
            rng = np.random.default_rng([doubtful.SEED, seed, rows])
            index = stratified(group.labels, rows * group.classes, rng)
            chosen = [able[i] for i in rng.permutation(len(able))[:4]]
            seen = predictions({each.name: each.values[index] for each in chosen}, group)
            labels = group.labels[index]
            faults = {"labels shuffled": (rng.permutation(labels), LABELS)}
            if group.classes > 2:
                faults["labels shifted by one"] = ((labels + rng.choice([-1, 1])) % group.classes, {Code.LABELS_SHIFTED})
            for fault, (wrong, codes) in faults.items():
                found = suspicions(seen, wrong)
                right = bool(of_member(found, codes, None)) and not [each for each in found if each.options]
                yield Outcome(fault, group.name, rows, "good", right)


def outputs(group: Group, members: list[doubtful.Doubtful], seeds: int) -> Iterator[Outcome]:
    """Give what is not probabilities to `look_at`."""
    for member, known in zip(members, group.members, strict=True):
        for rows in ROWS:
            if rows * group.classes > len(group.labels):
                continue
            for seed in range(seeds):
                index = stratified(
                    group.labels, rows * group.classes, np.random.default_rng([doubtful.SEED, seed, rows])
                )
                logits = member.logits[index]
                p = softmax(logits.astype(np.float64), np)
                kinds = {
                    "logits": logits,
                    "log-probabilities": np.log(np.maximum(p, 1e-30)).astype(np.float32),
                    "percentages": (100 * p).astype(np.float32),
                    "sigmoids": (1 / (1 + np.exp(-logits.astype(np.float64)))).astype(np.float32),
                }
                for kind, values in kinds.items():
                    words = band(known.accuracy, group.classes)
                    found = look_at(values, member.name).kind
                    yield Outcome(f"{kind} as probabilities", group.name, rows, words, found == kind)
                    refused = found != "probabilities"
                    yield Outcome(f"{kind} as probabilities: refused", group.name, rows, words, refused)


def backgrounds(group: Group, members: list[doubtful.Doubtful], seeds: int) -> Iterator[Outcome]:
    """Put the background of members that have one at any place."""
    for place, member in enumerate(members):
        accuracy = balanced(member.logits[:, :-1], group.labels)
        for rows in ROWS:
            if rows * group.classes > len(group.labels):
                continue
            for seed in range(seeds):
                rng = np.random.default_rng([doubtful.SEED, seed, place, rows])
                index = stratified(group.labels, rows * group.classes, rng)
                column = int(rng.integers(group.classes + 1))
                order = np.insert(np.arange(group.classes), column, group.classes)
                values = softmax(member.logits[index][:, order].astype(np.float64), np)
                found = find_background(values, group.labels[index], group.classes)
                yield Outcome("background column", group.name, rows, band(accuracy, group.classes), found == column)


def leaks(group: Group, members: list[doubtful.Doubtful], seeds: int) -> Iterator[Outcome]:
    """Add a member that was trained on the rows to three others."""
    able = [each for each in group.members if band(each.accuracy, group.classes) != "less"]
    labels = group.labels[: doubtful.LEAKED.rows]
    for place, member in enumerate(members):
        for rows in ROWS:
            if rows * group.classes > len(labels):
                continue
            for seed in range(seeds):
                rng = np.random.default_rng([doubtful.SEED, seed, place, rows])
                index = stratified(labels, rows * group.classes, rng)
                peers = {able[i].name: able[i].values[index] for i in rng.permutation(len(able))[:3]}
                values = softmax(member.logits[index].astype(np.float64), np)
                found = suspicions(predictions({**peers, "leaked": values}, group), labels[index])
                right = bool(of_member(found, {Code.TRAINED_ON}, "leaked"))
                yield Outcome("trained on these rows", group.name, rows, "good", right)


def scalings(
    name: str, data: doubtful.Data, members: list[doubtful.Doubtful], seeds: int
) -> Iterator[Outcome | tuple[str, bool]]:
    """Feed each member in each wrong convention; also in its own, for which a name and False or True is yielded.

    A fault is one that costs at least ten points of accuracy: what costs less is no goal of the trials.
    """
    conventions = doubtful.COLOURS if name == "colour" else doubtful.GREY
    for place, member in enumerate(members):
        run = doubtful.runner(member)
        accuracies: dict[str | None, float] = {}
        own = member.plan.convention

        def accuracy(convention: str | None) -> float:
            if convention not in accuracies:  # noqa: B023  # used in this turn only
                rows = convert(data.x_unseen, convention, *data.range)
                accuracies[convention] = balanced(run(rows), data.y_unseen)  # noqa: B023  # likewise
            return accuracies[convention]  # noqa: B023  # likewise

        words = band(accuracy(own), data.classes)
        for rows in ROWS:
            for seed in range(seeds if rows * data.classes <= len(data.x_unseen) else 0):
                rng = np.random.default_rng([doubtful.SEED, seed, place, rows])
                index = stratified(data.y_unseen, rows * data.classes, rng)
                x, y = data.x_unseen[index], data.y_unseen[index]
                clean = try_conventions(run, x, y, own, None, name=member.name)
                # Feeding it otherwise may really be better, where training went badly.
                truly = clean is not None and accuracy(clean.options["preprocess"]) >= accuracy(own) + 0.05
                if words != "less":
                    yield ("clean, better fed otherwise" if truly else "clean", clean is not None)
                for given in (None, *conventions):
                    if accuracy(given) > accuracy(own) - 0.1:
                        continue
                    found = try_conventions(run, x, y, given, None, name=member.name)
                    proposed = None if found is None else found.options["preprocess"]
                    exact = found is not None and proposed == own
                    alike = exact or (found is not None and accuracy(proposed) >= accuracy(own) - 0.03)
                    fault = "wrong order of colours" if _colours(given) != _colours(own) else "wrong scaling"
                    cost = " that costs 20 points" if accuracy(given) <= accuracy(own) - 0.2 else " that costs 10 to 20"
                    yield Outcome(fault + cost, name, rows, words, alike)
                    yield Outcome(f"{fault}{cost}: that very convention", name, rows, words, exact)


def _colours(convention: str | None) -> bool:
    return convention is not None and ("bgr" in convention or convention == "caffe")


def alarms(group: Group, sets: int) -> Iterator[dict[str, Any]]:
    """Look at random members on random rows, in which nothing is wrong."""
    chance = 1.5 / group.classes if group.classes > 2 else 0.6
    for number in range(sets):
        rng = np.random.default_rng([doubtful.SEED, number, len(group.labels)])
        rows = min(int(rng.choice(CLEAN_ROWS)) * group.classes, len(group.labels))
        index = stratified(group.labels, rows, rng)
        count = int(rng.integers(2, 9))
        chosen = [group.members[i] for i in rng.permutation(len(group.members))[:count]]
        seen = predictions({each.name: each.values[index] for each in chosen}, group)
        found = [each for each in suspicions(seen, group.labels[index]) if each.code != Code.ABSENT_CLASS]
        idle = {each.name for each in chosen if each.accuracy < chance}
        false = [str(each.code) for each in found if each.member not in idle]
        of_idle = [str(each.code) for each in found if each.member in idle]
        yield {"group": group.name, "rows": rows, "members": len(chosen), "false": false, "of idle members": of_idle}


def groups(only: list[str], cache: Path) -> Iterator[Group]:
    """Return the pools of the other benchmarks, whose members are all taken to be read rightly."""
    for name in only:
        pool = pools.load(name, cache)
        values = pool.probabilities()
        known = [Known(m, v, balanced(v, pool.labels)) for m, v in zip(pool.members, values, strict=True)]
        yield Group(f"pool {name}", known, pool.labels, len(pool.classes), votes=pool.votes is not None)


def measure(options: argparse.Namespace) -> tuple[list[Outcome], list[dict[str, Any]], dict[str, list[bool]]]:
    """Return what was found of faults, in clean sets, and in trials of members that are fed rightly."""
    outcomes: list[Outcome] = []
    clean: list[dict[str, Any]] = []
    fed: dict[str, list[bool]] = defaultdict(list)
    for name in options.only:
        start = time.perf_counter()
        data = doubtful.DATA[name]()
        made = doubtful.members(name, data, options.cache)
        usual = [each for each in made if not each.plan.background and not each.plan.leaked]
        values = [softmax(each.logits.astype(np.float64), np).astype(np.float32) for each in usual]
        known = [Known(m.name, v, balanced(v, data.y_unseen)) for m, v in zip(usual, values, strict=True)]
        group = Group(name, known, data.y_unseen, data.classes)
        outcomes += in_members(group, options.seeds)
        outcomes += in_labels(group, options.seeds)
        outcomes += outputs(group, usual, 1)
        outcomes += backgrounds(group, [each for each in made if each.plan.background], options.seeds)
        outcomes += leaks(group, [each for each in made if each.plan.leaked], options.seeds)
        for result in scalings(name, data, usual, max(1, options.seeds // 3)):
            if isinstance(result, Outcome):
                outcomes.append(result)
            else:
                fed[result[0]].append(result[1])
        clean += alarms(group, options.sets)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    for group in groups(
        [*(name for name in ("digits", "mnist", "xray") if name in options.only), *VOTES], options.cache
    ):
        clean += alarms(group, options.sets // 2)
        if group.votes and group.name.endswith(("cifar-votes", "votes-1")):
            outcomes += in_members(group, 1)
            outcomes += in_labels(group, options.seeds)
        print(f"{group.name} done", flush=True)
    return outcomes, clean, fed


def cell(outcomes: list[Outcome]) -> str:
    """Return the share that was found and of how many; bold where it misses the goal."""
    if not outcomes:
        return ""
    share = float(np.mean([each.found for each in outcomes]))
    text = f"{np.floor(1000 * share) / 10:.1f} ({len(outcomes)})"
    return text if share >= GOAL else f"**{text}**"


def report(outcomes: list[Outcome], clean: list[dict[str, Any]], fed: dict[str, list[bool]]) -> str:
    """Return the tables."""
    columns = [
        *((f"good, {rows}", "good", (rows,)) for rows in ROWS),
        *((f"fair, {rows}", "fair", (rows,)) for rows in ROWS),
        ("twice chance", "twice chance", ROWS),
        ("less", "less", ROWS),
    ]
    lines = [
        "Found with the right proposal, in per cent, and of how many, by the quality of the member as it should be",
        "read and by the rows of a class; what is below 99 % in bold. *Good* members are right in 65 % of the rows of",
        "a class or more (of two classes 80 %), *fair* ones in 50 % (75 %), *twice chance* between these and that.",
        "The thresholds were set on other members and draws of the same data; the X-rays and the pools' members are",
        "the same. Sets and faults share about eighty members, so one odd member shows in many of them.\n",
        f"| fault | {' | '.join(title for title, _, _ in columns)} |",
        f"|{' --- |' * (1 + len(columns))}",
    ]
    for fault in dict.fromkeys(each.fault for each in outcomes):
        mine = [each for each in outcomes if each.fault == fault]
        cells = [
            cell([each for each in mine if each.band == words and each.rows in rows]) for _, words, rows in columns
        ]
        cells[-1] = cells[-1].replace("**", "")  # no goal
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    lines += ["", "The same for good members, by data.\n"]
    names = list(dict.fromkeys(each.group for each in outcomes))
    lines += ["| fault | " + " | ".join(names) + " |", f"|{' --- |' * (1 + len(names))}"]
    for fault in dict.fromkeys(each.fault for each in outcomes):
        cells = [
            cell([each for each in outcomes if (each.fault, each.group, each.band) == (fault, name, "good")])
            for name in names
        ]
        lines.append(f"| {fault} | {' | '.join(cells)} |")
    lines += ["", *alarm_lines(clean, fed), ""]
    return "\n".join(lines)


def alarm_lines(clean: list[dict[str, Any]], fed: dict[str, list[bool]]) -> list[str]:
    """Return the table of what was found where nothing is wrong."""
    wrong = [each for each in clean if each["false"]]
    idle = [each for each in clean if each["of idle members"]]
    counts: dict[str, int] = defaultdict(int)
    of_idle: dict[str, int] = defaultdict(int)
    for each in clean:
        for fault in set(each["false"]):
            counts[fault] += 1
        for fault in set(each["of idle members"]):
            of_idle[fault] += 1
    lines = [
        f"False alarms in {len(clean)} clean sets: {len(wrong)} ({len(wrong) / len(clean):.2%}).",
        f"In {len(idle)} something was said of a member that is on all rows hardly better than chance, if at all.\n",
        "| finding | sets, false | sets, of members near chance |",
        "| --- | --- | --- |",
        *(f"| {fault} | {counts[fault]} | {of_idle[fault]} |" for fault in sorted({*counts, *of_idle})),
        "",
    ]
    for words, found in fed.items():
        lines.append(f"Trials of conventions, members fed rightly ({words}): {sum(found)} of {len(found)} proposals.")
    return lines


def main() -> None:
    """Measure, print the tables and write both files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/measured"))
    parser.add_argument("--cache", type=Path, default=pools.CACHE)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--only", nargs="+", choices=doubtful.DATA, default=list(doubtful.DATA))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    outcomes, clean, fed = measure(options)
    text = f"{report(outcomes, clean, fed)}\n{untrained.table(untrained.quantiles(options.only))}"
    print(text)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "detection.md").write_text(text, encoding="utf-8")
    record = {"faults": summary(outcomes), "clean": clean, "fed rightly": {key: sum(v) for key, v in fed.items()}}
    (options.out / "detection.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def summary(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Return for each fault, group, number of rows and band how many were found of how many."""
    counts: dict[tuple[str, str, int, str], list[bool]] = defaultdict(list)
    for each in outcomes:
        counts[each[:4]].append(each.found)
    return [
        {"fault": key[0], "group": key[1], "rows of a class": key[2], "members": key[3], "found": sum(v), "of": len(v)}
        for key, v in counts.items()
    ]


if __name__ == "__main__":
    main()
