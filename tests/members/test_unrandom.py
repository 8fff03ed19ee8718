"""A model is opened without making random weights first, and is the one that Keras opens, to the bit."""

from __future__ import annotations

import random

import numpy as np
import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.members import unrandom
from kerasemble.members.copying import copy_of
from kerasemble.members.loading import load_file

pytestmark = pytest.mark.backend


def images(layers):
    return (8, 8, 3), [
        layers.Rescaling(1 / 255),
        layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 3.0]),
        layers.Conv2D(4, 3, kernel_initializer="he_normal"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, depthwise_initializer="orthogonal"),
        layers.SpatialDropout2D(0.1),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, activation="softmax"),
    ]


def steps(layers):
    return (5, 4), [
        layers.Bidirectional(layers.LSTM(6, return_sequences=True)),
        layers.GRU(5, dropout=0.1),
        layers.LayerNormalization(),
        layers.Dense(3, kernel_initializer="random_uniform", activation="softmax"),
    ]


def words(layers):
    return (5,), [
        layers.Embedding(20, 6),
        layers.Conv1D(4, 2),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model of some layers and its file, by the function that names them."""
    import keras

    folder = tmp_path_factory.mktemp("saved")

    def make(kind, suffix=".keras"):
        shape, layers = kind(keras.layers)
        model = keras.Sequential([keras.Input(shape), *layers])
        path = folder / f"{kind.__name__}{suffix}"
        model.save(path)
        return model, path

    return make


def random_layers_work():
    """Train and run a model that has nothing to do with any other."""
    import keras

    model = keras.Sequential([keras.Input((4, 2)), keras.layers.LSTM(3), keras.layers.Dense(2, activation="softmax")])
    assert all(np.isfinite(each).all() for each in model.get_weights())
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()[0]
    model.fit(np.ones((8, 4, 2)), np.arange(8) % 2, verbose=0)
    assert not np.array_equal(model.get_weights()[0], before)
    assert np.isfinite(model.predict(np.ones((3, 4, 2)), verbose=0)).all()


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", [images, steps, words])
def test_its_weights_and_answers_are_those_of_the_file_to_the_bit(saved, kind, suffix):
    import keras

    if (kind, suffix) == (images, ".h5"):
        pytest.skip("an .h5 of Keras 3 does not keep what Normalization was given")
    model, path = saved(kind, suffix)
    opened = load_file(path).model
    same = keras.saving.load_model(path, compile=False)
    x = np.random.default_rng(0).integers(0, 20, (4, *model.input_shape[1:])).astype(np.float32)
    for other in (opened, copy_of(opened, "a")):
        np.testing.assert_array_equal(other.predict(x, verbose=0), same.predict(x, verbose=0))
    for one, two in zip(opened.weights, same.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one.numpy()), np.asarray(two.numpy()))
    random_layers_work()


def test_pythons_random_numbers_go_on_as_if_nothing_had_been_opened(saved):
    _, path = saved(steps)
    before = random.getstate()
    copy_of(load_file(path).model, "a")
    assert random.getstate() == before


def test_a_weight_that_nothing_sets_is_named_and_nothing_is_left_behind():
    import keras

    model, left = unrandom.built(lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="one")]))
    assert [each.rpartition("one/")[2] for each in left] == ["kernel"]
    assert np.isnan(model.get_weights()[0]).all()
    assert not model.get_weights()[1].any()
    random_layers_work()


def test_what_fails_leaves_nothing_behind(saved, tmp_path):
    def fail():
        import keras

        keras.layers.Dense(2).build((None, 3))
        msg = "halfway"
        raise OSError(msg)

    with pytest.raises(OSError, match="halfway"):
        unrandom.built(fail)
    random_layers_work()
    broken = tmp_path / "broken.keras"
    broken.write_bytes(saved(words)[1].read_bytes()[:-40])
    with pytest.raises(KerasembleError):
        load_file(broken)
    random_layers_work()


def test_layers_that_need_values_while_they_are_built_open_as_ever(tmp_path):
    import keras

    model = keras.Sequential([keras.Input(batch_shape=(2, 4, 3)), keras.layers.LSTM(5, stateful=True)])
    model.save(tmp_path / "stateful.keras")
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    opened = load_file(tmp_path / "stateful.keras").model
    np.testing.assert_array_equal(opened.predict(x, verbose=0), model.predict(x, verbose=0))
    random_layers_work()


def test_a_keras_whose_list_of_variables_is_elsewhere_opens_the_same(saved, monkeypatch):
    model, path = saved(words)
    monkeypatch.setattr(unrandom, "_waiting", list)
    opened = load_file(path).model
    for one, two in zip(opened.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_copy_with_a_weight_that_its_layers_do_not_save_is_refused(saved, monkeypatch):
    model, _ = saved(words)
    monkeypatch.setattr("kerasemble.members.copying._load_states", lambda *_: None)
    with pytest.raises(KerasembleError, match=r"none of what the layers save: .*embeddings"):
        copy_of(model, "a")
