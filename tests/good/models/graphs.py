"""Models that are graphs: several inputs and outputs, shared and nested parts, operations."""

from __future__ import annotations

import keras
from keras import layers, ops

from models.registry import Model, classify, good, stack, through


@good
def merging() -> Model:
    source = keras.Input((4,))
    left, right = layers.Dense(4)(source), layers.Dense(4)(source)
    kinds = (layers.Minimum, layers.Maximum, layers.Average, layers.Multiply, layers.Subtract, layers.Add)
    return keras.Model(source, classify(layers.Concatenate()([kind()([left, right]) for kind in kinds])))


@good
def two_towers() -> Model:
    left, right = keras.Input((4,), name="left"), keras.Input((6,), name="right")
    score = layers.Dot(axes=1, normalize=True)([layers.Dense(3)(left), layers.Dense(3)(right)])
    return keras.Model([left, right], classify(score, 1, "sigmoid"))


@good
def inputs_by_name() -> Model:
    sources = {"image": keras.Input((6, 6, 1), name="image"), "age": keras.Input((1,), name="age")}
    x = layers.Concatenate()([layers.Flatten()(sources["image"]), sources["age"]])
    return keras.Model(sources, classify(x))


@good
def two_outputs() -> Model:
    source = keras.Input((4,))
    x = layers.Dense(4, "relu")(source)
    return keras.Model(source, [layers.Dense(3, "softmax", name="kind")(x), layers.Dense(1, name="size")(x)])


@good
def outputs_by_name() -> Model:
    source = keras.Input((4,))
    return keras.Model(source, {"kind": classify(source), "side": classify(source, 1, "sigmoid")})


@good
def shared_layer() -> Model:
    left, right, shared = keras.Input((4,)), keras.Input((4,)), layers.Dense(3, "relu")
    return keras.Model([left, right], classify(layers.Concatenate()([shared(left), shared(right)])))


@good
def nested() -> Model:
    source = keras.Input((4,))
    inner = keras.Model(source, layers.Dense(5, "relu")(source), name="backbone")
    outer = keras.Input((4,))
    return keras.Model(outer, classify(inner(outer)))


@good
def nested_sequential() -> Model:
    inner = stack((4,), layers.Dense(5, "relu"), layers.Dense(5))
    return stack((4,), inner, layers.Dense(3, "softmax"))


@good
def nested_deep() -> Model:
    model = stack((4,), layers.Dense(4, "relu"))
    for _ in range(3):
        model = stack((4,), model, layers.Dense(4, "relu"))
    return through((4,), model)


@good
def nested_last() -> Model:
    return stack((4,), layers.Dense(4), stack((4,), layers.Dense(3, "softmax")))


@good
def shared_model() -> Model:
    inner = stack((4,), layers.Dense(4, "relu"))
    source = keras.Input((4,))
    return keras.Model(source, classify(inner(inner(source))))


@good
def operations() -> Model:
    source = keras.Input((6, 4))
    x = ops.concatenate([ops.mean(source, axis=1), ops.max(source, axis=1), ops.relu(source[:, 0])], axis=-1)
    x = ops.matmul(ops.expand_dims(x, 1), ops.ones((12, 5)))
    return keras.Model(source, ops.softmax(layers.Dense(3)(ops.squeeze(x, axis=1))))


@good
def arithmetic() -> Model:
    source = keras.Input((4,))
    return keras.Model(source, classify((source * 2 + 1) / 3 - layers.Dense(4)(-source) ** 2))


@good
def reshaped() -> Model:
    body = (
        layers.Reshape((4, 4, 1)),
        layers.ZeroPadding2D(1),
        layers.Cropping2D(1),
        layers.Permute((3, 1, 2)),
        layers.Flatten(),
        layers.RepeatVector(2),
        layers.Flatten(),
    )
    return through((16,), *body)
