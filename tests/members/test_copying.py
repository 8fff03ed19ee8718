"""A copy shares nothing with its original and answers as it does, in training too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from kerasemble import KerasembleError
from kerasemble.members.copying import copy_of, freeze, layer_from_json, layer_to_json

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
X = RNG.normal(3, 5, size=(8, 6)).astype(np.float32)
IMAGES = RNG.uniform(0, 1, size=(4, 8, 8, 3)).astype(np.float32)
SERIES = RNG.normal(size=(4, 5, 3)).astype(np.float32)

# Layers that act in training alone, of every kind that Keras has.
ONLY_IN_TRAINING = [
    (layers.Dropout(0.5), X),
    (layers.AlphaDropout(0.5), X),
    (layers.GaussianDropout(0.5), X),
    (layers.GaussianNoise(0.5), X),
    (layers.SpatialDropout1D(0.5), SERIES),
    (layers.SpatialDropout2D(0.5), IMAGES),
    (layers.RandomFlip(), IMAGES),
    (layers.RandomRotation(0.5), IMAGES),
    (layers.RandomZoom(0.5), IMAGES),
    (layers.RandomContrast(0.5), IMAGES),
    (layers.RandomTranslation(0.5, 0.5), IMAGES),
    (layers.RandomErasing(factor=1.0), IMAGES),
    (layers.RandAugment(value_range=(0, 1)), IMAGES),
    (layers.AugMix(value_range=(0, 1)), IMAGES),
    (layers.LSTM(2, dropout=0.5, recurrent_dropout=0.5), SERIES),
    (layers.GRU(2, dropout=0.5), SERIES),
    (layers.Bidirectional(layers.SimpleRNN(2, dropout=0.5)), SERIES),
    (layers.TimeDistributed(layers.Dropout(0.5)), SERIES),
]


def model(*body, shape):
    return keras.Sequential([keras.Input(shape), *body], name="net")


@pytest.mark.parametrize(("layer", "x"), ONLY_IN_TRAINING, ids=lambda case: getattr(case, "name", ""))
def test_what_acts_in_training_alone_is_left_out_and_changes_nothing_else(answer, layer, x):
    original = model(layer, shape=x.shape[1:])
    copy = copy_of(original, "net")
    as_trained = keras.ops.convert_to_numpy(copy(x, training=True))
    np.testing.assert_allclose(as_trained, answer(original, x), atol=1e-6)
    assert copy.count_params() == original.count_params()


def test_what_crops_at_inference_too_is_kept(answer):
    original = model(layers.RandomCrop(4, 4), shape=(8, 8, 3))
    copy = copy_of(original, "net")
    assert copy.output_shape == (None, 4, 4, 3)
    np.testing.assert_allclose(answer(copy, IMAGES), answer(original, IMAGES), atol=1e-6)


def test_random_initialisers_are_no_augmentation(answer):
    original = model(layers.Dense(3, kernel_initializer="random_uniform"), shape=(6,))
    np.testing.assert_allclose(answer(copy_of(original, "net"), X), answer(original, X), atol=1e-6)


def test_attention_keeps_its_weights_and_loses_its_dropout(answer):
    inputs = keras.Input((5, 3))
    original = keras.Model(inputs, layers.MultiHeadAttention(2, 2, dropout=0.5)(inputs, inputs))
    copy = copy_of(original, "net")
    trained = keras.ops.convert_to_numpy(copy(SERIES, training=True))
    np.testing.assert_allclose(trained, answer(original, SERIES), atol=1e-6)


def test_batch_normalisation_does_not_move_once_it_is_frozen(answer):
    original = model(layers.BatchNormalization(), shape=(6,))
    copy = copy_of(original, "net")
    freeze(copy)
    trained = keras.ops.convert_to_numpy(copy(X, training=True))
    np.testing.assert_allclose(trained, answer(original, X), atol=1e-6)
    np.testing.assert_array_equal(copy.layers[0].get_weights()[2], np.zeros(6))


def test_what_a_layer_derives_from_its_weights_is_copied(answer):
    layer = layers.Normalization()
    layer.adapt(X)
    expected = (X - X.mean(axis=0)) / X.std(axis=0)
    for original in (layer, model(layer, shape=(6,))):
        np.testing.assert_allclose(answer(copy_of(original, "net"), X), expected, atol=1e-4)


def test_a_layer_with_weights_survives_json(answer):
    import json

    layer = layers.Normalization()
    layer.adapt(X)
    again = layer_from_json(json.loads(json.dumps(layer_to_json(layer))))
    np.testing.assert_allclose(answer(again, X), answer(layer, X), atol=1e-6)


def test_a_copy_is_trained_without_its_original(answer):
    original = model(layers.Dense(3, activation="softmax"), shape=(6,))
    original.compile("sgd", "mse")
    before = answer(original, X)
    copy = copy_of(original, "net")
    assert not copy.compiled
    copy.compile(keras.optimizers.Adam(0.5), "sparse_categorical_crossentropy")
    copy.fit(X, np.zeros(8), epochs=2, verbose=0)
    assert not np.allclose(answer(copy, X), before, atol=1e-3)
    np.testing.assert_array_equal(answer(original, X), before)
    assert original.compiled


def test_what_is_frozen_is_frozen_inside_too():
    inputs = keras.Input((5, 3))
    attention = keras.Model(inputs, layers.MultiHeadAttention(2, 2)(inputs, inputs))
    attention.trainable = False
    outer = keras.Sequential([keras.Input((5, 3)), copy_of(attention, "net")])
    freeze(outer)
    assert outer.trainable_variables == []
    assert all(not variable.trainable for variable in outer.variables if "seed" not in variable.path)


def test_100_a_lambda_is_named_by_its_path():
    inner = model(layers.Lambda(lambda x: x, name="code"), shape=(6,))
    with pytest.raises(KerasembleError, match="Member 'm' holds a Python lambda in 'outer/net/code'"):
        copy_of(keras.Sequential([keras.Input((6,)), inner], name="outer"), "m")


def test_a_function_that_is_registered_is_no_obstacle(answer):
    @keras.saving.register_keras_serializable(package="tests")
    def twice(x):
        return 2 * x

    original = model(layers.Lambda(twice), layers.Dense(2, activation=twice), shape=(6,))
    np.testing.assert_allclose(answer(copy_of(original, "net"), X), answer(original, X), atol=1e-5)
