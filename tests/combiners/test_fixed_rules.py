"""The fixed rules against plain loops, ranks against SciPy's, and what they say where they cannot decide."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from kerasemble.combiners.average import Average
from kerasemble.combiners.geometric_average import GeometricAverage
from kerasemble.combiners.majority_vote import MajorityVote
from kerasemble.combiners.maximum import Maximum
from kerasemble.combiners.median import Median
from kerasemble.combiners.minimum import Minimum
from kerasemble.combiners.product import Product
from kerasemble.combiners.rank_average import RankAverage
from kerasemble.combiners.trimmed_mean import TrimmedMean
from kerasemble.core.errors import KerasembleError

CLIP = 2.0**-24
# The results are rounded to float32, and float32 sums of one carry that rounding.
ROUNDING = 1e-6

# Each rule for one class, from the members' probabilities of it; what it gives is divided by the sum over classes.
RULES = [
    pytest.param(Median(), statistics.median, id="median"),
    pytest.param(Maximum(), max, id="maximum"),
    pytest.param(Minimum(), min, id="minimum"),
    pytest.param(Product(), lambda each: math.prod(max(p, CLIP) for p in each), id="product"),
    pytest.param(TrimmedMean(trim=0), statistics.fmean, id="trimmed-mean-0"),
    pytest.param(TrimmedMean(), lambda each: trimmed(each, len(each) // 5), id="trimmed-mean"),
    pytest.param(TrimmedMean(trim=0.4), lambda each: trimmed(each, 2 * len(each) // 5), id="trimmed-mean-0.4"),
]
UNDECIDED = [Median(), Minimum(), Maximum(), Product(), TrimmedMean(trim=0.34), RankAverage()]


def trimmed(each, cut):
    return statistics.fmean(sorted(each)[cut : len(each) - cut])


def by_loop(values, rule, least):
    """Return the rule's answer, in plain Python, to (members, samples, classes)."""
    rows = []
    for sample in np.swapaxes(values.astype(np.float64), 0, 1):
        row = [max(rule(column.tolist()), least) for column in sample.T]
        rows.append([value / math.fsum(row) for value in row])
    return rows


def ranked_by_scipy(values):
    classes = values.shape[-1]
    # Below the least normal float32, which some backends take for zero, all are equally probable.
    return (rankdata(np.maximum(values, 2.0**-126), axis=-1) - 1).mean(axis=0) / (classes * (classes - 1) / 2)


@pytest.mark.parametrize(("combiner", "rule"), RULES)
@settings(deadline=None, derandomize=True)
@given(data=st.data())
def test_a_rule_gives_what_a_plain_loop_gives(pools, predictions_of, combiner, rule, data):
    seen = predictions_of(data.draw(pools))
    # A product of clipped values is no smaller than what they are clipped at, to the power of the members.
    least = 0 if isinstance(combiner, Product) else CLIP
    expected = by_loop(seen.values, rule, least)
    np.testing.assert_allclose(combiner.fit(seen)(seen), expected, atol=ROUNDING)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(data=st.data())
def test_ranks_are_scipys(pools, predictions_of, data):
    seen = predictions_of(data.draw(pools))
    np.testing.assert_allclose(RankAverage().fit(seen)(seen), ranked_by_scipy(seen.values), atol=ROUNDING)


# On both sides of each power of two, where the number of steps of the binary search changes.
@pytest.mark.parametrize("classes", [2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1000, 1023, 1024, 1025])
def test_ranks_are_scipys_for_any_number_of_classes(classes):
    rng = np.random.default_rng(classes)
    raw = rng.dirichlet(np.full(classes, 0.3), size=(3, 20))
    # Half of the rows are full of ties.
    raw[:, ::2] = np.ceil(raw[:, ::2] * classes)
    values = raw / raw.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(RankAverage().combine(values, {}, np), ranked_by_scipy(values), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_below_the_least_normal_float32_are_ranked_as_equal(dtype):
    least = np.finfo(np.float32).tiny
    values = np.array([[[1 - 2 * least, 2 * least, least, 0.7 * least, 1e-3 * least, 0.0]]], dtype=dtype)
    answer = RankAverage().combine(values, {}, np)
    np.testing.assert_allclose(answer, np.array([[5, 4, 1.5, 1.5, 1.5, 1.5]]) / 15, rtol=ROUNDING)


def test_only_the_order_of_a_members_probabilities_counts(labelled):
    seen, _ = labelled
    power = np.array([0.2, 1.0, 3.0, 7.0])[:, None, None]
    # In float64, so that no two powers are rounded to one.
    sharper = seen.values.astype(np.float64) ** power
    sharper /= sharper.sum(axis=-1, keepdims=True)
    wanted = RankAverage().combine(seen.values.astype(np.float64), {}, np)
    np.testing.assert_array_equal(RankAverage().combine(sharper, {}, np), wanted)


def test_ranks_over_two_classes_are_a_vote(labelled, predictions_of):
    seen, _ = labelled
    pair = seen.values[..., :2] / seen.values[..., :2].sum(axis=-1, keepdims=True)
    two = predictions_of(pair)
    # The vote moves 1e-5 to its winner.
    np.testing.assert_allclose(RankAverage().fit(two)(two), MajorityVote().fit(two)(two), atol=1.1e-5)


def test_with_many_classes_no_rank_is_sure(predictions_of):
    seen = predictions_of(np.broadcast_to(np.eye(5)[:1], (3, 1, 5)))
    np.testing.assert_allclose(RankAverage().fit(seen)(seen), [[2 / 5, *[3 / 20] * 4]], atol=ROUNDING)


@pytest.mark.backend
@pytest.mark.parametrize("classes", [2, 3, 16, 17, 1000])
def test_ranks_in_keras_are_numpys_also_of_ties_and_of_numbers_that_some_backends_take_for_zero(classes, tmp_path):
    import keras

    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.full(classes, 0.3), size=(3, 30)).astype(np.float32)
    values[:, ::3] = np.round(values[:, ::3], 2)
    # The least normal float32 is 1.2e-38.
    values[:, 1::3, 1:] = 10.0 ** rng.uniform(-45, -37, size=values[:, 1::3, 1:].shape)
    source = keras.Input((3, classes))
    answer = RankAverage().combine(keras.ops.transpose(source, (1, 0, 2)), {}, keras.ops)
    keras.Model(source, answer).save(tmp_path / "ranks.keras")
    model = keras.saving.load_model(tmp_path / "ranks.keras")
    wanted = RankAverage().combine(values, {}, np)
    np.testing.assert_allclose(model.predict(np.swapaxes(values, 0, 1), verbose=0), wanted, rtol=ROUNDING)


@pytest.mark.parametrize("combiner", UNDECIDED, ids=lambda each: type(each).__name__)
def test_members_that_are_sure_of_different_classes_leave_those_undecided(predictions_of, combiner):
    seen = predictions_of(np.eye(3)[:, None, :])
    np.testing.assert_allclose(combiner.fit(seen)(seen), [[1 / 3] * 3], atol=ROUNDING)


def test_a_wild_minority_moves_the_mean_but_neither_the_median_nor_the_trimmed_mean(labelled, predictions_of):
    seen, labels = labelled
    good = np.repeat(seen.values[3:], 5, axis=0)
    wild = np.broadcast_to(np.eye(5, dtype=np.float32)[(labels + 1) % 5], good[:2].shape)
    for combiner in (Median(), TrimmedMean(trim=0.3)):
        both = predictions_of(np.concatenate([good, wild]))
        np.testing.assert_allclose(combiner.fit(both)(both), good[0], atol=ROUNDING)
    assert np.abs(Average().fit(both)(both) - good[0]).max() > 0.2


@pytest.mark.parametrize(
    ("trim", "members", "left"),
    [
        pytest.param(0.2, 4, 4, id="too-few-to-trim"),
        pytest.param(0.2, 5, 3, id="the-first-that-is-trimmed"),
        pytest.param(0.2, 15, 9, id="15"),
        # 0.29 * 100 is 28.999999999999996 in floats.
        pytest.param(0.29, 100, 42, id="rounded-below-a-whole-number"),
        pytest.param(1 / 3, 3, 1, id="a-third-of-three"),
        pytest.param(0.49, 10, 2, id="all-but-two"),
        # What makes up for the rounding must not leave nothing.
        pytest.param(0.5 - 1e-12, 2, 2, id="nearly-half-of-two"),
        pytest.param(0.5 - 1e-12, 10, 2, id="nearly-half-of-ten"),
        pytest.param(0, 1, 1, id="one-member"),
    ],
)
def test_as_many_members_are_left_as_the_share_says(trim, members, left):
    second = np.arange(1, members + 1) / (members + 1)
    values = np.stack([1 - second, second], axis=-1)[:, None, :]
    cut = (members - left) // 2
    expected = by_loop(values, lambda each: trimmed(each, cut), CLIP)
    combiner = TrimmedMean(trim=trim)
    np.testing.assert_allclose(combiner.combine(values, {}, np), expected, rtol=1e-12)
    names = [str(index) for index in range(members)]
    assert combiner.describe({}, names, ["0", "1"]).endswith(f"without the {cut} lowest and {cut} highest")


def test_trimmed_to_the_middle_is_the_median(labelled):
    seen, _ = labelled
    np.testing.assert_array_equal(TrimmedMean(trim=0.49).fit(seen)(seen), Median().fit(seen)(seen))


def test_what_was_fitted_says_how_many_are_left_out(labelled):
    fitted = TrimmedMean(trim=0.25).fit(labelled[0])
    assert repr(fitted) == "Fitted trimmed mean of 4 members (a, b, c, d), without the 1 lowest and 1 highest"


@pytest.mark.parametrize("trim", [-0.1, 0.5, 1, math.nan, math.inf, "0.2", None, True, (0.1,)])
def test_a_share_that_cannot_be_trimmed_is_refused(trim):
    with pytest.raises(KerasembleError, match=r"at least 0 and below 0\.5\. Received: trim="):
        TrimmedMean(trim=trim)


def test_the_product_decides_as_the_geometric_average_and_is_as_many_times_as_sure(labelled):
    seen, _ = labelled
    product, pool = (np.log(each().fit(seen)(seen).astype(np.float64)) for each in (Product, GeometricAverage))
    odds, less = (each - each[:, :1] for each in (product, pool))
    np.testing.assert_allclose(odds, 4 * less, atol=1e-4)


def test_the_product_is_right_for_independent_members(predictions_of):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 20_000)
    # What each of three members sees is the class plus noise of its own; it answers with its true posterior.
    evidence = 1.2 * np.eye(3)[labels] + rng.normal(size=(3, len(labels), 3))
    raw = np.exp(1.2 * evidence)
    seen = predictions_of(raw / raw.sum(axis=-1, keepdims=True))
    loss = {
        kind: -np.log(kind().fit(seen)(seen)[np.arange(len(labels)), labels]).mean()
        for kind in (Product, GeometricAverage, Average)
    }
    assert loss[Product] < loss[GeometricAverage] - 0.05
    assert loss[Product] < loss[Average] - 0.05


def test_over_two_classes_minimum_and_maximum_are_one_rule(labelled, predictions_of):
    seen, _ = labelled
    pair = predictions_of(seen.values[..., :2] / seen.values[..., :2].sum(axis=-1, keepdims=True))
    decided = [kind().fit(pair).decide(pair) for kind in (Minimum, Maximum)]
    np.testing.assert_array_equal(*decided)
