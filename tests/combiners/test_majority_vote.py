"""Votes against a slow count in plain Python, and ties that no index decides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions

EQUAL, EDGE = 1e-6, 1e-5


def count(row, weights):
    """Return the share of votes of each class and the set of winners, for (members, classes) of one sample."""
    members, classes = len(row), len(row[0])
    total = sum(weights)
    voted = [[place for place in range(classes) if one[place] >= max(one) - EQUAL] for one in row]
    shares = [
        sum(weights[m] / total / len(voted[m]) for m in range(members) if place in voted[m]) for place in range(classes)
    ]
    means = [sum(weights[m] / total * row[m][place] for m in range(members)) for place in range(classes)]
    firsts = [
        next((m for m in range(members) if weights[m] > 0 and place in voted[m]), members) for place in range(classes)
    ]
    winners = [place for place in range(classes) if shares[place] >= max(shares) - EQUAL]
    winners = [place for place in winners if means[place] >= max(means[other] for other in winners) - EQUAL]
    return shares, [place for place in winners if firsts[place] == min(firsts[other] for other in winners)]


def require_counted(answer, values, weights):
    for row, sample in zip(answer, np.swapaxes(values.astype(np.float64), 0, 1).tolist(), strict=True):
        shares, winners = count(sample, weights)
        np.testing.assert_allclose(row, shares, atol=EDGE + 1e-7)
        assert np.flatnonzero(row >= row.max() - EQUAL).tolist() == winners
        assert row.sum() == pytest.approx(1, abs=1e-6)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.data())
def test_votes_are_those_of_a_slow_count(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    size = len(seen.members)
    weights = data.draw(st.none() | st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any))
    answer = MajorityVote(weights=weights).fit(seen)(seen)
    require_counted(answer, seen.values, weights or [1] * size)


@pytest.mark.parametrize(
    ("rows", "weights", "winner"),
    [
        pytest.param([[0.6, 0.4], [0.1, 0.9]], None, 1, id="84-mean-probability"),
        pytest.param([[0.4, 0.6], [0.9, 0.1]], None, 0, id="84-mean-probability-of-the-first-class"),
        pytest.param([[0.2, 0.8], [0.8, 0.2]], None, 1, id="84-earliest-member-where-means-tie"),
        pytest.param([[0.8, 0.2], [0.2, 0.8]], None, 0, id="84-earliest-member-for-the-first-class"),
        pytest.param([[0.5, 0.3, 0.2], [0.2, 0.4, 0.4]], None, 0, id="a-split-vote-counts-half"),
        pytest.param([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], None, 1, id="most-votes-before-mean-probability"),
        pytest.param([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], [3, 1, 1], 0, id="weights-count"),
        pytest.param([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]], [2, 1, 1], 0, id="weighted-tie-by-weighted-mean"),
        pytest.param([[0.9, 0.1], [0.0, 1.0], [0.0, 1.0]], [2, 1, 1], 1, id="weighted-tie-the-other-way"),
        pytest.param([[1.0, 0.0], [0.3, 0.7]], {"a": 0, "b": 1}, 1, id="weight-zero-by-name"),
        pytest.param([[0.9, 0.1], [0.2, 0.8], [0.8, 0.2]], [0, 1, 1], 1, id="weight-zero-does-not-break-ties"),
        # 0.1 + 0.2 is not 0.3 in floats; the votes tie all the same.
        pytest.param([[0.6, 0.4], [0.6, 0.4], [0.1, 0.9]], [0.1, 0.2, 0.3], 1, id="84-tie-up-to-rounding"),
    ],
)
def test_the_winner_is_by_votes_then_mean_probability_then_the_earliest_member(predictions_of, rows, weights, winner):
    seen = predictions_of(np.array(rows)[:, None, :])
    assert MajorityVote(weights=weights).fit(seen)(seen)[0].argmax() == winner


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_no_tie_goes_by_the_index_of_a_class(predictions_of, shift):
    rng = np.random.default_rng(0)
    # Quarters, so that votes and means tie all the time.
    values = rng.multinomial(4, [0.25] * 4, size=(3, 500)) / 4
    straight, moved = (predictions_of(each) for each in (values, np.roll(values, shift, axis=-1)))
    answer = MajorityVote().fit(straight)(straight)
    np.testing.assert_allclose(np.roll(answer, shift, axis=-1), MajorityVote().fit(moved)(moved), atol=1e-7)


def test_a_member_without_weight_has_no_influence(labelled):
    seen, _ = labelled
    some = seen.only(["b", "c", "d"])
    silenced = MajorityVote(weights=[0, 1, 1, 1]).fit(seen)(seen)
    np.testing.assert_allclose(silenced, MajorityVote().fit(some)(some), atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        pytest.param([1, np.nan, 1, 1], "'b' is nan", id="87-nan"),
        pytest.param([1, -1, 1, 1], "'b' is -1", id="125-negative"),
        pytest.param([1, 1], "2 weights for 4 members", id="125-too-few"),
        pytest.param({"a": 1, "b": 1, "c": 1, "z": 1}, "z", id="125-wrong-name"),
    ],
)
def test_weights_that_cannot_be_are_refused_with_the_member(labelled, weights, says):
    with pytest.raises(KerasembleError, match=says):
        MajorityVote(weights=weights).fit(labelled[0])


def test_a_word_is_no_weight():
    with pytest.raises(KerasembleError, match=r"must be numbers.*'scores'"):
        MajorityVote(weights="scores")


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.data())
def test_the_decision_is_the_winner_of_a_slow_count(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    size = len(seen.members)
    weights = data.draw(st.none() | st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any))
    decided = MajorityVote(weights=weights).fit(seen).decide(seen)
    for winner, sample in zip(decided, np.swapaxes(seen.values.astype(np.float64), 0, 1).tolist(), strict=True):
        assert winner in count(sample, weights or [1] * size)[1]


@st.composite
def _votes(draw):
    members, samples, classes = (draw(st.integers(*span)) for span in ((1, 6), (1, 8), (2, 4)))
    rows = st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples)
    votes = np.array(draw(st.lists(rows, min_size=members, max_size=members)))
    weights = draw(st.none() | st.lists(st.sampled_from([0, 0.1, 0.2, 0.3, 1]), min_size=members, max_size=members))
    # More classes than a byte can count, of which the votes use a few.
    spread = draw(st.sampled_from([1, 100]))
    return votes * spread, classes * spread, weights if weights is None or any(weights) else None


@settings(deadline=None, derandomize=True, max_examples=200)
@given(_votes())
def test_labels_are_counted_and_ties_go_to_the_earliest_member_with_weight(drawn):
    votes, classes, weights = drawn
    seen = Predictions.from_labels(dict(zip("abcdef", votes, strict=False)), classes)
    fitted = MajorityVote(weights=weights).fit(seen)
    answer, decided = fitted(seen), fitted.decide(seen)
    shares = np.array(weights or [1] * len(votes), dtype=np.float64)
    shares /= shares.sum()
    for row in range(votes.shape[1]):
        got = {label: shares[votes[:, row] == label].sum() for label in set(votes[:, row].tolist())}
        best = [label for label, share in got.items() if share >= max(got.values()) - EQUAL]
        winner = next(label for label, share in zip(votes[:, row], shares, strict=True) if share > 0 and label in best)
        assert decided[row] == answer[row].argmax() == winner
        np.testing.assert_allclose(answer[row, list(got)], list(got.values()), atol=EDGE + 1e-6)


def test_three_hundred_members_are_counted():
    votes = np.repeat([1, 0], [170, 150])[:, None]
    names = [str(number) for number in range(320)]
    seen = Predictions.from_labels(dict(zip(names, np.tile(votes, (1, 3)), strict=True)), 2)
    np.testing.assert_array_equal(MajorityVote().fit(seen).decide(seen), [1, 1, 1])


def test_thirty_real_models_labels_vote_as_their_certainty_does(shared):
    file = np.load(shared / "predictions" / "cifar10_1_v4_votes.npz", allow_pickle=False)
    votes = file["votes"] if len(file["votes"]) == len(file["members"]) else file["votes"].T
    names = [f"{index}-{name}" for index, name in enumerate(file["members"].tolist())]
    seen = Predictions.from_labels(dict(zip(names, votes, strict=True)), classes=file["classes"].tolist())
    one_hot = dict(zip(names, np.eye(10, dtype=np.float32)[votes], strict=True))
    certain = Predictions.from_arrays(one_hot, classes=file["classes"].tolist())
    fitted = MajorityVote().fit(seen)
    np.testing.assert_allclose(fitted(seen), fitted(certain), atol=1e-6)
    np.testing.assert_array_equal(fitted.decide(seen), fitted(certain).argmax(axis=1))


def test_thirty_real_models_vote_as_a_plain_count_does(shared):
    file = np.load(shared / "predictions" / "cifar10_1_v4_votes.npz", allow_pickle=False)
    votes = file["votes"] if len(file["votes"]) == len(file["members"]) else file["votes"].T
    one_hot = np.eye(10, dtype=np.float32)[votes]
    names = [f"{index}-{name}" for index, name in enumerate(file["members"].tolist())]
    seen = Predictions.from_arrays(dict(zip(names, one_hot, strict=True)), classes=file["classes"].tolist())
    answer = MajorityVote().fit(seen)(seen)
    counts = one_hot.sum(axis=0)
    np.testing.assert_allclose(answer, counts / len(votes), atol=2 * EDGE)
    decided = np.sort(counts, axis=1)[:, -1] > np.sort(counts, axis=1)[:, -2]
    assert 0.9 < decided.mean() < 1
    np.testing.assert_array_equal(answer.argmax(axis=1)[decided], counts.argmax(axis=1)[decided])
