"""The ensemble as people use it: in one line, fitted, in any order, and refusing what would be a silent mistake."""

from __future__ import annotations

import re
import warnings

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
Y = X[:, :3].argmax(axis=1)
BYTES = RNG.integers(0, 256, (10, 4, 4)).astype(np.uint8)


def images(activation="softmax", name="net", shape=(4, 4), seed=0):
    """A small classifier of images in 0..1."""
    dense = layers.Dense(3, activation=activation, kernel_initializer=keras.initializers.RandomNormal(seed=seed))
    return keras.Sequential([keras.Input(shape), layers.Flatten(), dense], name=name)


@pytest.fixture
def models(dense):
    return [dense(1, name="one"), dense(2, name="two"), dense(3, name="three")]


def test_one_line_gives_the_mean(models):
    by_hand = np.mean([model.predict(X, verbose=0) for model in models], axis=0)
    np.testing.assert_allclose(ke.Ensemble(models).predict(X), by_hand, atol=1e-6)


def test_the_batch_size_does_not_matter(models):
    ensemble = ke.Ensemble(models)
    np.testing.assert_allclose(ensemble.predict(X, batch_size=7), ensemble.predict(X), atol=1e-6)


@pytest.mark.parametrize(
    "combiner",
    [ke.Average(), ke.WeightedAverage([3, 1, 2]), ke.MajorityVote(), ke.GeometricAverage(), ke.WeightedAverage()],
    ids=repr,
)
def test_it_is_what_its_combiner_makes_of_the_members_predictions(models, combiner):
    seen = ke.predict(models, X)
    fitted = combiner.fit(seen, Y)
    ensemble = ke.Ensemble(models, combiner).fit(X, Y)
    np.testing.assert_allclose(ensemble.predict(X), fitted(seen), atol=1e-5)
    assert repr(ensemble.combiner) == repr(fitted)
    assert ke.Ensemble(models, fitted).combiner is fitted


def test_members_may_come_in_another_order_than_the_combiner_was_fitted_for(models):
    fitted = ke.WeightedAverage([0.8, 0.1, 0.1]).fit(ke.predict(models, X))
    ensemble = ke.Ensemble(models[::-1], fitted)
    assert [member.name for member in ensemble.members] == ["one", "two", "three"]
    np.testing.assert_allclose(ensemble.predict(X), fitted(ke.predict(models, X)), atol=1e-6)


def test_it_follows_members_that_are_trained_on(dense):
    one, two = dense(1, name="one"), dense(2, name="two")
    ensemble = ke.Ensemble([one, two])
    ensemble.predict(X)
    one.set_weights([np.zeros((6, 3)), np.zeros(3)])
    np.testing.assert_allclose(ensemble.predict(X), (two.predict(X, verbose=0) + 1 / 3) / 2, atol=1e-6)


def test_a_combiner_that_was_fitted_on_saved_outputs_joins_its_models(models):
    arrays = {model.name: model.predict(X, verbose=0) for model in models}
    fitted = ke.WeightedAverage().fit(ke.Predictions.from_arrays(arrays), Y)
    ensemble = ke.Ensemble(models, fitted)
    np.testing.assert_allclose(ensemble.predict(X), fitted(ke.Predictions.from_arrays(arrays)), atol=1e-5)


def test_a_combiner_that_has_to_learn_says_so(models, tmp_path):
    ensemble = ke.Ensemble(models, ke.WeightedAverage())
    for use in (lambda: ensemble.predict(X), ensemble.to_keras, lambda: ensemble.save(tmp_path / "e.keras")):
        with pytest.raises(ke.KerasembleError, match=r"WeightedAverage learns from labels. Call fit\(x, y\) first"):
            use()


def test_34_two_members_of_one_name_are_refused(models):
    with pytest.raises(ke.KerasembleError, match="Two members have one name: net"):
        ke.Ensemble([ke.Member(models[0], name="net"), ke.Member(models[1], name="net")])


def test_35_one_member_is_allowed_and_said_to_be_one(models):
    with pytest.warns(ke.KerasembleWarning, match=r"one member \('one'\): nothing to combine"):
        ensemble = ke.Ensemble(models[:1])
    np.testing.assert_allclose(ensemble.predict(X), models[0].predict(X, verbose=0), atol=1e-6)


def test_36_no_members_are_refused():
    with pytest.raises(ke.KerasembleError, match="There are no members"):
        ke.Ensemble([])


def test_other_members_than_the_combiner_was_fitted_for_are_refused(models):
    fitted = ke.Average().fit(ke.predict(models[:2], X))
    with pytest.raises(ke.KerasembleError, match=r"fitted for the members one, two. Received: one, three"):
        ke.Ensemble([models[0], models[2]], fitted)


def test_options_that_contradict_what_the_combiner_was_fitted_on_are_refused(models):
    fitted = ke.Average().fit(ke.predict(models, X, classes="abc"))
    with pytest.raises(
        ke.KerasembleError, match=r"fitted for the classes \('a', 'b', 'c'\). Received: .*'c', 'b', 'a'"
    ):
        ke.Ensemble(models, fitted, classes="cba")
    seen = ke.predict([ke.Member(images(), preprocess="0..1")], BYTES)
    with pytest.raises(ke.KerasembleError, match=r"fitted on data in 0..255. Received: data_range=\(0, 1\)"):
        ke.Ensemble([ke.Member(images(), preprocess="0..1")], ke.Average().fit(seen), data_range=(0, 1))


def test_members_that_answer_over_other_classes_than_the_combiner_are_refused(models):
    arrays = {model.name: model.predict(X, verbose=0) for model in models}
    fitted = ke.Average().fit(ke.Predictions.from_arrays(arrays, classes="abc"))
    named = [ke.Member(model, classes="abd") for model in models]
    with pytest.raises(ke.KerasembleError, match="lacks c and has d"):
        ke.Ensemble(named, fitted).predict(X)


@pytest.mark.parametrize("rows", [X[:, :5], X[:, None, :]], ids=["narrower", "deeper"])
def test_24_data_of_another_shape_than_before_is_refused(models, rows):
    ensemble = ke.Ensemble(models)
    ensemble.predict(X)
    with pytest.raises(
        ke.KerasembleError, match=rf"takes samples of shape \(6,\). Received: {re.escape(str(rows.shape[1:]))}"
    ):
        ensemble.predict(rows)


def test_44_data_in_another_range_than_before_is_warned_of():
    ensemble = ke.Ensemble([ke.Member(images(), preprocess="0..1"), images(name="raw")])
    ensemble.predict(BYTES)
    with pytest.warns(ke.KerasembleWarning, match=r"lies in 0..1, but .* in 0..255"):
        ensemble.predict(BYTES / 255)
    # The same range in another type is no reason to; here a warning is an error.
    ensemble.predict(BYTES.astype(np.float32))


def test_43_fractions_are_refused_where_members_take_whole_numbers():
    inputs = keras.Input((5,), dtype="int32")
    bag = layers.Flatten()(layers.Embedding(9, 2)(inputs))
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(bag))
    ensemble = ke.Ensemble([model, model])
    words = RNG.integers(0, 9, (4, 5))
    ensemble.predict(words)
    np.testing.assert_array_equal(ensemble.predict(words.astype(float)), ensemble.predict(words))
    with pytest.raises(ke.KerasembleError, match=r"The ensemble takes whole numbers .*fractions"):
        ensemble.predict(words + 0.5)


def test_70_rows_that_a_member_answers_with_nan_are_named(models):
    odd = keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")], name="odd")
    odd.set_weights([np.zeros((6, 3)), np.zeros(3)])
    ensemble = ke.Ensemble([models[0], odd])
    ensemble.predict(X)
    odd.set_weights([np.zeros((6, 3)), np.full(3, np.nan)])
    with pytest.raises(ke.KerasembleError, match="NaN or infinity in 60 of 60 rows: 0, 1, 2"):
        ensemble.predict(X)


def test_without_data_the_shape_is_that_of_the_largest_member():
    small, large = images(shape=(4, 4, 1), seed=1), images(shape=(8, 8, 1), seed=2)
    model = ke.Ensemble([small, large]).to_keras()
    assert model.input_shape == (None, 8, 8, 1)
    x = RNG.uniform(size=(3, 8, 8, 1)).astype(np.float32)
    resized = keras.ops.convert_to_numpy(keras.ops.image.resize(x, (4, 4), data_format="channels_last"))
    by_hand = (small.predict(resized, verbose=0) + large.predict(x, verbose=0)) / 2
    np.testing.assert_allclose(model.predict(x, verbose=0), by_hand, atol=1e-6)


@pytest.mark.parametrize(
    ("member", "said"),
    [
        pytest.param(
            lambda: ke.Member(images(), preprocess="0..1"), r"depends on the data's range.*data_range", id="range"
        ),
        pytest.param(lambda: images(activation=None), "does not return probabilities|not probabilities", id="logits"),
    ],
)
def test_what_only_data_can_tell_is_asked_for_where_there_is_none(tmp_path, member, said):
    with pytest.raises(ke.KerasembleError, match=f"'net'.*{said}"):
        ke.Ensemble([member(), images(name="other")]).save(tmp_path / "ensemble.keras")
    assert list(tmp_path.iterdir()) == []


def test_what_only_data_can_tell_may_be_said():
    scaled, logits = ke.Member(images(), preprocess="-1..1"), ke.Member(images(None, "logits"), output="logits")
    model = ke.Ensemble([scaled, logits], data_range=(0, 255)).to_keras()
    by_data = ke.Ensemble([scaled, logits], data_range=(0, 255)).predict(BYTES)
    np.testing.assert_allclose(model.predict(BYTES.astype(np.float32), verbose=0), by_data, atol=1e-5)


def test_a_model_that_says_no_shape_needs_data(answer):
    class Shapeless(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.out = layers.Dense(3, activation="softmax")

        def call(self, x):
            return self.out(x)

    members = [Shapeless(name="a"), Shapeless(name="b")]
    by_hand = np.mean([answer(member, X) for member in members], axis=0)
    with pytest.raises(ke.KerasembleError, match="No member says the shape of its input"):
        ke.Ensemble(members).to_keras()
    np.testing.assert_allclose(ke.Ensemble(members).predict(X), by_hand, atol=1e-6)


def test_combine_takes_the_combiner_that_was_asked_for(models):
    with warnings.catch_warnings():
        # Random members are compared, which is what it warns of.
        warnings.simplefilter("ignore", ke.KerasembleWarning)
        by_name = ke.combine(models, X, Y, "majority-vote")
        by_recipe = ke.combine(models, X, Y, ke.WeightedAverage([1, 0, 0]))
    assert isinstance(by_name.combiner.combiner, ke.MajorityVote)
    assert by_name.report.chosen.name == "majority vote"
    np.testing.assert_allclose(by_recipe.predict(X), models[0].predict(X, verbose=0), atol=1e-6)


def test_combine_keeps_a_single_member_where_none_is_better(dense, answer):
    expert, others = dense(1, name="expert"), [dense(seed, name=f"other{seed}") for seed in (2, 3)]
    x = RNG.normal(size=(400, 6)).astype(np.float32)
    # Classes drawn by the expert's own probabilities: nothing can be better but by chance.
    drawn = RNG.uniform(size=(400, 1)) < answer(expert, x).cumsum(axis=1)
    with warnings.catch_warnings():
        # Whatever it warns of stands in the report too.
        warnings.simplefilter("ignore", ke.KerasembleWarning)
        ensemble = ke.combine([*others, expert], x, drawn.argmax(axis=1))
    assert ensemble.report.verdict.startswith("keep expert: no combination is better")
    assert [member.name for member in ensemble.members] == ["expert"]
    np.testing.assert_allclose(ensemble.predict(x), answer(expert, x), atol=1e-6)


def test_what_cannot_be_given_fails_before_a_member_runs(models):
    def never(*_):
        pytest.fail("a member ran")

    with pytest.raises(ke.KerasembleError, match="2 weights for 3 members"):
        ke.combine(models, X, Y, ke.WeightedAverage([1, 1]), progress=never)
    with pytest.raises(ke.KerasembleError, match="Did you mean 'average'"):
        ke.combine(models, X, Y, "avrage", progress=never)


@pytest.mark.filterwarnings("ignore:No member's answers have to do with the labels")
def test_44_evaluate_warns_where_the_data_is_scaled_otherwise_than_the_ensembles_was(tmp_path):
    x = RNG.integers(0, 256, (60, *BYTES.shape[1:])).astype(np.uint8)
    labels = np.arange(60) % 3
    members = [ke.Member(images(name="a"), preprocess="0..1"), ke.Member(images(name="b"), preprocess="0..1")]
    path = ke.Ensemble(members).fit(x, labels).save(tmp_path / "ensemble.keras")
    ke.evaluate([path], x, labels)
    with pytest.warns(ke.KerasembleWarning, match=r"lies in 0..1, but 'ensemble' takes data in 0..255"):
        ke.evaluate([path], x / 255, labels)


def test_a_model_made_without_data_does_not_decide_what_data_may_be():
    small, large = images(shape=(4, 4, 1), seed=1), images(shape=(8, 8, 1), seed=2)
    ensemble = ke.Ensemble([small, large])
    assert ensemble.to_keras().input_shape == (None, 8, 8, 1)
    assert ensemble.predict(RNG.uniform(size=(3, 4, 4, 1))).shape == (3, 3)


def test_images_are_not_distorted_unasked():
    with pytest.raises(ke.KerasembleError, match="the data has 3x32, so resizing would distort it"):
        ke.Ensemble([images(shape=(32, 32, 1)), images(shape=(32, 32, 1), seed=2)]).predict(np.zeros((5, 3, 32, 1)))
