"""The page as text: whole in itself, small, the same each time, and no name is taken for markup."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import html
import json
import math
import re

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.evaluation.verdict import of_stages, sentences_of
from kerasemble.render.html import page_of

KINDS = ["full", "bare", "of_labels", "large", "staged"]
LIMIT, LIMIT_WITHOUT_TRIAL = 1_500_000, 300_000


@pytest.fixture(scope="module")
def page(request):
    return lambda kind: page_of(request.getfixturevalue(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_needs_nothing_from_anywhere_else(page, kind):
    text = page(kind)
    assert not re.findall(r"""(?:src|href)=["']?(?!#|data:)[^"'> ]+""", text)
    assert not re.findall(r"url\((?!#)", text)
    assert "default-src 'none'" in text
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_small(page, kind):
    text = page(kind)
    trial = re.search(r'id="trial-data">(.*?)</script>', text, re.DOTALL)
    figure = re.search(r'<div class="figure-box">(.*?)</div>', text, re.DOTALL)
    apart = sum(len(found[1]) for found in (trial, figure) if found is not None)
    assert len(text.encode()) < LIMIT
    assert len(text.encode()) - apart < LIMIT_WITHOUT_TRIAL


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_report_gives_the_same_page_and_every_id_once(page, kind):
    text = page(kind)
    assert page(kind) == text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_names_are_text_and_no_markup(page, full):
    text = page("full")
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert all(score.name in full.verdict or score.name for score in full.scores)


def test_all_numbers_can_be_taken_from_the_page(page, full):
    encoded = re.search(r"data:application/gzip;base64,([^\"]+)", page("full"))[1]
    found = ke.Report.from_json(json.loads(gzip.decompress(base64.b64decode(encoded))))
    assert [each.name for each in found.scores] == [each.name for each in full.scores]
    for read, score in zip(found.scores, full.scores, strict=True):
        assert read.gain == pytest.approx(score.gain, rel=1e-5, nan_ok=True)
    assert found.analysis.diversity.members == full.analysis.diversity.members


def test_what_is_not_there_leaves_no_hole(page):
    text = page("bare")
    assert "None" not in text
    for title in ("Calibration and abstaining", "Where it fails", "The members", "Rows that members disagree on"):
        assert title not in text
    assert "Try other weights" not in page("of_labels")


def test_every_figure_says_in_words_what_it_shows(page):
    labels = re.findall(r'<svg role="img" aria-label="([^"]*)"', page("full"))
    assert len(labels) == len(re.findall("<svg", page("full")))
    assert all(re.search(r"\d", label) for label in labels if "sample" not in label)


@pytest.mark.parametrize(
    ("images", "shown"),
    [
        pytest.param(np.random.default_rng(0).integers(0, 255, (300, 8, 8), dtype=np.uint8), True, id="grey-bytes"),
        pytest.param(np.random.default_rng(0).normal(size=(300, 8, 9, 3)), True, id="colour-floats"),
        pytest.param(np.random.default_rng(0).normal(size=(300, 3, 8, 9)), True, id="channels-first"),
        pytest.param(np.random.default_rng(0).normal(size=(300, 8, 8, 1)), True, id="one-channel"),
        pytest.param(np.random.default_rng(0).normal(size=(300, 64)), False, id="no-images"),
        pytest.param(None, False, id="none"),
    ],
)
def test_doubtful_rows_are_shown_as_pictures_where_they_are_images(full, images, shown):
    text = page_of(full, images)
    assert text.count("data:image/png;base64,") == (len(full.analysis.uncertainty.doubtful) if shown else 0)


def test_a_page_is_written_whole_and_replaces_nothing_unasked(full, tmp_path):
    path = ke.write_report(full, tmp_path / "report.html")
    assert path.read_text(encoding="utf-8").endswith("</html>")
    with pytest.raises(KerasembleError, match="exists"):
        ke.write_report(full, path)
    ke.write_report(full, path, overwrite=True)
    with pytest.raises(KerasembleError, match=r"saved as \.html"):
        ke.write_report(full, tmp_path / "report.htm")


def test_images_that_are_fewer_than_the_rows_are_refused(full):
    with pytest.raises(KerasembleError, match=r"There are 3 images, and the report is of row \d+ too"):
        page_of(full, np.zeros((3, 8, 8)))


def test_what_stages_do_stands_on_the_page_before_and_after(page, staged):
    text, (found,) = page("staged"), staged.analysis.staged
    assert f"they do in {100 * found.sets.held:.1f} % (95 % interval {100 * found.sets.low:.1f} to" in text
    assert f"with {found.sets.size:.2f} classes on average" in text
    for each in found.sets.of_classes:
        assert f"<td>{each.rows}</td><td>{100 * each.held:.1f} %</td><td>{100 * each.low:.1f} to" in text
    for size, share in enumerate(found.sets.shares):
        assert (f'<th scope="row">{size}</th><td>{100 * share:.1f} %</td>' in text) == (share > 0)
    assert f"<dd>{100 * found.answered.coverage:.1f} %</dd>" in text
    assert f"Confusion of {found.calibrated}" in text
    label = re.search(r'aria-label="(Reliability diagram[^"]*)"', text)[1]
    assert found.calibrated in label
    assert found.combiner in label.replace(found.calibrated, "")


def test_a_page_without_stages_says_nothing_of_them(page):
    assert "Prediction sets" not in page("full")
    assert "Abstaining." not in page("full")


@pytest.mark.parametrize("names", ["abc", ("a. B", "v1.0 (best). Really", "c")], ids=["plain", "full-stops"])
def test_the_headline_is_the_first_sentence_of_the_decision_whatever_names_hold(make_report, names):
    report = make_report(names)
    text = html.unescape(page_of(report))
    first, *others = sentences_of(report.decision)
    assert f'<h1 id="verdict">{first}</h1>' in text
    assert f'<p class="lede">{" ".join(others)}</p>' in text
    assert f'<h1 id="verdict">{report.verdict}</h1>' in html.unescape(
        page_of(dataclasses.replace(report, decision=None))
    )


def rows_of(text):
    """Return the rows of the table of scores: kind and classes, what is drawn, gain and interval."""
    table = re.search(r'<table class="scores">.*?<tbody>(.*?)</tbody>', text, re.DOTALL)[1]
    cells = re.compile(r'<tr class="(.*?)">.*?<td class="drawn">(.*?)</td>\s*<td class="span">(.*?)</td>', re.DOTALL)
    return [(kind, drawn, re.sub("<.*?>", " ", span).split()) for kind, drawn, span in cells.findall(table)]


@pytest.mark.parametrize("kind", ["full", "of_labels", "staged", "bare"])
def test_15_3_each_row_of_the_page_has_the_gain_and_the_interval_of_the_table(page, kind, request):
    report = request.getfixturevalue(kind)
    shown = rows_of(page(kind))
    assert [classes.split()[0] for classes, _, _ in shown] == [score.kind for score in report.scores]
    for (classes, drawn, span), score, row in zip(shown, report.scores, report.rows()[1:], strict=True):
        assert span == [*row[-2].split(), *row[-1].split()]
        assert ("chosen" in classes.split()) == (score == report.chosen)
        assert ("<svg" in drawn) == (not math.isnan(score.gain.mean))
        # The lines are zero, the interval and the mean; where an interval has no ends it is not drawn.
        assert ("-line2d_3" in drawn) == (not math.isnan(score.gain.low))
    assert "nan" not in " ".join(part for _, _, span in shown for part in span)


def test_15_22_a_report_without_rows_has_no_row_picture_position_label_or_group(full):
    images = np.random.default_rng(0).integers(0, 255, (300, 8, 8), dtype=np.uint8)
    groups = {part.name for part in full.analysis.slices if part.kind == "group"}
    assert groups
    bare = full.without_rows()
    text, whole = page_of(bare, images), page_of(full, images)
    for mark in ("data:image/png", 'id="doubtful"', 'id="trial-data"', "By group"):
        assert mark in whole
        assert mark not in text
    written = bare.to_json()
    assert written["analysis"]["uncertainty"]["doubtful"] == []
    assert groups.isdisjoint(part["name"] for part in written["analysis"]["slices"] if part["kind"] == "group")
    assert [written["scores"], written["decision"]] == [full.to_json()["scores"], full.to_json()["decision"]]
    assert ke.Report.from_json(written) == bare
    assert full.analysis.uncertainty.doubtful, "the report itself is as it was"


def test_15_22_a_verdict_without_rows_names_no_group_that_is_covered_too_seldom(make_report):
    groups = np.array([f"patient-{index % 2}" for index in range(200)])
    report = make_report("abc", stages=[ke.ConformalSets(0.8)], groups=groups)
    staged = report.analysis.staged[0]
    (worst, *_) = staged.sets.of_groups
    sets = dataclasses.replace(
        staged.sets, of_groups=(dataclasses.replace(worst, held=0.1, code=Code.GROUP_UNDERCOVERED),)
    )
    analysis = dataclasses.replace(report.analysis, staged=(dataclasses.replace(staged, sets=sets),))
    report = dataclasses.replace(report, analysis=analysis)
    said = " ".join([*sentences_of(report.decision), *of_stages(report)])
    report = dataclasses.replace(report, verdict=said)
    assert "patient-" in report.verdict
    bare = report.without_rows()
    assert "patient-" not in bare.verdict + json.dumps(bare.to_json())
    assert f"{sets.held:.1%}" in bare.verdict


def test_of_many_classes_the_answers_that_are_not_shown_are_counted_together(page):
    text = page("large")
    assert "The 16 classes with the most errors of 100" in text
    assert re.search(r"<th scope=\"col\"[^>]*>others</th>", text)


@pytest.mark.parametrize(
    ("recipes", "rule"),
    [
        ([ke.WeightedGeometricAverage(strength=50), ke.WeightedGeometricAverage(strength=60)], "geometric"),
        ([ke.WeightedAverage()], "arithmetic"),
        ([ke.Chain(ke.WeightedGeometricAverage(), (ke.Temperature(),))], "geometric"),
        ([ke.MajorityVote()], None),
        ([ke.Stacking()], None),
    ],
    ids=["geometric", "arithmetic", "chain", "vote", "stacking"],
)
def test_weights_to_try_out_begin_with_the_rule_of_what_was_fitted_where_it_is_such_a_mean(make_report, recipes, rule):
    report = make_report("abc", *recipes, prefer=recipes[0])
    data = json.loads(re.search(r'id="trial-data">(.*?)</script>', page_of(report), re.DOTALL)[1])
    assert (data["fitted"] is not None) == (rule is not None)
    if rule is not None:
        assert data["rule"] == rule
        assert data["fitted"] == pytest.approx([report.weights[name] for name in "abc"])


def test_names_are_no_mathematics_either(make_report):
    names = ("a$\\frac$", "_under", "b$x$y$")
    text = page_of(make_report(names))
    for name in names:
        assert name in text.replace("<wbr>", "")
