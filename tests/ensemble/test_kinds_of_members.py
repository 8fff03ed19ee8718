"""Members of every kind: the ensemble is the mean of what they answer alone, in every process, on every backend."""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke

pytestmark = pytest.mark.backend

HERE = Path(__file__).parent
INSTALLED = [name for name in ("jax", "tensorflow", "torch") if importlib.util.find_spec(name)]
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 6)).astype(np.float32)
BYTES = RNG.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8)
WORDS = RNG.integers(0, 20, (12, 5))


class Case(NamedTuple):
    """Members, data, and the mean of the members' probabilities by hand, with how near to it one can come."""

    members: list[Any]
    x: np.ndarray
    by_hand: np.ndarray
    atol: float = 1e-5


class Made(NamedTuple):
    """A case, its ensemble after it predicted and was saved, and what the user's models were before."""

    case: Case
    ensemble: ke.Ensemble
    predicted: np.ndarray
    file: Path
    before: list[Any]


KINDS: dict[str, Callable[[], Case]] = {}


def kind(build: Callable[[], Case]) -> Callable[[], Case]:
    """Note a builder under its name in words."""
    KINDS[build.__name__.replace("_", "-")] = build
    return build


def shaken(model, seed=0):
    """Give a model random weights that make its answers differ from row to row, and return it."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            rng.normal(size=weights.shape) if weights.ndim > 1 else rng.uniform(0.2, 1, weights.shape)
            for weights in model.get_weights()
        ]
    )
    return model


def head(tensor):
    """Three probabilities of anything."""
    return layers.Dense(3, activation="softmax")(layers.Flatten()(tensor))


def alone(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def mean(*arrays):
    return np.mean([np.asarray(array, dtype=np.float64) for array in arrays], axis=0)


def softmax(values):
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@kind
def sequential_functional_and_subclassed():
    sequential = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3), layers.Softmax()]
    )
    inputs = keras.Input((6,))
    # Created in the other order than used, so that weights copied by position would be exchanged.
    second, first = layers.Dense(4, activation="tanh"), layers.Dense(4, activation="tanh")
    functional = keras.Model(inputs, head(layers.Concatenate()([first(inputs), second(inputs) * 3])))
    sys.path.insert(0, str(HERE))
    subclassed = importlib.import_module("registered_classes").Subclassed(5, temperature=0.5)
    sys.path.remove(str(HERE))
    subclassed(ROWS)
    models = [shaken(model, seed) for seed, model in enumerate((sequential, functional, subclassed))]
    return Case(models, ROWS, mean(*(alone(model, ROWS) for model in models)))


@kind
def all_of_one_name_with_layers_of_one_name():
    models = []
    for seed in range(3):
        body = [keras.Input((6,), name="in"), layers.Dense(3, activation="softmax", name="out")]
        models.append(shaken(keras.Sequential(body, name="model"), seed))
    return Case(models, ROWS, mean(*(alone(model, ROWS) for model in models)))


@kind
def names_that_the_graph_uses_itself():
    names = (
        "inputs",
        "raw",
        "probabilities",
        "log_weights",
        "member_inputs",
        "rescaling",
        "a b/c",
        "a_b_c",
        "e\N{COMBINING ACUTE ACCENT}",
        "..",
    )
    models = []
    for seed, name in enumerate(names):
        inputs = keras.Input((6,))
        # Keras allows no slash in a model's name, and TensorFlow no space; a member's name may have any.
        allowed = name if re.fullmatch(r"\w+", name, re.ASCII) else "net"
        models.append(shaken(keras.Model(inputs, head(inputs), name=allowed), seed))
    members = [ke.Member(model, name=name) for model, name in zip(models, names, strict=True)]
    return Case(members, ROWS, mean(*(alone(model, ROWS) for model in models)))


@kind
def nested_models():
    core = keras.Sequential([keras.Input((6,)), layers.Dense(4, activation="tanh")], name="net")
    middle = keras.Sequential([core, layers.Dense(5, activation="tanh")], name="net")
    inputs = keras.Input((6,))
    outer = shaken(keras.Model(inputs, head(middle(inputs) + layers.Dense(5)(inputs)), name="net"), 1)
    other = shaken(keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")], name="net"), 2)
    return Case([outer, other], ROWS, mean(alone(outer, ROWS), alone(other, ROWS)))


@kind
def batch_normalisation_and_dropout():
    models = []
    for seed in range(2):
        body = [layers.Dense(8), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.5)]
        model = keras.Sequential([keras.Input((6,)), *body, layers.Dense(3, activation="softmax")])
        models.append(shaken(model, seed))
    models[0].compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return Case(models, ROWS, mean(*(alone(model, ROWS) for model in models)))


@kind
def recurrent_and_attention():
    x = RNG.normal(size=(12, 5, 4)).astype(np.float32)
    inputs = keras.Input((5, 4))
    recurrent = keras.Model(inputs, head(layers.Bidirectional(layers.SimpleRNN(3, dropout=0.5))(inputs)))
    inputs = keras.Input((5, 4))
    attended = layers.MultiHeadAttention(2, 3, dropout=0.5)(inputs, inputs)
    attention = keras.Model(inputs, head(layers.LayerNormalization()(layers.SpatialDropout1D(0.5)(attended))))
    models = [shaken(recurrent, 1), shaken(attention, 2)]
    return Case(models, x, mean(*(alone(model, x) for model in models)))


@kind
def augmentation_inside():
    x = BYTES / np.float32(255)
    inputs = keras.Input((8, 8, 3))
    flipped = layers.GaussianNoise(0.5)(layers.RandomZoom(0.5)(layers.RandomFlip()(inputs)))
    noisy = shaken(keras.Model(inputs, head(layers.Conv2D(2, 3)(flipped))), 1)
    still = shaken(
        keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten(), layers.Dense(3, activation="softmax")]), 2
    )
    return Case([noisy, still], x, mean(alone(noisy, x), alone(still, x)))


@kind
def normalisation_that_was_adapted():
    x = ROWS * 5 + 3
    normalise = layers.Normalization()
    normalise.adapt(x)
    inside = keras.Sequential([keras.Input((6,)), normalise, layers.Dense(3, activation="softmax")])
    plain = shaken(keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")]), 2)
    normalised = (x - x.mean(axis=0)) / x.std(axis=0)
    before = ke.Member(plain, preprocess=normalise, name="before")
    both = ke.Member(plain, preprocess=[layers.Rescaling(2.0, name="r"), layers.Rescaling(1.0, -1.0, name="r")])
    kernel, bias = inside.layers[-1].get_weights()
    by_hand = mean(softmax(normalised @ kernel + bias), alone(plain, normalised), alone(plain, x * 2 - 1))
    return Case([inside, before, both], x, by_hand)


@kind
def one_head_of_several():
    inputs = keras.Input((6,))
    kinds, sizes = layers.Dense(3, activation="softmax", name="kinds"), layers.Dense(2, name="sizes")
    by_name = shaken(keras.Model(inputs, {"kinds": kinds(inputs), "sizes": sizes(inputs)}), 1)
    inputs = keras.Input((6,))
    kinds, sizes = layers.Dense(3, activation="softmax", name="k"), layers.Dense(3, activation="softmax", name="s")
    listed = shaken(keras.Model(inputs, [kinds(inputs), sizes(inputs)]), 2)
    single = shaken(keras.Model(inputs := keras.Input((6,)), [head(inputs)]), 3)
    members = [ke.Member(by_name, head="kinds", name="a"), ke.Member(listed, head="s", name="b"), single]
    answers = (by_name(ROWS)["kinds"], listed(ROWS)[1], single(ROWS))
    return Case(members, ROWS, mean(*(keras.ops.convert_to_numpy(answer) for answer in answers)))


@kind
def one_layer_shared_by_members_and_used_twice():
    shared = layers.Dense(6, activation="tanh")
    inputs = keras.Input((6,))
    once = keras.Model(inputs, head(shared(inputs)))
    inputs = keras.Input((6,))
    twice = keras.Model(inputs, head(shared(shared(inputs))))
    shaken(once, 1)
    return Case([once, twice], ROWS, mean(alone(once, ROWS), alone(twice, ROWS)))


@kind
def word_indices():
    inputs = keras.Input((5,), dtype="int32")
    embedded = layers.Embedding(20, 4, mask_zero=True)(inputs)
    recurrent = shaken(keras.Model(inputs, head(layers.GRU(3)(layers.Dropout(0.5)(embedded)))), 1)
    inputs = keras.Input((5,), dtype="int32")
    bag = shaken(keras.Model(inputs, head(layers.Embedding(20, 4)(inputs))), 2)
    return Case([recurrent, bag], WORDS, mean(alone(recurrent, WORDS), alone(bag, WORDS)))


@kind
def whole_numbers_beside_floats():
    inputs = keras.Input((5,), dtype="int32")
    words = shaken(keras.Model(inputs, head(layers.Embedding(20, 4)(inputs))), 1)
    inputs = keras.Input((5,))
    numbers = shaken(keras.Model(inputs, head(inputs / 20)), 2)
    return Case([words, numbers], WORDS, mean(alone(words, WORDS), alone(numbers, WORDS.astype(np.float32))))


@kind
def images_as_bytes_of_two_sizes():
    models = []
    for seed, size in enumerate((8, 4)):
        inputs = keras.Input((size, size, 3), dtype="uint8")
        models.append(shaken(keras.Model(inputs, head(layers.Rescaling(1 / 255)(inputs))), seed))
    smaller = BYTES.reshape(12, 4, 2, 4, 2, 3).astype(np.float32)[:, :, :, :, :].mean(axis=(2, 4))
    scaled = ke.Member(models[0], preprocess="0..255", name="scaled")
    by_hand = mean(
        alone(models[0], BYTES), alone(models[1], np.round(smaller).astype(np.uint8)), alone(models[0], BYTES)
    )
    return Case([*models, scaled], BYTES, by_hand)


@kind
def half_precision():
    models = []
    for seed, policy in enumerate(("mixed_float16", "mixed_bfloat16", "float32")):
        body = [layers.Dense(8, activation="relu", dtype=policy), layers.Dense(3, activation="softmax", dtype=policy)]
        models.append(shaken(keras.Sequential([keras.Input((6,)), *body]), seed))
    answers = [alone(model, ROWS).astype(np.float64) for model in models]
    # A compiled bfloat16 layer rounds elsewhere than the same layer run step by step.
    return Case(models, ROWS, mean(*(answer / answer.sum(axis=-1, keepdims=True) for answer in answers)), atol=5e-3)


@kind
def sizes_channels_and_flat_inputs():
    x = BYTES[..., 0]
    grey = x[..., None].astype(np.float32)
    resized = functools.partial(keras.ops.image.resize, interpolation="bilinear", data_format="channels_last")
    wanted = {
        (8, 8): x.astype(np.float32),
        (8, 8, 1): grey,
        (64,): x.reshape(12, 64).astype(np.float32),
        (16, 16, 1): keras.ops.convert_to_numpy(resized(grey, (16, 16))),
        (5, 7, 3): keras.ops.convert_to_numpy(resized(np.repeat(grey, 3, axis=-1), (5, 7))),
        (None, None, 3): np.repeat(grey, 3, axis=-1),
    }
    models, answers = [], []
    for seed, (shape, data) in enumerate(wanted.items()):
        inputs = keras.Input(shape)
        pooled = layers.GlobalAveragePooling2D()(inputs) if None in shape else inputs
        models.append(shaken(keras.Model(inputs, head(layers.Rescaling(1 / 255)(pooled))), seed))
        answers.append(alone(models[-1], data))
    return Case(models, x, mean(*answers))


@kind
def colour_to_grey():
    grey = BYTES.astype(np.float32) @ np.array([0.2989, 0.5870, 0.1140], dtype=np.float32)
    models, answers = [], []
    for seed, (channels, data) in enumerate({3: BYTES.astype(np.float32), 1: grey[..., None]}.items()):
        inputs = keras.Input((8, 8, channels))
        models.append(shaken(keras.Model(inputs, head(layers.Rescaling(1 / 255)(inputs))), seed))
        answers.append(alone(models[-1], data))
    return Case(models, BYTES, mean(*answers))


@kind
def a_convention_for_each():
    x = BYTES.astype(np.float32)
    usual = functools.partial(keras.applications.imagenet_utils.preprocess_input, data_format="channels_last")
    wanted = {
        "0..1": x / 255,
        "0..255": x,
        "-1..1": usual(x.copy(), mode="tf"),
        "caffe": usual(x.copy(), mode="caffe"),
        "torch": usual(x.copy(), mode="torch"),
    }
    members, answers = [], []
    for seed, (convention, data) in enumerate(wanted.items()):
        inputs = keras.Input((8, 8, 3))
        model = shaken(keras.Model(inputs, head(inputs / 128), name="model"), seed)
        members.append(ke.Member(model, name=convention, preprocess=convention))
        answers.append(alone(model, data))
    return Case(members, BYTES, mean(*answers))


@kind
def classes_in_other_orders():
    members, answers = [], []
    for seed, order in enumerate((("a", "b", "c"), ("c", "a", "b"), ("b", "a", "c"))):
        model = shaken(keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")], name="model"), seed)
        members.append(ke.Member(model, classes=order))
        answers.append(alone(model, ROWS)[:, [order.index(name) for name in "abc"]])
    return Case(members, ROWS, mean(*answers))


@kind
def binary_of_three_shapes():
    models = []
    for seed, (units, activation) in enumerate(((1, "sigmoid"), (2, "softmax"), (1, None))):
        body = layers.Dense(units, activation=activation)
        models.append(shaken(keras.Sequential([keras.Input((6,)), body]), seed))
    sigmoid, both, logit = (alone(model, ROWS).astype(np.float64) for model in models)
    second = 1 / (1 + np.exp(-logit))
    pairs = (np.hstack([1 - sigmoid, sigmoid]), both, np.hstack([1 - second, second]))
    return Case([*models[:2], ke.Member(models[2], output="logits")], ROWS, mean(*pairs))


@kind
def logits_probabilities_and_log_probabilities():
    models = []
    for seed, activation in enumerate(("linear", "softmax", "log_softmax")):
        body = layers.Dense(3, activation=activation, use_bias=False)
        models.append(shaken(keras.Sequential([keras.Input((6,)), body]), seed))
    logits, probabilities, logs = (alone(model, ROWS) for model in models)
    return Case(models, ROWS, mean(softmax(logits), probabilities, np.exp(logs)))


def models_of(case):
    return [member.source if isinstance(member, ke.Member) else member for member in case.members]


def state(model):
    """All that a user can see of a model."""
    return (
        model.name,
        model.built,
        model.compiled,
        getattr(model, "output_names", None),
        [(layer.name, layer.trainable) for layer in model.layers],
        model.get_config(),
        [weights.tolist() for weights in model.get_weights()],
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Each kind, built, run and saved once."""
    folder = tmp_path_factory.mktemp("kinds")

    @functools.cache
    def make(name):
        case = KINDS[name]()
        before = [state(model) for model in models_of(case)]
        ensemble = ke.Ensemble(case.members)
        predicted = ensemble.predict(case.x)
        return Made(case, ensemble, predicted, ensemble.save(folder / f"{name}.keras"), before)

    return make


@pytest.fixture(scope="module")
def answered(made, bare):
    """What bare Keras on each backend answers for each kind's file."""
    files = {made(name).file: made(name).case.x for name in KINDS}
    open_on = functools.partial(bare, files, modules=["registered_classes"], path=str(HERE))
    with ThreadPoolExecutor() as pool:
        return dict(zip(INSTALLED, pool.map(open_on, INSTALLED), strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_the_ensemble_predicts_the_mean_of_its_members(made, name):
    assert np.ptp(made(name).case.by_hand, axis=0).max() > 0.1, "a case whose rows are all alike proves nothing"
    np.testing.assert_allclose(made(name).predicted, made(name).case.by_hand, atol=made(name).case.atol)


@pytest.mark.slow
@pytest.mark.parametrize("backend", INSTALLED)
@pytest.mark.parametrize("name", KINDS)
def test_its_file_answers_the_same_in_bare_keras_on_every_backend(made, answered, name, backend):
    np.testing.assert_allclose(answered[backend][made(name).file], made(name).predicted, atol=made(name).case.atol)


@pytest.mark.parametrize("name", KINDS)
def test_its_file_gives_the_whole_ensemble_back_with_all_of_it_frozen(made, name):
    case, ensemble, predicted, file, _ = made(name)
    loaded = ke.load(file)
    assert [member.name for member in loaded.members] == [member.name for member in ensemble.members]
    assert loaded.classes == ensemble.classes
    model = loaded.to_keras()
    np.testing.assert_allclose(alone(model, case.x), predicted, atol=case.atol)
    # Not so for a file that bare Keras opened: it forgets that the layers inside an attention layer are frozen.
    assert model.trainable_variables == []


@pytest.mark.parametrize("name", KINDS)
def test_the_users_models_stay_as_they_were(made, name):
    case, ensemble, _, _, before = made(name)
    ensemble.to_keras()(case.x, training=True)
    for model, then in zip(models_of(case), before, strict=True):
        assert state(model) == then


# What a custom class does in training is its own, here dropout.
@pytest.mark.parametrize("name", sorted(set(KINDS) - {"sequential-functional-and-subclassed"}))
def test_frozen_members_answer_in_training_as_at_inference(made, name):
    case, _, predicted, file, _ = made(name)
    model = keras.saving.load_model(file)
    for _ in range(2):
        trained_on = keras.ops.convert_to_numpy(model(case.x, training=True))
        np.testing.assert_allclose(trained_on, predicted, atol=case.atol)
