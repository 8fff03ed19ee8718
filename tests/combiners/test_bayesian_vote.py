"""Votes weighed by confusion matrices against plain loops and scikit-learn, with and without labels."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import CategoricalNB

from kerasemble.combiners import bayesian_vote
from kerasemble.combiners.average import Average
from kerasemble.combiners.bayesian_vote import BayesianVote
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.core.errors import KerasembleError, KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.solvers import dawid_skene


def fitted(combiner, *args, **options):
    """Fit where rows are fewer than what is learned, which is warned of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* learned .* numbers from", KerasembleWarning)
        return combiner.fit(*args, **options)


@pytest.fixture(scope="module")
def cifar(shared):
    file = np.load(shared / "predictions" / "cifar10_1_v4_votes.npz", allow_pickle=False)
    votes = dict(zip([str(index) for index in range(30)], file["votes"], strict=True))
    return Predictions.from_labels(votes, classes=file["classes"].tolist()), file["labels"].astype(np.int64)


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.data())
def test_the_answer_is_bayes_rule_on_the_votes(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    members, samples, classes = seen.values.shape
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples))
    found = fitted(BayesianVote(), seen, labels)
    prior, table = np.exp(found.learned["log_prior"]), np.exp(found.learned["log_confusion"])
    power = math.exp(found.learned["log_power"][0])
    answer = found(seen)
    for row in range(samples):
        scores = prior.copy()
        for member in range(members):
            values = seen.values[member, row].astype(np.float64)
            top = [voted for voted in range(classes) if values[voted] >= values.max() - 1e-6]
            for true in range(classes):
                for voted in top:
                    scores[true] *= table[member, voted, true] ** (power / len(top))
        np.testing.assert_allclose(answer[row], scores / scores.sum(), atol=2e-5)


def test_counts_without_smoothing_and_power_are_scikit_learns_naive_bayes(labelled):
    seen, labels = labelled
    votes = seen.values.argmax(axis=-1)
    found = fitted(BayesianVote(smoothing=1e-9), seen, labels)
    theirs = CategoricalNB(alpha=1e-9, force_alpha=True).fit(votes.T, labels)
    for member, table in enumerate(found.learned["log_confusion"]):
        np.testing.assert_allclose(np.exp(table), np.exp(theirs.feature_log_prob_[member].T), atol=1e-9)


def test_a_member_that_is_wrong_in_one_way_only_is_as_good_as_one_that_is_right():
    truth = np.arange(300) % 3
    seen = Predictions.from_labels({"moved": (truth + 1) % 3, "blind": np.zeros(300, dtype=int)}, classes=3)
    found = fitted(BayesianVote(), seen, truth)
    np.testing.assert_array_equal(found.decide(seen), truth)
    assert found(seen)[np.arange(300), truth].min() > 0.85


def test_members_that_know_nothing_leave_the_classes_as_frequent_as_they_are():
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 2_000, p=[0.7, 0.2, 0.1])
    seen = Predictions.from_labels({name: rng.integers(0, 3, 2_000) for name in "abcd"}, classes=3)
    answer = fitted(BayesianVote(), seen, truth)(seen)
    np.testing.assert_allclose(answer, np.tile([0.7, 0.2, 0.1], (2_000, 1)), atol=0.08)


def test_a_class_that_no_label_has_is_possible_and_unlikely(labelled):
    seen, labels = labelled
    some = np.flatnonzero(labels != 4)
    answer = fitted(BayesianVote(), seen.rows(some), labels[some])(seen)
    assert (answer[:, 4] > 0).all()
    assert answer[some, 4].mean() < 0.05


def test_thirty_models_of_one_benchmark_count_for_few(cifar):
    seen, labels = cifar
    order = np.random.default_rng(0).permutation(len(labels))
    for rows in (20, 200, 1000):
        part, rest = order[:rows], order[1000:]
        scores = {}
        for combiner in (BayesianVote(), Average(), WeightedGeometricAverage()):
            answer = fitted(combiner, seen.rows(part), labels[part])(seen.rows(rest)).astype(np.float64)
            scores[type(combiner)] = -np.log(np.maximum(answer[np.arange(len(rest)), labels[rest]], 2.0**-24)).mean()
        assert scores[BayesianVote] < 0.95 * min(scores[Average], scores[WeightedGeometricAverage])
    power = math.exp(fitted(BayesianVote(), seen, labels).learned["log_power"][0])
    assert 0.03 < power < 0.08


def test_without_labels_thirty_models_are_better_than_a_vote(cifar):
    seen, labels = cifar
    found = BayesianVote().fit(seen)
    plain = (Average().fit(seen)(seen).argmax(axis=1) == labels).mean()
    assert (found.decide(seen) == labels).mean() >= plain
    answer, index = found(seen), np.arange(len(labels))
    naive = BayesianVote().combine(seen.block(slice(None)), {**found.learned, "log_power": np.zeros(1)}, np)
    assert -np.log(answer[index, labels]).mean() < 0.6 * -np.log(np.maximum(naive[index, labels], 2.0**-24)).mean()


def test_labels_are_decided_as_their_probabilities_are(cifar):
    seen, labels = cifar
    found = fitted(BayesianVote(), seen, labels)
    np.testing.assert_array_equal(found.decide(seen), found(seen).argmax(axis=1))


def test_more_passes_than_allowed_are_warned_of_with_the_trace(monkeypatch, labelled):
    monkeypatch.setattr(dawid_skene, "MOST_PASSES", 3)
    with pytest.warns(KerasembleWarning, match=r"did not settle in 3 passes.*went -\d.*, -\d.*, -\d.*Give more rows"):
        BayesianVote().fit(labelled[0])


@pytest.mark.parametrize("y", [True, False], ids=["with-labels", "without"])
def test_more_confusion_than_memory_is_refused_with_the_cure(monkeypatch, labelled, y):
    seen, labels = labelled
    monkeypatch.setattr(bayesian_vote, "_MOST_NUMBERS", 99)
    with pytest.raises(KerasembleError, match=r"4 members over 5 classes are 100 numbers.*99.*MajorityVote"):
        BayesianVote().fit(seen, labels if y else None)


@pytest.mark.parametrize("smoothing", [0, -1, math.inf, math.nan])
def test_smoothing_that_cannot_be_is_refused(smoothing):
    with pytest.raises(KerasembleError, match=r"smoothing must be above zero.*Received: smoothing="):
        BayesianVote(smoothing=smoothing)


def test_it_prints_accuracies_worst_confusions_and_the_power():
    truth = ["cat", "dog", "cow", "dog"] * 50
    good = ["cat", "dog", "cow", "cow"] * 50
    votes = {"good": good, "blind": ["cat"] * 200}
    found = BayesianVote().fit(Predictions.from_labels(votes, classes=["cat", "dog", "cow"]), truth)
    assert "good 0.74 (cow for dog 0.47)" in repr(found)
    assert ", blind 0.2" in repr(found)
    assert "; power " in repr(found)


def test_it_prints_a_dozen_members_and_how_many_more(cifar):
    text = repr(fitted(BayesianVote(), *cifar))
    assert ", and 18 more; power 0.05" in text
    assert text.count(" for ") == 12
