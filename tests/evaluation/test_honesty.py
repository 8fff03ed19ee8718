"""What a comparison must not be fooled by: each of these once was."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

import kerasemble as ke
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.candidates import BEST, RECALIBRATED
from kerasemble.evaluation.decision import Action, Caveat
from kerasemble.evaluation.score import score
from kerasemble.evaluation.significance import bootstrap, paired_interval, paired_test
from kerasemble.evaluation.verdict import sentences_of


def related(rows, seed, skill=3.0, shared=0.9, members=3):
    """Return calibrated members whose errors are mostly the same, of two classes, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    common = rng.normal(size=(rows, 2))
    arrays = {}
    for name in "abcde"[:members]:
        noise = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(rows, 2))
        arrays[name] = softmax(skill * (skill * np.eye(2)[labels] + noise), axis=1)
    return Predictions.from_arrays(arrays), labels


def test_voters_that_made_no_mistake_on_few_rows_are_not_called_better_for_being_sure():
    ensembles = []
    for seed in range(20):
        seen, labels = related(20, seed)
        vote = seen.values.argmax(axis=-1)
        if (vote == labels).all() and len(set(labels)) == 2:
            report = ke.compare(seen, labels, ["majority-vote", "weighted-geometric-average"], metrics=["log loss"])
            assert report["majority vote"].log_loss == 0
            assert report["majority vote"].gain.low < 0
            ensembles.append(report.chosen.name)
    assert len(ensembles) > 5
    assert "majority vote" not in ensembles


def test_a_row_that_was_not_seen_moves_each_end_on_its_own_side_only():
    baseline, other = np.random.default_rng(0).gamma(2, size=(2, 100))
    plain = paired_interval(baseline, other)
    one_side = paired_interval(baseline, other, unseen=(-30.0, -np.inf))
    both = paired_interval(baseline, other, unseen=(-30.0, 30.0))
    assert both.mean == one_side.mean == plain.mean
    assert both.low == one_side.low < plain.low - 0.3
    assert both.high > plain.high + 0.3
    assert one_side.high - plain.high < 0.1


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_the_bootstrap_of_few_groups_does_not_find_what_is_not_there(count):
    rng = np.random.default_rng(0)
    groups, found = np.repeat(np.arange(count), 10), 0
    for seed in range(100):
        difference = rng.normal(size=count)[groups]
        interval = bootstrap(
            lambda w, d=difference: float(w @ d / w.sum()), np.ones(len(groups)), groups, seed
        ).interval
        found += interval.low > 0 or interval.high < 0
        # Student's for so many groups, of the groups' own spread.
        spread = np.std(difference[::10], ddof=1) / np.sqrt(count)
        width = 2 * stats.t.ppf(0.975, count - 1) * spread
        assert interval.high - interval.low == pytest.approx(width, rel=0.35)
    # Five in a hundred are meant; benchmarks/estimates.py has what percentiles did.
    assert found <= 11


def test_the_best_members_area_is_that_of_members_and_not_of_a_mixture_of_their_scales():
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 2, 300)
    z = labels + 0.7 * rng.normal(size=(2, 300)) - 0.5
    high, low = (1 / (1 + np.exp(-each)) for each in (2 * z[0] + 1, 2 * z[1] - 1))
    seen = Predictions.from_arrays({"high": np.stack([1 - high, high], 1), "low": np.stack([1 - low, low], 1)})
    report = ke.compare(seen, labels, ["average"], metrics=["AUC"], prefer=ke.Average())
    against = next(each for each in report.differences if (each.metric, each.against) == ("AUC", "best member"))
    areas = [report[name].metrics["AUC"] for name in ("high", "low")]
    own = report["average"].metrics["AUC"]
    assert own - max(areas) - 1e-9 <= against.gain.mean <= own - min(areas) + 1e-9


def test_calibration_errors_are_given_without_an_interval(seen, labels):
    report = ke.compare(seen, labels, ["average"])
    assert {"ECE", "classwise ECE"} <= set(report["average"].metrics)
    assert not {each.metric for each in report.differences} & {"ECE", "classwise ECE"}
    assert {each.metric for each in report.differences} >= {"AUC", "macro F1"}


def right(labels, probabilities):
    return float((probabilities.argmax(axis=1) == labels).mean())


def test_a_function_that_takes_no_weights_is_resampled_by_rows(seen, labels):
    median = ke.Median()
    report = ke.compare(seen, labels, [median], metrics=[right, "accuracy"], prefer=median)
    name = f"{__name__}:right"
    assert report["median"].metrics[name] == report["median"].accuracy
    widths = {
        each.metric: each.gain.high - each.gain.low
        for each in report.differences
        if (each.name, each.against) == ("median", "plain mean")
    }
    assert widths[name] == pytest.approx(widths["accuracy"], rel=0.2)


@pytest.mark.filterwarnings("ignore::kerasemble.KerasembleWarning")  # of the three rows of a class
def test_where_a_resample_lacks_a_class_it_is_left_out_and_the_metric_is_still_given(make_members):
    seen, labels = make_members(300, classes=2)
    rows = np.concatenate([np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[:3]])
    report = ke.compare(seen.rows(rows), labels[rows], ["average"], metrics=["roc_auc"], prefer=ke.Average())
    found = [each for each in report.differences if each.metric == "roc_auc"]
    assert len(found) == 1
    assert found[0].gain.low <= found[0].gain.mean <= found[0].gain.high


def test_two_functions_of_one_name_are_refused(seen, labels):
    with pytest.raises(KerasembleError, match=r"Two of the metrics are called .*<lambda>'\. Give each once"):
        ke.compare(seen, labels, ["average"], metrics=[lambda *_: 1.0, lambda *_: 2.0])


@pytest.mark.parametrize("sizes", [(199, 1), (290, 10), (900, 50, 50)])
def test_groups_of_very_different_sizes_have_an_interval_that_can_be_read(sizes):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(len(sizes)), sizes)
    baseline, other = rng.gamma(2, size=(2, len(groups)))
    found = paired_interval(baseline, other, groups=groups)
    assert 0 < found.high - found.low < 60


@pytest.mark.parametrize("metric", ["accuracy", "balanced accuracy", "macro F1"])
def test_a_score_of_answers_that_tie_does_not_depend_on_the_order_of_classes(metric):
    rng = np.random.default_rng(0)
    labels, votes = rng.integers(0, 3, 90), rng.integers(0, 3, (2, 90))
    votes[0] = np.where(rng.random(90) < 0.6, labels, votes[0])
    order = np.array([2, 0, 1])
    scores = []
    for renamed in (np.arange(3), order):
        seen = Predictions.from_labels({"a": renamed[votes[0]], "b": renamed[votes[1]]}, classes=3)
        report = ke.compare(seen, renamed[labels], ["average"], metrics=[metric], repeats=1)
        scores.append(report["average"].metrics[metric])
    assert scores[0] == pytest.approx(scores[1])


def test_a_member_that_is_called_as_a_combiner_is_told_apart_from_it(seen, labels):
    renamed = Predictions.from_arrays(dict(zip(("average", BEST, "c"), seen.values, strict=True)))
    report = ke.compare(renamed, labels, ["average", "geometric-average"])
    names = [score.name for score in report.scores]
    assert names[:3] + names[5:7] == ["average", BEST, "c", "average (combined)", "geometric average"]
    assert len(set(names)) == len(names)
    assert report["average"].kind == "member"
    expected = ke.compare(seen, labels, ["average", "geometric-average"])
    assert report["average (combined)"].metrics == expected["average"].metrics
    assert len(report.differences) == len(expected.differences)
    assert [curve.error for curve in report.analysis.calibration] == [
        curve.error for curve in expected.analysis.calibration
    ]


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_row_without_a_group_is_refused_by_its_number(seen, labels, missing):
    groups = np.array(["p1", "p2"] * 300, dtype=object)
    groups[7] = missing
    with pytest.raises(KerasembleError, match=r"Row 7 has no group \((None|nan)\)"):
        ke.compare(seen, labels, ["average"], groups=groups)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"repeats": -1}, "repeats=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"max_members": 2.5}, "max_members=2.5"),
        ({"cv": 1}, "cv=1"),
        # Would divide into three folds of which nobody asked for any.
        ({"cv": 2.5}, "cv=2.5"),
        ({"repeats": 1.5}, "repeats=1.5"),
    ],
)
def test_numbers_that_cannot_be_are_refused(seen, labels, options, said):
    with pytest.raises(KerasembleError, match=f"Received: .*{said}"):
        ke.compare(seen, labels, ["average"], **options)


COSTS = {"a": 3.0, "b": 2.0, "c": 1.0}


def test_no_member_is_kept_that_alone_costs_more_than_the_budget(make_members):
    # The dearest is the best by far.
    seen, labels = make_members(400, skills=(2.4, 1.3, 0.7))
    report = ke.compare(seen, labels, ["average"], costs=COSTS, budget=2.5)
    assert report.best.members == ("b",)
    assert [score.name for score in report.scores if score.kind == "member"] == ["b", "c"]
    assert report.analysis.cost_unit == "cost"
    assert report.best.left_out == ("a", "c")
    dear = ke.compare(seen, labels, ["average"], costs=COSTS, budget=6)
    assert dear.best.members == ("a",)
    assert [score.name for score in dear.scores if score.kind == "member"] == ["a", "b", "c"]


def test_no_more_members_are_kept_than_may_be(seen, labels):
    report = ke.compare(seen, labels, ["average"], costs=COSTS, max_members=2)
    assert (report.decision.action, report.best.members) == (Action.COMBINE, ("a", "c"))


# The second has two that are equally good, of which it is chance which one is kept.
@pytest.mark.parametrize("skills", [(3.0, 1.0, 0.9), (2.0, 2.0, 0.6)], ids=["one", "two"])
@pytest.mark.filterwarnings("ignore:The answers of member")
def test_where_every_fold_keeps_a_member_the_gain_of_choosing_is_surely_none(make_members, skills):
    seen, labels = make_members(400, skills=skills)
    report = ke.compare(seen, labels, ["average"])
    assert set(report.choice.taken) <= {BEST, RECALIBRATED}
    assert report.decision.action is Action.KEEP_MEMBER
    assert report.choice.over_mean.low > 0


def nothing_is_called_a_gain(decision):
    """Whether a decision says that guessing is as good, which is then all that the verdict says."""
    guess = {Caveat.WORSE_THAN_GUESSING, Caveat.LIKE_GUESSING} & set(decision.caveats)
    return bool(guess) and len(sentences_of(decision)) == 2


def test_63_where_labels_are_those_of_other_rows_nothing_is_called_a_gain(seen, labels):
    shuffled = np.random.default_rng(0).permutation(labels)
    with pytest.warns(ke.KerasembleWarning) as said:
        report = ke.compare(seen, shuffled)
    assert Code.LABELS_UNRELATED in {each.message.code for each in said}
    assert nothing_is_called_a_gain(report.decision)
    by_votes = Predictions.from_labels(dict(zip("abc", seen.values.argmax(axis=-1), strict=True)), classes=3)
    with pytest.warns(ke.KerasembleWarning) as said:
        votes = ke.compare(by_votes, shuffled)
    assert Code.LABELS_UNRELATED in {each.message.code for each in said}
    assert nothing_is_called_a_gain(votes.decision)


@pytest.mark.filterwarnings("ignore")
def test_labels_of_one_class_say_nothing_of_guessing(seen, labels):
    rows = np.flatnonzero(labels == 1)
    report = ke.compare(seen.rows(rows), labels[rows], ["average"])
    assert not {Caveat.WORSE_THAN_GUESSING, Caveat.LIKE_GUESSING} & set(report.decision.caveats)


def test_a_recipe_with_options_for_each_member_may_be_in_a_chain(seen, labels):
    priced = ke.WeightedGeometricAverage(cost_weight=1e-4, costs=(1.0, 2.0, 3.0))
    chain = ke.Chain(priced, (ke.Temperature(),))
    report = ke.compare(seen, labels, [chain], prefer=chain)
    assert (report.decision.action, report.decision.subject) == (Action.COMBINE, "chain")
    assert report.decision.gain.low > 0
    assert report.decision.combining.low > 0


def biased(rows=900, seed=0):
    """Return a member that misjudges how frequent classes are, one that knows nothing, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, rows)
    good = softmax(2 * np.eye(3)[y] + rng.normal(size=(rows, 3)) + [0, 1.5, -1.5], axis=1)
    return Predictions.from_arrays({"a": good, "b": softmax(rng.normal(size=(rows, 3)), axis=1)}), y


@pytest.mark.parametrize("prefer", [None, "stacking"])
def test_15_6_what_stacking_mends_in_one_member_is_not_what_combining_brings(prefer):
    seen, y = biased()
    with pytest.warns(ke.KerasembleWarning, match="nothing to do with the labels"):
        report = ke.compare(seen, y, ["stacking"], prefer=prefer)
    found = report.decision
    assert (found.subject, found.recalibrated, found.calibrated_member) == (
        "stacking",
        "stacking of the best member alone",
        "a",
    )
    assert report[found.recalibrated].log_loss == pytest.approx(found.recalibrated_loss)
    assert found.combining.low < 0.005
    assert found.combining.mean == pytest.approx(found.recalibrated_loss - found.scored_loss)
    assert Caveat.CALIBRATION_ONLY in found.caveats


def test_15_8_a_gain_on_nearly_all_rows_does_not_rest_on_the_few_that_lose():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 400)
    tables = {}
    for name, bit in (("parity", 1), ("half", 2)):
        table = np.full((400, 4), 1e-3)
        table[np.arange(400), y] = table[np.arange(400), y ^ bit] = 0.499
        tables[name] = softmax(np.log(table) + 0.05 * rng.normal(size=table.shape), axis=1)
    y[0] ^= 1
    report = ke.compare(tables, y, ["weighted-geometric-average"])
    assert report.decision.combining.low > 0.3
    assert Caveat.TOO_FEW_ROWS not in report.decision.caveats


@pytest.mark.parametrize(("rows", "enough"), [(3, False), (4, False), (8, True)])
def test_15_8_a_gain_that_goes_with_five_rows_is_of_too_few(rows, enough):
    gain = 1e-4 * np.random.default_rng(0).normal(size=400)
    gain[:rows] += 5
    assert paired_test(gain, np.zeros(400)).enough is enough


def test_15_7_a_gain_on_rows_that_tell_of_their_neighbours_is_not_called_real():
    rng = np.random.default_rng(3)
    y, skill = rng.integers(0, 2, 600), np.zeros((2, 600))
    for row in range(1, 600):
        skill[:, row] = 0.95 * skill[:, row - 1] + 0.3 * rng.normal(size=2)
    true = 1 / (1 + np.exp(-(0.5 + 0.7 * skill)))
    tables = {
        name: np.stack([np.where(y == 0, p, 1 - p), np.where(y == 1, p, 1 - p)], axis=1)
        for name, p in zip("ab", true, strict=True)
    }
    with pytest.warns(ke.KerasembleWarning, match="neighbours"):
        report = ke.compare(tables, y, ["average"], prefer="average")
    assert Caveat.DEPENDENT_ROWS in report.decision.caveats
    assert "is real" not in report.verdict


@pytest.mark.parametrize("options", [{"select_by": "accuracy"}, {"combiners": ["bayesian-vote"]}])
def test_15_5_a_member_that_gives_labels_is_kept_by_its_name(options):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    labels = {
        f"m{index}": np.where(rng.random(300) < skill, y, rng.integers(0, 3, 300))
        for index, skill in enumerate((0.2, 0.95, 0.2))
    }
    with warnings.catch_warnings(action="ignore", category=ke.KerasembleWarning):
        report = ke.compare(Predictions.from_labels(labels, classes=3), y, **options)
    assert report.decision.action is Action.KEEP_MEMBER
    assert report.decision.member == "m1"
    assert report.best.members == ("m1",)
    assert report.verdict.startswith("Keep m1")


def test_15_10_what_the_saved_threshold_answers_is_said_where_folds_differ():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.1).astype(int)
    logits = np.stack([np.zeros(600), 2.2 * (y - 0.7) + rng.normal(size=600)], axis=1)
    tables = {name: softmax(logits + 0.7 * rng.normal(size=logits.shape), axis=1) for name in "ab"}
    with warnings.catch_warnings(action="ignore", category=ke.KerasembleWarning):
        report = ke.compare(tables, y, ["average"], prefer="average", stages=[ke.Abstain(0.04)])
    answered = report.analysis.staged[0].answered
    seen = Predictions.from_arrays(tables)
    assert answered.saved == pytest.approx(1 - report.best.outputs(seen)["abstain"].mean())
    assert abs(answered.saved - answered.coverage) > 0.02
    assert f"which is saved, abstains from {1 - answered.saved:.1%}" in report.verdict


def test_15_10_what_a_stage_warns_of_stands_in_the_report():
    seen, y = related(60, 0)
    with pytest.warns(ke.KerasembleWarning) as caught:
        report = ke.compare(seen, y, ["average"], stages=[ke.Abstain(0.001)])
    assert [str(each.message) for each in caught] == list(report.warnings)
    assert any("abstain" in each.lower() for each in report.warnings)


def test_15_7_different_rows_of_equal_inputs_are_no_copies():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (600, 4)).astype(np.float32)
    y = (rng.random(600) < 0.2 + 0.6 * x.mean(axis=1)).astype(int)

    def rule(slope):
        return lambda rows: np.stack([0.8 - slope * rows.mean(axis=1), 0.2 + slope * rows.mean(axis=1)], axis=1)

    seen = ke.predict([ke.Member(rule(slope), name=f"m{slope}") for slope in (0.6, 0.5)], x)
    assert Code.COPIES not in {getattr(each, "code", None) for each in ke.compare(seen, y, ["average"]).warnings}
    with pytest.warns(ke.KerasembleWarning, match="^584 of 600 rows are copies"):
        ke.compare(seen, (x.mean(axis=1) > 0.4).astype(int), ["average"])


def test_15_3_differences_are_those_of_the_choice_and_not_of_the_winner():
    seen, y = related(200, 0, skill=1.0, shared=0.5)
    with warnings.catch_warnings(action="ignore", category=ke.KerasembleWarning):
        report = ke.compare(seen, y, metrics=["log loss", "AUC"])
    names = {each.name for each in report.differences}
    choice = next(each.name for each in report.scores if each.kind == "choice")
    assert choice in names
    assert report.chosen.name not in names
    assert {each.name for each in report.differences if each.metric == "AUC"} == {choice}


@pytest.mark.parametrize("options", [{}, {"combiners": ["stacking", "majority-vote"]}, {"cv": "forward"}])
@pytest.mark.parametrize("labels_only", [False, True])
def test_15_18_classes_whose_names_are_numbers_are_compared_by_name(options, labels_only):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    tables = {name: softmax(2 * np.eye(3)[y] + rng.normal(size=(200, 3)), axis=1) for name in "ab"}
    expected, named = (Predictions.from_arrays(tables, classes) for classes in (None, ["10", "30", "20"]))
    if labels_only:
        expected, named = (
            Predictions.from_labels(
                {name: np.array(each.classes)[table.argmax(axis=1)] for name, table in tables.items()}, each.classes
            )
            for each in (expected, named)
        )
    with warnings.catch_warnings(action="ignore", category=ke.KerasembleWarning):
        one = ke.compare(expected, y, **options)
        other = ke.compare(named, np.array(["10", "30", "20"])[y], **options)
    assert [each.metrics for each in other.scores] == [each.metrics for each in one.scores]
    assert other.verdict == one.verdict


@pytest.mark.parametrize(
    "given",
    [np.full((300, 2), 0.5), np.full((300, 3, 2), 0.5), ["a.npy", "b.npy"], [object, type("M", (), {"predict": 1})()]],
    ids=["one-table", "samples-first", "files", "models"],
)
def test_15_15_what_is_no_set_of_answers_is_refused_as_what_it_is(given):
    with pytest.raises(KerasembleError) as caught:
        ke.compare(given, np.zeros(300, dtype=int))
    assert caught.value.code == Code.NOT_PREDICTIONS


def test_15_16_the_best_is_saved_with_its_members_by_an_ensemble(tmp_path):
    fitted = ke.Average().fit(related(20, 0)[0])
    with pytest.raises(KerasembleError, match=r"ke\.Ensemble\(members, this\)"):
        fitted.save(tmp_path / "best.keras")


def test_15_9_an_evaluation_says_whom_it_keeps_and_that_there_are_others():
    seen, y = related(400, 0, skill=1.0, members=3)
    made = np.random.default_rng(0).dirichlet([1, 1], 400).astype(np.float32)
    beside = Predictions.from_arrays({"a": seen.values[0], "made": made})
    with warnings.catch_warnings(action="ignore", category=ke.KerasembleWarning):
        two = score(seen.only(["a", "b"]), y)
        one = score(beside, y, ["made"])
    assert two.verdict.startswith(f"Keep {two.decision.subject}: it is the best")
    assert (one.decision.action, one.decision.subject) == (Action.KEEP_MEMBER, "a")
    assert one.verdict.startswith("Keep a: no combination is better")
