"""Options of a member that say how it is read: columns to ignore, unnormalised values, colours and axes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).integers(0, 256, (12, 5, 4, 3)).astype(np.uint8)


def image_model(shape, *body):
    model = keras.Sequential([keras.Input(shape), *body, layers.Flatten(), layers.Dense(3, activation="softmax")])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=weights.shape, scale=0.3) for weights in model.get_weights()])
    return model


@pytest.mark.parametrize("activation", ["softmax", None])
@pytest.mark.parametrize("ignore", [0, 2])
def test_a_background_column_is_left_out_and_the_rest_sums_to_one(dense, answer, activation, ignore, tmp_path):
    model = dense(0, activation=activation, classes=4)
    member = ke.Member(model, ignore=[ignore], output="auto" if activation else "logits")
    other = dense(1, "other")
    ensemble = ke.Ensemble([member, other])
    raw = answer(model, X)
    p = raw if activation else np.exp(raw)
    p = np.delete(p, ignore, axis=1)
    expected = (p / p.sum(axis=1, keepdims=True) + answer(other, X)) / 2
    np.testing.assert_allclose(ensemble.predict(X), expected, atol=1e-5)
    again = ke.load(ensemble.save(tmp_path / "ensemble.keras"))
    np.testing.assert_allclose(again.predict(X), expected, atol=1e-5)
    seen = ke.predict([member, other], X)
    assert f"without column {ignore}" in seen.alignment.readings[0].describe()


def test_a_column_is_ignored_by_name_whether_or_not_it_is_among_the_names(dense, answer):
    model = dense(0, classes=4)
    rest = np.delete(answer(model, X), 1, axis=1)
    rest = rest / rest.sum(axis=1, keepdims=True)
    for member in (
        ke.Member(model, ignore=["none"], classes=["cat", "none", "dog", "eel"]),
        ke.Member(model, ignore=[1], classes=["cat", "dog", "eel"]),
    ):
        seen = ke.predict([member], X)
        assert seen.classes == ("cat", "dog", "eel")
        np.testing.assert_allclose(seen.values[0], rest, atol=1e-5)


@pytest.mark.parametrize("ignore", [[4], [-1], ["fish"]])
def test_a_column_that_does_not_exist_cannot_be_ignored(dense, ignore):
    with pytest.raises(ke.KerasembleError, match=r"Member 'model' has .* ignore=.* is none of them"):
        ke.predict([ke.Member(dense(0, classes=4), ignore=ignore)], X)


def test_66_sigmoids_become_shares_where_the_user_says_so(dense, answer, tmp_path):
    model = dense(0, activation="sigmoid")
    with pytest.raises(ke.KerasembleError, match=r"look like sigmoids.*output='unnormalised'") as error:
        ke.predict([model], X)
    assert error.value.options == {"output": "unnormalised"}
    ensemble = ke.Ensemble([ke.Member(model, output="unnormalised"), dense(1, "other")])
    raw = answer(model, X)
    np.testing.assert_allclose(
        ensemble.predict(X), (raw / raw.sum(1, keepdims=True) + answer(dense(1), X)) / 2, atol=1e-5
    )
    bare = keras.saving.load_model(ensemble.save(tmp_path / "ensemble.keras"))
    np.testing.assert_allclose(bare.predict(X, verbose=0), ensemble.predict(X), atol=1e-6)


def test_33_blue_green_red_is_the_colours_reversed(answer):
    model = image_model((5, 4, 3))
    seen = ke.predict([ke.Member(model, preprocess="bgr+0..1")], IMAGES)
    np.testing.assert_allclose(seen.values[0], answer(model, IMAGES[..., ::-1].astype(np.float32) / 255), atol=1e-5)
    assert seen.alignment.readings[0].steps == ("RGB to BGR", "0..255 to 0..1")


def test_33_channels_first_is_proposed_and_then_taken(answer):
    moved = layers.Permute((2, 3, 1))
    model = image_model((3, 5, 4), moved)
    with pytest.raises(ke.KerasembleError, match="takes input of shape 3x5x4; the data has 5x4x3") as error:
        ke.predict([model], IMAGES)
    assert error.value.options == {"preprocess": "channels_first"}
    seen = ke.predict([ke.Member(model, preprocess="channels_first+0..1")], IMAGES)
    by_hand = answer(model, np.moveaxis(IMAGES, -1, 1).astype(np.float32) / 255)
    np.testing.assert_allclose(seen.values[0], by_hand, atol=1e-5)
    last = image_model((5, 4, 3))
    moved_data = np.moveaxis(IMAGES, -1, 1)
    seen = ke.predict([ke.Member(last, preprocess="channels_last+0..1")], moved_data)
    np.testing.assert_allclose(seen.values[0], answer(last, IMAGES.astype(np.float32) / 255), atol=1e-5)


@pytest.mark.parametrize("said", ["bgr+caffe", "0..1+torch", "channels_first+channels_last", "bgr+bgr", "rgb", ""])
def test_orders_and_scales_that_contradict_each_other_are_refused(dense, said):
    with pytest.raises(ke.KerasembleError, match="preprocess must be"):
        ke.Member(dense(0), preprocess=said)


class Noise(layers.Layer):
    """Adds noise whatever `training` says, as a custom class may."""

    def call(self, x):
        return x + keras.random.normal((8,), seed=self.seed)

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        pytest.param(Noise, "'odd' is random: asked twice", id="73"),
        pytest.param(lambda: lambda x: x - keras.ops.mean(x, axis=0), "'odd' answers a row otherwise when", id="74"),
    ],
)
def test_answers_that_change_from_call_to_call_or_with_the_batch_are_refused(layer, said):
    source = keras.Input((6,))
    values = layer()(layers.Dense(8)(source))
    model = keras.Model(source, layers.Dense(3, activation="softmax")(values), name="odd")
    with pytest.raises(ke.KerasembleError, match=said):
        ke.predict([model], X)
