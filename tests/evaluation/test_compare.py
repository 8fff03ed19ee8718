"""The comparison: its numbers against plain computations, its decision, its choice."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import label
from kerasemble.combiners.bayesian_vote import BayesianVote
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.geometric_average import GeometricAverage
from kerasemble.combiners.greedy_selection import GreedySelection
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.select import Select
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.metrics import log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.candidates import RECALIBRATED, default_combiners
from kerasemble.evaluation.compare import compare, compared
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.decision import Action, Caveat
from kerasemble.evaluation.folds import stratified_folds
from kerasemble.evaluation.plan import Settings
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.score import score
from kerasemble.evaluation.scored import doubt_of
from kerasemble.evaluation.significance import paired_interval, standard_error

ALL = [kind() for kind in (Average, GeometricAverage, MajorityVote, WeightedAverage, WeightedGeometricAverage)]


@pytest.fixture(scope="module")
def report(seen, labels):
    return compare(seen, labels, ALL)


def binary(**true):
    """Predictions by the probability that each member gives to the true class, which is 0 and 1 by turns."""
    samples = len(next(iter(true.values())))
    labels = np.arange(samples) % 2
    arrays = {name: np.where(np.eye(2)[labels] == 1, p[:, None], 1 - p[:, None]) for name, p in true.items()}
    return Predictions.from_arrays(arrays), labels


def test_members_are_scored_as_scikit_learn_scores_them(report, seen, labels):
    for name, values in zip(seen.members, seen.values.astype(np.float64), strict=True):
        assert report[name].accuracy == accuracy_score(labels, values.argmax(axis=1))
        exact = values / values.sum(axis=1, keepdims=True)
        assert report[name].log_loss == pytest.approx(log_loss(labels, exact), abs=1e-6)


@pytest.mark.parametrize("combiner", ALL, ids=lambda combiner: type(combiner).__name__)
def test_combiners_are_scored_on_rows_that_their_fit_did_not_see(report, seen, labels, combiner):
    losses = log_losses(cross_fit(combiner, seen, labels, stratified_folds(labels, 5, 0), np.ones(600)), labels)
    found = report[label(combiner)]
    assert found.log_loss == pytest.approx(losses.mean())
    assert found.gain.mean == pytest.approx(loss_of_picked(seen, labels) - losses.mean())
    mean = log_losses(seen.values.mean(axis=0), labels)
    assert found.over_mean.mean == pytest.approx(mean.mean() - losses.mean())
    assert report.best_member.name == "c"


def test_15_3_every_gain_of_the_table_is_the_difference_of_two_of_its_losses(report, by_errors):
    for each in (report, by_errors):
        heading, *rows = each.rows()
        loss = heading.index("log loss")
        shown = {row[0]: row for row in rows}
        baseline = float(shown[each.baseline.name][loss])
        compared_rows = [row for row in rows if row[-2]]
        assert len(compared_rows) >= len(ALL)
        for row in compared_rows:
            assert float(row[-2]) == pytest.approx(baseline - float(row[loss]), abs=1e-9)
        found = each.decision
        named = {score.name: score.loss(each.measure) for score in each.scores}
        assert found.loss == pytest.approx(named[found.subject])
        assert found.scored_loss == pytest.approx(named[found.scored])
        assert found.baseline_loss == pytest.approx(named[found.baseline])
        assert found.gain.mean == pytest.approx(found.baseline_loss - found.scored_loss)
        assert found.over_mean.mean == pytest.approx(found.mean_loss - found.scored_loss)


def test_15_6_the_gain_is_that_of_calibration_and_that_of_combining(report):
    found = report.decision
    assert found.recalibrated_loss == pytest.approx(report[RECALIBRATED].log_loss)
    assert found.calibration == pytest.approx(found.baseline_loss - found.recalibrated_loss)
    assert found.combining.mean == pytest.approx(found.recalibrated_loss - found.scored_loss)
    assert found.calibration + found.combining.mean == pytest.approx(found.gain.mean)


def test_15_6_a_member_that_is_right_but_too_sure_counts_as_it_would_recalibrated():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 500)
    sharp = expit(25 * 2 * (2.0 * (2 * labels - 1) + 1.35 * rng.normal(size=500)))
    mild = expit(0.35 * 2 * (0.35 * (2 * labels - 1) + rng.normal(size=500)))
    seen = Predictions.from_arrays({"sharp": np.c_[1 - sharp, sharp], "mild": np.c_[1 - mild, mild]})
    found = compare(seen, labels, [Average(), WeightedGeometricAverage()]).decision
    assert (found.member, found.calibrated_member) == ("mild", "sharp")
    assert found.calibration > 5 * found.combining.mean > 0


def test_15_3_the_winners_interval_is_left_to_the_choice(report):
    assert np.isnan(report.chosen.gain.low)
    choice = report.scores[-1]
    assert (choice.kind, choice.name) == ("choice", report.decision.scored)
    assert choice.gain.mean == pytest.approx(report.choice.gain.mean)
    # Which of several would be chosen adds to the variance.
    assert report.decision.gain == report.choice.gain
    assert report.choice.gain.low <= choice.gain.low + 1e-9


def test_what_is_chosen_is_fitted_to_all_rows_and_is_there_to_be_used(report, seen, labels):
    fitted = WeightedGeometricAverage().fit(seen, labels)
    np.testing.assert_array_equal(report.best(seen), fitted(seen))


def test_15_16_what_is_chosen_can_be_saved_and_read_again(report, seen, tmp_path):
    again = FittedCombiner.load(report.best.save(tmp_path / "best.json"))
    np.testing.assert_array_equal(again(seen), report.best(seen))
    with pytest.raises(KerasembleError):
        report.best.save(tmp_path / "best.json")
    (tmp_path / "other.json").write_text("[1, 2", encoding="utf-8")
    for path in ("other.json", "none.json"):
        with pytest.raises(KerasembleError):
            FittedCombiner.load(tmp_path / path)


def plain(report):
    """Return a report without what names rows and classes."""
    return dataclasses.replace(report, analysis=None)


def votes_of(seen):
    """Return the members' most probable classes, as members that give nothing else."""
    return Predictions.from_labels(dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True)), seen.classes)


@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_the_default_combiners_are_compared_where_none_is_named(seen, labels, kind):
    given = seen if kind == "probabilities" else votes_of(seen)
    scores = compare(given, labels).scores
    kinds = [each.kind for each in scores]
    baselines = 2 if kind == "probabilities" else 1
    defaults = default_combiners(given)
    assert kinds == ["member"] * 3 + ["baseline"] * baselines + ["combiner"] * len(defaults) + ["choice"]
    assert [each.name for each in scores if each.kind == "combiner"] == [label(each) for each in defaults]
    assert {"average", "weighted geometric average"} <= {each.name for each in scores}


def test_15_5_of_many_members_that_give_labels_the_most_accurate_few_are_offered(make_members):
    votes = [
        each for each in default_combiners(votes_of(make_members(20, skills=(1,) * 6)[0])) if isinstance(each, Select)
    ]
    assert [(each.combiner, each.max_members) for each in votes] == [(BayesianVote(), 3), (BayesianVote(), 5)]


@pytest.mark.parametrize("form", ["names", "one-hot"])
def test_labels_in_any_form_give_the_same_report(report, seen, labels, form):
    named = dataclasses.replace(seen, classes=("ant", "bee", "cow"))
    y = np.array(named.classes)[labels] if form == "names" else np.eye(3)[labels]
    # The classes have other names there.
    assert plain(compare(named, y, ALL)) == plain(report)


def test_a_seed_gives_one_report_and_another_seed_another(report, seen, labels):
    assert compare(seen, labels, ALL, seed=0) == report
    other = compare(seen, labels, ALL, seed=1)
    assert other["weighted average"].log_loss != report["weighted average"].log_loss
    assert other["average"].metrics == report["average"].metrics
    assert other["average"].over_mean == report["average"].over_mean


def test_a_report_of_a_comparison_is_the_same_after_json(report):
    assert Report.from_json(json.loads(json.dumps(report.to_json(), allow_nan=False))) == report


def test_how_members_were_read_stands_in_the_report(seen, labels):
    steps = ((), ("softmax", "classes reordered"), ())
    readings = tuple(Reading("probabilities", 3, (0, 1, 2), each) for each in steps)
    aligned = dataclasses.replace(seen, alignment=Alignment(InputSpec((4,)), readings))
    assert compare(aligned, labels, [Average()]).readings == {
        "a": "as it is",
        "b": "softmax, classes reordered",
        "c": "as it is",
    }


def test_a_real_gain_is_called_real(report, seen, labels):
    found = report.decision
    assert (found.action, found.subject, found.caveats) == (Action.COMBINE, "weighted geometric average", ())
    assert found.gain.low > 0
    assert found.combining.low > 0
    assert found.baseline_loss == pytest.approx(loss_of_picked(seen, labels))


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
def test_81_a_combination_that_is_no_better_than_the_best_member_is_called_so_with_the_one_to_keep(make_members):
    seen, labels = make_members(400, skills=(4.0, 0.1))
    found = compare(seen, labels, ALL, prefer=Average()).decision
    assert (found.action, found.subject, found.member, found.asked) == (Action.COMBINE, "average", "a", True)
    assert Caveat.NO_GAIN in found.caveats
    assert found.gain.high < 0


def test_81_a_combination_that_is_no_better_than_the_plain_mean_is_called_so_with_the_one_to_keep():
    # Each is right nearly always and now and then sure of the wrong class: fatal for a geometric mean alone.
    wrong = np.arange(60) % 20
    members = {name: np.where(wrong == row, 1e-7, 0.9) for name, row in (("a", 3), ("b", 7), ("c", 11))}
    seen, labels = binary(**members)
    pool = WeightedGeometricAverage()
    found = compare(seen, labels, [Average(), pool], prefer=pool, repeats=1).decision
    assert Caveat.MEAN_AS_GOOD in found.caveats
    assert found.over_mean.mean < 0
    assert found.mean_loss < found.loss


def test_81_a_combination_whose_gain_on_the_plain_mean_may_be_chance_is_called_so(seen, labels):
    found = compare(votes_of(seen), labels, select_by="accuracy").decision
    assert (found.measure, found.action) == ("error rate", Action.COMBINE)
    assert Caveat.MEAN_AS_GOOD in found.caveats
    assert found.over_mean.low <= 0


def test_the_plain_mean_is_not_spoken_of_where_it_is_surely_worse_or_itself_chosen(report, seen, labels):
    assert Caveat.MEAN_AS_GOOD not in report.decision.caveats
    assert Caveat.MEAN_AS_GOOD not in compare(seen, labels, ALL, prefer=Average()).decision.caveats


def test_79_a_member_that_looks_trained_on_the_rows_is_warned_of_in_the_report(make_members):
    seen, labels = make_members(400, skills=(1.4, 1.5))
    values = {"a": seen.values[0], "b": seen.values[1], "c": np.eye(3)[labels] * 0.97 + 0.01}
    with pytest.warns(KerasembleWarning, match="'c' is wrong in 0 of 400 rows"):
        found = compare(Predictions.from_arrays(values), labels, [Average()])
    assert "Warning: Member 'c' is wrong in 0 of 400 rows" in str(found)


def test_members_are_scored_on_weighted_rows_as_scikit_learn_scores_them(seen, labels):
    rows = np.random.default_rng(0).gamma(1, size=600)
    found = compare(seen, labels, [Average()], sample_weight=rows)
    for name, values in {
        **dict(zip(seen.members, seen.values, strict=True)),
        "average": seen.values.mean(axis=0),
    }.items():
        exact = values.astype(np.float64) / values.sum(axis=1, keepdims=True, dtype=np.float64)
        assert found[name].accuracy == pytest.approx(accuracy_score(labels, exact.argmax(axis=1), sample_weight=rows))
        assert found[name].log_loss == pytest.approx(log_loss(labels, exact, sample_weight=rows), abs=1e-6)
    best = log_losses(seen.values[2], labels)
    assert found["a"].gain.mean == pytest.approx(paired_interval(best, log_losses(seen.values[0], labels), rows).mean)


def test_with_balanced_classes_accuracy_is_balanced_accuracy(seen, labels):
    rows = np.flatnonzero((labels > 0) | (np.arange(600) % 5 == 0))
    found = compare(seen.rows(rows), labels[rows], [Average(), WeightedAverage()], class_weight="balanced")
    for name, values in zip(seen.members, seen.values[:, rows], strict=True):
        assert found[name].accuracy == pytest.approx(balanced_accuracy_score(labels[rows], values.argmax(axis=1)))
    own = compute_sample_weight("balanced", labels[rows])
    assert compare(seen.rows(rows), labels[rows], [Average(), WeightedAverage()], sample_weight=own) == found


def test_a_row_that_counts_twice_scores_as_two_equal_rows(seen, labels):
    recipes = [Average(), MajorityVote(), WeightedAverage(weights=[1, 2, 3])]
    times = np.random.default_rng(0).integers(1, 4, 600)
    rows = np.repeat(np.arange(600), times)
    weighted = compare(seen, labels, recipes, sample_weight=times)
    # By inputs that differ they are no copies of each other.
    apart = dataclasses.replace(seen.rows(rows), row_hashes=np.arange(len(rows), dtype=np.uint64))
    with pytest.warns(KerasembleWarning):  # neighbours are alike, which this is not about
        repeated = compare(apart, labels[rows], recipes)
    # The best member is picked in folds, which are others.
    for each in [*weighted.scores[:3], *(weighted[label(recipe)] for recipe in recipes)]:
        assert each.accuracy == pytest.approx(repeated[each.name].accuracy)
        assert each.log_loss == pytest.approx(repeated[each.name].log_loss)
        assert each.over_mean.mean == pytest.approx(repeated[each.name].over_mean.mean)


@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_rows_of_weight_zero_are_as_if_absent(seen, labels, kind):
    given = seen if kind == "probabilities" else votes_of(seen)
    rows = np.random.default_rng(5).integers(0, 3, 600).astype(np.float64)
    kept = np.flatnonzero(rows)
    # Spoiled, so that they would be noticed.
    spoiled = np.where(rows > 0, labels, (labels + 1) % 3)
    found = compare(given, spoiled, ALL, sample_weight=rows)
    alone = compare(given.rows(kept), labels[kept], ALL, sample_weight=rows[kept])
    assert plain(found) == plain(alone)
    assert found.samples == len(kept)
    if kind == "probabilities":
        positions = [[each.row for each in one.analysis.uncertainty.doubtful] for one in (found, alone)]
        assert positions[0] == kept[positions[1]].tolist()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"sample_weight": np.eye(600)[0]}, "Only one row has a weight above zero", id="one-row"),
        pytest.param({"sample_weight": np.zeros(600)}, "All row weights are zero", id="no-row"),
        pytest.param({"sample_weight": np.full(600, np.nan)}, "finite and not negative", id="87-nan"),
        pytest.param({"sample_weight": np.ones(599)}, r"each of 600 rows.*\(599,\)", id="too-few"),
        pytest.param({"class_weight": {"z": 2}}, "names 'z', which is no class", id="no-such-class"),
    ],
)
def test_row_weights_that_cannot_be_are_refused(seen, labels, given, says):
    with pytest.raises(KerasembleError, match=says):
        compare(seen, labels, ALL, **given)


def test_row_weights_however_large_give_the_same_report(seen, labels):
    rows = np.random.default_rng(0).uniform(0.1, 1, 600)
    plain, huge = (
        compare(seen, labels, [Average(), WeightedAverage()], sample_weight=scale * rows) for scale in (1, 1e308)
    )
    for each in plain.scores:
        assert huge[each.name].log_loss == pytest.approx(each.log_loss, abs=1e-6)


@pytest.fixture(scope="module")
def by_errors(seen, labels):
    return compare(votes_of(seen), labels)


def test_15_5_labels_only_are_compared_kept_and_printed_by_one_loss(by_errors, seen, labels):
    assert by_errors.measure == by_errors.decision.measure == "log loss"
    for name, values in zip(seen.members, seen.values, strict=True):
        errors = values.argmax(axis=1) != labels
        assert (by_errors[name].accuracy, by_errors[name].log_loss) == (pytest.approx(1 - errors.mean()), None)
        assert np.isnan(by_errors[name].gain.mean)
    assert all(each.log_loss > 0 for each in by_errors.scores if each.kind != "member")
    # What is kept of one member answers by what its labels say of each class, and not with zeros and ones.
    one = votes_of(seen).only(["a", "c"])
    alone = compare(one, labels, [BayesianVote()], max_members=1)
    assert alone.best.members == ("c",)
    assert alone.best(one).min() > 0
    assert alone.decision.loss == pytest.approx(log_losses_of_one(one, labels, "c"))


def log_losses_of_one(votes, labels, name):
    alone = votes.only([name])
    return log_losses(
        cross_fit(BayesianVote(), alone, labels, stratified_folds(labels, 5, 0), np.ones(600)), labels
    ).mean()


@pytest.mark.parametrize("by", ["accuracy", "brier", "balanced accuracy"])
def test_15_9_the_choice_goes_by_what_is_asked_for(seen, labels, by):
    found = compare(seen, labels, ALL, select_by=by)
    losses = {"accuracy": "error rate", "brier": "brier", "balanced accuracy": "balanced error rate"}
    assert found.measure == found.decision.measure == losses[by]
    own = found[found.decision.subject].metrics[by]
    assert found.decision.loss == pytest.approx(own if by == "brier" else 1 - own)
    for each in found.scores:
        value = each.metrics[by] if by == "brier" else 1 - each.metrics[by]
        assert np.isnan(each.gain.mean) or each.gain.mean == pytest.approx(found.decision.baseline_loss - value)


@pytest.mark.parametrize("by", ["AUC", "macro F1", "nothing", 3])
def test_15_9_a_choice_by_what_is_no_mean_over_rows_is_refused(seen, labels, by):
    with pytest.raises(KerasembleError):
        compare(seen, labels, ALL, select_by=by)


def test_15_4_where_votes_are_all_that_is_asked_for_accuracy_judges(seen, labels):
    found = compare(seen, labels, [MajorityVote()], prefer=MajorityVote())
    assert (found.measure, found.decision.subject) == ("error rate", "majority vote")


def test_15_9_a_choice_by_log_loss_that_is_surely_worse_by_accuracy_says_so():
    # Hedged by one who knows how sure to be, though seldom right, against a mean that is right and far too sure.
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 600)
    right = rng.random(600) < 0.85
    answers = np.where(right, labels, 1 - labels)
    sure = np.where(answers == 1, 1 - 1e-7, 1e-7)
    shy = np.clip(0.5 + 0.08 * (2 * labels - 1) + 0.25 * rng.normal(size=600), 0.05, 0.95)
    seen = Predictions.from_arrays({"sure": np.c_[1 - sure, sure], "shy": np.c_[1 - shy, shy]})
    only_shy = WeightedAverage(weights=[0, 1])
    found = compare(seen, labels, [only_shy], prefer=only_shy, repeats=1).decision
    assert Caveat.WORSE_BY_ACCURACY in found.caveats
    assert found.more_accurate[found.mean] > found.accuracy + 0.1


def test_15_9_what_is_worse_than_guessing_is_said_first():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 300)
    tables = {name: softmax(12 * rng.normal(size=(300, 4)), axis=1) for name in "ab"}
    with pytest.warns(KerasembleWarning):
        report = compare(Predictions.from_arrays(tables), labels, [Average()], prefer=Average())
    assert report.decision.caveats[0] is Caveat.WORSE_THAN_GUESSING
    assert report.decision.scored_loss > report.decision.guess == pytest.approx(np.log(4), abs=0.02)


def test_15_9_a_few_rows_that_hold_the_weight_are_warned_of(seen, labels):
    weights = np.where(np.arange(600) < 3, 1e6, 1.0)
    with pytest.warns(KerasembleWarning) as said:
        found = compare(seen, labels, [Average()], sample_weight=weights).decision
    assert Code.FEW_EFFECTIVE_ROWS in {each.message.code for each in said}
    assert Caveat.FEW_EFFECTIVE_ROWS in found.caveats
    assert found.effective_rows == pytest.approx(3, abs=0.01)
    assert Caveat.FEW_EFFECTIVE_ROWS not in compare(seen, labels, [Average()]).decision.caveats


def test_a_report_on_labels_only_has_no_log_loss_of_members_and_is_the_same_after_json(by_errors):
    rows = {row[0]: row for row in by_errors.rows()}
    assert [rows[name][2] for name in "abc"] == ["", "", ""]
    assert rows["average"][2] == f"{by_errors['average'].log_loss:.4f}"
    again = Report.from_json(json.loads(json.dumps(by_errors.to_json(), allow_nan=False)))
    assert again == by_errors
    assert str(again) == str(by_errors)


def test_labels_only_are_scored_as_they_are(seen, labels):
    votes = votes_of(seen)
    alone = score(votes, labels)
    assert (alone.decision.action, alone.decision.subject) == (Action.KEEP_MEMBER, "c")
    assert alone.decision.loss == pytest.approx(1 - alone["c"].accuracy)
    found = score(votes, labels, ["b"])
    assert (found["b"].kind, found["b"].accuracy) == ("combiner", alone["b"].accuracy)


def test_a_gain_whose_interval_holds_zero_may_be_chance(make_members):
    found = compare(*make_members(60, skills=(2.0, 1.6)), [Average()], repeats=1).decision
    assert found.action is Action.COMBINE
    assert found.gain.low < 0 < found.gain.mean
    assert Caveat.MAY_BE_CHANCE in found.caveats


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
def test_where_no_combination_is_better_the_member_is_kept(make_members):
    found = compare(*make_members(400, skills=(4.0, 0.1)), [Average(), MajorityVote()])
    assert found.chosen == found.best_member == found["a"]
    decision = found.decision
    assert (decision.action, decision.subject, decision.rival) == (Action.KEEP_MEMBER, "a", "average")
    assert decision.rival_loss == pytest.approx(found["average"].log_loss)
    # The file that is written and the sentence agree.
    assert found.best.members == ("a",)


def test_a_preferred_one_that_is_not_compared_is_refused(seen, labels):
    with pytest.raises(KerasembleError, match=r"prefer=WeightedAverage\(.*is not among.*MajorityVote.*Add it"):
        compare(seen, labels, [MajorityVote()], prefer=WeightedAverage())


def losses_of(seen, labels, combiner, cv=5):
    """Return each row's log loss under a combiner that is fitted to the other folds."""
    folds = stratified_folds(labels, cv, 0)
    return log_losses(cross_fit(combiner, seen, labels, folds, np.ones(len(labels))), labels)


def sure_and_wrong(confidence, wrong, samples=60):
    """Return a, as sure of the true class in every row, and b, surer and in some rows sure of the other; and labels.

    The rows in which b is wrong are fatal for a geometric mean, which learns to mind b from some folds and not others.
    """
    missed = np.random.default_rng(0).permutation(samples) < wrong
    return binary(a=np.full(samples, confidence), b=np.where(missed, 1e-7, 0.99))


@pytest.mark.parametrize("order", [1, -1])
def test_the_default_is_taken_though_another_is_better_by_what_may_be_chance_and_that_is_said(order):
    seen, labels = sure_and_wrong(0.5, wrong=2)
    recipes = [Average(), WeightedGeometricAverage()][::order]
    found, combiner, _, _ = compared(seen, labels, recipes, Settings(repeats=1))
    mean, default = found["average"], found["weighted geometric average"]
    assert mean.log_loss < default.log_loss < found.baseline.log_loss
    ahead = losses_of(seen, labels, WeightedGeometricAverage()) - losses_of(seen, labels, Average())
    assert 0 < ahead.mean() < standard_error(ahead, np.ones(60))
    assert found.chosen.name == default.name
    assert combiner == WeightedGeometricAverage()
    assert Caveat.NOT_SURELY_BETTER in found.decision.caveats
    assert (found.decision.rival, found.decision.rival_loss) == ("average", pytest.approx(mean.log_loss))


def test_another_than_the_default_is_taken_where_it_is_surely_better():
    seen, labels = sure_and_wrong(0.6, wrong=8)
    recipes = [Average(), WeightedGeometricAverage()]
    found, combiner, _, _ = compared(seen, labels, recipes, Settings(repeats=1))
    gain = paired_interval(losses_of(seen, labels, WeightedGeometricAverage()), losses_of(seen, labels, Average()))
    assert gain.low > 0
    assert found.chosen == found["average"]
    assert combiner == Average()
    assert Caveat.NOT_SURELY_BETTER not in found.decision.caveats


@pytest.mark.parametrize("samples", [10, 50, 199, 200])
def test_however_few_the_rows_the_default_is_taken_and_nothing_is_said_of_their_number(make_members, samples):
    found = compare(*make_members(samples), ALL).decision
    assert found.subject == "weighted geometric average"
    assert not {Caveat.FEW_EFFECTIVE_ROWS, Caveat.NOT_SURELY_BETTER} & set(found.caveats)


def test_without_the_default_the_plain_mean_takes_its_place(make_members):
    found = compare(*make_members(50), [Average(), MajorityVote(), GeometricAverage()], repeats=1)
    surely = paired_interval(*(losses_of(*make_members(50), each) for each in (Average(), GeometricAverage()))).low > 0
    assert found.chosen.name == ("geometric average" if surely else "average")


def test_15_4_of_members_that_give_labels_no_vote_is_taken_since_its_shares_are_no_probabilities(by_errors):
    assert by_errors.decision.subject in {"bayesian vote", "weighted geometric average"}
    assert set(by_errors.choice.taken) <= {"bayesian vote", "weighted geometric average", "bayesian vote of 2"}


def alike(seed, members=30, samples=60):
    """Return members that answer alike but for small noise, so that the best of them is best by chance; and labels."""
    rng = np.random.default_rng(seed)
    logits = 1 + rng.normal(size=samples) + 0.3 * rng.normal(size=(members, samples))
    return binary(**{f"m{index}": expit(each) for index, each in enumerate(logits)})


def loss_of_picked(seen, labels, cv=5):
    """Return the mean loss of the member that is best on the folds that a row is not in, by plain loops."""
    folds = stratified_folds(labels, cv, 0)
    losses = np.array([log_losses(values, labels) for values in seen.values])
    best = [int(np.argmin(losses[:, folds != fold].mean(axis=1))) for fold in range(cv)]
    return float(np.mean([losses[best[fold], row] for row, fold in enumerate(folds)]))


@pytest.mark.parametrize("seed", [2, 8, 13])
def test_where_only_these_rows_best_member_is_better_the_combination_is_taken_and_that_is_said(seed):
    seen, labels = alike(seed)
    found = compare(seen, labels, [Average()], repeats=1)
    best, mean, picked = found.best_member, found["average"], loss_of_picked(seen, labels)
    assert best.log_loss < mean.log_loss <= picked
    assert found.chosen.name == "average"
    decision = found.decision
    assert decision.baseline_loss == pytest.approx(picked)
    assert decision.scored_loss == pytest.approx(found.choice.loss)
    assert {Caveat.MAY_BE_CHANCE, Caveat.NO_GAIN, Caveat.CALIBRATION_ONLY} & set(decision.caveats)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_a_member_is_kept_where_it_is_better_on_rows_that_did_not_pick_it(seed):
    seen, labels = alike(seed)
    found = compare(seen, labels, [Average()], repeats=1)
    assert loss_of_picked(seen, labels) < found["average"].log_loss
    assert found.decision.action is Action.KEEP_MEMBER
    assert len(found.best.members) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_two_recipes_of_one_kind_are_told_apart_and_the_better_one_is_chosen(seen, labels, order):
    recipes = [WeightedAverage(weights=[1, 0, 0]), WeightedAverage(weights=[1, 2, 5])][::order]
    found, combiner, _, _ = compared(seen, labels, recipes, Settings())
    names = {each.name for each in found.scores}
    assert {repr(each) for each in recipes} <= names
    # The plain mean stands in for the default, and is left for what is surely better alone.
    assert combiner in (Average(), WeightedAverage(weights=[1, 2, 5]))
    preferred = compare(seen, labels, recipes, prefer=WeightedAverage(weights=[1, 0, 0]))
    assert preferred.chosen.log_loss == pytest.approx(preferred["a"].log_loss)


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
def test_what_is_chosen_is_a_member_alone_or_the_combiner_as_given_and_it_is_fitted_to_all_rows(
    seen, labels, make_members
):
    report, combiner, members, fitted = compared(seen, labels, ALL, Settings())
    assert combiner in ALL
    assert members == seen.members
    np.testing.assert_array_equal(fitted(seen), combiner.fit(seen, labels)(seen))
    assert report.weights == fitted.weights
    assert report.fitted == f"{fitted!r}."
    recipes = [Average(), MajorityVote()]
    kept = compared(*make_members(400, skills=(4.0, 0.1)), recipes, Settings())
    assert (kept.report.chosen.kind, kept.members, kept.fitted.members) == ("member", ("a",), ("a",))
    assert kept.report.weights == {"a": 1.0}


def test_what_looks_wrong_is_warned_of_and_stands_in_the_report(make_members):
    seen, labels = make_members(300, skills=(1.0,))
    with pytest.warns(KerasembleWarning, match=r"one member \('a'\): nothing to combine"):
        found = compare(seen, labels, [Average()])
    assert found.warnings == ("There is one member ('a'): nothing to combine.",)
    assert "Warning: There is one member" in str(found)


def test_fewer_rows_than_folds_are_enough(make_members):
    seen, labels = make_members(3)
    labels[:] = [0, 1, 2]
    assert compare(seen, labels, ALL, cv=5).folds == 3


@pytest.mark.parametrize(("rows", "cv"), [(1, 5), (600, 1)])
def test_one_row_or_one_fold_is_refused(seen, labels, rows, cv):
    with pytest.raises(KerasembleError, match=rf"two labelled rows and two folds. Received: {rows} rows, cv={cv}"):
        compare(seen.rows(slice(rows)), labels[:rows], cv=cv)


@pytest.mark.parametrize("judge", [compare, score])
def test_integer_labels_are_refused_where_members_disagree_on_the_order(seen, labels, judge):
    unordered = dataclasses.replace(seen, classes=("ant", "bee", "cow"), ordered=False)
    with pytest.raises(KerasembleError, match="different orders"):
        judge(unordered, labels)
    words = np.array(unordered.classes)[labels]
    assert judge(unordered, words)["a"] == judge(seen, labels)["a"]


def test_an_ensemble_is_scored_against_the_best_of_the_others(make_members):
    parts, labels = make_members(500)
    seen = Predictions.from_arrays(
        {"ensemble": parts.values.mean(axis=0), **dict(zip("abc", parts.values, strict=True))}
    )
    found = score(seen, labels, ["ensemble"])
    assert [(each.name, each.kind) for each in found.scores] == [
        ("a", "member"),
        ("b", "member"),
        ("c", "member"),
        ("ensemble", "combiner"),
    ]
    assert found.folds == 1
    best, own = (log_losses(values, labels) for values in (parts.values[2], seen.values[0]))
    wrong = doubt_of(parts.values[2]) - doubt_of(seen.values[0])
    assert found["ensemble"].gain == paired_interval(best, own, unseen=(wrong, wrong))
    assert (found.decision.action, found.decision.subject) == (Action.COMBINE, "ensemble")
    assert found.baseline == found["c"]


def test_models_alone_are_scored_without_a_combination(seen, labels):
    found = score(seen, labels)
    assert (found.decision.subject, found.decision.rival) == ("c", None)
    assert {each.kind for each in found.scores} == {"member"}


def test_an_ensemble_alone_is_scored_as_a_member(seen, labels):
    found = score(seen.only(["b"]), labels, ["b"])
    assert found.chosen == found.best_member == found["b"]


def test_scoring_refuses_one_row_and_an_ensemble_that_is_not_there(seen, labels):
    with pytest.raises(KerasembleError, match=r"at least two labelled rows\. Received: 1"):
        score(seen.rows(slice(1)), labels[:1])
    with pytest.raises(KerasembleError, match="No such members: z"):
        score(seen, labels, ["z"])


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
def test_a_gain_that_is_in_confidence_alone_is_called_so():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 900)
    logits = 2.0 * np.eye(3)[labels] + rng.normal(size=(900, 3))

    # Three times too sure; the other member knows nothing.
    sure, dead = softmax(6 * logits, axis=1), softmax(0.1 * rng.normal(size=(900, 3)), axis=1)
    found = compare(Predictions.from_arrays({"sure": sure, "dead": dead}), labels, [WeightedGeometricAverage()])
    # The best member alone, recalibrated, is as good: that one is kept, or the gain is called calibration.
    assert found.decision.calibrated_member == "sure"
    kept = found.decision.action is Action.KEEP_MEMBER
    assert kept or Caveat.CALIBRATION_ONLY in found.decision.caveats
    other = softmax(2 * (2.0 * np.eye(3)[labels] + rng.normal(size=(900, 3))), axis=1)
    two = compare(Predictions.from_arrays({"sure": sure, "other": other}), labels, [WeightedGeometricAverage()])
    assert (two.decision.action, two.decision.caveats) == (Action.COMBINE, ())


@pytest.mark.filterwarnings("ignore:There is one member")  # which is what this is about
def test_one_member_is_not_said_to_gain_by_combining():
    seen = Predictions.from_arrays({"a": [[0.6, 0.4], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]]})
    found = compare(seen, [0, 1, 0, 1])
    assert found.chosen.name == "a"
    assert found.decision.action is Action.ONLY_MEMBER


def margin(labels, probabilities):
    return float(np.mean(probabilities[np.arange(len(labels)), labels]))


def spread(labels, probabilities):
    return -float(np.mean(probabilities[np.arange(len(labels)), labels] ** 2))


def test_a_function_as_metric_is_compared_like_any_other(seen, labels):
    by_margin, by_spread = (GreedySelection(metric=each, steps=5) for each in (margin, spread))
    found = compare(seen, labels, [by_margin, by_spread], prefer=by_spread)
    assert found.chosen.name == repr(by_spread)


def test_a_combiner_that_is_given_twice_is_compared_once(seen, labels):
    found = compare(seen, labels, [WeightedAverage(), WeightedAverage()])
    assert [each.name for each in found.scores].count("weighted average") == 1


def test_what_a_member_costs_does_not_hinder_the_comparison(make_members):
    seen, labels = make_members(300, skills=(3.0, 3.0, 0.5))
    combiner = WeightedGeometricAverage(cost_weight=0.001, costs={"a": 1, "b": 5, "c": 1}, max_members=2)
    assert compare(seen, labels, [combiner]).chosen.name == "weighted geometric average"


@pytest.mark.parametrize("given", ["average", WeightedAverage(), 3], ids=["name", "one", "number"])
def test_combiners_that_are_no_list_are_refused(seen, labels, given):
    with pytest.raises(KerasembleError, match="must be a list of combiners or of their names"):
        compare(seen, labels, given)


def test_combiners_may_be_given_by_name_and_what_is_none_is_refused(seen, labels):
    names = [each.name for each in compare(seen, labels, ["average", "weighted-average"]).scores[-3:-1]]
    assert names == ["average", "weighted average"]
    assert compare(seen, labels, [WeightedAverage])["weighted average"].kind == "combiner"
    with pytest.raises(KerasembleError):
        compare(seen, labels, [3])


def test_few_rows_that_hold_the_weight_make_a_wide_interval():
    rng = np.random.default_rng(0)
    baseline, other = rng.normal(0.1, 1, size=(2, 50))
    even = paired_interval(baseline, other)
    three = paired_interval(baseline, other, np.where(np.arange(50) < 3, 1e6, 1.0))
    assert three.high - three.low > 3 * (even.high - even.low)
