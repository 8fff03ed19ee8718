"""Stages in the Keras model: named outputs that bare Keras gives as NumPy does, and that come back from the file."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import kerasemble as ke
from kerasemble.cli import cli

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(600, 6)).astype(np.float32)
Y = (X[:, :3] + 0.7 * np.random.default_rng(1).normal(size=(600, 3))).argmax(axis=1)
NEW = np.random.default_rng(2).normal(size=(300, 6)).astype(np.float32)
OUTPUTS = ("probabilities", "prediction_set", "abstain")
CALIBRATORS = [ke.Temperature(), ke.VectorScaling(), ke.Isotonic()]
SETS = [*(ke.ConformalSets(0.9, method) for method in ("lac", "aps", "raps")), ke.ConformalSets(0.9, by_class=True)]


def teacher(seed, name):
    """Return a model that knows the rule and errs in its own way."""
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")], name=name)
    model.set_weights([4 * np.eye(6, 3) + rng.normal(size=(6, 3)), 0.5 * rng.normal(size=3)])
    return model


@pytest.fixture(scope="module")
def models():
    return [teacher(seed, name) for seed, name in enumerate("abc")]


@pytest.fixture(scope="module")
def whole(models):
    """An ensemble with a calibrator and both outputs."""
    stages = (ke.Temperature(), ke.ConformalSets(0.9), ke.Abstain(0.2))
    return ke.Ensemble(models, ke.WeightedGeometricAverage(), *stages).fit(X, Y)


@pytest.mark.parametrize("calibrator", CALIBRATORS, ids=repr)
@pytest.mark.parametrize("sets", SETS, ids=lambda stage: f"{stage.method}{'-by-class' * stage.by_class}")
def test_bare_keras_answers_as_numpy_does(models, tmp_path, calibrator, sets):
    ensemble = ke.Ensemble(models, ke.WeightedGeometricAverage(), calibrator, sets, ke.Abstain(0.2)).fit(X, Y)
    path = ensemble.save(tmp_path / "e.keras")
    answer = keras.saving.load_model(path).predict(NEW, verbose=0)
    wanted = ensemble.combiner.outputs(ke.predict(models, NEW))
    assert {name: array.dtype.kind for name, array in answer.items()} == dict(zip(OUTPUTS, "fbb", strict=True))
    np.testing.assert_allclose(answer["probabilities"], wanted["probabilities"], rtol=0, atol=1e-5)
    # A row at a threshold may be on either side of it, after rounding: of 300, none is here, or next to none.
    assert (answer["prediction_set"] != wanted["prediction_set"]).any(axis=1).sum() <= 1
    assert (answer["abstain"] != wanted["abstain"]).sum() <= 1
    assert 0 < answer["abstain"].mean() < 1
    assert 1 < answer["prediction_set"].sum(axis=1).mean() < 3


def test_calibrators_alone_leave_the_model_its_one_output(models, tmp_path):
    ensemble = ke.Ensemble(models, None, ke.Temperature()).fit(X, Y)
    answer = keras.saving.load_model(ensemble.save(tmp_path / "e.keras")).predict(NEW, verbose=0)
    assert answer.shape == (300, 3)
    np.testing.assert_allclose(answer, ensemble.combiner(ke.predict(models, NEW)), rtol=0, atol=1e-5)
    assert list(ensemble.outputs(NEW)) == ["probabilities"]


def test_the_whole_ensemble_comes_back_from_its_file(whole, tmp_path):
    again = ke.load(whole.save(tmp_path / "e.keras"))
    assert again.combiner.combiner == whole.combiner.combiner
    assert repr(again.combiner) == repr(whole.combiner)
    assert tuple(again.outputs(NEW)) == OUTPUTS
    for name, array in whole.outputs(NEW).items():
        np.testing.assert_allclose(again.outputs(NEW)[name], array, rtol=0, atol=1e-5)
    again.save(tmp_path / "twice.keras")
    np.testing.assert_allclose(again.predict(NEW), whole.outputs(NEW)["probabilities"], rtol=0, atol=1e-5)


def test_what_stages_learned_is_trained_as_any_weight_and_taken_back(whole):
    model = whole.to_keras()
    names = {"log_weights", "stage_1_log_power", "stage_2_threshold", "stage_3_threshold"}
    assert names <= {layer.name for layer in model.layers}
    model.get_layer("stage_1_log_power").set_weights([np.array([[-1.0]], dtype=np.float32)])
    assert whole.trained(model).combiner.learned["stage_1_log_power"] == pytest.approx([-1.0])


def test_15_10_thresholds_by_class_are_one_weight_of_the_plain_file(models, tmp_path):
    ensemble = ke.Ensemble(models, None, ke.ConformalSets(0.9, by_class=True)).fit(X, Y)
    path = ensemble.save(tmp_path / "e.keras")
    (weights,) = keras.saving.load_model(path).get_layer("stage_1_threshold").get_weights()
    np.testing.assert_allclose(weights[0], ensemble.combiner.learned["stage_1_threshold"], rtol=1e-6)
    assert weights.shape == (1, 3)
    again = ke.load(path)
    assert again.combiner.combiner.stages == (ke.ConformalSets(0.9, by_class=True),)
    np.testing.assert_array_equal(again.outputs(NEW)["prediction_set"], ensemble.outputs(NEW)["prediction_set"])


def test_a_saved_ensemble_with_several_outputs_is_a_member_by_its_probabilities(whole, models, tmp_path):
    path = whole.save(tmp_path / "nested.keras")
    member = ke.Member(path)
    assert (member.head, member.output) == ("probabilities", "probabilities")
    seen = ke.predict([path, models[0]], NEW)
    np.testing.assert_allclose(seen.values[0], whole.predict(NEW), rtol=0, atol=1e-5)
    outer = ke.Ensemble([path, models[0]])
    outer.predict(NEW)
    bare = keras.saving.load_model(outer.save(tmp_path / "outer.keras"))
    np.testing.assert_allclose(bare.predict(NEW, verbose=0), seen.values.mean(axis=0), rtol=0, atol=1e-5)


def test_evaluate_scores_a_saved_ensemble_with_several_outputs_by_its_probabilities(whole, models, tmp_path):
    path = whole.save(tmp_path / "whole.keras")
    report = ke.evaluate([path, models[0]], NEW, NEW[:, :3].argmax(axis=1))
    found = {score.name: score.accuracy for score in report.scores}
    assert found["whole"] == pytest.approx((whole.predict(NEW).argmax(axis=1) == NEW[:, :3].argmax(axis=1)).mean())


def test_combine_puts_stages_after_what_it_chooses(models):
    ensemble = ke.combine(models, X, Y, stages=(ke.Temperature(), ke.ConformalSets(0.9)))
    assert isinstance(ensemble.combiner.combiner, ke.Chain)
    assert list(ensemble.outputs(NEW)) == ["probabilities", "prediction_set"]
    assert "then temperature" in ensemble.report.fitted


def test_combine_refuses_stages_that_cannot_follow_before_anything_is_run():
    with pytest.raises(ke.KerasembleError, match="Put it before"):
        ke.combine(["not-there.keras"], X, Y, "average", stages=(ke.Abstain(), ke.Temperature()))


def test_a_fitted_combiner_takes_no_stages(models):
    fitted = ke.Average().fit(ke.predict(models, X))
    with pytest.raises(ke.KerasembleError, match="fitted already"):
        ke.Ensemble(models, fitted, ke.Temperature())


def test_members_that_are_no_keras_models_have_the_same_outputs(models):
    class Estimator:
        def predict_proba(self, x):
            return models[0].predict(x, verbose=0)

    ensemble = ke.Ensemble([ke.Member(Estimator(), name="e"), models[1]], None, ke.ConformalSets(0.9)).fit(X, Y)
    answer = ensemble.outputs(NEW)
    assert answer["probabilities"].dtype == np.float32
    assert answer["prediction_set"].shape == (300, 3)


def test_the_command_line_makes_the_model_with_its_outputs(models, tmp_path):
    paths = [tmp_path / f"{model.name}.keras" for model in models]
    for model, path in zip(models, paths, strict=True):
        model.save(path)
    np.savez(tmp_path / "data.npz", x=X, y=Y)
    files = [*map(str, paths), "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path / "e.keras")]
    options = ["--calibrate", "temperature", "--coverage", "0.9", "--abstain-risk", "0.2", "--quiet"]
    result = CliRunner().invoke(cli, ["combine", *files, *options], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    answer = keras.saving.load_model(tmp_path / "e.keras").predict(NEW, verbose=0)
    assert answer.keys() == set(OUTPUTS)
    kept = ke.load(tmp_path / "e.keras").combiner.combiner
    assert kept.stages == (ke.Temperature(), ke.ConformalSets(0.9), ke.Abstain(0.2))
