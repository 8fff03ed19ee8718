"""15.7: copies of rows are one unit and are counted; rows that tell of their neighbours are noticed."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.copies import copies_of, joined
from kerasemble.evaluation.dependence import dependence
from kerasemble.evaluation.folds import make_folds
from kerasemble.evaluation.score import score
from kerasemble.evaluation.units import units_of


def weak(rows, members=3, classes=5, seed=1):
    """Members that know next to nothing, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    tables = {
        f"m{index}": softmax(0.3 * (0.3 * np.eye(classes)[y] + rng.normal(size=(rows, classes))), axis=1)
        for index in range(members)
    }
    return Predictions.from_arrays(tables), y


def codes(run):
    """Return what a call returns, and the codes of its warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = run()
    return result, [each.message.code for each in said if isinstance(each.message, KerasembleWarning)]


def partition(groups):
    """Return groups as sets of rows."""
    return {frozenset(np.flatnonzero(groups == each).tolist()) for each in np.unique(groups)}


@pytest.mark.parametrize("run", [compare, score])
def test_15_7_copies_add_no_evidence_and_are_counted(run):
    seen, y = weak(40)
    rows = np.random.default_rng(2).permutation(np.repeat(np.arange(40), 10))
    once, said = codes(lambda: run(seen, y))
    assert Code.COPIES not in said
    many, said = codes(lambda: run(seen.rows(rows), y[rows]))
    assert said.count(Code.COPIES) == 1
    # As many units, so as wide an interval: of 400 independent rows it would be a third of that.
    widths = [each.high - each.low for each in (once.scores[0].over_mean, many.scores[0].over_mean)]
    assert widths[1] == pytest.approx(widths[0], rel=1e-6)


def test_15_7_the_warning_says_how_many_rows_are_copies():
    seen, _ = weak(40)
    units = units_of(seen.rows(np.append(np.arange(40), [3, 3, 7])))
    assert units.copies == 3
    assert [finding.code for finding in units.findings()] == [Code.COPIES]
    assert "3 of 43" in str(units.findings()[0])


def test_15_7_inputs_decide_where_they_are_known():
    seen, y = weak(40)
    tied = Predictions.from_labels({"a": y % 2, "b": y % 2}, 2)
    known = dataclasses.replace(tied, row_hashes=np.arange(40, dtype=np.uint64) % 39)
    assert (units_of(tied).copies, units_of(known).copies) == (0, 1)
    # Answers that are equal are no copies where the inputs were others.
    same = seen.rows(np.arange(80) % 40)
    assert copies_of(same) is not None
    assert copies_of(dataclasses.replace(same, row_hashes=np.arange(80, dtype=np.uint64))) is None


def test_15_7_labels_and_saturated_answers_tell_nothing():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 500)
    assert copies_of(Predictions.from_labels({"a": y, "b": y, "c": (y + 1) % 3}, 3)) is None
    sure = {name: softmax(200 * (np.eye(3)[y] + 0.01 * rng.normal(size=(500, 3))), axis=1) for name in "abc"}
    assert copies_of(Predictions.from_arrays(sure)) is None
    constant = {name: np.tile(softmax(rng.normal(size=3)), (500, 1)) for name in "abc"}
    assert copies_of(Predictions.from_arrays(constant)) is None


@pytest.mark.parametrize("seed", range(3))
def test_15_7_trees_and_neighbours_give_equal_answers_to_different_rows_and_are_not_called_copies(seed):
    rng = np.random.default_rng(seed)
    x, new = rng.normal(size=(600, 4)), rng.normal(size=(500, 4))
    y = (x[:, 0] + rng.normal(size=600) > 0).astype(int)
    models = {
        "tree": DecisionTreeClassifier(max_leaf_nodes=30, random_state=seed),
        "deep": DecisionTreeClassifier(random_state=seed),
        "neighbours": KNeighborsClassifier(7),
        "forest": RandomForestClassifier(20, max_depth=4, random_state=seed),
        "boosted": GradientBoostingClassifier(n_estimators=8, max_depth=2, random_state=seed),
        "stumps": GradientBoostingClassifier(n_estimators=5, max_depth=1, random_state=seed),
    }
    answers = {name: model.fit(x, y).predict_proba(new) for name, model in models.items()}
    for pool in (["tree", "deep"], ["tree", "neighbours"], ["boosted", "stumps"], ["tree", "boosted"], list(models)):
        assert copies_of(Predictions.from_arrays({name: answers[name] for name in pool})) is None, pool


def test_15_7_a_tree_among_other_members_does_not_hide_copies():
    seen, y = weak(60, classes=2)
    tree = np.repeat([[0.25, 0.75], [0.6, 0.4]], 30, axis=0)
    with_tree = Predictions.from_arrays({**dict(zip(seen.members, seen.each(), strict=True)), "tree": tree})
    rows = np.append(np.arange(60), np.arange(5))
    assert len(np.unique(copies_of(with_tree.rows(rows)))) == 60
    assert len(y) == 60


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20))
def test_15_7_groups_that_share_a_copy_are_joined_and_no_others(pairs):
    ours, theirs = (np.unique(column, return_inverse=True)[1] for column in np.array(pairs).T)
    found = joined(ours, theirs)
    # By the definition: rows are linked as long as something links them.
    expected = np.arange(len(pairs))
    for _ in pairs:
        for kind in (ours, theirs):
            for each in np.unique(kind):
                expected[kind == each] = expected[kind == each].min()
        for row in range(len(pairs)):
            expected[row] = expected[expected[row]]
    assert partition(found) == partition(expected)
    assert set(found) == set(range(found.max() + 1))


def test_15_7_slices_are_by_the_users_groups_and_folds_by_what_they_are_joined_to():
    seen, y = weak(60)
    rows, groups = np.append(np.arange(60), [0, 59]), np.append(np.arange(60) // 10, [5, 5])
    report, said = codes(lambda: compare(seen.rows(rows), y[rows], ["average"], groups=groups))
    assert Code.COPIES in said
    assert report.groups == 6
    assert [part.rows for part in report.analysis.slices if part.kind == "group"] == [10, 10, 10, 10, 10, 12]
    units = units_of(seen.rows(rows), groups)
    assert units.numbers.max() == 4
    assert units.numbers[0] == units.numbers[59] == units.numbers[61]


def test_15_7_rows_that_are_all_copies_of_one_are_refused():
    seen, _ = weak(20)
    copies = dataclasses.replace(seen, row_hashes=np.zeros(20, dtype=np.uint64))
    with pytest.raises(KerasembleError) as caught:
        compare(copies, np.zeros(20, dtype=int), ["average"])
    assert caught.value.code == Code.ONE_GROUP


def walk(rows, memory, rng):
    """Return an autoregressive series (rows,) of variance one."""
    noise = rng.normal(size=rows)
    values = np.empty(rows)
    values[0] = noise[0]
    for row in range(1, rows):
        values[row] = memory * values[row - 1] + np.sqrt(1 - memory**2) * noise[row]
    return values


def test_15_7_losses_that_tell_of_their_neighbours_are_noticed():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    found = [dependence(walk(200, 0.9, rng)[None], labels) for _ in range(20)]
    assert all([each.code for each in one] == [Code.DEPENDENT] for one in found)


@pytest.mark.parametrize("kind", ["any order", "sorted by class", "few values", "groups"])
def test_15_7_independent_rows_are_not_called_dependent(kind):
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(100):
        labels = rng.integers(0, 3, 200)
        labels = np.sort(labels) if kind == "sorted by class" else labels
        losses = rng.exponential(size=(2, 200)) ** 2 * (1 + 5 * labels)
        units = None
        if kind == "few values":
            losses = (losses > 5).astype(float)
        if kind == "groups":
            units = np.arange(200) // 4
            losses = losses + 10 * rng.normal(size=50)[units]
        alarms += bool(dependence(losses, labels, units))
    # One in a thousand is wanted: three in a hundred have a chance of 0.02 %.
    assert alarms <= 2


def test_15_7_a_comparison_names_dependence_and_blocks_mend_it():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 600)
    members = {}
    for name in "abc":
        skill = 1 + 1.5 * walk(600, 0.95, rng)[:, None]
        members[name] = softmax(skill * np.eye(2)[y] + 0.3 * rng.normal(size=(600, 2)), axis=1)
    seen = Predictions.from_arrays(members)
    apart, said = codes(lambda: compare(seen, y, ["weighted-geometric-average"]))
    assert Code.DEPENDENT in said
    blocks, said = codes(lambda: compare(seen, y, ["weighted-geometric-average"], cv="blocks"))
    assert Code.DEPENDENT not in said
    widths = [each.scores[-1].gain.high - each.scores[-1].gain.low for each in (apart, blocks)]
    assert widths[1] > 1.5 * widths[0]


def test_15_7_blocks_are_runs_of_neighbours_and_lie_in_one_fold():
    seen, y = weak(205)
    units = units_of(seen, blocks=10)
    assert (np.diff(units.numbers) >= 0).all()
    assert units.blocks == len(np.bincount(units.numbers)) == 10
    assert np.ptp(np.bincount(units.numbers)) <= 1
    for division in make_folds(y, units.numbers, 5, 3, 0):
        assert all(len(set(division[units.numbers == each])) == 1 for each in range(10))


def test_15_7_many_rows_that_stand_alone_are_dealt_as_evenly_as_strata():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 3000)
    groups = np.arange(3000)
    groups[1::100] = groups[::100]
    groups = np.unique(groups, return_inverse=True)[1]
    (folds,) = make_folds(y, groups, 5, 1, 0)
    counts = np.stack([np.bincount(y[folds == each], minlength=4) for each in range(5)])
    assert np.ptp(counts, axis=0).max() <= 2
    assert np.ptp(counts.sum(axis=1)) <= 4


@pytest.mark.parametrize("cv", ["weeks", 2.5])
def test_15_7_a_division_that_is_none_is_refused(cv):
    seen, y = weak(40)
    with pytest.raises(KerasembleError) as caught:
        compare(seen, y, ["average"], cv=cv)
    assert caught.value.code == Code.OPTION
