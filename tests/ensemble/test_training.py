"""The combiner's weights are trainable Keras weights, and the members are not, until the user says so."""

from __future__ import annotations

import json
import zipfile

import keras
import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend

NAMES = ("good", "bad", "noise")


@pytest.fixture(scope="module")
def data():
    """Rows of 6 numbers and their classes, which the first member knows well and the last not at all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    return x, x[:, :3].argmax(axis=1)


@pytest.fixture(scope="module")
def ensemble(dense, data):
    """An equally weighted average of three members, of which one is good."""
    models = [dense(seed, name=name) for seed, name in enumerate(NAMES)]
    for model, strength in zip(models, (3, 0.3, 0), strict=True):
        kernel, bias = model.get_weights()
        model.set_weights([strength * np.eye(6, 3) + (0 if strength else kernel), 0 * bias])
    ensemble = ke.Ensemble(models, ke.WeightedAverage(weights=[1, 1, 1]))
    ensemble.predict(data[0])
    return ensemble


@pytest.fixture(scope="module")
def trained(ensemble, data):
    """The ensemble as a Keras model, trained by plain Keras, and its losses."""
    x, y = data
    model = ensemble.to_keras()
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = {name: layer_weights(model, f"member_{name}") for name in NAMES}
    history = model.fit(x, y, batch_size=64, epochs=15, shuffle=False, verbose=0)
    return model, history.history["loss"], before


def layer_weights(model, name):
    return [np.array(weights) for weights in model.get_layer(name).get_weights()]


def test_fit_trains_the_weights_and_the_loss_falls(trained):
    model, losses, _ = trained
    assert [variable.path for variable in model.trainable_variables] == ["log_weights/kernel"]
    assert losses[-1] < 0.8 * losses[0]


def test_fit_leaves_the_members_as_they_were(trained):
    model, _, before = trained
    for name, weights in before.items():
        for now, then in zip(layer_weights(model, f"member_{name}"), weights, strict=True):
            np.testing.assert_array_equal(now, then)


def test_what_was_trained_is_read_back_as_weights_on_the_simplex(ensemble, trained, data):
    model, _, _ = trained
    fitted = ensemble.trained(model)
    weights = fitted.combiner.weights
    assert list(weights) == list(NAMES)
    assert min(weights.values()) > 0
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["good"] > 0.6 > ensemble.combiner.weights["good"]
    np.testing.assert_allclose(fitted.predict(data[0]), model.predict(data[0], verbose=0), atol=1e-5)


def test_what_was_trained_is_saved_and_loaded(ensemble, trained, data, tmp_path):
    model, _, _ = trained
    file = ensemble.trained(model).save(tmp_path / "trained.keras")
    loaded = ke.load(file)
    assert loaded.combiner.weights == pytest.approx(ensemble.trained(model).combiner.weights)
    opened = keras.saving.load_model(file)
    np.testing.assert_allclose(opened.predict(data[0], verbose=0), loaded.predict(data[0]), atol=1e-5)
    with zipfile.ZipFile(file) as archive:
        learned = json.loads(archive.read("kerasemble.json"))["fitted"]["learned"]["log_weights"]
    np.testing.assert_allclose(learned, np.ravel(opened.get_layer("log_weights").get_weights()[0]), atol=1e-6)


def test_a_file_that_bare_keras_opened_trains_its_weights_alone(ensemble, data, tmp_path):
    model = keras.saving.load_model(ensemble.save(tmp_path / "ensemble.keras"))
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    assert [variable.path for variable in model.trainable_variables] == ["log_weights/kernel"]
    before = model.get_layer("log_weights").get_weights()[0].copy()
    model.fit(*data, verbose=0)
    assert not np.allclose(model.get_layer("log_weights").get_weights()[0], before, atol=1e-3)


def test_a_member_that_is_unfrozen_trains_and_the_users_model_does_not(ensemble, data):
    model = ensemble.to_keras()
    model.get_layer("member_bad").trainable = True
    model.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
    before = {name: layer_weights(model, f"member_{name}") for name in NAMES}
    model.fit(*data, verbose=0)
    for name, then in before.items():
        same = [np.array_equal(now, old) for now, old in zip(layer_weights(model, f"member_{name}"), then, strict=True)]
        assert same == [name != "bad"] * 2
    source = ensemble.members[NAMES.index("bad")].source
    for own, then in zip(source.get_weights(), before["bad"], strict=True):
        np.testing.assert_array_equal(own, then)


@pytest.mark.parametrize(
    "members",
    [pytest.param(NAMES[:2], id="fewer-members"), pytest.param(("good", "bad", "other"), id="other-members")],
)
def test_a_model_that_is_not_the_ensembles_own_is_refused(ensemble, trained, dense, members):
    other = ke.Ensemble([dense(0, name=name) for name in members], ke.WeightedAverage(weights=[1] * len(members)))
    with pytest.raises(ke.KerasembleError, match="not the ensemble's own"):
        other.trained(trained[0])
    with pytest.raises(ke.KerasembleError, match="not the ensemble's own"):
        ensemble.trained(dense(0))


def test_what_a_process_has_as_its_precision_does_not_change_the_ensemble(ensemble, data):
    before = ensemble.to_keras()
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = ensemble.to_keras()
    finally:
        keras.config.set_dtype_policy(policy)
    assert model.output.dtype == "float32"
    np.testing.assert_allclose(model.predict(data[0], verbose=0), before.predict(data[0], verbose=0), atol=1e-6)
