"""Models of images: convolutions, augmentation, segmentation."""

from __future__ import annotations

import keras
from keras import layers

from models.registry import Model, classify, good, stack, through


@good
def convolution_2d() -> Model:
    return stack(
        (12, 12, 3),
        layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(3, "softmax"),
    )


@good
def convolution_3d() -> Model:
    body = (layers.Conv3D(2, 2), layers.MaxPooling3D(), layers.GlobalAveragePooling3D())
    return through((6, 6, 6, 1), *body)


@good
def separable() -> Model:
    body = (layers.SeparableConv2D(4, 3), layers.DepthwiseConv2D(3, depth_multiplier=2), layers.GlobalMaxPooling2D())
    return through((12, 12, 3), *body)


@good
def transposed() -> Model:
    body = (layers.Conv2DTranspose(4, 3, strides=2), layers.UpSampling2D(2), layers.GlobalAveragePooling2D())
    return through((4, 4, 3), *body)


@good
def dilated_groups() -> Model:
    body = (layers.Conv2D(4, 3, dilation_rate=2), layers.Conv2D(4, 3, groups=2), layers.GlobalAveragePooling2D())
    return through((12, 12, 4), *body)


@good
def residual() -> Model:
    source = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same")(source)
    for _ in range(2):
        y = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
        x = layers.Add()([x, layers.BatchNormalization()(y)])
    return keras.Model(source, classify(layers.GlobalAveragePooling2D()(x)))


@good
def branches() -> Model:
    source = keras.Input((8, 8, 3))
    x = layers.Concatenate()([layers.Conv2D(2, size, padding="same")(source) for size in (1, 3, 5)])
    return keras.Model(source, classify(layers.Flatten()(x)))


@good
def rescaled() -> Model:
    body = (layers.Resizing(8, 8), layers.CenterCrop(6, 6), layers.Rescaling(1 / 127.5, -1), layers.Flatten())
    return through((12, 12, 3), *body, dtype="uint8")


@good
def augmented() -> Model:
    body = (layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1), layers.RandomContrast(0.1))
    return through((8, 8, 3), *body, layers.GaussianNoise(0.1), layers.Flatten())


@good
def large_kernel() -> Model:
    return through((32, 32, 3), layers.Conv2D(4, 31, padding="same"), layers.GlobalAveragePooling2D())


@good
def any_size() -> Model:
    return through((None, None, 3), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D())


@good
def channels_first() -> Model:
    body = (
        layers.ZeroPadding2D(data_format="channels_first"),
        layers.GlobalAveragePooling2D(data_format="channels_first"),
    )
    return through((3, 8, 8), *body)


@good
def segmentation() -> Model:
    source = keras.Input((16, 16, 3))
    down = layers.Conv2D(4, 3, padding="same")(source)
    up = layers.UpSampling2D()(layers.MaxPooling2D()(down))
    return keras.Model(source, layers.Conv2D(2, 1, activation="softmax")(layers.Concatenate()([down, up])))
