"""Greedy selection against AutoGluon's loop written out, and each error against plain NumPy on the mean itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from kerasemble.core.arrays import CLIP
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.tasks import Task
from kerasemble.solvers.brier_pool import gram
from kerasemble.solvers.greedy import at_random, by_log_loss, select
from kerasemble.solvers.greedy_accuracy import AccuracyErrors
from kerasemble.solvers.greedy_log_loss import log_loss_errors
from kerasemble.solvers.greedy_metric import brier_errors, metric_errors


def predictions_of(values):
    members, classes = (tuple(str(index) for index in range(count)) for count in (len(values), values.shape[-1]))
    return Predictions(np.asarray(values, dtype=np.float32), members, classes, Task.MULTICLASS)


def brier(mean, labels):
    return ((mean - np.eye(mean.shape[-1])[labels]) ** 2).sum(axis=-1)


LOSSES = {
    "log_loss": log_losses,
    "accuracy": lambda mean, labels: 1 - hits(mean, labels),
    "brier": brier,
    "metric": log_losses,
}


def errors_of(metric, seen, labels, weights):
    if metric == "log_loss":
        return log_loss_errors(seen.of_true_class(labels), weights)
    if metric == "accuracy":
        return AccuracyErrors(seen, labels, weights)
    if metric == "brier":
        return brier_errors(*gram(seen, labels, weights))
    return metric_errors(seen, lambda mean: -np.average(log_losses(mean, labels), weights=weights))


def autogluon(values, labels, loss, steps, tie_breaker):
    """The order of selections of AutoGluon 1.6's EnsembleSelection._fit, and how many of them it keeps."""
    random = np.random.RandomState(0)
    values = values.astype(np.float64)
    mean, order, trajectory, decimals = np.zeros(values.shape[1:]), [], [], None

    def candidate(member, *, renormalise=True):
        size = len(order)
        tried = size / (size + 1) * mean + 1 / (size + 1) * values[member]
        return tried / tried.sum(axis=1, keepdims=True) if renormalise else tried

    def ties(scores):
        return [each for each in range(len(scores)) if np.isclose(scores[each], min(scores), atol=0, rtol=1e-12)]

    for _ in range(steps):
        size = len(order)
        if size:
            mean = mean * ((size - 1) / size) + values[order[-1]] / size
        scores = np.array([loss(candidate(member), labels).mean() for member in range(len(values))])
        scores = scores if decimals is None else scores.round(decimals)
        best = ties(scores)
        best = [each for each in best if each in order] or best
        if len(best) > 1 and tie_breaker == "second_metric":
            second = [log_losses(candidate(each, renormalise=False), labels).mean() for each in best]
            best = [best[each] for each in ties(second)]
        chosen = random.choice(best)
        score = scores[chosen]
        if not order and abs(score) > 1e-4:
            decimals, score = 6, score.round(6)
        order.append(int(chosen))
        trajectory.append(score)
        if len(values) == 1:
            break
    return order, trajectory.index(min(trajectory)) + 1


def order_of(errors, settle, members, steps):
    """The order in which `select` adds members, seen from the counts it asks about, and the counts it returns."""
    asked = []

    def watched(counts, candidates):
        asked.append(counts.copy())
        return errors(counts, candidates)

    counts = select(watched, settle, np.arange(members), members, steps)
    return [int(np.flatnonzero(after - before)[0]) for before, after in itertools.pairwise(asked)], counts


def noisy(seed, members=6, samples=400, classes=4, spread=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    skill = np.linspace(1, 1 + spread, members)[:, None, None]
    raw = np.exp(skill * np.eye(classes)[labels] + rng.normal(size=(members, samples, classes)))
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("ties", ["random", "second_metric"])
@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
@pytest.mark.parametrize("seed", range(3))
def test_selections_are_autogluons_one_by_one(metric, ties, seed):
    values, labels = noisy(seed)
    seen, weights = predictions_of(values), np.ones(len(labels))
    settle = at_random(0) if ties == "random" else by_log_loss(errors_of("log_loss", seen, labels, weights))
    order, kept = autogluon(values, labels, LOSSES[metric], 60, ties)
    ours, counts = order_of(errors_of(metric, seen, labels, weights), settle, len(values), 60)
    assert ours == order[: len(ours)]
    assert len(ours) == len(order) - 1
    np.testing.assert_array_equal(counts, np.bincount(order[:kept], minlength=len(values)))


def test_a_copy_of_a_selected_member_is_not_selected_too():
    values, labels = noisy(0)
    values = np.concatenate([values, values])
    seen, weights = predictions_of(values), np.ones(len(labels))
    for metric in LOSSES:
        errors = errors_of(metric, seen, labels, weights)
        counts = select(errors, by_log_loss(errors_of("log_loss", seen, labels, weights)), np.arange(12), 12, 30)
        assert not counts[6:].any(), metric


@st.composite
def eighths(draw):
    """Draw (members, samples, classes) rows of eighths that sum to one: sums are exact, and zeros and ties frequent."""
    members, samples, classes = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(2, 5))
    cuts = draw(arrays.arrays(np.int64, (members, samples, classes - 1), elements=st.integers(0, 8)))
    edges = np.sort(cuts, axis=-1)
    return np.diff(edges, axis=-1, prepend=0, append=8) / 8


@pytest.mark.parametrize("metric", LOSSES)
@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.data())
def test_errors_are_those_of_the_mean_whatever_was_asked_before(metric, data):
    values = data.draw(eighths())
    members, samples, classes = values.shape
    labels = np.array(data.draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples)))
    weights = np.array(data.draw(st.lists(st.sampled_from([1.0, 1.0, 0.5, 3.0]), min_size=samples, max_size=samples)))
    errors = errors_of(metric, predictions_of(values), labels, weights)
    for _ in range(4):
        counts = np.array(data.draw(st.lists(st.integers(0, 4), min_size=members, max_size=members)))
        candidates = np.array(sorted(data.draw(st.sets(st.integers(0, members - 1), min_size=1))))
        sums = np.tensordot(counts.astype(np.float64), values, axes=1)
        means = [(sums + values[candidate]) / (counts.sum() + 1) for candidate in candidates]
        wanted = [np.average(LOSSES[metric](mean, labels), weights=weights) for mean in means]
        np.testing.assert_allclose(errors(counts, candidates), wanted, atol=1e-12)


@pytest.mark.parametrize("metric", ["log_loss", "accuracy"])
@pytest.mark.parametrize("certain", [False, True], ids=["probabilities", "labels-only"])
def test_errors_of_a_long_selection_over_many_blocks_are_exact(metric, certain):
    values, labels = noisy(1, members=5, samples=20_000, classes=6)
    seen = predictions_of(values)
    if certain:
        votes = values.argmax(axis=-1)
        seen = Predictions.from_labels(dict(zip(seen.members, votes, strict=True)), 6)
        values = np.eye(6)[votes]
    errors = errors_of(metric, seen, labels, np.ones(len(labels)))
    rng = np.random.default_rng(0)
    counts = np.zeros(5, dtype=np.int64)
    for _ in range(30):
        sums = np.tensordot(counts.astype(np.float64), values.astype(np.float64), axes=1)
        wanted = [LOSSES[metric]((sums + member) / (counts.sum() + 1), labels).mean() for member in values]
        np.testing.assert_allclose(errors(counts, np.arange(5)), wanted, rtol=1e-12, atol=1e-12)
        counts[rng.integers(5)] += 1


def test_no_product_of_probabilities_leaves_the_range_of_floats():
    true = np.zeros((2, 100), dtype=np.float32)
    for counts in ([0, 0], [10**5, 0]):
        np.testing.assert_allclose(
            log_loss_errors(true, np.ones(100))(np.array(counts), np.arange(2)), -np.log(CLIP), rtol=1e-12
        )
    np.testing.assert_allclose(
        log_loss_errors(true + 1, np.ones(100))(np.array([10**5, 0]), np.arange(2)), 0, atol=1e-12
    )


def table(errors):
    """Errors that depend on which members are selected and not on how often, from a dict of sets."""
    return lambda counts, candidates: np.array(
        [errors[frozenset(np.flatnonzero(counts + (np.arange(len(counts)) == each)).tolist())] for each in candidates]
    )


def test_the_first_best_prefix_is_kept():
    errors = table({frozenset({0}): 0.3, frozenset({1}): 0.4, frozenset({0, 1}): 0.2})
    np.testing.assert_array_equal(select(errors, at_random(0), np.arange(2), 2, 10), [1, 1])


def test_of_equally_good_members_one_selected_already_goes_first_and_then_the_one_of_lower_log_loss():
    everything = {frozenset(each): 0.3 for each in ({0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2})}
    second = table({**everything, frozenset({1}): 0.1, frozenset({2}): 0.1})
    ours, counts = order_of(table(everything), by_log_loss(second), 3, 6)
    assert ours == [1] * 5
    np.testing.assert_array_equal(counts, [0, 1, 0])


def test_no_more_distinct_members_are_selected_than_may_be():
    values, labels = noisy(2, spread=0.0)
    errors = errors_of("log_loss", predictions_of(values), labels, np.ones(len(labels)))
    for most in (1, 2, 3):
        counts = select(errors, by_log_loss(errors), np.arange(6), 6, 40, most=most)
        assert np.count_nonzero(counts) == most


def test_only_allowed_members_are_selected():
    values, labels = noisy(2)
    errors = errors_of("log_loss", predictions_of(values), labels, np.ones(len(labels)))
    counts = select(errors, by_log_loss(errors), np.array([0, 2]), 6, 20)
    assert counts[[0, 2]].sum() > 0
    assert not counts[[1, 3, 4, 5]].any()


def test_a_sorted_start_is_the_best_mean_of_the_best_members():
    values, labels = noisy(3)
    seen = predictions_of(values)
    errors = errors_of("brier", seen, labels, np.ones(len(labels)))
    order = np.argsort([brier(member, labels).mean() for member in values])
    scores = [brier(values[order[: size + 1]].mean(axis=0), labels).mean() for size in range(4)]
    wanted = np.isin(np.arange(6), order[: int(np.argmin(scores)) + 1])
    # As many steps as the start has members: nothing is added to it.
    start = select(errors, at_random(0), np.arange(6), 6, wanted.sum(), sorted_start=4)
    np.testing.assert_array_equal(start, wanted)
    longer = select(errors, at_random(0), np.arange(6), 6, 50, sorted_start=4)
    assert (longer >= start).all()


def test_one_member_is_selected_once():
    values, labels = noisy(0, members=1)
    errors = errors_of("accuracy", predictions_of(values), labels, np.ones(len(labels)))
    np.testing.assert_array_equal(select(errors, at_random(0), np.arange(1), 1, 50), [1])
