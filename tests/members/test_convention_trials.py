"""The convention that a member was trained with is proposed where it is surely better."""

from __future__ import annotations

import numpy as np
import pytest

from kerasemble.core.codes import Code
from kerasemble.members.convention_trials import convert, try_conventions
from kerasemble.members.preprocessing import CONVENTIONS

GREY, COLOUR = (6, 6, 1), (6, 6, 3)
PICKY = ("0..1", "-1..1", "0..255")


def images(shape, low, high, rows=600, classes=4, seed=0):
    """Return images that differ by class in every pixel and channel, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows)
    patterns = rng.random((classes, *shape))
    x = np.clip(patterns[labels] + rng.normal(0, 0.2, (rows, *shape)), 0, 1)
    return low + (high - low) * x, labels, low + (high - low) * patterns


def trained(patterns, convention, low, high):
    """Return a member that knows the classes' patterns in one convention, and nothing of what is far from them all."""
    centers = convert(patterns, convention, low, high).reshape(len(patterns), -1)
    scale = centers.std()
    seen = []

    def run(x):
        seen.append(len(x))
        apart = ((x.reshape(len(x), 1, -1) - centers) ** 2).mean(axis=2) / scale**2
        weights = np.exp(-4 * apart) + 1e-4
        return weights / weights.sum(axis=1, keepdims=True)

    return run, seen


@pytest.mark.parametrize("given", [*PICKY, None])
@pytest.mark.parametrize("own", PICKY)
@pytest.mark.parametrize("span", [(0.0, 255.0), (0.0, 1.0), (0.0, 16.0)], ids=str)
def test_32_a_member_in_another_convention_gets_the_proposal_that_makes_it_right(own, given, span):
    x, labels, patterns = images(GREY, *span)
    run, _ = trained(patterns, own, *span)
    found = try_conventions(run, x, labels, given, span, name="m")
    right = (run(convert(x, own, *span)).argmax(axis=1) == labels).mean()
    fed = (run(convert(x, given, *span)).argmax(axis=1) == labels).mean()
    if found is None:
        assert fed > right - 0.15
        return
    proposed = run(convert(x, found.options["preprocess"], *span)).argmax(axis=1)
    assert (proposed == labels).mean() > right - 0.02
    assert found.options.get("data_range") in (None, span)
    assert found.level == "proposal"


def test_32_and_44_the_proposal_names_the_member_the_figures_and_the_option():
    x, labels, patterns = images(GREY, 0.0, 16.0)
    run, _ = trained(patterns, "-1..1", 0.0, 16.0)
    found = try_conventions(run, x, labels, None, None, name="m")
    assert found.options == {"preprocess": "-1..1", "data_range": (x.min(), x.max())}
    assert found.member == "m"
    assert found.code == Code.PREPROCESSING
    assert found.figures["held_out"] > found.figures["before"] + 0.1
    for words in ("Member 'm' is right in", "of 256 rows as it is fed (the data as it is)", "100% with '-1..1'"):
        assert words in found.evidence
    assert "preprocess='-1..1' and data_range=(0, 16)" in found.remedy


def test_44_no_range_is_proposed_for_data_that_follows_a_convention():
    x, labels, patterns = images(GREY, 0.0, 255.0)
    run, _ = trained(patterns, "-1..1", 0.0, 255.0)
    assert try_conventions(run, x, labels, None, None, name="m").options == {"preprocess": "-1..1"}


@pytest.mark.parametrize("own", ["caffe", "torch", "bgr+0..1", "bgr+torch"])
def test_33_scalings_of_colours_and_their_order_are_proposed(own):
    x, labels, patterns = images(COLOUR, 0.0, 255.0)
    run, seen = trained(patterns, own, 0.0, 255.0)
    found = try_conventions(run, x, labels, None, None, name="m")
    assert found.options == {"preprocess": own}
    assert len(seen) <= 12


@pytest.mark.parametrize(
    ("given", "proposed"), [("0..255", "-1..1"), ("channels_first+0..255", "channels_first+-1..1")]
)
def test_33_where_the_channels_are_stays_in_the_proposal(given, proposed):
    x, labels, patterns = images(GREY, 0.0, 255.0)
    run, _ = trained(patterns, "-1..1", 0.0, 255.0)
    assert try_conventions(run, x, labels, given, None, name="m").options == {"preprocess": proposed}


@pytest.mark.parametrize("given", [*CONVENTIONS, "bgr", None])
def test_32_a_member_that_is_right_as_it_is_fed_is_run_once(given):
    x, labels, patterns = images(COLOUR, 0.0, 255.0)
    run, seen = trained(patterns, given, 0.0, 255.0)
    assert try_conventions(run, x, labels, given, None, name="m") is None
    assert seen == [256]


@pytest.mark.parametrize("seed", range(5))
def test_32_nothing_is_proposed_for_a_member_that_knows_nothing(seed):
    x, labels, patterns = images(COLOUR, 0.0, 255.0, seed=seed)
    run, _ = trained(np.random.default_rng(99).permutation(patterns.ravel()).reshape(patterns.shape), "0..1", 0, 255)
    rows = np.random.default_rng(seed).permutation(len(x))
    assert try_conventions(run, x[rows], labels, "0..1", None, name="m") is None


@pytest.mark.parametrize(("least", "proposed"), [(0.9, True), (1.0, False)])
def test_28_and_32_a_proposal_must_be_right_in_more_rows_than_another_explanation(least, proposed):
    x, labels, patterns = images(GREY, 0.0, 255.0)
    run, _ = trained(patterns, "-1..1", 0.0, 255.0)
    assert (try_conventions(run, x, labels, None, None, name="m", least=least) is not None) == proposed


def test_32_a_convention_in_which_the_member_overflows_is_right_nowhere():
    x, labels, patterns = images(GREY, 0.0, 255.0)
    run, _ = trained(patterns, "-1..1", 0.0, 255.0)

    def overflows(x):
        return np.full((len(x), 4), np.nan) if x.max() > 2 else run(x)

    found = try_conventions(overflows, x, labels, None, None, name="m")
    assert found.options == {"preprocess": "-1..1"}
    assert "right in 0% of 256 rows as it is fed" in found.evidence
    assert try_conventions(overflows, x, labels, "-1..1", None, name="m") is None


def test_32_data_that_is_the_same_everywhere_is_not_tried():
    x, labels, patterns = images(GREY, 0.0, 1.0)
    run, seen = trained(patterns, "0..1", 0.0, 1.0)
    assert try_conventions(run, np.zeros_like(x), labels, None, None, name="m") is None
    assert seen == []


@pytest.mark.parametrize("convention", [*CONVENTIONS, "bgr", "bgr+0..1", "bgr+torch"])
def test_conventions_are_what_the_graph_makes_of_them(convention):
    keras = pytest.importorskip("keras")
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
    expected = x.astype(np.float32)[..., ::-1] if convention.startswith("bgr") else x.astype(np.float32)
    if convention in ("caffe", "torch", "bgr+torch"):
        mode = convention.removeprefix("bgr+")
        expected = keras.applications.imagenet_utils.preprocess_input(expected, mode=mode)
    elif convention.endswith("1..1"):
        expected = expected / 127.5 - 1
    elif convention.endswith("0..1"):
        expected = expected / 255
    np.testing.assert_allclose(convert(x, convention, 0, 255), expected, atol=2e-5)
