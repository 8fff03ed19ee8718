"""The comparison: its numbers against plain computations, its verdict in words, its choice."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from sklearn.utils.class_weight import compute_sample_weight

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import label
from kerasemble.combiners.geometric_average import GeometricAverage
from kerasemble.combiners.greedy_selection import GreedySelection
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.alignment import Alignment, InputSpec, Reading
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.metrics import log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.candidates import default_combiners
from kerasemble.evaluation.compare import compare, compared
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.folds import stratified_folds
from kerasemble.evaluation.plan import Settings
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.score import score
from kerasemble.evaluation.scored import doubt_of
from kerasemble.evaluation.significance import paired_interval

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
    found = report.scores[len(seen.members) + ALL.index(combiner)]
    assert found.log_loss == pytest.approx(losses.mean())
    assert found.gain.mean == pytest.approx(loss_of_picked(seen, labels) - losses.mean())
    mean = log_losses(seen.values.mean(axis=0), labels)
    assert found.over_mean.mean == pytest.approx(mean.mean() - losses.mean())
    # Where a row on which both are wrong would be beyond what these show, its end is further out.
    expected = paired_interval(mean, losses)
    assert found.over_mean.low <= expected.low + 1e-9
    assert found.over_mean.high == pytest.approx(expected.high, abs=0.01)
    assert report.best_member.name == "c"


def plain(report):
    """Return a report without what names rows and classes."""
    return dataclasses.replace(report, analysis=None)


def votes_of(seen):
    """Return the members' most probable classes, as members that give nothing else."""
    return Predictions.from_labels(dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True)), seen.classes)


@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_the_default_combiners_are_compared_where_none_is_named(seen, labels, kind):
    given = seen if kind == "probabilities" else votes_of(seen)
    defaults = default_combiners(given)
    names = [each.name for each in compare(given, labels).scores]
    assert names == [*seen.members, *map(label, defaults)]
    assert {"average", "weighted geometric average"} <= set(names)
    # Each is a recipe as it comes, of a kind of its own.
    assert all(type(each)() == each for each in defaults)
    assert len({type(each) for each in defaults}) == len(defaults)


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
    assert report.chosen.gain.low > 0
    pool, best, picked = report.chosen, report.best_member, loss_of_picked(seen, labels)
    assert report.verdict == (
        f"{pool.name}: log loss {pool.log_loss:.3f} against {best.log_loss:.3f} of the best member (c); "
        f"the gain is real (95 % interval {pool.gain.low:.3f} to {pool.gain.high:.3f}). "
        f"The interval is of the gain over the best member as other folds pick it, which has {picked:.3f}."
    )


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
def test_81_a_combination_that_is_no_better_than_the_best_member_is_called_so_with_the_one_to_keep(make_members):
    seen, labels = make_members(400, skills=(4.0, 0.1))
    found = compare(seen, labels, ALL, prefer=MajorityVote())
    assert "it is no better, so keep a (95 % interval -" in found.verdict


def test_81_a_combination_that_is_no_better_than_the_plain_mean_is_called_so_with_the_one_to_keep():
    # Each is right nearly always and now and then sure of the wrong class: fatal for a geometric mean alone.
    wrong = np.arange(60) % 20
    members = {name: np.where(wrong == row, 1e-7, 0.9) for name, row in (("a", 3), ("b", 7), ("c", 11))}
    seen, labels = binary(**members)
    found = compare(seen, labels, [Average(), WeightedGeometricAverage()], prefer=WeightedGeometricAverage(), repeats=1)
    mean, own = found["average"].log_loss, found["weighted geometric average"].log_loss
    assert mean < own
    gain = found["weighted geometric average"].over_mean
    interval = f"({gain.low:.3f} to {gain.high:.3f})"
    assert found.verdict.endswith(
        f" It is no better than log loss {mean:.3f} of the plain mean: keep average {interval}."
    )


def test_81_a_combination_whose_gain_on_the_plain_mean_may_be_chance_is_called_so(seen, labels):
    found = compare(votes_of(seen), labels, [Average(), WeightedGeometricAverage()])
    mean, own = (1 - found[name].accuracy for name in ("average", "weighted geometric average"))
    assert own < mean
    assert "the gain is real" in found.verdict
    said = f" Against error rate {mean:.3f} of the plain mean the gain of {mean - own:.3f} may be chance ("
    assert said in found.verdict


def test_the_plain_mean_is_not_spoken_of_where_it_is_surely_worse_or_itself_chosen_or_not_compared(
    report, seen, labels
):
    assert "plain mean" not in report.verdict
    assert "plain mean" not in compare(seen, labels, ALL, prefer=Average()).verdict


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
    repeated = compare(seen.rows(rows), labels[rows], recipes)
    for each in weighted.scores:
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


def test_labels_only_are_compared_by_their_error_rate(by_errors, seen, labels):
    assert by_errors.measure == "error rate"
    errors = {}
    for name, values in zip(seen.members, seen.values, strict=True):
        errors[name] = (values.argmax(axis=1) != labels).astype(np.float64)
        assert (by_errors[name].accuracy, by_errors[name].log_loss) == (pytest.approx(1 - errors[name].mean()), None)
    assert by_errors["a"].gain.mean - by_errors["b"].gain.mean == pytest.approx((errors["b"] - errors["a"]).mean())
    pool, best = by_errors.chosen, by_errors.best_member
    assert by_errors.verdict.startswith(
        f"{pool.name}: error rate {1 - pool.accuracy:.3f} against {1 - best.accuracy:.3f} of the best member (c); "
    )
    assert all(each.log_loss > 0 for each in by_errors.scores if each.kind == "combiner")


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
    assert alone.verdict == f"c is the best (error rate {1 - alone['c'].accuracy:.3f})."
    found = score(votes, labels, ["b"])
    assert (found["b"].kind, found["b"].accuracy) == ("combiner", alone["b"].accuracy)


def test_a_gain_whose_interval_holds_zero_may_be_chance(make_members):
    found = compare(*make_members(60, skills=(2.0, 1.6)), [Average()], repeats=1)
    assert found.chosen.kind == "combiner"
    assert found.choice.gain.low < 0 < found.choice.gain.mean
    assert f"the gain of {found.choice.gain.mean:.3f} may be chance (95 % interval -0." in found.verdict


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
def test_where_no_combination_is_better_the_member_is_kept(make_members):
    found = compare(*make_members(400, skills=(4.0, 0.1)), [Average(), MajorityVote()])
    assert found.chosen == found.best_member == found["a"]
    assert found.verdict.startswith("keep a: no combination is better (log loss ")
    assert found.verdict.endswith(f"against {found['average'].log_loss:.3f} of average).")


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
@pytest.mark.parametrize("samples", [400, 100])
def test_the_verdict_is_about_the_preferred_one_however_bad(make_members, samples):
    found = compare(*make_members(samples, skills=(4.0, 0.1)), ALL, prefer=Average())
    assert found.chosen == found["average"]
    assert found.verdict.startswith("average: log loss ")
    assert "it is no better, so keep a (95 % interval -" in found.verdict


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
    seen, labels = sure_and_wrong(0.75, wrong=8)
    recipes = [Average(), WeightedGeometricAverage()][::order]
    found, combiner, _, _ = compared(seen, labels, recipes, Settings(repeats=1))
    mean, default = found["average"], found["weighted geometric average"]
    assert mean.log_loss < default.log_loss < found["a"].log_loss
    gain = paired_interval(losses_of(seen, labels, WeightedGeometricAverage()), losses_of(seen, labels, Average()))
    assert gain.low < 0 < gain.high
    assert found.chosen == default
    assert combiner == WeightedGeometricAverage()
    assert f" The log loss of average, {mean.log_loss:.3f}, is not surely better than the default's." in found.verdict


def test_another_than_the_default_is_taken_where_it_is_surely_better():
    seen, labels = sure_and_wrong(0.6, wrong=8)
    recipes = [Average(), WeightedGeometricAverage()]
    found, combiner, _, _ = compared(seen, labels, recipes, Settings(repeats=1))
    gain = paired_interval(losses_of(seen, labels, WeightedGeometricAverage()), losses_of(seen, labels, Average()))
    assert gain.low > 0
    assert found.chosen == found["average"]
    assert combiner == Average()
    assert "the default" not in found.verdict


@pytest.mark.parametrize("samples", [10, 50, 199, 200])
def test_however_few_the_rows_the_default_is_taken_and_nothing_is_said_of_their_number(make_members, samples):
    found = compare(*make_members(samples), ALL)
    assert found.chosen == found["weighted geometric average"] == min(found.scores, key=lambda each: each.log_loss)
    assert "few" not in found.verdict
    assert "not surely better" not in found.verdict


def test_without_the_default_the_combiner_of_lowest_loss_is_taken(make_members):
    found = compare(*make_members(50), [Average(), MajorityVote(), GeometricAverage()], repeats=1)
    assert found.chosen == found["geometric average"] == min(found.scores, key=lambda each: each.log_loss)
    assert "default" not in found.verdict


def test_of_members_that_give_labels_the_default_is_taken_though_another_errs_less_often(by_errors):
    assert by_errors.chosen == by_errors["bayesian vote"]
    assert max(each.accuracy for each in by_errors.scores) > by_errors.chosen.accuracy
    lowest = min((each for each in by_errors.scores if each.kind == "combiner"), key=lambda each: each.log_loss)
    said = f" The log loss of {lowest.name}, {lowest.log_loss:.3f}, is not surely better than the default's."
    assert (said in by_errors.verdict) == (lowest != by_errors.chosen)


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


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_where_only_these_rows_best_member_is_better_the_combination_is_taken_and_that_is_said(seed):
    seen, labels = alike(seed)
    found = compare(seen, labels, [Average()], repeats=1)
    best, mean, picked = found.best_member, found["average"], loss_of_picked(seen, labels)
    assert best.log_loss < mean.log_loss <= picked
    assert found.chosen == mean
    assert found.verdict.startswith(
        f"average: log loss {mean.log_loss:.3f} against {best.log_loss:.3f} of the best member ({best.name}); "
    )
    gain = found.choice.gain
    assert f"): {found.choice.loss:.3f} against {picked:.3f}." in found.verdict
    how = f"the gain of {gain.mean:.3f} may be chance" if gain.mean > 0 else "no gain is shown, and"
    assert how in found.verdict
    assert f"(95 % interval {gain.low:.3f} to {gain.high:.3f})." in found.verdict
    assert mean.gain.mean == pytest.approx(picked - mean.log_loss)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_a_member_is_kept_where_it_is_better_on_rows_that_did_not_pick_it(seed):
    seen, labels = alike(seed)
    found = compare(seen, labels, [Average()], repeats=1)
    assert loss_of_picked(seen, labels) < found["average"].log_loss
    assert found.chosen == found.best_member
    assert found.verdict.startswith(f"keep {found.best_member.name}: no combination is better (log loss ")


@pytest.mark.parametrize(("confidence", "wrong"), [(0.75, 2), (0.9, 2), (0.8, 3)])
def test_a_member_is_not_said_to_be_better_than_every_combination_where_one_has_a_lower_loss(confidence, wrong):
    found = compare(*sure_and_wrong(confidence, wrong), [Average(), WeightedGeometricAverage()], repeats=1)
    assert found["average"].log_loss < found["a"].log_loss < found["weighted geometric average"].log_loss
    assert "no combination is better" not in found.verdict


def swapped(samples=60):
    """Return a and b, each good in the fold where the other is not, and c, which is a little worse than a; labels."""
    labels = np.arange(samples) % 2
    first = stratified_folds(labels, 2, 0) == 0
    a = np.where(first, 0.91, 0.3)
    return binary(a=a, b=np.where(first, 0.3, 0.9), c=a - 0.05)


CONTRARY = {
    "weights-that-leave-one-member": lambda make: (*make(400, skills=(4.0, 0.1)), ALL, 5),
    "the-plain-mean-is-better-by-chance": lambda _: (
        *sure_and_wrong(0.75, wrong=8),
        [Average(), WeightedGeometricAverage()],
        5,
    ),
    "surely-worse-than-what-these-rows-picked": lambda _: (*swapped(), [WeightedAverage(weights=[0, 0, 1])], 2),
}


@pytest.mark.filterwarnings("ignore:The answers of member")  # of which one knows nothing, as is meant here
@pytest.mark.filterwarnings("ignore:No member's answers have to do")  # likewise
@pytest.mark.parametrize("case", CONTRARY.values(), ids=CONTRARY)
def test_unless_a_combiner_is_asked_for_the_verdict_says_to_keep_nothing_but_what_is_chosen(make_members, case):
    seen, labels, recipes, cv = case(make_members)
    found = compare(seen, labels, recipes, cv=cv, repeats=1)
    assert set(re.findall(r"keep (\w+)", found.verdict)) <= {found.chosen.name}


@pytest.mark.parametrize("order", [1, -1])
def test_two_recipes_of_one_kind_are_told_apart_and_the_better_one_is_chosen(seen, labels, order):
    recipes = [WeightedAverage(weights=[1, 0, 0]), WeightedAverage(weights=[1, 1, 1])][::order]
    found, combiner, _, _ = compared(seen, labels, recipes, Settings())
    assert combiner == WeightedAverage(weights=[1, 1, 1])
    assert found.chosen.name == repr(WeightedAverage(weights=(1.0, 1.0, 1.0)))
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
    assert (kept.report.weights, kept.report.fitted) == (None, "")


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
    wrong = doubt_of(parts.values[2]).losses - doubt_of(seen.values[0]).losses
    assert found["ensemble"].gain == paired_interval(
        log_losses(parts.values[2], labels), log_losses(seen.values[0], labels), unseen=(wrong, wrong)
    )
    assert found.verdict.startswith("ensemble: log loss ")


def test_models_alone_are_scored_without_a_combination(seen, labels):
    found = score(seen, labels)
    assert found.verdict == f"c is the best (log loss {found['c'].log_loss:.3f})."
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

    def softmax(values):
        exponentials = np.exp(values)
        return exponentials / exponentials.sum(axis=1, keepdims=True)

    # Three times too sure; the other member knows nothing.
    sure, dead = softmax(6 * logits), softmax(0.1 * rng.normal(size=(900, 3)))
    found = compare(Predictions.from_arrays({"sure": sure, "dead": dead}), labels, [WeightedGeometricAverage()])
    assert "the gain is real" in found.verdict
    assert "), but in confidence only: sure alone, recalibrated in the same way, reaches" in found.verdict
    assert ", and combining adds nothing sure." in found.verdict
    other = softmax(2 * (2.0 * np.eye(3)[labels] + rng.normal(size=(900, 3))))
    two = compare(Predictions.from_arrays({"sure": sure, "other": other}), labels, [WeightedGeometricAverage()])
    assert "but in" not in two.verdict


@pytest.mark.filterwarnings("ignore:There is one member")  # which is what this is about
def test_one_member_is_not_said_to_gain_by_combining():
    seen = Predictions.from_arrays({"a": [[0.6, 0.4], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]]})
    found = compare(seen, [0, 1, 0, 1])
    assert found.chosen.name == "a"
    assert found.verdict.startswith("a is the only member")


def margin(labels, probabilities):
    return float(np.mean(probabilities[np.arange(len(labels)), labels]))


def spread(labels, probabilities):
    return -float(np.mean(probabilities[np.arange(len(labels)), labels] ** 2))


def test_a_function_as_metric_is_compared_like_any_other(seen, labels):
    by_margin, by_spread = (GreedySelection(metric=each, steps=5) for each in (margin, spread))
    found = compare(seen, labels, [by_margin, by_spread], prefer=by_spread)
    assert found.chosen.name == repr(by_spread)


def test_two_combiners_that_cannot_be_told_apart_are_refused(seen, labels):
    with pytest.raises(KerasembleError, match=r"called alike: .*Give each once, functions by a name"):
        compare(seen, labels, [WeightedAverage(), WeightedAverage()])


def test_what_a_member_costs_does_not_hinder_the_comparison(make_members):
    seen, labels = make_members(300, skills=(3.0, 3.0, 0.5))
    combiner = WeightedGeometricAverage(cost_weight=0.001, costs={"a": 1, "b": 5, "c": 1}, max_members=2)
    assert compare(seen, labels, [combiner]).chosen.name == "weighted geometric average"


@pytest.mark.parametrize("given", ["average", WeightedAverage(), 3], ids=["name", "one", "number"])
def test_combiners_that_are_no_list_are_refused(seen, labels, given):
    with pytest.raises(KerasembleError, match="must be a list of combiners or of their names"):
        compare(seen, labels, given)


def test_combiners_may_be_given_by_name_and_what_is_none_is_refused(seen, labels):
    names = [each.name for each in compare(seen, labels, ["average", "weighted-average"]).scores[-2:]]
    assert names == ["average", "weighted average"]
    with pytest.raises(KerasembleError, match=r"recipes, such as Average\(\), or their names. Received: <class"):
        compare(seen, labels, [WeightedAverage])


def test_few_rows_that_hold_the_weight_make_a_wide_interval():
    rng = np.random.default_rng(0)
    baseline, other = rng.normal(0.1, 1, size=(2, 50))
    even = paired_interval(baseline, other)
    three = paired_interval(baseline, other, np.where(np.arange(50) < 3, 1e6, 1.0))
    assert three.high - three.low > 3 * (even.high - even.low)
