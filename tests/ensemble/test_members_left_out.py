"""A member of weight zero is neither run nor saved, and its record is kept."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.core.codes import Code

pytestmark = [
    pytest.mark.backend,
    # The members are random, which is said and is not what is tested here.
    pytest.mark.filterwarnings("ignore:No member's answers have to do with the labels"),
    pytest.mark.filterwarnings("ignore:The members cannot be told from chance"),
]

X = np.random.default_rng(0).uniform(0, 1, (60, 6)).astype(np.float32)
Y = np.arange(60) % 3


@pytest.fixture(scope="module")
def members(dense, tmp_path_factory):
    folder = tmp_path_factory.mktemp("members")
    for seed in range(3):
        dense(seed).save(folder / f"{seed}.keras")
    return [ke.Member(folder / f"{seed}.keras", name=f"net-{seed}") for seed in range(3)]


@pytest.fixture(params=["fitted", "not-fitted"])
def ensemble(request, members):
    """An ensemble of the first and the third member, the second having no weight."""
    given = ke.WeightedAverage(weights={"net-0": 1, "net-1": 0, "net-2": 3})
    if request.param == "fitted":
        return ke.Ensemble(members, given.fit(ke.predict(members, X)))
    return ke.Ensemble(members, given)


def test_it_answers_without_that_member(ensemble, members):
    first, _, third = ke.predict(members, X).values
    np.testing.assert_allclose(ensemble.predict(X), 0.25 * first + 0.75 * third, atol=1e-6)
    assert [member.name for member in ensemble.members] == ["net-0", "net-2"]


def test_its_model_and_its_file_are_without_that_member(ensemble, members, tmp_path):
    import keras

    ensemble.predict(X)
    path = ensemble.save(tmp_path / "ensemble.keras")
    for model in (ensemble.to_keras(), keras.saving.load_model(path)):
        names = {layer.name for layer in model.layers if layer.name.startswith("member_")}
        assert names == {"member_net-0", "member_net-2"}
    loaded = ke.load(path)
    assert loaded.combiner.left_out == ("net-1",)
    np.testing.assert_allclose(loaded.predict(X), ensemble.predict(X), atol=1e-6)
    # How its file was read is still known, so that it can be scored beside the ensemble.
    table = ke.evaluate([path, *(member.path for member in members)], X, Y)
    assert [score.kind for score in table.scores] == ["member", "member", "member", "combiner"]


def test_a_member_that_is_neither_needed_nor_left_out_is_refused(members):
    fitted = ke.WeightedAverage(weights=[1, 0]).fit(ke.predict(members[:2], X))
    with pytest.raises(ke.KerasembleError, match=r"fitted for the members net-0\. Received: net-0, net-1, net-2"):
        ke.Ensemble(members, fitted)


def test_combine_keeps_at_most_so_many_members(members):
    made = ke.combine(members, X, Y, "weighted-average", max_members=1)
    assert len(made.members) == 1
    assert made.combiner.combiner.combiner == ke.WeightedAverage()
    assert len(made.combiner.left_out) == 2
    assert {score.name for score in made.report.scores if score.kind == "member"} == {"net-0", "net-1", "net-2"}


@pytest.mark.parametrize("limit", [{"max_members": 2}, {"budget": 2.5, "costs": [1, 2, 1]}])
def test_any_combiner_is_held_to_fewer_members_or_to_a_budget_and_says_which_are_left_out(members, limit, tmp_path):
    made = ke.combine(members, X, Y, "median", **limit)
    assert len(made.members) == 2
    assert len(made.combiner.left_out) == 1
    assert made.report.chosen.name == ("median of 2" if "max_members" in limit else "median")
    opened = ke.load(made.save(tmp_path / "e.keras"))
    assert [member.name for member in opened.members] == list(made.combiner.members)


def test_a_budget_that_no_member_meets_is_refused(members):
    with pytest.raises(ke.KerasembleError, match="'net-0'") as refusal:
        ke.combine(members, X, Y, budget=0.5, costs={"net-0": 1, "net-1": 2, "net-2": 3})
    assert refusal.value.code == Code.BEYOND_BUDGET


@pytest.mark.filterwarnings("ignore:No row is labelled 0")
@pytest.mark.filterwarnings("ignore:AUC is left out")
def test_combine_weighs_rows_in_the_fit_and_in_the_scores(members):
    weights = np.where(Y == 0, 0.0, 1.0)
    weighed = ke.combine(members, X, Y, "weighted-average", sample_weight=weights)
    by_class = ke.combine(members, X, Y, "weighted-average", class_weight={0: 0})
    alone = ke.combine(members, X[Y > 0], Y[Y > 0], "weighted-average")
    for other in (by_class, alone):
        assert weighed.combiner.weights == pytest.approx(other.combiner.weights, abs=1e-6)
        for name in ("net-0", "net-1", "net-2"):
            assert weighed.report[name].log_loss == pytest.approx(other.report[name].log_loss)


def test_a_new_fit_considers_members_again_that_an_earlier_one_left_out(ensemble):
    ensemble.predict(X)
    again = ensemble.fit(X, Y)
    assert again.combiner.members == ("net-0", "net-2")
    assert again.combiner.left_out == ("net-1",)


def test_trained_weights_are_vouched_for_by_no_solver(members):
    made = ke.Ensemble(members, ke.WeightedGeometricAverage()).fit(X, Y, class_weight="balanced")
    assert made.combiner.gap <= 1e-8
    assert made.trained(made.to_keras()).combiner.gap is None


def test_a_function_as_metric_goes_through_combine_and_is_named_in_the_file(members, tmp_path):
    path = ke.combine(members, X, Y, ke.GreedySelection(metric=mean_true, steps=3)).save(tmp_path / "ensemble.keras")
    assert "mean_true" in repr(ke.load(path).combiner.combiner)


def mean_true(labels, probabilities):
    return float(np.mean(probabilities[np.arange(len(labels)), labels]))
