"""What members cost has the unit that it was given in, and decides only where somebody limits it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

import kerasemble as ke
from kerasemble.core.codes import Code
from kerasemble.core.costs import Cost
from kerasemble.evaluation.budget import Budget, Priced, as_costs, check_budget
from kerasemble.render.html import page_of


def measured(seen, milliseconds):
    costs = tuple(Cost(each, 1000 + place) for place, each in enumerate(milliseconds))
    return dataclasses.replace(seen, costs=costs)


def test_15_13_costs_have_the_unit_that_the_user_names_or_none(seen):
    timed = measured(seen, (1.0, 2.0, 3.0))
    assert as_costs(None, timed).unit == "ms a row"
    assert as_costs((1, 2, 3), timed).unit == "cost"
    assert as_costs((1, 2, 3), timed, "EUR a month").unit == "EUR a month"


def test_15_13_costs_of_no_unit_are_not_called_milliseconds_in_report_table_or_page(seen, labels):
    report = ke.compare(seen, labels, ["average"], costs={"a": 1, "b": 2, "c": 3})
    assert report.analysis.cost_unit == "cost"
    assert report.to_json()["analysis"]["cost_unit"] == "cost"
    assert "ms a row" not in str(report)
    assert "ms a row" not in page_of(report)


@given(st.lists(st.floats(1e-3, 1e6), min_size=3, max_size=3), st.floats(1e-4, 1e7))
def test_15_13_a_budget_is_in_the_unit_of_the_costs_whatever_that_is(costs, limit):
    priced = Priced(np.array(costs), "EUR")
    if limit >= min(costs):
        check_budget(Budget(limit), priced, "abc")
        return
    with pytest.raises(ke.KerasembleError) as caught:
        check_budget(Budget(limit), priced, "abc")
    assert caught.value.code == Code.BEYOND_BUDGET
    assert f"{min(costs):.3g} EUR" in str(caught.value)


def test_15_13_no_budget_is_held_to_what_only_stands_in_for_a_cost(seen):
    for costs in (None, (None, None, None)):
        unknown = seen if costs is None else measured(seen, costs)
        with pytest.raises(ke.KerasembleError) as caught:
            check_budget(Budget(5.0), as_costs(None, unknown), unknown.members)
        assert caught.value.code == Code.COST_UNKNOWN


def test_15_13_measured_times_do_not_decide_which_members_are_kept_where_no_cost_is_limited():
    """With over twelve members, those are tried that bring the most for their cost."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    logits = 2 * np.eye(3)[labels] + rng.normal(size=(14, 300, 3))
    seen = ke.Predictions.from_arrays(dict(zip("abcdefghijklmn", softmax(logits, axis=-1), strict=True)))
    prices = [Priced(10 ** rng.uniform(-3, 3, 14), "ms a row") for _ in range(4)]
    limit = Budget(members=3)
    selecting = [ke.Select(max_members=3, costs=tuple(limit.prices(priced))) for priced in prices]
    assert len({each.fit(seen, labels).members for each in selecting}) == 1
