"""The mean with weights by class: its arithmetic, its weights against SciPy, and what it promises of the log loss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import softmax

from kerasemble.combiners.class_weighted_average import ClassWeightedAverage
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.arrays import CLIP
from kerasemble.core.errors import KerasembleError

PULLS = ["entropy", "squares"]


def learned_weights(combiner, seen, labels):
    """Weights (members, classes), of all members, used or not."""
    return softmax(combiner.learn(seen, labels, np.ones(len(labels))).learned["log_weights"], axis=0)


def common_weights(seen, labels):
    return softmax(WeightedAverage().learn(seen, labels, np.ones(len(labels))).learned["log_weights"])


def pool(weights, seen):
    """Not normalised, (samples, classes)."""
    return np.einsum("mc,msc->sc", weights, np.maximum(seen.values.astype(np.float64), CLIP))


def loss(weights, seen, labels):
    values = pool(weights, seen)
    return -np.log(values[np.arange(len(labels)), labels] / values.sum(axis=1)).mean()


def bound(weights, seen, labels):
    values = pool(weights, seen)
    return (-np.log(values[np.arange(len(labels)), labels]) + values.sum(axis=1) - 1).mean()


def experts(predictions_of, samples=600, seed=0):
    """Three members over six classes: each knows two of them, and guesses on the others."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, samples)
    skill = np.full((3, 6), 0.2)
    for member in range(3):
        skill[member, 2 * member : 2 * member + 2] = 4
    logits = skill[:, None, :] * (np.eye(6)[labels] - 0.5) + 0.5 * rng.normal(size=(3, samples, 6))
    return predictions_of(softmax(logits, axis=-1)), labels


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_the_answer_is_the_mean_by_classes_own_weights_normalised(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    members, samples, classes = seen.values.shape
    logs = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(members, classes)) * 3
    answer = ClassWeightedAverage().combine(seen.values.astype(np.float64), {"log_weights": logs}, np)
    for row in range(samples):
        wanted = []
        for column in range(classes):
            weights = np.exp(logs[:, column]) / np.exp(logs[:, column]).sum()
            wanted.append(sum(weights[m] * max(float(seen.values[m, row, column]), CLIP) for m in range(members)))
        np.testing.assert_allclose(answer[row], np.array(wanted) / sum(wanted), atol=1e-12)


def test_a_class_that_no_weighted_member_gives_anything_is_still_answered(predictions_of):
    seen = predictions_of([[[1.0, 0.0]], [[0.0, 1.0]]])
    crossed = np.log([[1e-12, 1.0], [1.0, 1e-12]])
    answer = ClassWeightedAverage().combine(seen.values, {"log_weights": crossed}, np)
    np.testing.assert_allclose(answer, [[0.5, 0.5]], atol=1e-4)


@pytest.mark.parametrize(("asked", "strength"), [(None, {"entropy": 3, "squares": 10}), (0.5, 0.5), (200, 200)])
@pytest.mark.parametrize("pull", PULLS)
def test_weights_have_the_objective_of_scipys_optimum(labelled, pull, asked, strength):
    seen, labels = labelled
    strength = strength[pull] if asked is None else strength
    common = common_weights(seen, labels)[:, None]

    def objective(weights):
        apart = common * np.log(common / weights) if pull == "entropy" else (weights - common) ** 2
        return bound(weights, seen, labels) + strength / len(labels) * apart.sum()

    start = np.log(np.broadcast_to(np.maximum(common, 1e-6), (4, 5)))
    found = minimize(
        lambda raw: objective(softmax(raw.reshape(4, 5), axis=0)), start.ravel(), method="L-BFGS-B", tol=1e-14
    )
    ours = learned_weights(ClassWeightedAverage(strength=asked, pull=pull), seen, labels)
    assert objective(ours) <= found.fun + 2e-8
    assert objective(ours) == pytest.approx(found.fun, abs=1e-5)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.data())
def test_on_its_own_rows_it_is_no_worse_than_the_weighted_average_nor_than_its_bound(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    label = st.integers(0, len(seen.classes) - 1)
    labels = np.array(data.draw(st.lists(label, min_size=seen.samples, max_size=seen.samples)))
    combiner = ClassWeightedAverage(
        strength=data.draw(st.sampled_from([None, 0.01, 1000.0])), pull=data.draw(st.sampled_from(PULLS))
    )
    found = combiner.learn(seen, labels, np.ones(len(labels)))
    weights = softmax(found.learned["log_weights"], axis=0)
    common = np.repeat(common_weights(seen, labels)[:, None], len(seen.classes), axis=1)
    # Of four rows that are nearly alike the quadratic's own ridge leaves a little more than the 1e-8 asked for.
    assert found.gap <= 1e-7
    assert found.warnings == ()
    assert loss(weights, seen, labels) <= bound(weights, seen, labels) + 1e-12
    assert loss(weights, seen, labels) <= loss(common, seen, labels) + 1e-9


@pytest.mark.parametrize("pull", PULLS)
def test_experts_are_weighted_where_they_know_and_beat_common_weights_on_other_rows(predictions_of, pull):
    seen, labels = experts(predictions_of)
    fresh, truth = experts(predictions_of, samples=3000, seed=1)
    fitted = ClassWeightedAverage(pull=pull).fit(seen, labels)
    weights = learned_weights(ClassWeightedAverage(pull=pull), seen, labels)
    np.testing.assert_array_equal(weights.argmax(axis=0), [0, 0, 1, 1, 2, 2])
    assert weights.max(axis=0).min() > 0.7
    ours, common = (each(fresh)[np.arange(3000), truth] for each in (fitted, WeightedAverage().fit(seen, labels)))
    assert -np.log(ours).mean() < -np.log(common).mean() - 0.1


def test_weights_from_which_labels_were_drawn_are_found_again(predictions_of):
    rng = np.random.default_rng(0)
    wanted = np.array([0.7, 0.2, 0.5])
    # Members differ along what leaves the sum of the pool at one: only there is the bound the log loss itself.
    apart = rng.uniform(-0.5, 0.5, size=(20_000, 1)) * np.cross(np.ones(3), wanted)
    middle = 0.3 + 0.1 * rng.dirichlet(np.ones(3), size=20_000)
    values = np.stack([middle + apart, middle - apart])
    values /= values[:1].sum(axis=-1, keepdims=True)
    truth = wanted * values[0] + (1 - wanted) * values[1]
    np.testing.assert_allclose(truth.sum(axis=1), 1)
    labels = np.minimum((rng.random((20_000, 1)) > truth.cumsum(axis=1)).sum(axis=1), 2)
    ours = learned_weights(ClassWeightedAverage(strength=1e-3), predictions_of(values), labels)
    # Five standard errors, which the information of 20 000 such rows makes about 0.02.
    np.testing.assert_allclose(ours[0], wanted, atol=0.1)


@pytest.mark.parametrize("pull", PULLS)
def test_a_strong_pull_gives_the_weighted_average(labelled, pull):
    seen, labels = labelled
    fitted = ClassWeightedAverage(strength=1e9, pull=pull).fit(seen, labels)
    np.testing.assert_allclose(fitted(seen), WeightedAverage().fit(seen, labels)(seen), atol=1e-5)


@pytest.mark.parametrize("pull", PULLS)
def test_a_class_without_rows_keeps_the_common_weights(labelled, pull):
    seen, labels = labelled
    rows = np.flatnonzero(labels != 3)
    seen, labels = seen.rows(rows), labels[rows]
    weights = learned_weights(ClassWeightedAverage(pull=pull), seen, labels)
    np.testing.assert_allclose(weights[:, 3], common_weights(seen, labels), atol=1e-9)


def test_rows_that_count_twice_are_rows_that_stand_twice_but_for_the_strength(labelled):
    seen, labels = labelled
    twice = np.flatnonzero(labels < 2)
    rows = np.concatenate([np.arange(len(labels)), twice])
    weights = np.where(labels < 2, 2.0, 1.0)
    effective = weights.sum() ** 2 / (weights**2).sum()
    weighted = ClassWeightedAverage(strength=5.0).learn(seen, labels, weights)
    repeated = ClassWeightedAverage(strength=5.0 * len(rows) / effective).learn(
        seen.rows(rows), labels[rows], np.ones(len(rows))
    )
    one, other = (softmax(fit.learned["log_weights"], axis=0) for fit in (weighted, repeated))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_a_member_that_no_class_uses_is_left_out(labelled, predictions_of):
    seen, labels = labelled
    wrong = np.eye(5)[(labels + 1) % 5] * 0.9 + 0.02
    fitted = ClassWeightedAverage().fit(predictions_of(np.concatenate([seen.values, wrong[None]])), labels)
    assert "e" in fitted.left_out
    assert "e" not in fitted.members
    np.testing.assert_allclose(fitted(seen), ClassWeightedAverage().fit(seen, labels)(seen), atol=1e-5)


@pytest.mark.parametrize("pull", PULLS)
def test_copies_of_a_member_change_no_answer_on_other_rows_by_much(labelled, predictions_of, pull):
    seen, labels = labelled
    once = ClassWeightedAverage(pull=pull).fit(seen, labels)
    copied = predictions_of(np.concatenate([seen.values, seen.values[:1]]))
    np.testing.assert_allclose(ClassWeightedAverage(pull=pull).fit(copied, labels)(copied), once(seen), atol=0.02)


def test_it_prints_a_table_of_members_and_classes(predictions_of):
    seen, labels = experts(predictions_of)
    lines = repr(ClassWeightedAverage().fit(seen, labels)).split("\n")
    assert lines[0] == "Fitted class weighted average, by member and class:"
    assert lines[1].split() == list("012345")
    assert [line[0] for line in lines[2:-1]] == ["a", "b", "c"]
    assert len({len(line) for line in lines[1:-1]}) == 1
    assert lines[-1] == "(within 1e-8 of the optimum)"


@pytest.mark.parametrize(
    ("members", "classes", "last"),
    [
        (12, 12, "m11"),
        (13, 12, "and 1 more members"),
        (3, 15, "and 3 more classes"),
        (20, 100, "and 8 more members and 88 more classes"),
    ],
)
def test_a_large_table_is_cut(members, classes, last):
    names, columns = [f"m{index}" for index in range(members)], [f"c{index}" for index in range(classes)]
    text = ClassWeightedAverage().describe({"log_weights": np.zeros((members, classes))}, names, columns)
    lines = text.split("\n")
    assert lines[-1].startswith(last)
    assert lines[1].split() == columns[:12]
    assert len(lines) == 2 + min(members, 12) + (last.startswith("and"))
    assert f"{1 / members:.2f}" in lines[2]


def test_a_long_name_is_cut_in_the_table():
    text = ClassWeightedAverage().describe({"log_weights": np.zeros((1, 1))}, ["a" * 40], ["b" * 16])
    assert "a" * 13 + "..." in text
    assert "a" * 14 not in text
    assert "b" * 16 in text


@pytest.mark.parametrize("strength", [0, -1, np.nan, np.inf])
def test_a_strength_that_is_not_above_zero_is_refused(strength):
    with pytest.raises(KerasembleError, match=f"above zero and finite. Received: strength={strength}"):
        ClassWeightedAverage(strength=strength)


def test_an_unknown_pull_is_refused():
    with pytest.raises(KerasembleError, match=r"'entropy' or 'squares'\. Received: pull='ridge'"):
        ClassWeightedAverage(pull="ridge")
