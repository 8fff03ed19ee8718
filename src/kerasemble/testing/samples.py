"""Small, seeded predictions: plain ones, and those at which formulas break."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.arrays import FloatArray, IntArray, softmax
from kerasemble.core.errors import KerasembleWarning
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight, RowWeights
from kerasemble.core.tasks import Task

MEMBERS = ("a", "b", "c")
CLASSES = ("ant", "bee", "cow", "dog")


class Sample(NamedTuple):
    """What members answered, and the class index (samples,) of each row."""

    predictions: Predictions
    labels: IntArray


def plain(samples: int = 90, seed: int = 0) -> Sample:
    """Return three members of different skill and sharpness, over four classes."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(samples) % len(CLASSES))
    skill, sharpness = np.array([1.5, 2.5, 0.5]), np.array([1.0, 2.0, 0.3])
    hits = np.eye(len(CLASSES))[labels]
    logits = skill[:, None, None] * hits + rng.normal(size=(len(MEMBERS), samples, len(CLASSES)))
    return Sample(_predictions(softmax(logits * sharpness[:, None, None], np)), labels)


def hard() -> dict[str, Sample]:
    """Return, by what makes it hard, what a combiner must still answer."""
    sample = plain(40)
    values, labels = sample.predictions.values, sample.labels
    corners = np.eye(len(CLASSES))[(labels + np.arange(len(MEMBERS))[:, None]) % len(CLASSES)]
    wrong = np.eye(len(CLASSES))[np.broadcast_to((labels + 1) % len(CLASSES), values.shape[:2])]
    constant = np.concatenate([values[:2], np.broadcast_to(values[2:, :1], values[2:].shape)])
    two = labels % 2
    return {
        "exact zeros and ones": Sample(_predictions(corners), labels),
        "no member gives the true class anything": Sample(_predictions(wrong), labels),
        "a constant member": Sample(_predictions(constant), labels),
        "uniform members": Sample(_predictions(np.full(values.shape, 1 / len(CLASSES))), labels),
        "identical members": Sample(_predictions(np.broadcast_to(values[:1], values.shape)), labels),
        "one row": Sample(_predictions(values[:, :1]), labels[:1]),
        "one label only": Sample(sample.predictions, np.zeros_like(labels)),
        "classes absent from the labels": Sample(sample.predictions, two),
        "two classes": Sample(_predictions(softmax(np.log(values[..., :2]), np)), two),
        "tied votes": Sample(_predictions(_tied()), np.arange(4)),
    }


def fit(
    combiner: Combiner,
    predictions: Predictions,
    labels: IntArray,
    sample_weight: RowWeights | None = None,
    class_weight: ClassWeight | None = None,
) -> FittedCombiner:
    """Return a combiner fitted to one of these samples, which are too small to be fitted to without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KerasembleWarning)
        return combiner.fit(predictions, labels, sample_weight=sample_weight, class_weight=class_weight)


def _tied() -> FloatArray:
    """Return rows in which all members vote for different classes, or cannot decide themselves."""
    one, two, three = [0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.1, 0.0, 0.1, 0.8]
    split, even = [0.45, 0.45, 0.1, 0.0], [0.25, 0.25, 0.25, 0.25]
    return np.array([[one, one, split, even], [two, two, split, even], [three, even, one, even]])


def _predictions(values: FloatArray) -> Predictions:
    classes = CLASSES[: values.shape[-1]]
    task = Task.BINARY if len(classes) == 2 else Task.MULTICLASS
    return Predictions(np.array(values, dtype=np.float32), MEMBERS, classes, task)
