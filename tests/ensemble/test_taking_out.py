"""A member, or what was combined, is taken out of a saved ensemble by bare Keras and the name of its layer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 1, (24, 6, 6, 1)).astype(np.float32)
LABELS = np.arange(24) % 3
MEMBERS = ("plain", "odd name", "larger", "logits")


def functional(name):
    inputs = keras.Input((6, 6, 1), name="inputs")
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(inputs)), name=name)


def sequential(size, activation):
    body = [keras.Input((size, size, 1)), layers.Flatten(), layers.Dropout(0.5), layers.Dense(3, activation=activation)]
    return keras.Sequential(body, name="net")


def members():
    """Models that share their names and their layers' names, resized and rescaled, of probabilities and of logits."""
    return [
        ke.Member(functional("inputs"), name="plain"),
        ke.Member(functional("inputs"), name="odd name", preprocess=layers.Rescaling(2.0)),
        ke.Member(sequential(8, "softmax"), name="larger", preprocess="-1..1"),
        ke.Member(sequential(6, None), name="logits", output="logits"),
    ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """What the members answer, what is combined of it, and the file of the ensemble."""
    given = members()
    seen = ke.predict(given, IMAGES)
    ensemble = ke.Ensemble(given, ke.WeightedAverage(weights=[1, 2, 3, 4]), ke.Temperature(), ke.ConformalSets(0.8))
    ensemble = ensemble.fit(IMAGES, LABELS)
    file = tmp_path_factory.mktemp("saved") / "ensemble.keras"
    return seen.values, ensemble.predict(IMAGES), ensemble.save(file)


@pytest.fixture(params=["saved", "saved again", "cloned"])
def opened(request, saved, tmp_path):
    """The model in the file, in the file of the ensemble that was read from it, and as Keras clones it."""
    if request.param == "saved again":
        return keras.saving.load_model(ke.load(saved[2]).save(tmp_path / "again.keras"))
    model = keras.saving.load_model(saved[2])
    if request.param == "saved":
        return model
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def test_15_20_every_member_is_taken_out_by_the_name_of_its_layer(saved, opened):
    names = ["member_plain", "member_odd_name", "member_larger", "member_logits"]
    for name, expected in zip(names, saved[0], strict=True):
        part = keras.Model(opened.input, opened.get_layer(name).output)
        np.testing.assert_allclose(part.predict(IMAGES, verbose=0), expected, atol=1e-5)


def test_15_20_members_and_the_combined_probabilities_are_taken_out_together(saved, opened):
    names = ["member_larger", "probabilities", "member_plain"]
    part = keras.Model(opened.input, [opened.get_layer(name).output for name in names])
    larger, combined, plain = part.predict(IMAGES, verbose=0)
    np.testing.assert_allclose([plain, larger], [saved[0][0], saved[0][2]], atol=1e-5)
    np.testing.assert_allclose(combined, saved[1], atol=1e-5)


def test_15_20_a_part_that_was_taken_out_is_saved_and_opens(saved, opened, tmp_path):
    part = keras.Model(opened.input, opened.get_layer("member_logits").output)
    part.save(tmp_path / "part.keras")
    again = keras.saving.load_model(tmp_path / "part.keras")
    np.testing.assert_allclose(again.predict(IMAGES, verbose=0), saved[0][3], atol=1e-5)
    assert ke.predict([tmp_path / "part.keras"], IMAGES).values[0] == pytest.approx(saved[0][3], abs=1e-5)


def test_15_20_the_layers_inside_a_member_are_those_of_a_functional_model(saved):
    inner = keras.saving.load_model(saved[2]).get_layer("member_larger").get_layer("model")
    part = keras.Model(inner.input, inner.layers[1].output)
    np.testing.assert_allclose(inner.predict(IMAGES, verbose=0), saved[0][2], atol=1e-5)
    assert len(part.predict(IMAGES, verbose=0)) == len(IMAGES)
