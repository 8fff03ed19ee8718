"""Which members are selected within limits: by the weights that they will have, and by no row that is unseen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

import kerasemble as ke
from kerasemble.core.predictions import Predictions


def make(samples, skills, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, samples)
    truth = np.eye(3)[labels]
    arrays = {
        name: softmax(skill * (skill * truth + rng.normal(size=truth.shape)), axis=-1)
        for name, skill in zip("abcdefg", skills, strict=False)
    }
    return Predictions.from_arrays(arrays), labels


def too_sure(samples=600):
    """Two good members, of which one is too sure, which weights mend and a plain mean does not, and a poor one."""
    seen, labels = make(samples, (1.9, 1.9, 1.0))
    a, b, c = seen.values.astype(np.float64)
    sure = b**6 / (b**6).sum(axis=1, keepdims=True)
    return Predictions.from_arrays({"a": a, "sure": sure, "poor": c}), labels


@pytest.mark.parametrize("limits", [{}, {"max_members": 3}, {"budget": 3.0}])
def test_where_all_members_are_within_the_limits_it_is_the_combiner_itself(limits):
    seen, labels = make(200, (1.8, 1.9, 2.0))
    inner = ke.WeightedGeometricAverage()
    np.testing.assert_array_equal(ke.Select(inner, **limits).fit(seen, labels)(seen), inner.fit(seen, labels)(seen))


def test_members_are_selected_for_a_combination_with_weights_and_fitted_as_if_they_were_all():
    seen, labels = too_sure()
    fitted = ke.Select(max_members=2).fit(seen, labels)
    pairs = [("a", "sure"), ("a", "poor"), ("sure", "poor")]

    def loss(pair):
        part = seen.only(pair)
        answers = ke.WeightedGeometricAverage().fit(part, labels)(part)
        return -np.log(answers[np.arange(600), labels]).mean()

    assert fitted.members == min(pairs, key=loss) == ("a", "sure")
    assert fitted.left_out == ("poor",)
    alone = ke.WeightedGeometricAverage().fit(seen.only(["a", "sure"]), labels)
    np.testing.assert_allclose(fitted(seen), alone(seen), atol=1e-6)
    assert fitted.weights == pytest.approx(alone.weights)


def test_no_row_of_weight_zero_decides_what_is_selected():
    seen, labels = make(300, (1.5, 1.5, 1.5, 1.5))
    unseen = np.arange(300) % 5 < 2
    values = seen.values.copy()
    values[:2, unseen] = 1 / 3
    others = Predictions.from_arrays(dict(zip(seen.members, values, strict=True)))
    changed = np.where(unseen, (labels + 1) % 3, labels)
    weights = (~unseen).astype(float)
    recipe = ke.Select(max_members=2)
    one = recipe.fit(seen, labels, sample_weight=weights)
    assert one.members == recipe.fit(others, changed, sample_weight=weights).members


@pytest.mark.parametrize("budget", [1.0, 2.5, 4.0])
@pytest.mark.parametrize("labels_only", [False, True])
def test_what_is_selected_costs_no_more_than_the_budget(budget, labels_only):
    seen, labels = make(300, (1.9, 1.5, 1.7, 1.2, 1.8))
    costs = {"a": 3.0, "b": 1.0, "c": 1.5, "d": 0.5, "e": 2.0}
    if labels_only:
        seen = Predictions.from_labels(dict(zip(seen.members, seen.values.argmax(axis=-1), strict=True)), classes=3)
    fitted = ke.Select(ke.Average(), budget=budget, costs=costs).fit(seen, labels)
    assert 0 < sum(costs[name] for name in fitted.members) <= budget


def test_a_budget_that_no_member_meets_is_refused():
    seen, labels = make(30, (1.0, 1.0))
    with pytest.raises(ke.KerasembleError):
        ke.Select(budget=0.5).fit(seen, labels)


def test_of_many_members_those_of_the_most_weight_are_tried():
    rng = np.random.default_rng(0)
    seen, labels = make(400, (1.9, 1.9, 1.9))
    noise = {f"n{index}": rng.dirichlet(np.ones(3), size=400) for index in range(15)}
    many = Predictions.from_arrays({**noise, **dict(zip(seen.members, seen.values, strict=True))})
    assert ke.Select(max_members=3).fit(many, labels).members == ("a", "b", "c")


def test_members_that_give_labels_only_are_selected_by_their_accuracy():
    seen, labels = make(300, (1.8, 1.4, 2.0))
    votes = Predictions.from_labels(dict(zip("abc", seen.values.argmax(axis=-1), strict=True)), classes=3)
    errors = [(values != labels).mean() for values in votes.values]
    fitted = ke.Select(ke.BayesianVote(), max_members=1).fit(votes, labels)
    assert fitted.members == ("abc"[int(np.argmin(errors))],)


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.parametrize("inner", [ke.WeightedGeometricAverage(), ke.Stacking()])
def test_where_no_selected_member_has_any_weight_the_others_are_gone_all_the_same(inner, most):
    seen, labels = make(60, (1.0, 1.0, 1.0))
    opposite = Predictions.from_arrays(dict(zip("abc", (1 - seen.values) / 2, strict=True)))
    fitted = ke.Select(inner, max_members=most).fit(opposite, labels)
    assert len(fitted.members) <= most
    assert "selected" not in fitted.learned
    np.testing.assert_allclose(fitted(opposite), fitted(opposite.only(list(fitted.members))))
    assert repr(fitted)
