"""The weighted mean: weights given, from scores, and learned."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.metrics import accuracy_score, log_loss

from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.errors import KerasembleError


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_given_weights_are_numpys_average(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    count = len(seen.members)
    weights = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count).filter(any))
    answer = WeightedAverage(weights=weights).fit(seen)(seen)
    np.testing.assert_allclose(answer, np.average(seen.values, axis=0, weights=weights), atol=1e-6)


def test_weights_by_name_are_those_weights_in_the_members_order(labelled):
    seen, _ = labelled
    named = WeightedAverage(weights={"d": 4, "b": 2, "a": 1, "c": 3}).fit(seen)
    np.testing.assert_array_equal(named(seen), WeightedAverage(weights=[1, 2, 3, 4]).fit(seen)(seen))
    assert named.weights == pytest.approx({"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4})


def test_given_weights_need_no_labels_and_keep_what_they_are_relative_to_each_other(labelled):
    seen, _ = labelled
    huge = WeightedAverage(weights=[1e308, 1e308, 0, 0]).fit(seen)
    assert huge.weights == pytest.approx({"a": 0.5, "b": 0.5}, abs=1e-11)
    assert huge.left_out == ("c", "d")


def test_weights_from_scores_are_the_accuracies_normalised(labelled):
    seen, labels = labelled
    scores = np.array([accuracy_score(labels, values.argmax(axis=1)) for values in seen.values])
    fitted = WeightedAverage(weights="scores").fit(seen, labels)
    np.testing.assert_allclose(list(fitted.weights.values()), scores / scores.sum(), atol=1e-12)
    np.testing.assert_allclose(fitted(seen), np.einsum("m,msc->sc", scores / scores.sum(), seen.values), atol=1e-6)


def test_weights_from_scores_are_the_weighted_accuracies(labelled):
    seen, labels = labelled
    rows = np.random.default_rng(0).gamma(1, size=300)
    scores = np.array([accuracy_score(labels, values.argmax(axis=1), sample_weight=rows) for values in seen.values])
    fitted = WeightedAverage(weights="scores").fit(seen, labels, sample_weight=rows)
    np.testing.assert_allclose(list(fitted.weights.values()), scores / scores.sum(), atol=1e-12)


def test_weights_from_scores_are_equal_where_no_member_is_ever_right(predictions_of):
    seen = predictions_of([[[0.9, 0.1]] * 2, [[0.8, 0.2]] * 2])
    assert WeightedAverage(weights="scores").fit(seen, [1, 1]).weights == pytest.approx({"a": 0.5, "b": 0.5})


def all_weights(fitted, seen):
    """Return the weights of all members (members,), zero for those that were left out."""
    return np.array([fitted.weights.get(name, 0.0) for name in seen.members])


def loss_of(name, weights, seen, labels, rows=None):
    """Return scikit-learn's log loss or NumPy's Brier score of the pool with these weights, the rows weighted."""
    pool = np.einsum("m,msc->sc", weights, seen.values.astype(np.float64))
    pool /= pool.sum(axis=1, keepdims=True)  # of float32 rows, which miss one by rounding
    if name == "log_loss":
        return log_loss(labels, pool, sample_weight=rows)
    return np.average(((pool - np.eye(pool.shape[1])[labels]) ** 2).sum(axis=1), weights=rows)


@pytest.fixture(scope="module")
def mixed(predictions_of):
    """Four members of the same skill, each with mistakes of its own, over 300 rows of three classes; labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    raw = np.exp(1.5 * (1.5 * np.eye(3)[labels] + rng.normal(size=(4, 300, 3))))
    return predictions_of(raw / raw.sum(axis=-1, keepdims=True)), labels


@pytest.mark.parametrize("name", ["log_loss", "brier"])
@pytest.mark.parametrize("which", ["labelled", "mixed"])
@pytest.mark.parametrize("weighted", [False, True], ids=["even", "weighted"])
def test_learned_weights_have_the_loss_of_scipys_optimum(request, name, which, weighted):
    seen, labels = request.getfixturevalue(which)
    rows = np.random.default_rng(1).gamma(1, size=300) if weighted else None
    found = minimize(
        lambda weights: loss_of(name, weights, seen, labels, rows),
        np.full(4, 0.25),
        method="SLSQP",
        bounds=[(1e-9, 1)] * 4,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-12},
    )
    ours = WeightedAverage(loss=name).fit(seen, labels, sample_weight=rows)
    assert loss_of(name, all_weights(ours, seen), seen, labels, rows) == pytest.approx(found.fun, abs=1e-6)


@pytest.mark.filterwarnings("ignore:Weighted average learned .* numbers from .* which is few")  # so they are drawn
@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.data())
def test_learned_weights_are_no_worse_on_their_own_rows_than_any_member_or_the_mean(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    labels = np.array(
        data.draw(st.lists(st.integers(0, len(seen.classes) - 1), min_size=seen.samples, max_size=seen.samples))
    )
    true = np.maximum(seen.values[:, np.arange(seen.samples), labels].astype(np.float64), 2.0**-24)
    learned = -np.log(all_weights(WeightedAverage().fit(seen, labels), seen) @ true).mean()
    members, mean = -np.log(true).mean(axis=1), -np.log(true.mean(axis=0)).mean()
    assert learned <= min(members.min(), mean) + 1e-6


@pytest.mark.filterwarnings("ignore:Weighted average learned .* numbers from .* which is few")  # so they are drawn
@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.data())
def test_brier_weights_are_no_worse_on_their_own_rows_than_any_member_or_the_mean(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    labels = np.array(
        data.draw(st.lists(st.integers(0, len(seen.classes) - 1), min_size=seen.samples, max_size=seen.samples))
    )
    learned = all_weights(WeightedAverage(loss="brier").fit(seen, labels), seen)
    size = len(seen.members)
    others = [*np.eye(size), np.full(size, 1 / size)]
    least = min(loss_of("brier", weights, seen, labels) for weights in others)
    assert loss_of("brier", learned, seen, labels) <= least + 1e-6


def test_the_brier_score_forgives_a_row_that_a_member_is_sure_and_wrong_about(predictions_of):
    sure = np.array([0.7] * 95 + [1e-6] * 5)
    seen = predictions_of([np.full((100, 2), 0.5), np.column_stack([sure, 1 - sure])])
    by_log_loss, by_brier = (
        WeightedAverage(loss=loss).fit(seen, [0] * 100).weights["b"] for loss in ("log_loss", "brier")
    )
    # Log loss: 0.95 * 0.2 / (0.5 + 0.2 w) = 0.05 / (1 - w). The Brier score still falls at w = 1.
    assert by_log_loss == pytest.approx(0.825, abs=1e-3)
    assert by_brier == pytest.approx(1)


@pytest.mark.parametrize("loss", ["log_loss", "brier"])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_more_members_are_kept_than_asked_and_their_weights_are_the_best(mixed, loss, most):
    seen, labels = mixed
    fitted = WeightedAverage(loss=loss, max_members=most).fit(seen, labels)
    assert len(fitted.members) == most
    assert (*fitted.members, *fitted.left_out) == tuple(sorted(fitted.members)) + tuple(sorted(fitted.left_out))
    best = min(
        loss_of(loss, all_weights(WeightedAverage(loss=loss).fit(seen.only(kept), labels), seen), seen, labels)
        for kept in combinations(seen.members, most)
    )
    assert loss_of(loss, all_weights(fitted, seen), seen, labels) == pytest.approx(best, rel=0.01)
    alone = WeightedAverage(loss=loss).fit(seen.only(fitted.members), labels)
    assert fitted.weights == pytest.approx(alone.weights, abs=1e-6)


@pytest.mark.parametrize("options", [{"max_members": 4}, {"max_members": 9}, {"costs": [1, 2, 3, 4]}])
def test_options_that_ask_for_nothing_change_nothing(mixed, options):
    seen, labels = mixed
    np.testing.assert_array_equal(
        WeightedAverage(**options).fit(seen, labels)(seen), WeightedAverage().fit(seen, labels)(seen)
    )


def test_a_member_is_kept_for_what_it_saves_and_left_out_for_what_it_costs(mixed):
    seen, labels = mixed
    full = WeightedAverage().fit(seen, labels)
    assert full.members == seen.members
    assert len(WeightedAverage(cost_weight=10).fit(seen, labels).members) == 1
    assert WeightedAverage(cost_weight=1e-9).fit(seen, labels).members == seen.members
    for dear in seen.members:
        costs = {name: 1e6 * (name == dear) for name in seen.members}
        fitted = WeightedAverage(cost_weight=1e-3, costs=costs).fit(seen, labels)
        assert fitted.left_out == (dear,)
        by_position = WeightedAverage(cost_weight=1e-3, costs=list(costs.values())).fit(seen, labels)
        assert by_position.weights == fitted.weights


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_members": 0}, "max_members must be a whole number of at least 1. Received: max_members=0"),
        ({"cost_weight": -0.1}, "cost_weight must be finite and not negative. Received: cost_weight=-0.1"),
        ({"cost_weight": np.nan}, "cost_weight must be finite.*nan"),
        ({"cost_weight": np.inf}, "cost_weight must be finite.*inf"),
        ({"costs": ["much"] * 4}, "must be numbers"),
        ({"loss": "hinge"}, "loss must be 'log_loss' or 'brier'. Received: loss='hinge'"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(options, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedAverage(**options)


@pytest.mark.parametrize(
    ("costs", "says"),
    [
        ([1, 2], "2 costs for 4 members"),
        ({"a": 1, "b": 1, "c": 1}, r"Costs are given for.*Give one for each"),
        ([1, -1, 1, 1], r"cost of member 'b' is -1\.0.*not negative"),
        ([1, 1, np.nan, 1], r"cost of member 'c' is nan.*finite"),
    ],
    ids=["too-few", "name-missing", "negative", "87-nan"],
)
def test_costs_that_cannot_be_are_refused_with_the_member(labelled, costs, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedAverage(cost_weight=0.1, costs=costs).fit(*labelled)


def test_learned_weights_are_printed_with_their_bound_and_who_was_left_out(labelled):
    text = repr(WeightedAverage(max_members=1).fit(*labelled))
    assert text == "Fitted weighted average: d 1.000 (within 1e-8 of the optimum; left out: a, b, c)"


def test_a_member_that_gives_the_truth_nothing_now_and_then_is_not_forgiven(predictions_of):
    sure = np.array([1.0] * 9 + [0.0])
    seen = predictions_of([np.full((10, 2), 0.5), np.column_stack([sure, 1 - sure])])
    # The derivative of 9 log(1 + w) + log(1 - w) is zero at w = 0.8; a clip at 0.001 would make it 0.802.
    assert WeightedAverage().fit(seen, [0] * 10).weights["b"] == pytest.approx(0.8, abs=5e-4)


BAD = [
    pytest.param([0.5, np.nan, 0.2, 0.3], "weight of member 'b' is nan", id="87-nan"),
    pytest.param([0.5, 0.2, np.inf, 0.3], "weight of member 'c' is inf", id="87-infinite"),
    pytest.param([0.5, 0.2, -0.1, 0.4], r"weight of member 'c' is -0\.1.*not negative", id="125-negative"),
    pytest.param([0.5, 0.2, 0.1, 0.1, 0.1], r"5 weights for 4 members \(a, b, c, d\)", id="125-too-many"),
    pytest.param([1.0], "1 weights for 4 members", id="125-too-few"),
    pytest.param([], "one for each member", id="125-none"),
    pytest.param([0, 0, 0, 0], "All weights are zero", id="125-all-zero"),
    pytest.param({"a": 1, "b": 1, "c": 1, "e": 1}, r"'e', 1.*members are \['a', 'b'", id="125-wrong-name"),
    pytest.param({"a": 1, "b": 1, "c": 1}, "Give one for each", id="125-missing-name"),
    pytest.param([("a", 1), ("b", 1), ("c", 1), ("d", 1), ("a", 2)], "Give one for each", id="125-name-twice"),
]


@pytest.mark.parametrize(("weights", "says"), BAD)
def test_weights_that_cannot_be_are_refused_with_the_member(labelled, weights, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedAverage(weights=weights).fit(labelled[0])


@pytest.mark.parametrize(
    ("weights", "says"),
    [("score", "'score'"), (["much", "little"], "must be numbers.*much"), (0.5, "0.5")],
    ids=["unknown-word", "words", "one-number"],
)
def test_weights_that_are_no_numbers_are_refused_at_once(weights, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedAverage(weights=weights)
