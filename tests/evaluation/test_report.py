"""A report keeps its numbers through JSON and prints them."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.evaluation.report import Report, Score
from kerasemble.evaluation.significance import Interval

NONE = Interval(0.0, 0.0, 0.0)
BASELINE = Score("best member", "baseline", {"accuracy": 0.97, "log loss": 0.1214}, NONE, NONE)
MEMBER = Score("cnn-b", "member", {"accuracy": 0.97, "log loss": 0.1214}, NONE, NONE)
OTHER = Score("mlp", "member", {"accuracy": 0.9, "log loss": 0.3}, Interval(-0.1786, -0.25, -0.1072), NONE)
POOL = Score(
    "weighted average", "combiner", {"accuracy": 0.98, "log loss": 0.068}, Interval(0.0534, 0.041, 0.0658), NONE
)


@pytest.fixture
def report():
    return Report(
        scores=(OTHER, MEMBER, BASELINE, POOL),
        baseline=BASELINE,
        best_member=MEMBER,
        chosen=POOL,
        verdict="weighted average it is.",
        samples=500,
        folds=5,
        warnings=("Member 'mlp' is odd.",),
        readings={"cnn-b": "softmax", "mlp": "as it is"},
        fitted="Fitted weighted average: cnn-b 0.900, mlp 0.100",
    )


@pytest.fixture
def by_errors():
    """A report on members that give labels only."""
    member = Score("cnn-b", "member", {"accuracy": 0.97}, NONE, NONE)
    other = Score("mlp", "member", {"accuracy": 0.9}, Interval(-0.07, -0.09, -0.05), NONE)
    vote = Score("bayesian vote", "combiner", {"accuracy": 0.98, "log loss": 0.068}, Interval(0.01, 0.002, 0.018), NONE)
    return Report((other, member, vote), member, member, vote, "vote.", 500, 5, measure="error rate")


@pytest.mark.parametrize("which", ["report", "by_errors"])
def test_a_report_is_the_same_after_json(request, which):
    given = request.getfixturevalue(which)
    again = Report.from_json(json.loads(json.dumps(given.to_json(), allow_nan=False)))
    assert again == given
    assert (again.measure, again.fitted) == (given.measure, given.fitted)


def test_a_report_of_labels_only_has_no_log_loss_of_members_and_gains_in_error_rate(by_errors):
    rows = {row[0]: row[1:] for row in by_errors.rows()[1:]}
    assert rows["mlp"] == ("90.00%", "", "-0.0700", "-0.0900 to -0.0500")
    assert rows["cnn-b"][:3] == ("97.00%", "", "")
    assert rows["bayesian vote"] == ("98.00%", "0.0680", "+0.0100", "+0.0020 to +0.0180")


@pytest.mark.parametrize(
    ("score", "measure", "loss"),
    [
        (POOL, "log loss", 0.068),
        (POOL, "error rate", 0.02),
        (dataclasses.replace(POOL, metrics={"accuracy": 0.98}), "log loss", math.nan),
    ],
)
def test_a_score_has_the_loss_that_is_asked_for(score, measure, loss):
    assert score.loss(measure) == pytest.approx(loss, nan_ok=True)


def test_scores_are_found_by_name(report):
    assert report["cnn-b"] == MEMBER
    with pytest.raises(KerasembleError):
        report["vit"]


def test_the_text_has_each_score_with_its_interval_the_warnings_and_the_verdict(report):
    lines = str(report).splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines[1:5]}
    assert rows["mlp"][1:] == ["90.00%", "0.3000", "-0.1786", "-0.2500", "to", "-0.1072"]
    assert rows["cnn-b"][1:] == ["97.00%", "0.1214", "+0.0000", "+0.0000", "to", "+0.0000"]
    assert rows["best member"][2:4] == ["97.00%", "0.1214"]
    assert rows["weighted average"][2:] == ["98.00%", "0.0680", "+0.0534", "+0.0410", "to", "+0.0658"]
    assert "Warning: Member 'mlp' is odd." in lines
    assert lines[-2:] == ["weighted average it is.", "Fitted weighted average: cnn-b 0.900, mlp 0.100"]
    assert "500 rows" in str(report)
    assert "5 folds" in str(report)


def test_the_columns_of_the_text_stand_under_each_other(report):
    heading, *rows = str(report).splitlines()[:5]
    end = heading.index("log loss") + len("log loss")
    assert [row[:end].split()[-1] for row in rows] == ["0.3000", "0.1214", "0.1214", "0.0680"]


def test_a_notebook_shows_the_verdict_the_table_and_what_is_warned_of_and_no_markup_of_names(report):
    odd = dataclasses.replace(report, warnings=("Member '<b>' is odd.",))
    shown = odd._repr_html_()
    assert shown.startswith('<div><div style="font-weight:600">weighted average it is.</div><table>')
    assert "Member &#x27;&lt;b&gt;&#x27; is odd." in shown
    assert '<tr style="font-weight:600"><td style="text-align:left">weighted average</td>' in shown
