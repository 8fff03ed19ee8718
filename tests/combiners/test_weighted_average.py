"""The weighted mean: weights given, from scores, and learned."""

from __future__ import annotations

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
    assert huge.weights == pytest.approx({"a": 0.5, "b": 0.5, "c": 0, "d": 0}, abs=1e-11)


def test_weights_from_scores_are_the_accuracies_normalised(labelled):
    seen, labels = labelled
    scores = np.array([accuracy_score(labels, values.argmax(axis=1)) for values in seen.values])
    fitted = WeightedAverage(weights="scores").fit(seen, labels)
    np.testing.assert_allclose(list(fitted.weights.values()), scores / scores.sum(), atol=1e-12)
    np.testing.assert_allclose(fitted(seen), np.einsum("m,msc->sc", scores / scores.sum(), seen.values), atol=1e-6)


def test_weights_from_scores_are_equal_where_no_member_is_ever_right(predictions_of):
    seen = predictions_of([[[0.9, 0.1]], [[0.8, 0.2]]])
    assert WeightedAverage(weights="scores").fit(seen, [1]).weights == pytest.approx({"a": 0.5, "b": 0.5})


def test_learned_weights_have_the_log_loss_of_scipys_optimum(labelled):
    seen, labels = labelled

    def loss(weights):
        pool = np.einsum("m,msc->sc", weights / weights.sum(), seen.values.astype(np.float64))
        return log_loss(labels, pool / pool.sum(axis=1, keepdims=True))  # of float32 rows, which miss one by rounding

    found = minimize(loss, np.full(4, 0.25), method="SLSQP", bounds=[(1e-9, 1)] * 4, options={"ftol": 1e-12})
    ours = WeightedAverage().fit(seen, labels).weights
    assert loss(np.array(list(ours.values()))) == pytest.approx(found.fun, abs=1e-6)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.data())
def test_learned_weights_are_no_worse_on_their_own_rows_than_any_member_or_the_mean(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    labels = np.array(
        data.draw(st.lists(st.integers(0, len(seen.classes) - 1), min_size=seen.samples, max_size=seen.samples))
    )
    true = np.maximum(seen.values[:, np.arange(seen.samples), labels].astype(np.float64), 2.0**-24)
    weights = np.array(list(WeightedAverage().fit(seen, labels).weights.values()))
    learned = -np.log(weights @ true).mean()
    members, mean = -np.log(true).mean(axis=1), -np.log(true.mean(axis=0)).mean()
    assert learned <= min(members.min(), mean) + 1e-6


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
    pytest.param([], "0 weights for 4 members", id="125-none"),
    pytest.param([0, 0, 0, 0], "All weights are zero", id="125-all-zero"),
    pytest.param({"a": 1, "b": 1, "c": 1, "e": 1}, r"'e', 1\.0.*members are \['a', 'b'", id="125-wrong-name"),
    pytest.param({"a": 1, "b": 1, "c": 1}, "Give one for each", id="125-missing-name"),
    pytest.param([("a", 1), ("b", 1), ("c", 1), ("d", 1), ("a", 2)], "Give one for each", id="125-name-twice"),
]


@pytest.mark.parametrize(("weights", "says"), BAD)
def test_weights_that_cannot_be_are_refused_with_the_member(labelled, weights, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedAverage(weights=weights).fit(labelled[0])


@pytest.mark.parametrize(
    ("weights", "says"),
    [("score", "'learn', 'scores' or numbers.*'score'"), (["much", "little"], "must be numbers.*much"), (0.5, "0.5")],
    ids=["unknown-word", "words", "one-number"],
)
def test_weights_that_are_no_numbers_are_refused_at_once(weights, says):
    with pytest.raises(KerasembleError, match=says):
        WeightedAverage(weights=weights)
