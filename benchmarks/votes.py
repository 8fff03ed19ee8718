"""What a comparison says of members that give labels only, on published votes: the tables of docs/measured/votes.md.

python benchmarks/votes.py [--cache FOLDER] [--pages FOLDER] > docs/measured/votes.md
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

from pools import CACHE, load

import kerasemble as ke


def main() -> None:
    """Compare thirty models on CIFAR-10.1, and seventy classifiers of aerial images, by their votes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--pages", type=Path, help="write a page for each here")
    arguments = parser.parse_args()
    for name in ("cifar-votes", "aerial-votes-1"):
        pool = load(name, arguments.cache)
        seen = ke.Predictions.from_labels(dict(zip(pool.members, pool.votes, strict=True)), classes=pool.classes)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ke.KerasembleWarning)
            report = ke.compare(seen, pool.labels)
        if arguments.pages:
            ke.write_report(report, arguments.pages / f"{name}.html", overwrite=True)
        print(shown(pool.x_description, len(pool.members), report))


def shown(about: str, members: int, report: ke.Report) -> str:
    """Return a report of many members as Markdown: the best three of them, and the combiners."""
    of_members = sorted((each for each in report.scores if each.kind == "member"), key=lambda each: -each.accuracy)
    combiners = [each for each in report.scores if each.kind == "combiner"]
    lines = [f"**{about}**: {members} members, {report.samples} rows.", ""]
    lines += ["| | accuracy | gain in error rate | 95 % interval |", "| --- | --: | --: | --: |"]
    for each in [*of_members[:3], *combiners]:
        mean, low, high = each.gain
        gain = ("", "best member") if each == report.best_member else (f"{mean:+.4f}", f"{low:+.4f} to {high:+.4f}")
        name = f"**{each.name}**" if each == report.chosen else each.name
        lines.append(f"| {name} | {each.accuracy:.2%} | {gain[0]} | {gain[1]} |")
    diversity = report.analysis.diversity
    pairs = [q for i, row in enumerate(diversity.q_statistic) for q in row[:i] if q is not None]
    disagree = [value for i, row in enumerate(diversity.disagreement) for value in row[:i]]
    contributions = sorted(report.analysis.contributions, key=lambda each: -each.shapley)
    said = (
        f"At least one member is right on {diversity.oracle:.2%} of the rows. A pair disagrees on "
        f"{sum(disagree) / len(disagree):.1%} of them on the average, with Q = {sum(pairs) / len(pairs):.2f}. "
        f"Contributes most: {contributions[0].member}; least: {contributions[-1].member}."
    )
    return "\n".join([*lines, "", f"> {report.verdict}", "", said, ""])


if __name__ == "__main__":
    main()
