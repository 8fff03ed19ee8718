"""How much more a mean varies than its rows show, where what is averaged was picked by other rows."""

from __future__ import annotations

import numpy as np
import pytest

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
