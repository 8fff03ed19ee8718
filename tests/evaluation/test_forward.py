"""15.7: in the order of time each block of rows is scored by what the blocks before it taught."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.codes import Code
from kerasemble.core.metrics import log_losses
from kerasemble.evaluation.decision import Action
from kerasemble.evaluation.report import Report

ROWS = 400
BLOCK = np.arange(ROWS) * 10 // ROWS


@pytest.fixture(scope="module")
def given(make_members):
    return make_members(ROWS)


@pytest.fixture(scope="module")
def report(given):
    return ke.compare(*given, ["average", "weighted-geometric-average"], cv="forward")


def by_hand(recipe, seen, labels):
    """The losses of all blocks but the first, each under a fit to the rows before it."""
    losses = []
    for block in range(1, 10):
        past, inside = np.flatnonzero(block > BLOCK), np.flatnonzero(block == BLOCK)
        fitted = recipe.fit(seen.rows(past), labels[past])
        losses.append(log_losses(fitted(seen.rows(inside)), labels[inside]))
    return np.concatenate(losses)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("weighted geometric average", ke.WeightedGeometricAverage()),
        ("best member, as picked in each fold", ke.SingleBest()),
        ("best member, recalibrated", ke.SingleBest(recalibrate=True)),
        ("average", ke.Average()),
    ],
)
def test_15_7_each_block_is_scored_by_a_fit_to_those_before_it_and_the_first_is_not_scored(given, report, name, recipe):
    seen, labels = given
    assert report.samples == ROWS - ROWS // 10
    assert report[name].log_loss == pytest.approx(by_hand(recipe, seen, labels).mean(), rel=1e-5)
    for member, values in zip(seen.members, seen.values, strict=True):
        assert report[member].log_loss == pytest.approx(log_losses(values, labels)[BLOCK > 0].mean(), rel=1e-5)


def test_15_7_what_is_used_is_fitted_to_all_rows(given, report):
    seen, labels = given
    assert report.decision.action is Action.COMBINE
    wanted = ke.WeightedGeometricAverage().fit(seen, labels)
    np.testing.assert_array_equal(report.best(seen), wanted(seen))
    assert len(report.choice.taken) == 9
    assert Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report


def test_15_7_no_later_row_changes_the_score_of_an_earlier_choice(given):
    seen, labels = given
    later = BLOCK >= 7
    spoiled = np.where(later, (labels + 1) % 3, labels)
    names = ["average", "weighted-geometric-average", "stacking"]
    one, other = (ke.compare(seen, each, names, cv="forward").choice.taken for each in (labels, spoiled))
    # What is taken for block seven is decided by the blocks before it.
    assert one[:7] == other[:7]


def test_15_7_groups_are_those_of_the_rows_that_are_scored(given):
    seen, labels = given
    groups = [f"site {number}" for number in np.arange(ROWS) // 20]
    found = ke.compare(seen, labels, ["average"], cv="forward", groups=groups)
    assert found.groups == 18
    named = {each.name for each in found.analysis.slices if each.kind == "group"}
    assert named <= set(groups[40:])


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [(19, {}, Code.TOO_FEW_ROWS), (ROWS, {"stages": [ke.Temperature()]}, Code.OPTION)],
)
def test_15_7_too_few_rows_and_stages_are_refused(given, rows, options, code):
    seen, labels = given
    with pytest.raises(ke.KerasembleError) as said:
        ke.compare(seen.rows(slice(rows)), labels[:rows], cv="forward", **options)
    assert said.value.code == code


def test_15_7_limits_hold_in_the_order_of_time_too(given):
    seen, labels = given
    found = ke.compare(seen, labels, ["weighted-geometric-average"], cv="forward", max_members=2)
    assert len(found.best.members) == 2
