"""The figures of a report against those of other libraries, or against what they are by definition."""

from __future__ import annotations

import dataclasses
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax
from sklearn import metrics as of_sklearn
from sklearn.calibration import calibration_curve

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.calibration import calibration_of, risk_coverage_of
from kerasemble.evaluation.compare import compare
from kerasemble.evaluation.contributions import contributions_of, subsets_of
from kerasemble.evaluation.diversity import diversity_of
from kerasemble.evaluation.metrics import metrics_of
from kerasemble.evaluation.slices import slices_of
from kerasemble.evaluation.uncertainty import uncertainty_of


def make(seed, members=3, rows=300, classes=4, *, ties=False):
    """Predictions, labels and row weights of which none is equal to another."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    values = softmax(1.5 * np.eye(classes)[labels] + rng.normal(size=(members, rows, classes)), axis=-1)
    if ties:
        values = np.round(values, 1) + 0.01
        values /= values.sum(axis=-1, keepdims=True)
    seen = Predictions.from_arrays({f"m{index}": each for index, each in enumerate(values)})
    return seen, labels, rng.gamma(2, size=rows)


def _top_3(y, p, w):
    return of_sklearn.top_k_accuracy_score(y, p, k=3, sample_weight=w, labels=range(p.shape[1]))


def _area(y, p, w):
    if p.shape[1] == 2:
        return of_sklearn.roc_auc_score(y, p[:, 1], sample_weight=w)
    # scikit-learn takes weights for one class against the rest, not for many at once and their plain mean.
    return np.mean([of_sklearn.roc_auc_score(y == k, p[:, k], sample_weight=w) for k in range(p.shape[1])])


OTHERS = {
    "log loss": lambda y, p, w: of_sklearn.log_loss(y, p, sample_weight=w),
    "brier": lambda y, p, w: np.average(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1), weights=w),
    "accuracy": lambda y, p, w: of_sklearn.accuracy_score(y, p.argmax(axis=1), sample_weight=w),
    "balanced accuracy": lambda y, p, w: of_sklearn.balanced_accuracy_score(y, p.argmax(axis=1), sample_weight=w),
    "macro F1": lambda y, p, w: of_sklearn.f1_score(y, p.argmax(axis=1), average="macro", sample_weight=w),
    "AUC": _area,
    "top-3 accuracy": _top_3,
}


# Of two classes every one is among the first three.
CASES = [(name, classes) for name in OTHERS for classes in (2, 5, 7) if name != "top-3 accuracy" or classes > 3]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "classes"), CASES)
def test_metrics_are_those_of_scikit_learn(name, classes, weighted):
    seen, labels, weights = make(classes, 1, classes=classes)
    weights = weights if weighted else np.ones(len(labels))
    values = np.asarray(seen.values[0], dtype=np.float64)
    values /= values.sum(axis=1, keepdims=True)
    metric = next(each for each in metrics_of([name], seen, labels)[0] if each.name == name)
    assert metric.value(values, labels, weights) == pytest.approx(OTHERS[name](labels, values, weights), abs=1e-9)


def test_auc_of_tied_probabilities_is_scikit_learns():
    seen, labels, weights = make(3, 1, ties=True)
    values = np.asarray(seen.values[0], dtype=np.float64)
    metric = next(each for each in metrics_of(["AUC"], seen, labels)[0] if each.name == "AUC")
    assert metric.value(values, labels, weights) == pytest.approx(_area(labels, values, weights), abs=1e-12)


def test_a_scorer_of_scikit_learn_is_a_metric(seen, labels):
    report = compare(seen, labels, ["average"], metrics=["neg_brier_score", "roc_auc_ovr_weighted"])
    values = np.asarray(seen.values[0], dtype=np.float64)
    values /= values.sum(axis=1, keepdims=True)
    expected = of_sklearn.roc_auc_score(labels, values, multi_class="ovr", average="weighted")
    assert report["a"].metrics["roc_auc_ovr_weighted"] == pytest.approx(expected, abs=1e-9)
    assert report["a"].metrics["neg_brier_score"] < 0


def test_88_auc_where_a_class_has_no_row_is_refused_if_asked_for_and_else_left_out_and_said(make_members):
    seen, labels = make_members(200)
    rows = np.flatnonzero(labels != 1)
    part, present = seen.rows(rows), labels[rows]
    with pytest.raises(KerasembleError, match=r"AUC is undefined .* no row is labelled 1\..*leave it out"):
        compare(part, present, ["average"], metrics=["AUC"])
    with pytest.warns(match="No row is labelled 1"), pytest.warns(match="AUC is left out, since no row is labelled 1,"):
        report = compare(part, present, ["average"])
    assert "AUC" not in report["a"].metrics


def test_the_calibration_error_is_that_of_scikit_learns_quantile_bins():
    seen, labels, _ = make(0, 1, rows=600)
    values = np.asarray(seen.values[0], dtype=np.float64)
    confidence, right = values.max(axis=1), values.argmax(axis=1) == labels
    found = calibration_of("a", values, labels, np.ones(600))
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    assert found.rows == (40,) * 15
    np.testing.assert_allclose(found.accuracy, accuracy)
    np.testing.assert_allclose(found.confidence, mean)
    assert found.error == pytest.approx(np.abs(accuracy - mean).mean())
    metric = next(each for each in metrics_of(["ECE"], seen, labels)[0] if each.name == "ECE")
    assert metric.value(values, labels, np.ones(600)) == pytest.approx(found.error)


def test_the_calibration_error_is_netcals():
    pytest.importorskip("torch", reason="netcal needs PyTorch, which is there where its backend is tested")
    from netcal.metrics import ECE

    seen, labels, _ = make(1, 1, rows=600)
    values = np.asarray(seen.values[0], dtype=np.float64)
    expected = ECE(bins=15, equal_intervals=False).measure(values, labels)
    assert calibration_of("a", values, labels, np.ones(600)).error == pytest.approx(expected)


def test_the_classwise_error_is_the_mean_of_each_classs():
    seen, labels, _ = make(2, 1, rows=600)
    values = np.asarray(seen.values[0], dtype=np.float64)
    each = []
    for index in range(4):
        share, mean = calibration_curve(labels == index, values[:, index], n_bins=15, strategy="quantile")
        each.append(np.abs(share - mean).mean())
    metric = next(each for each in metrics_of(["classwise ECE"], seen, labels)[0] if each.name == "classwise ECE")
    assert metric.value(values, labels, np.ones(600)) == pytest.approx(np.mean(each))


def test_rows_that_count_twice_are_two_rows_in_every_metric():
    seen, labels, _ = make(4, 1, classes=5)
    values, twice = np.asarray(seen.values[0], dtype=np.float64), np.arange(len(labels)) % 3 == 0
    rows = np.concatenate([np.arange(len(labels)), np.flatnonzero(twice)])
    for metric in metrics_of(None, seen, labels)[0]:
        # Bins of equal mass are of rows, however much each counts.
        if "ECE" not in metric.name:
            once = metric.value(values, labels, 1.0 + twice)
            assert once == pytest.approx(metric.value(values[rows], labels[rows], np.ones(len(rows)))), metric.name


def test_risk_and_coverage_are_a_plain_loops():
    seen, labels, weights = make(5, 1, ties=True)
    values = np.asarray(seen.values[0], dtype=np.float64)
    found = risk_coverage_of("a", values, labels, weights, points=10_000)
    confidence = values.max(axis=1)
    # Of several that are equally probable the true one counts as its share.
    top = values == confidence[:, None]
    wrong = 1 - top[np.arange(300), labels] / top.sum(axis=1)
    for threshold, coverage, risk in zip(np.unique(confidence)[::-1], found.coverage, found.risk, strict=True):
        kept = confidence >= threshold
        assert coverage == pytest.approx(weights[kept].sum() / weights.sum())
        assert risk == pytest.approx(np.average(wrong[kept], weights=weights[kept]))
    assert found.coverage[-1] == 1


def test_pairwise_diversity_is_deslibs():
    from deslib.util import diversity as others

    seen, labels, _ = make(6)
    found = diversity_of(seen, labels, np.ones(300))
    answers = np.asarray(seen.values).argmax(axis=-1)
    for i, j in itertools.combinations(range(3), 2):
        pair = labels, answers[i], answers[j]
        assert found.q_statistic[i][j] == pytest.approx(others.Q_statistic(*pair))
        assert found.double_fault[i][j] == pytest.approx(others.double_fault(*pair))
        assert found.correlation[i][j] == pytest.approx(others.correlation_coefficient(*pair))


def test_pairwise_diversity_is_what_it_is_by_definition():
    seen, labels, _ = make(7)
    found = diversity_of(seen, labels, np.ones(300))
    answers = np.asarray(seen.values).argmax(axis=-1)
    right = answers == labels
    for i, j in itertools.product(range(3), range(3)):
        assert found.disagreement[i][j] == pytest.approx(np.mean(answers[i] != answers[j]))
        assert found.double_fault[i][j] == pytest.approx(np.mean(~right[i] & ~right[j]))
        assert found.correlation[i][j] == pytest.approx(np.corrcoef(right[i], right[j])[0, 1])
        both, one, other, neither = (
            np.sum((right[i] == a) & (right[j] == b)) for a, b in itertools.product((True, False), repeat=2)
        )
        expected = (both * neither - one * other) / (both * neither + one * other)
        assert found.q_statistic[i][j] == pytest.approx(expected)
    assert found.oracle == pytest.approx(right.any(axis=0).mean())


def test_the_members_error_is_the_ensembles_and_the_ambiguity():
    seen, labels, weights = make(8)
    values, truth = np.asarray(seen.values, dtype=np.float64), np.eye(4)[labels]
    found = diversity_of(seen, labels, weights)
    of_members = np.average(((values - truth) ** 2).sum(axis=-1).mean(axis=0), weights=weights)
    spread = np.average(((values - values.mean(axis=0)) ** 2).sum(axis=-1).mean(axis=0), weights=weights)
    assert found.mean_error == pytest.approx(of_members, rel=1e-5)
    assert found.ambiguity == pytest.approx(spread, rel=1e-5)
    assert found.ensemble_error + found.ambiguity == pytest.approx(found.mean_error)


def test_members_that_are_always_right_have_no_correlation_and_no_q():
    labels = np.arange(20) % 3
    seen = Predictions.from_labels({"a": labels, "b": labels}, classes=3)
    found = diversity_of(seen, labels, np.ones(20))
    assert found.q_statistic == found.correlation == ((None, None), (None, None))
    assert found.oracle == 1


def shapley_by_definition(true, nothing):
    """The mean over all orders of what each member adds to those before it."""
    count = len(true)

    def value(members):
        return nothing if not members else -np.log(true[list(members)].mean(axis=0)).mean()

    found = np.zeros(count)
    for order in itertools.permutations(range(count)):
        for place, member in enumerate(order):
            found[member] += value(order[:place]) - value(order[: place + 1])
    return found / math.factorial(count)


@pytest.mark.parametrize("members", [2, 3, 5])
def test_shapley_values_are_those_of_all_orders(members):
    seen, labels, _ = make(9, members)
    true = np.asarray(seen.values, dtype=np.float64)[:, np.arange(300), labels]
    nothing = stats.entropy(np.bincount(labels))
    found, exact = contributions_of(seen, labels, np.ones(300), np.arange(members) + 1.0, 0)
    assert exact
    np.testing.assert_allclose([each.shapley for each in found], shapley_by_definition(true, nothing), atol=1e-6)
    everyone = -np.log(true.mean(axis=0)).mean()
    assert sum(each.shapley for each in found) == pytest.approx(nothing - everyone, abs=1e-6)
    assert [each.cost for each in found] == list(range(1, members + 1))
    for index, each in enumerate(found):
        others = -np.log(np.delete(true, index, axis=0).mean(axis=0)).mean()
        assert each.left_out == pytest.approx(others - everyone, abs=1e-6)


def test_sampled_shapley_values_hold_the_exact_ones_in_their_intervals(monkeypatch):
    seen, labels, weights = make(10, 9)
    exact, _ = contributions_of(seen, labels, weights, np.ones(9), 0)
    monkeypatch.setattr("kerasemble.evaluation.contributions.MOST_TO_ENUMERATE", 4)
    inside = []
    for seed in range(20):
        sampled, is_exact = contributions_of(seen, labels, weights, np.ones(9), seed)
        assert not is_exact
        # Each order's shares sum to the whole, and so do their means.
        assert sum(each.shapley for each in sampled) == pytest.approx(sum(each.shapley for each in exact))
        inside += [one.low <= other.shapley <= one.high for one, other in zip(sampled, exact, strict=True)]
    # 180 intervals of 95 %: fewer than 160 are next to impossible.
    assert sum(inside) >= 160


def test_the_front_is_what_nothing_beats_in_cost_and_loss():
    seen, labels, _ = make(11, 4)
    costs = np.array([1.0, 2.0, 4.0, 3.5])
    true = np.asarray(seen.values, dtype=np.float64)[:, np.arange(300), labels]
    every = {
        frozenset(f"m{i}" for i in part): (-np.log(true[list(part)].mean(axis=0)).mean(), costs[list(part)].sum())
        for size in range(1, 5)
        for part in itertools.combinations(range(4), size)
    }
    front = {
        part
        for part, (loss, cost) in every.items()
        if not any(other != part and a <= loss and b <= cost for other, (a, b) in every.items())
    }
    found = subsets_of(seen, labels, np.ones(300), costs)
    assert {frozenset(each.members) for each in found if each.on_front} == front
    assert len(found) == 15
    for each in found:
        assert (each.log_loss, each.cost) == pytest.approx(every[frozenset(each.members)], abs=1e-6)


def test_uncertainty_is_scipys_entropy_and_the_row_of_most_disagreement_is_first():
    seen, labels, weights = make(12)
    values = np.asarray(seen.values, dtype=np.float64)
    found = uncertainty_of(seen, labels, weights, values.mean(axis=0), np.arange(300) + 1000)
    total, expected = stats.entropy(values.mean(axis=0), axis=-1), stats.entropy(values, axis=-1).mean(axis=0)
    assert found.entropy == pytest.approx(np.average(total, weights=weights), rel=1e-5)
    assert found.expected == pytest.approx(np.average(expected, weights=weights), rel=1e-5)
    assert found.information == pytest.approx(found.entropy - found.expected, rel=1e-5)
    order = np.argsort(expected - total)
    assert [each.row for each in found.doubtful] == (order[:24] + 1000).tolist()
    first = found.doubtful[0]
    assert first.answers == tuple(map(str, values[:, order[0]].argmax(axis=-1)))
    assert first.label == str(labels[order[0]])


def test_slices_are_the_scores_of_their_rows():
    seen, labels, weights = make(13, 2)
    one, other = np.asarray(seen.values, dtype=np.float64)
    groups = np.arange(300) % 7
    found = slices_of(one, other, labels, weights, "wxyz", groups, [f"site {n}" for n in range(7)])
    rows_of = SimpleNamespace(
        **{"class": lambda name: labels == "wxyz".index(name), "group": lambda name: groups == int(name[-1])}
    )
    for each in found:
        if each.kind == "confidence":
            continue
        rows = getattr(rows_of, each.kind)(each.name)
        part = {"weights": weights[rows]}
        assert each.rows == rows.sum()
        assert each.accuracy == pytest.approx(np.average(one[rows].argmax(axis=1) == labels[rows], **part))
        own = -np.log(one[rows, labels[rows]])
        assert each.log_loss == pytest.approx(np.average(own, **part))
        assert each.baseline_accuracy == pytest.approx(np.average(other[rows].argmax(axis=1) == labels[rows], **part))
    assert [each.rows for each in found if each.kind == "confidence"] == [60] * 5
    assert {each.kind for each in found} == {"class", "group", "confidence"}


def test_groups_stay_together_in_folds_and_widen_the_interval(make_members):
    seen, labels = make_members(400)
    # Every row comes four times: independent rows they are not.
    rows = np.repeat(np.arange(100), 4)
    # By inputs that differ they are none of them copies, so that groups alone join them.
    seen = dataclasses.replace(seen.rows(rows), row_hashes=np.arange(400, dtype=np.uint64))
    report = compare(seen, labels[rows], ["average"], prefer="average", groups=[f"patient {n}" for n in rows])
    with pytest.warns(KerasembleWarning) as said:
        apart = compare(seen, labels[rows], ["average"], prefer="average")
    assert [each.message.code for each in said] == [Code.DEPENDENT]
    assert report.groups == 100
    one, other = report["average"].gain, apart["average"].gain
    assert one.high - one.low > 1.7 * (other.high - other.low)
    assert {each.kind for each in report.analysis.slices} >= {"group"}
