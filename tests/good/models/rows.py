"""Models of rows of numbers: activations, normalisation, precision, training, names."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from models.registry import Model, classify, good, stack, through


def _compiled(model: Model, **options: Any) -> Model:
    """Return the model with an optimizer that has numbers of its own, as after training."""
    model.compile(**options)
    model.optimizer.build(model.trainable_variables)
    return model


@good
def one_layer() -> Model:
    return stack((4,), layers.Dense(3, activation="softmax"))


@good
def perceptron() -> Model:
    return stack((4,), layers.Dense(8, "relu"), layers.Dropout(0.5), layers.Dense(3, "softmax"))


@good
def perceptron_functional() -> Model:
    return through((4,), layers.Dense(8, "gelu"), layers.Dense(8, "swish"))


@good
def logits() -> Model:
    return stack((4,), layers.Dense(8, "relu"), layers.Dense(3))


@good
def sigmoid_of_one() -> Model:
    return stack((4,), layers.Dense(1, activation="sigmoid"))


@good
def activation_layer() -> Model:
    return stack((4,), layers.Dense(3), layers.Activation("softmax"))


@good
def softmax_layer() -> Model:
    return stack((4,), layers.Dense(3), layers.Softmax())


@good
def activations() -> Model:
    names = ("elu", "selu", "mish", "softplus", "softsign", "tanh", "hard_sigmoid", "leaky_relu", "log_softmax")
    return through((4,), *(layers.Dense(4, activation=name) for name in names))


@good
def activation_layers() -> Model:
    body = (layers.PReLU(), layers.LeakyReLU(0.1), layers.ELU(), layers.ReLU(max_value=6))
    return through((4,), *body)


@good
def normalisations() -> Model:
    body = (layers.BatchNormalization(), layers.LayerNormalization(), layers.GroupNormalization(2))
    return through((4,), *body, layers.UnitNormalization(), layers.RMSNormalization())


@good
def wrapped() -> Model:
    return through((4,), layers.SpectralNormalization(layers.Dense(4)))


@good
def normalised() -> Model:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(size=(20, 4)))
    return through((4,), layer)


@good
def categories() -> Model:
    source = keras.Input((1,), dtype="int64")
    x = layers.Concatenate()([layers.CategoryEncoding(5, "multi_hot")(source), layers.CategoryEncoding(7)(source)])
    return keras.Model(source, classify(x))


@good
def bins() -> Model:
    return through((4,), layers.Discretization([0.0, 0.5, 1.0]), layers.Rescaling(0.5))


@good
def half_precision() -> Model:
    policy = "mixed_float16"
    return stack((4,), layers.Dense(4, dtype=policy), layers.Dense(3, "softmax", dtype="float32"))


@good
def brain_half_precision() -> Model:
    return stack((4,), layers.Dense(4, dtype="mixed_bfloat16"), layers.Dense(3, "softmax", dtype="float32"))


@good
def whole_half_precision() -> Model:
    return stack((4,), layers.Dense(4, dtype="float16"), layers.Dense(3, "softmax", dtype="float16"))


@good
def trained() -> Model:
    model = stack((4,), layers.Dense(3, "softmax"))
    return _compiled(model, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])


@good
def trained_with_schedule() -> Model:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=1.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metrics = [keras.metrics.SparseTopKCategoricalAccuracy(2), "accuracy"]
    return _compiled(stack((4,), layers.Dense(3)), optimizer=optimizer, loss=loss, metrics=metrics)


@good
def regularised() -> Model:
    options = {
        "kernel_initializer": keras.initializers.RandomNormal(stddev=0.1, seed=1),
        "bias_initializer": keras.initializers.Constant(0.1),
        "kernel_regularizer": keras.regularizers.L1L2(1e-3, 1e-3),
        "kernel_constraint": keras.constraints.MaxNorm(2),
        "activity_regularizer": "l2",
    }
    return through((4,), layers.Dense(4, **options))


@good
def frozen() -> Model:
    model = stack((4,), layers.Dense(4), layers.BatchNormalization(), layers.Dense(3, "softmax"))
    model.layers[0].trainable = False
    return model


@good
def long_names() -> Model:
    return through((4,), layers.Dense(4, name="d" * 200), layers.Dense(4, name="e" * 200))


@good
def names_of_other_scripts() -> Model:
    return through((4,), layers.Dense(4, name="été"), layers.Dense(4, name="层"), layers.Dense(4, name="сло́й 🙂"))


@good
def odd_names() -> Model:
    return through(
        (4,), layers.Dense(4, name="a b.c-d:0"), layers.Dense(4, name="layers"), layers.Dense(4, name="vars")
    )


@good
def many_layers() -> Model:
    return stack((4,), *(layers.Dense(4, "relu") for _ in range(150)), layers.Dense(3, "softmax"))


@good
def wide() -> Model:
    return stack((100,), layers.Dense(5000, "relu"), layers.Dense(3, "softmax"))


@good
def fixed_batch() -> Model:
    source = keras.Input(batch_shape=(8, 4))
    return keras.Model(source, classify(source))


@good
def many_classes() -> Model:
    return stack((4,), layers.Dense(21_843, "softmax"))
