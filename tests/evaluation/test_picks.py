"""How much more a mean varies than its rows show, where what is averaged was picked by other rows."""

from __future__ import annotations

import numpy as np
import pytest

from kerasemble.evaluation.choice import Evidence, likely_takes
from kerasemble.evaluation.picks import Picks, picks_of
from kerasemble.evaluation.significance import paired_test


@pytest.mark.parametrize("folds", [3, 5, 10])
@pytest.mark.parametrize("options", [2, 4])
def test_with_what_is_added_the_variance_is_that_of_drawing_all_anew(folds, options):
    rng, rows, means, stated = np.random.default_rng(0), 100, [], []
    division = np.arange(rows) % folds
    for _ in range(1500):
        losses = rng.normal(size=(options, rows))
        sums = np.stack([losses[:, division == fold].sum(axis=1) for fold in range(folds)])
        picked = losses[(sums.sum(axis=0) - sums).argmin(axis=1)[division], np.arange(rows)]
        shares = np.full((1, folds, options), 1 / options)
        added = Picks(division[None], shares).variance(losses, np.ones(rows))
        interval = paired_test(picked, np.zeros(rows), added=added).interval
        means.append(interval.mean)
        stated.append(interval.high - interval.mean)
    # The standard error of a standard deviation of 1,500 is a fiftieth of it.
    assert np.mean(stated) / 1.984 == pytest.approx(np.std(means), rel=0.08)


def test_one_option_that_is_surely_picked_adds_nothing():
    losses = np.random.default_rng(0).normal(size=(3, 200)) + np.array([0.0, 5.0, 5.0])[:, None]
    picks = picks_of(losses, np.ones(200), np.arange(200)[None] % 5)
    assert (picks.shares[..., 0] == 1).all()
    assert picks.variance(losses, np.ones(200)) == 0


def evidence(losses, best_member, weights=None):
    losses = np.stack(losses)
    none = np.zeros_like(losses)
    return Evidence(
        members=np.stack([best_member, best_member + 1]),
        best_member=best_member,
        combiners=losses,
        log_losses=losses,
        if_wrong=none,
        claimed=none,
        best_if_wrong=np.zeros(losses.shape[1]),
        weights=np.ones(losses.shape[1]) if weights is None else weights,
        groups=None,
        measure="log loss",
    )


def test_what_would_be_taken_is_the_default_where_none_is_surely_better_and_is_split_where_that_is_open():
    rng = np.random.default_rng(0)
    base = rng.gamma(2, size=400)
    noise = rng.normal(size=400)
    same = likely_takes(evidence([base, base + 1], base + 5), default=0)
    assert same.tolist() == [1, 0, 0]
    other = likely_takes(evidence([base, base - 1], base + 5), default=0)
    assert other.tolist() == [0, 1, 0]
    # Just as much better as it takes to be surely so.
    edge = base - 1.96 * noise.std() / 20 + (noise - noise.mean())
    split = likely_takes(evidence([base, edge], base + 5), default=0)
    assert 0.4 < split[1] < 0.6
    assert split.sum() == pytest.approx(1)


def test_a_member_would_be_kept_as_often_as_no_combiner_is_better():
    rng = np.random.default_rng(0)
    base = rng.gamma(2, size=400)
    assert likely_takes(evidence([base + 1], base), default=0).tolist() == [0, 1]
    noise = rng.normal(size=400)
    split = likely_takes(evidence([base + noise - noise.mean()], base), default=0)
    assert 0.4 < split[1] < 0.6
    assert likely_takes(evidence([base + 1, base - 1], base), default=None).tolist() == [0, 1, 0]
