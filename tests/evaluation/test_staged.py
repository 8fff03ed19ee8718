"""What stages do is told from rows that neither they nor the combiner saw."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.combiners.chain import Chain
from kerasemble.core.codes import Code
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.decision import Action
from kerasemble.evaluation.folds import make_folds
from kerasemble.evaluation.score import score

WEIGHTED = ke.WeightedGeometricAverage()
STAGES = (ke.Temperature(), ke.ConformalSets(0.9), ke.Abstain(0.1))


def by_hand(seen, labels, chain, weights, seed=0):
    """The outputs of each fold's rows by a chain that was fitted to the others, one fold after the other."""
    folds = make_folds(labels, None, 5, 1, seed)[0]
    found = {}
    for fold in range(5):
        inside = np.flatnonzero(folds == fold)
        others = np.flatnonzero(folds != fold)
        fitted = chain.fit(seen.rows(others), labels[others], sample_weight=weights[others])
        for name, values in fitted.outputs(seen.rows(inside)).items():
            found.setdefault(name, np.empty((len(labels), *values.shape[1:]), values.dtype))[inside] = values
    return found


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_what_stages_do_is_what_a_loop_over_folds_finds(seen, labels, weighted):
    rng = np.random.default_rng(0)
    weights = rng.gamma(2, size=len(labels)) if weighted else np.ones(len(labels))
    mean = ke.Average()
    report = ke.compare(seen, labels, [mean], prefer=mean, sample_weight=weights, stages=STAGES)
    expected = by_hand(seen, labels, Chain(mean, STAGES), weights)
    true = np.arange(len(labels)), labels
    (found,) = report.analysis.staged
    assert (found.combiner, found.calibrated) == ("average", "average, then temperature")
    loss = np.average(-np.log(expected["probabilities"][true]), weights=weights)
    assert report[found.calibrated].log_loss == pytest.approx(loss, rel=1e-5)
    sets, kept = expected["prediction_set"], ~expected["abstain"]
    wrong = expected["probabilities"].argmax(axis=1) != labels
    assert found.sets.held == pytest.approx(np.average(sets[true], weights=weights))
    assert found.sets.size == pytest.approx(np.average(sets.sum(axis=1), weights=weights))
    assert found.sets.shares == pytest.approx(
        [np.average(sets.sum(axis=1) == size, weights=weights) for size in range(4)]
    )
    assert [each.held for each in found.sets.of_classes] == pytest.approx(
        [np.average(sets[labels == k, k], weights=weights[labels == k]) for k in range(3)]
    )
    assert found.answered.coverage == pytest.approx(np.average(kept, weights=weights))
    assert found.answered.wrong == pytest.approx(np.average(wrong[kept], weights=weights[kept]))


def test_the_verdict_says_what_stages_do_and_the_figures_are_of_what_is_used(seen, labels):
    report = ke.compare(seen, labels, ["average"], stages=STAGES)
    sets, answered = report.analysis.staged[0].sets, report.analysis.staged[0].answered
    assert report["average, then temperature"].log_loss < report["average"].log_loss
    assert sets.asked == 0.9
    assert answered.coverage == 1
    some = ke.compare(seen, labels, ["average"], stages=[ke.Abstain(0.02)])
    left = 1 - some.analysis.staged[0].answered.coverage
    assert 0 < left < 1
    # After and before, and what both are to be compared with.
    curves = [curve.name for curve in report.analysis.calibration]
    assert curves == ["average, then temperature", "average", report.best_member.name]
    assert report.analysis.calibration[0].error < report.analysis.calibration[1].error
    assert report.chosen.name == "average"
    assert "then temperature" in report.fitted
    assert ke.Report.from_json(report.to_json()) == report


def test_a_stage_that_adds_an_output_adds_no_score(seen, labels):
    report = ke.compare(seen, labels, ["average"], stages=[ke.ConformalSets(0.9)])
    assert [score.name for score in report.scores if score.kind == "combiner"] == ["average"]
    assert report.analysis.staged[0].calibrated is None
    assert report.analysis.staged[0].answered is None


def test_stages_after_a_member_that_is_kept_are_those_of_this_member_alone(make_members):
    seen, labels = make_members(400, skills=(2.5, 0.8))
    report = ke.compare(seen, labels, ["average"], stages=[ke.Temperature(), ke.ConformalSets(0.9)])
    assert (report.decision.action, report.decision.subject) == (Action.KEEP_MEMBER, "a")
    assert report.analysis.staged[0].calibrated == "a, then temperature"
    chain = Chain(ke.SingleBest(), (ke.Temperature(), ke.ConformalSets(0.9)))
    expected = by_hand(seen, labels, chain, np.ones(400))
    loss = -np.log(expected["probabilities"][np.arange(400), labels]).mean()
    assert report["a, then temperature"].log_loss == pytest.approx(loss, rel=1e-5)
    # What is no combination does not count as one.
    assert report.decision.rival == "average"


def test_where_every_row_is_abstained_from_nothing_is_said_of_wrong_ones(make_members):
    seen, labels = make_members(60)
    with pytest.warns(match="every row is abstained from"):
        report = ke.compare(seen, labels, ["average"], stages=[ke.Abstain(0.001)])
    assert report.analysis.staged[0].answered.wrong is None


def test_below_300_rows_all_divisions_count_before_and_after(make_members):
    seen, labels = make_members(120)
    stages = (ke.Temperature(), ke.ConformalSets(0.8), ke.Abstain(0.3))
    report = ke.compare(seen, labels, [WEIGHTED], prefer=WEIGHTED, stages=stages)
    assert report.repeats == 3
    found = [by_hand(seen, labels, Chain(WEIGHTED, stages), np.ones(120), seed) for seed in range(3)]
    true = np.arange(120), labels
    loss = np.mean([-np.log(outputs["probabilities"][true]) for outputs in found])
    (staged,) = report.analysis.staged
    assert report[staged.calibrated].log_loss == pytest.approx(loss, rel=1e-5)
    assert staged.sets.held == pytest.approx(np.mean([outputs["prediction_set"][true] for outputs in found]))
    kept = np.concatenate([~outputs["abstain"] for outputs in found])
    wrong = np.concatenate([outputs["probabilities"].argmax(axis=1) != labels for outputs in found])
    assert staged.answered.coverage == pytest.approx(kept.mean())
    assert staged.answered.wrong == pytest.approx(wrong[kept].mean())


def test_a_stage_that_changes_nothing_changes_no_figure(make_members):
    seen, labels = make_members(120)
    report = ke.compare(seen, labels, [WEIGHTED], prefer=WEIGHTED, stages=[ke.Temperature(strength=1e9)])
    before, after = report["weighted geometric average"], report["weighted geometric average, then temperature"]
    assert after.log_loss == pytest.approx(before.log_loss, rel=1e-4)
    assert after.gain == pytest.approx(before.gain, abs=1e-4)


def test_a_chain_that_is_compared_shows_what_its_own_stages_do_and_is_calibrated_once(seen, labels):
    chain = Chain(WEIGHTED, (ke.Temperature(), ke.ConformalSets(0.9)))
    alone = ke.compare(seen, labels, [chain], prefer=chain)
    (staged,) = alone.analysis.staged
    assert (staged.combiner, staged.calibrated, staged.sets.asked) == ("chain", None, 0.9)
    with_more = ke.compare(seen, labels, [Chain(WEIGHTED, (ke.Temperature(),))], stages=[ke.ConformalSets(0.9)])
    assert [score.name for score in with_more.scores if score.kind == "combiner"] == ["average", "chain"]


def test_groups_stay_whole_for_stages_and_classes_count_as_they_do_elsewhere(seen, labels):
    groups = np.arange(600) // 4
    report = ke.compare(seen, labels, ["average"], groups=groups, class_weight="balanced", stages=STAGES)
    (staged,) = report.analysis.staged
    assert 0.8 < staged.sets.held <= 1
    by_class = np.array([each.held for each in staged.sets.of_classes])
    # Balanced, each class counts the same.
    assert staged.sets.held == pytest.approx(by_class.mean())


def test_members_that_give_labels_only_may_be_followed_by_stages(seen, labels):
    votes = Predictions.from_labels(dict(zip("abc", seen.values.argmax(axis=-1), strict=True)), classes=3)
    report = ke.compare(votes, labels, ["bayesian-vote"], stages=[ke.ConformalSets(0.9)])
    (staged,) = report.analysis.staged
    assert staged.combiner == report.chosen.name
    assert 0.85 < staged.sets.held <= 1


def rare(rows, seed=0):
    """Three members, and one row in ten of a class that none of them finds by itself."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.1).astype(int)
    raw = np.exp(np.log([0.9, 0.1]) + np.eye(2)[labels] + 0.9 * rng.normal(size=(3, rows, 2)))
    arrays = dict(zip("abc", raw / raw.sum(axis=-1, keepdims=True), strict=True))
    return Predictions.from_arrays(arrays, classes=["well", "ill"]), labels


def staged_sets(seen, labels, **options):
    report = ke.compare(seen, labels, ["average"], stages=[options.pop("sets")], **options)
    assert ke.Report.from_json(report.to_json()) == report
    return report.analysis.staged[0].sets


@pytest.mark.filterwarnings("ignore:.* of the rows are labelled well")
def test_15_10_a_class_that_is_covered_surely_less_than_asked_for_is_named_with_its_numbers():
    seen, labels = rare(1000)
    sets = staged_sets(seen, labels, sets=ke.ConformalSets(0.9))
    assert not sets.by_class
    assert sets.low < sets.held < sets.high
    well, ill = sets.of_classes
    assert [(each.kind, each.name, each.rows) for each in (well, ill)] == [
        ("class", "well", (labels == 0).sum()),
        ("class", "ill", (labels == 1).sum()),
    ]
    assert (well.code, ill.code) == (None, Code.CLASS_UNDERCOVERED)
    assert ill.held < ill.high < 0.8
    assert sets.undercovered == (ill,)
    assert sets.of_groups == ()
    by_class = staged_sets(seen, labels, sets=ke.ConformalSets(0.9, by_class=True))
    assert by_class.by_class
    assert by_class.undercovered == ()
    assert by_class.of_classes[1].held == pytest.approx(0.9, abs=0.06)


@pytest.mark.filterwarnings("ignore::kerasemble.KerasembleWarning")  # that nearly all are of one class
def test_15_10_few_rows_accuse_no_class():
    seen, labels = rare(1000)
    some = np.sort(np.concatenate([np.flatnonzero(labels == 0)[:200], np.flatnonzero(labels == 1)[:3]]))
    sets = staged_sets(seen.rows(some), labels[some], sets=ke.ConformalSets(0.9))
    assert sets.of_classes[1].rows == 3
    assert sets.of_classes[1].held < 0.7
    assert sets.undercovered == ()


def test_15_10_coverage_by_group_is_said_where_groups_are_given():
    seen, labels = rare(1200)
    sites = np.array(["north", "south", "east", "west"])[np.arange(1200) % 4]
    # One site has labels that nothing predicts.
    odd = sites == "west"
    labels = np.where(odd, np.random.default_rng(0).integers(0, 2, 1200), labels)
    sets = staged_sets(seen, labels, sets=ke.ConformalSets(0.9), groups=sites)
    assert [(each.kind, each.name, each.rows) for each in sets.of_groups] == [
        ("group", name, 300) for name in ("east", "north", "south", "west")
    ]
    assert [each.code for each in sets.of_groups] == [None, None, None, Code.GROUP_UNDERCOVERED]
    assert sets.of_groups[3] in sets.undercovered


@pytest.mark.filterwarnings("ignore:.* of the rows are labelled well")
def test_15_10_of_a_hundred_groups_that_are_covered_as_asked_none_is_accused():
    seen, labels = rare(3000)
    found = staged_sets(seen, labels, sets=ke.ConformalSets(0.9), groups=np.arange(3000) % 100)
    assert len(found.of_groups) == 100
    # Some are below by chance, each by itself.
    assert any(each.high < 0.9 for each in found.of_groups)
    assert all(each.code is None for each in found.of_groups)


@pytest.mark.filterwarnings("ignore:.* of the rows are labelled well")
def test_15_10_saved_ensembles_say_their_coverage_by_class_and_group():
    seen, labels = rare(2000)
    chain = Chain(ke.Average(), (ke.ConformalSets(0.9), ke.Abstain(0.2))).fit(seen.rows(slice(1000)), labels[:1000])
    new, true = seen.rows(slice(1000, None)), labels[1000:]
    answers = dict(zip(["e", "a"], [chain(new), new.values[0]], strict=True))
    both = Predictions.from_arrays(answers, classes=["well", "ill"])
    report = score(both, true, ["e"], groups=np.arange(1000) % 2, fitted={"e": chain})
    (staged,) = report.analysis.staged
    inside = chain.outputs(new)["prediction_set"][np.arange(1000), true]
    assert [each.held for each in staged.sets.of_classes] == pytest.approx([inside[true == k].mean() for k in (0, 1)])
    assert [each.held for each in staged.sets.of_groups] == pytest.approx([inside[k::2].mean() for k in (0, 1)])
    assert staged.answered.low < staged.answered.wrong < staged.answered.high


def test_15_10_a_risk_that_was_not_seen_is_not_said_to_be_none(make_members):
    seen, labels = make_members(600, skills=(6.0, 6.0))
    (staged,) = ke.compare(seen, labels, ["average"], stages=[ke.Abstain(0.1)]).analysis.staged
    assert staged.answered.low <= staged.answered.wrong < staged.answered.high
