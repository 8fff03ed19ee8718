"""The table in the terminal keeps its figures whole and shows what was chosen."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from scipy.special import softmax

from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.report import Report, Score
from kerasemble.evaluation.significance import Interval
from kerasemble.render.text import render_report

NONE = Interval(0.0, 0.0, 0.0)
LONG = Score(
    "fer2013_big_XCEPTION.54-0.66-and-more-of-a-name",
    "member",
    {"accuracy": 0.1406, "log loss": 10.2928},
    Interval(-7.1, -8.3, -6.0),
    NONE,
)
BEST = Score("cnn-b", "member", {"accuracy": 0.97, "log loss": 0.1214}, NONE, NONE)
POOL = Score(
    "weighted average", "combiner", {"accuracy": 0.98, "log loss": 0.068}, Interval(0.0534, 0.041, 0.0658), NONE
)


def rendered(width, **changes):
    """Return a report as it is shown in a terminal of that width."""
    fields = {"verdict": "Use weighted average.", "samples": 500, "folds": 5, **changes}
    report = Report(scores=(LONG, BEST, POOL), baseline=BEST, best_member=BEST, chosen=POOL, **fields)
    console = Console(width=width, file=io.StringIO())
    console.print(render_report(report))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_figures_are_never_cut_however_long_the_names(width):
    text = rendered(width)
    assert "…" not in text
    figures_shown = ("14.06%", "10.2928", "-10.1714", "-8.3000 to -6.0000", "+0.0410 to +0.0658", "the baseline")
    for figures in figures_shown:
        assert figures in text


def test_the_verdict_stands_last():
    assert rendered(100).rstrip().endswith("Use weighted average.")


def test_members_read_alike_are_named_together_and_nothing_is_said_where_all_are_taken_as_they_are():
    text = rendered(200, readings={"a": "softmax", "b": "as it is", "c": "softmax"})
    assert "a, c: softmax; b: as it is." in text
    assert "read" not in rendered(200, readings={"a": "as it is", "b": "as it is"})


def test_15_3_rows_of_each_kind_stand_apart():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    values = softmax(np.eye(3)[labels] + rng.normal(size=(2, 300, 3)), axis=-1)
    report = compare(Predictions.from_arrays({"a": values[0], "b": values[1]}), labels, repeats=1)
    console = Console(width=200, file=io.StringIO())
    console.print(render_report(report))
    # The first table ends where the caption begins.
    table = console.file.getvalue().partition(f"{report.samples} rows")[0].splitlines()
    blocks = "\n".join(line.strip() for line in table).replace("─", "").split("\n\n")
    sizes = [len(block.strip().splitlines()) for block in blocks if block.strip()]
    kinds = [score.kind for score in report.scores]
    assert sizes[1:] == [kinds.count(kind) for kind in dict.fromkeys(kinds)]


def test_members_are_shown_with_what_they_bring_and_cost_and_the_front():
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    values = softmax(np.eye(3)[labels] + rng.normal(size=(3, 300, 3)), axis=-1)
    seen = Predictions.from_arrays(dict(zip(("a", "b", "[red]c"), values, strict=True)))
    report = compare(seen, labels, ["average"], costs={"a": 1.0, "b": 2.0, "[red]c": 4.0})
    console = Console(width=100, file=io.StringIO())
    console.print(render_report(report))
    text = console.file.getvalue()
    for each in report.analysis.contributions:
        assert f"{each.shapley:+.4f}" in text
        assert each.member in text
    assert "ms a row" not in text
    assert "Least log loss of a plain mean for its cost: a " in " ".join(text.split())
    assert "; a + b " in text


def test_names_are_text_and_no_markup():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 100)
    names = ("vit[v2]", "a[/x]", "[red]c")
    tables = {name: np.clip(np.eye(2)[y] + 0.6 * rng.normal(size=(100, 2)), 0.05, None) for name in names}
    tables = {name: table / table.sum(axis=1, keepdims=True) for name, table in tables.items()}
    console = Console(width=120, file=io.StringIO())
    console.print(render_report(compare(Predictions.from_arrays(tables), y, ["average"])))
    text = console.file.getvalue()
    for name in names:
        assert text.count(name) >= 2
