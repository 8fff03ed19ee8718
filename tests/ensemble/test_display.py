"""What a notebook shows of ensembles and fitted combiners."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke


@pytest.fixture(scope="module")
def seen():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    arrays = {name: rng.dirichlet(np.ones(3), 60) + np.eye(3)[labels] for name in ("a", "<b>")}
    arrays = {name: values / 2 for name, values in arrays.items()}
    return ke.Predictions.from_arrays(arrays), labels


@pytest.mark.parametrize("kind", [ke.WeightedAverage, ke.GreedySelection, ke.Stacking, ke.Median, ke.BayesianVote])
def test_a_fitted_combiner_shows_its_weights_or_what_else_it_learned(seen, kind):
    fitted = kind().fit(*seen)
    page = fitted._repr_html_()
    assert page.startswith("<div>")
    assert "<b>" not in page
    for weight in (fitted.weights or {}).values():
        assert f"{weight:.3f}</td>" in page


def test_an_ensemble_shows_its_members_and_once_fitted_its_report_and_what_it_learned(seen):
    import keras

    def member(name):
        inputs = keras.Input((4,))
        return ke.Member(keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(inputs)), name=name)

    members = [member("a"), member("<b>")]
    page = ke.Ensemble(members, ke.WeightedAverage())._repr_html_()
    assert "weighted average" in page
    assert "&lt;b&gt;" in page
    report = ke.compare(*seen, ["average"])
    fitted = ke.Ensemble(members, ke.WeightedAverage().fit(*seen), report=report)._repr_html_()
    assert report.verdict.split(":")[0] in fitted
    assert "weight</th>" in fitted
