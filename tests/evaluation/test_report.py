"""A report keeps its numbers through JSON and prints them."""

from __future__ import annotations

import json

import pytest

from kerasemble.evaluation.report import Report, Score
from kerasemble.evaluation.significance import Interval

MEMBER = Score("cnn-b", "member", 0.97, 0.1214, Interval(0.0, 0.0, 0.0))
OTHER = Score("mlp", "member", 0.9, 0.3, Interval(-0.1786, -0.25, -0.1072))
POOL = Score("weighted average", "combiner", 0.98, 0.068, Interval(0.0534, 0.041, 0.0658))


@pytest.fixture
def report():
    return Report(
        scores=(OTHER, MEMBER, POOL),
        best_member=MEMBER,
        chosen=POOL,
        verdict="weighted average it is.",
        samples=500,
        folds=5,
        warnings=("Member 'mlp' is odd.",),
        readings={"cnn-b": "softmax", "mlp": "as it is"},
    )


def test_a_report_is_the_same_after_json(report):
    assert Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report


def test_scores_are_found_by_name(report):
    assert report["cnn-b"] == MEMBER
    with pytest.raises(KeyError, match="vit"):
        report["vit"]


def test_the_text_has_each_score_with_its_interval_the_warnings_and_the_verdict(report):
    lines = str(report).splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines[1:4]}
    assert rows["mlp"][1:] == ["90.00%", "0.3000", "-0.1786", "-0.250", "to", "-0.107"]
    assert rows["cnn-b"][1:] == ["97.00%", "0.1214", "best", "member"]
    assert rows["weighted average"][2:] == ["98.00%", "0.0680", "+0.0534", "+0.041", "to", "+0.066"]
    assert "Warning: Member 'mlp' is odd." in lines
    assert lines[-1] == "weighted average it is."
    assert "500 rows" in str(report)
    assert "5 folds" in str(report)


def test_the_columns_of_the_text_stand_under_each_other(report):
    heading, *rows = str(report).splitlines()[:4]
    end = heading.index("log loss") + len("log loss")
    assert [row[:end].split()[-1] for row in rows] == ["0.3000", "0.1214", "0.0680"]
