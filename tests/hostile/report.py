"""Judge the corpus: `python tests/hostile/report.py [--keep FOLDER]` prints a table; exit 1 where a file passes."""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

from corpus import CASES
from corpus.judging import Judgement, judge, plant, write

OUTCOMES = Path(__file__).with_name("keras.json")


def table(judged: Judgement, cases: dict[str, tuple[str, ...]]) -> list[str]:
    """Return a line for each family, and for all: how many of its files are refused as they should be, and how fast."""
    families: dict[str, list[str]] = collections.defaultdict(list)
    for name in cases:
        families[name.partition("/")[0]].append(name)
    lines = ["| family | files | refused as expected | for another reason | accepted | slowest, s |", "| - " * 6 + "|"]
    for family, names in [*families.items(), ("all", list(cases))]:
        verdicts = {name: judged.verdicts[name] for name in names}
        right = sum(verdict.code in cases[name] for name, verdict in verdicts.items())
        accepted = sum(verdict.code is None for verdict in verdicts.values())
        slowest = max(verdict.seconds for verdict in verdicts.values())
        counts = f"{len(names)} | {right} | {len(names) - right - accepted} | {accepted} | {slowest:.2f}"
        lines.append(f"| {family} | {counts} |")
    return lines


def main() -> None:
    """Print what is said of the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="write the files here and keep them")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        working = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plant(working)
        jobs = write(folder)
        start = time.perf_counter()
        judged = judge([job for job in jobs if job.case in CASES], "inspect", working)
        seconds = time.perf_counter() - start
        ran = [job.case.name for job in jobs if job.ran()]
    cases = {case.name: case.codes for case in CASES}
    print("\n".join(table(judged, cases)))  # noqa: T201 - the report
    outcomes = json.loads(OUTCOMES.read_text(encoding="utf-8"))
    loads = sum(outcome.startswith("loads") for outcome in outcomes.values())
    killed = sum(outcome.startswith("killed") for outcome in outcomes.values())
    wrong = {name: verdict for name, verdict in judged.verdicts.items() if verdict.code not in cases[name]}
    for name, verdict in wrong.items():
        print(f"{name}: {verdict.code} ({verdict.reason}), not {' or '.join(cases[name])}")  # noqa: T201 - the report
    print(f"{len(cases)} files in {seconds:.1f} s; {len(wrong)} judged wrongly; payloads that ran: {ran or 'none'}")  # noqa: T201
    print(f"Of these bare Keras opens {loads} and hangs on {killed}.")  # noqa: T201 - the report
    sys.exit(bool(wrong or ran))


if __name__ == "__main__":
    main()
