"""A combiner is only combined with the members that it was fitted to, read as they were."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).uniform(0, 255, (40, 6)).astype(np.float32)
Y = np.arange(40) % 3


@pytest.fixture(scope="module")
def members(dense, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    for seed in (0, 1):
        dense(seed).save(folder / f"{seed}.keras")
    return [ke.Member(folder / f"{seed}.keras", name=f"net-{seed}", preprocess="0..1") for seed in (0, 1)]


@pytest.fixture(scope="module")
def fitted(members):
    return ke.WeightedAverage(weights=[3, 1]).fit(ke.predict(members, X))


def test_the_members_that_it_was_fitted_to_are_accepted_in_any_order(members, fitted):
    straight, turned = ke.Ensemble(members, fitted).predict(X), ke.Ensemble(members[::-1], fitted).predict(X)
    np.testing.assert_allclose(straight, turned, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: {"preprocess": None}, "not read as it was.*0..255 to 0..1, now through nothing"),
        (lambda _: {"preprocess": "-1..1"}, "now through 0..255 to -1..1"),
        (lambda other: {"source": other.source}, "The file of member 'net-0' has changed"),
    ],
    ids=["without-preprocessing", "other-preprocessing", "19-other-file"],
)
def test_a_member_that_changed_is_refused_by_name(members, fitted, change, said):
    one, other = members
    changed = dataclasses.replace(one, **change(other))
    for use in (lambda ensemble: ensemble.predict(X), lambda ensemble: ensemble.to_keras()):
        with pytest.raises(ke.KerasembleError, match=said):
            use(ke.Ensemble([changed, other], fitted))
