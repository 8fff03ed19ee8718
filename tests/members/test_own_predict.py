"""A model whose own `predict` does more than its graph is read as it predicts, or refused."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import kerasemble as ke
from kerasemble import KerasembleError
from kerasemble.core.codes import Code
from kerasemble.members.inspection.configuration import check_configuration
from kerasemble.members.inspection.record import Refused, Weights
from kerasemble.members.own_predict import has_own_predict

pytestmark = pytest.mark.backend

X = np.random.default_rng(0).uniform(0, 255, (12, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).uniform(0, 255, (8, 10, 8, 3)).astype(np.float32)
SCALE = 0.01


def graph(kind=keras.Model, features=6):
    inputs = keras.Input((features,))
    return kind(inputs, layers.Dense(3, activation="softmax")(inputs), name="net")


class Scaling(keras.Model):
    def predict(self, x, **options):
        return super().predict(np.asarray(x) * SCALE, **options)


class ScalingSequential(keras.Sequential):
    def predict(self, x):
        return super().predict(np.asarray(x) * SCALE, verbose=0)


class Step(keras.Model):
    """Its `predict_step`, which has other arguments on each backend, gives the logarithm."""

    def predict_step(self, *arguments):
        answer = super().predict_step(*arguments)
        if isinstance(answer, tuple):
            return keras.ops.log(answer[0]), *answer[1:]
        return keras.ops.log(answer)


class Labels(keras.Model):
    def predict(self, x, **options):
        return super().predict(x, **options).argmax(axis=1)


class Paths(keras.Model):
    def predict(self, paths):
        return [Path(path).read_bytes() for path in paths]


class Logging(keras.Model):
    def predict(self, x, **options):
        self.rows = len(x)
        return super().predict(x, **options)


class SameStep(keras.Model):
    def predict_step(self, *arguments):
        return super().predict_step(*arguments)


@keras.saving.register_keras_serializable("own_predict")
class Converter(layers.Layer):
    """As KerasHub's: it resizes, then scales."""

    def __init__(self, size, **options):
        super().__init__(**options)
        self.image_size = size

    def call(self, images):
        return keras.ops.image.resize(images, self.image_size, data_format="channels_last") * SCALE

    def compute_output_shape(self, shape):
        return (shape[0], *self.image_size, shape[-1])

    def get_config(self):
        return {**super().get_config(), "size": self.image_size}


class Preprocessor:
    def __init__(self, converter):
        self.image_converter = converter

    def __call__(self, images):
        return keras.ops.convert_to_numpy(self.image_converter(images))


@keras.saving.register_keras_serializable("own_predict")
class Task(keras.Model):
    """As KerasHub's tasks: a functional model, whose `predict` begins with a preprocessor."""

    def __init__(self, size=(4, 4), **options):
        inputs = keras.Input((None, None, 3))
        super().__init__(inputs, layers.Dense(3, "softmax")(layers.GlobalMaxPooling2D()(inputs)), **options)
        self.preprocessor = Preprocessor(Converter(size))

    def predict(self, x, **options):
        return super().predict(x if self.preprocessor is None else self.preprocessor(x), **options)

    def get_config(self):
        return {"size": self.preprocessor.image_converter.image_size, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def refusal(member, x=X):
    with pytest.raises(KerasembleError) as caught:
        ke.predict([member], x)
    return caught.value


def difference(error):
    return float(re.search(r"by up to (\S+?)\.? ", str(error)).group(1))


def sequential():
    model = ScalingSequential([keras.Input((6,)), layers.Dense(3, activation="softmax")], name="net")
    return model, model.predict(X)


def step():
    model = graph(Step)
    return model, model.predict(X, verbose=0)


def functional():
    model = graph(Scaling)
    return model, model.predict(X, verbose=0)


def replaced_on_the_object():
    model = graph()
    model.predict = lambda x, **_: np.full((len(x), 3), 1 / 3, np.float32)
    return model, model.predict(X)


@pytest.mark.parametrize("build", [functional, sequential, step, replaced_on_the_object])
def test_15_11_a_predict_that_differs_from_the_graph_is_refused_with_the_difference(build):
    model, own = build()
    error = refusal(ke.Member(model, name="mine"))
    assert error.code == Code.PREDICT_DIFFERS
    assert "'mine'" in str(error)
    by_graph = keras.ops.convert_to_numpy(model(X, training=False))
    assert difference(error) == pytest.approx(np.abs(by_graph - own)[:4].max(), rel=0.06)


@pytest.mark.parametrize("kind", [Labels, Paths])
def test_15_11_a_predict_that_returns_something_else_or_fails_is_refused(kind):
    assert refusal(graph(kind)).code == Code.PREDICT_DIFFERS


@pytest.mark.parametrize("kind", [Logging, SameStep])
def test_15_11_a_predict_that_does_what_the_graph_does_is_read_as_any(kind):
    model = graph(kind)
    expected = keras.ops.convert_to_numpy(model(X, training=False))
    np.testing.assert_allclose(ke.predict([model], X).values[0], expected, atol=1e-6)
    model_scaled = ke.Member(model, preprocess=layers.Rescaling(SCALE))
    expected = keras.ops.convert_to_numpy(model(X * SCALE, training=False))
    np.testing.assert_allclose(ke.predict([model_scaled], X).values[0], expected, atol=1e-6)


def test_15_11_each_cure_that_the_error_names_works():
    model = graph(Scaling)
    own = model.predict(X, verbose=0)
    layer = ke.Member(model, preprocess=[layers.Rescaling(SCALE)])
    np.testing.assert_allclose(ke.predict([layer], X).values[0], own, atol=1e-6)
    function = ke.Member(lambda x: model.predict(x, verbose=0), name="net")
    np.testing.assert_allclose(ke.predict([function], X).values[0], own, atol=1e-6)
    plain = keras.Model(model.inputs, model.outputs)
    by_graph = keras.ops.convert_to_numpy(model(X, training=False))
    np.testing.assert_allclose(ke.predict([plain], X).values[0], by_graph, atol=1e-6)
    assert refusal(ke.Member(model, preprocess=[layers.Rescaling(SCALE / 2)])).code == Code.PREDICT_DIFFERS


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.last = keras.layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.last(x)

    def predict(self, x, **options):
        return super().predict(x, **options).argmax(axis=1)


def test_15_11_the_cure_for_a_model_that_does_not_know_its_inputs_works():
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    model = Subclassed()
    model(x)
    with pytest.raises(KerasembleError) as caught:
        ke.predict([model], x)
    assert caught.value.code == Code.PREDICT_DIFFERS
    assert "x = keras.Input((4,)); keras.Model(x, model(x))" in str(caught.value)
    inputs = keras.Input((4,))
    seen = ke.predict([keras.Model(inputs, model(inputs))], x)
    np.testing.assert_allclose(seen.values[0], keras.ops.convert_to_numpy(model(x)), atol=1e-6)


def test_15_11_keras_own_models_are_not_asked_twice():
    bare = [graph(), keras.Sequential([keras.Input((6,)), layers.Dense(3, activation="softmax")])]
    assert not any(has_own_predict(model) for model in bare)
    for model in bare:
        model.predict(X, verbose=0)  # which leaves a compiled function on the object
        assert not has_own_predict(model)
    assert all(has_own_predict(graph(kind)) for kind in (Scaling, Step, Logging))


def test_15_11_a_tasks_image_converter_becomes_part_of_the_member_and_of_the_file(tmp_path):
    tasks = [Task(name="a"), Task(size=(5, 3), name="b")]
    own = [task.predict(IMAGES, verbose=0) for task in tasks]
    assert np.abs(own[0] - keras.ops.convert_to_numpy(tasks[0](IMAGES, training=False))).max() > 0.01
    seen = ke.predict(tasks, IMAGES)
    np.testing.assert_allclose(seen.values, own, atol=1e-5)
    ensemble = ke.Ensemble(tasks)
    np.testing.assert_allclose(ensemble.predict(IMAGES), np.mean(own, axis=0), atol=1e-5)
    file = ensemble.save(tmp_path / "both.keras")
    bare = keras.saving.load_model(file)
    np.testing.assert_allclose(bare.predict(IMAGES, verbose=0), np.mean(own, axis=0), atol=1e-5)
    np.testing.assert_allclose(ke.load(file).predict(IMAGES), np.mean(own, axis=0), atol=1e-5)


def test_15_11_a_task_in_a_file_is_read_as_it_predicts(tmp_path):
    task = Task(name="a")
    task.save(tmp_path / "a.keras")
    np.testing.assert_allclose(
        ke.predict([tmp_path / "a.keras"], IMAGES).values[0], task.predict(IMAGES, verbose=0), atol=1e-5
    )


def test_15_11_layers_of_the_users_take_the_converters_place_and_are_not_added_to_it():
    task = Task(name="a")
    member = ke.Member(task, preprocess=[task.preprocessor.image_converter])
    np.testing.assert_allclose(ke.predict([member], IMAGES).values[0], task.predict(IMAGES, verbose=0), atol=1e-5)
    other = ke.Member(task, preprocess=[layers.Resizing(4, 4)])
    assert refusal(other, IMAGES).code == Code.PREDICT_DIFFERS


def test_15_11_a_task_without_a_preprocessor_is_its_graph():
    task = Task(name="a")
    task.preprocessor = None
    by_graph = keras.ops.convert_to_numpy(task(IMAGES, training=False))
    np.testing.assert_allclose(ke.predict([task], IMAGES).values[0], by_graph, atol=1e-6)


def test_15_11_a_preprocessor_that_predict_does_not_use_changes_nothing():
    model = graph()
    model.preprocessor = Preprocessor(layers.Rescaling(SCALE))
    by_graph = keras.ops.convert_to_numpy(model(X, training=False))
    np.testing.assert_allclose(ke.predict([model], X).values[0], by_graph, atol=1e-6)


def hub_config(registered):
    return {
        "module": "keras_hub.src.models.image_classifier",
        "class_name": "ImageClassifier",
        "config": {"name": "net"},
        "registered_name": registered,
    }


@pytest.mark.parametrize(
    ("registered", "code"), [("keras_hub>ImageClassifier", "custom-class"), (None, "class"), ("own>Other", "class")]
)
def test_15_11_kerashubs_registered_classes_are_the_users_to_vouch_for_and_no_other_of_its_names(registered, code):
    with pytest.raises(Refused) as caught:
        check_configuration(hub_config(registered), Weights({}))
    assert caught.value.code == code


@pytest.mark.skipif(importlib.util.find_spec("keras_hub") is None, reason="KerasHub is not installed")
def test_15_11_a_kerashub_task_is_read_as_it_predicts(tmp_path):
    import keras_hub

    backbone = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 64],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(None, None, 3),
    )
    converter = keras_hub.layers.ResNetImageConverter(image_size=(8, 8), scale=[SCALE] * 3, offset=[-1.0, -0.9, -0.8])
    task = keras_hub.models.ImageClassifier(
        backbone=backbone,
        num_classes=3,
        preprocessor=keras_hub.models.ResNetImageClassifierPreprocessor(image_converter=converter),
        activation="softmax",
    )
    own = task.predict(IMAGES, verbose=0)
    task.save(tmp_path / "task.keras")
    np.testing.assert_allclose(ke.predict([task, tmp_path / "task.keras"], IMAGES).values, [own, own], atol=1e-5)
