"""A dozen of `keras.applications` with random weights, at the smallest size that each allows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from keras import applications

_SMALL = {"weights": None, "classes": 4}
# These eight take eight seconds and 110 MB in one format; the others below have 60 to 110 MB each.
APPLICATIONS: dict[str, Callable[[], Any]] = {
    "app-mobilenet": partial(applications.MobileNet, (32, 32, 3), alpha=0.25, **_SMALL),
    "app-mobilenet-v2": partial(applications.MobileNetV2, (32, 32, 3), alpha=0.35, **_SMALL),
    "app-mobilenet-v3-small": partial(applications.MobileNetV3Small, (32, 32, 3), minimalistic=True, **_SMALL),
    "app-mobilenet-v3-large": partial(applications.MobileNetV3Large, (32, 32, 3), alpha=0.75, **_SMALL),
    "app-efficientnet-b0": partial(applications.EfficientNetB0, input_shape=(32, 32, 3), **_SMALL),
    "app-efficientnet-v2-b0": partial(applications.EfficientNetV2B0, input_shape=(32, 32, 3), **_SMALL),
    "app-nasnet-mobile": partial(applications.NASNetMobile, (32, 32, 3), **_SMALL),
    "app-densenet121": partial(applications.DenseNet121, input_shape=(32, 32, 3), **_SMALL),
}
LARGE: dict[str, Callable[[], Any]] = {
    "app-resnet50": partial(applications.ResNet50, input_shape=(32, 32, 3), **_SMALL),
    "app-resnet50-v2": partial(applications.ResNet50V2, input_shape=(32, 32, 3), **_SMALL),
    "app-xception": partial(applications.Xception, input_shape=(71, 71, 3), **_SMALL),
    "app-inception-v3": partial(applications.InceptionV3, input_shape=(75, 75, 3), **_SMALL),
    "app-vgg16": partial(applications.VGG16, input_shape=(32, 32, 3), include_top=False, pooling="avg", weights=None),
    "app-convnext-tiny": partial(applications.ConvNeXtTiny, input_shape=(32, 32, 3), **_SMALL),
}
