"""The metrics that a report gives, by name, as numbers of probabilities under row weights."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.selection_metric import Metric as Function
from kerasemble.combiners.selection_metric import NamedMetric, metric_of
from kerasemble.core.arrays import FloatArray, IntArray, first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.losses import brier_scores
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.calibration import calibration_error, classwise_error
from kerasemble.evaluation.ranking import ranked_area

# Weights that would make so many times as many rows are given as weights.
_MOST_REPEATED = 4
# A name, or a function of class indices, probabilities and perhaps `sample_weight` that is higher where better.
MetricName: TypeAlias = str | Function
# What a metric is of each row (samples,), where it is the mean of that.
OfRows: TypeAlias = Callable[[FloatArray, IntArray], npt.NDArray[np.float64]]
# A metric of fixed answers under row weights (samples,).
Prepared: TypeAlias = Callable[[RowWeights], float]
# From probabilities (samples, classes) and class indices to that.
Prepare: TypeAlias = Callable[[FloatArray, IntArray], Prepared]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric.

    Args:
        name: as it stands in a report.
        higher_is_better: or lower.
        prepare: from answers and labels to the metric as a function of row weights, so that it is quick under many.
        rows: what it is the weighted mean of; None where it is no mean over rows.
        resampled: whether its differences have an interval by resampling, where it is no mean over rows.
        of_decisions: whether only the most probable class matters, so that labels can be scored too.
    """

    name: str
    higher_is_better: bool
    prepare: Prepare
    rows: OfRows | None = None
    resampled: bool = True
    of_decisions: bool = False

    def value(self, probabilities: FloatArray, labels: IntArray, weights: RowWeights) -> float:
        """Return the metric of probabilities (samples, classes) under class indices and weights (samples,)."""
        return self.prepare(probabilities, labels)(weights)


def metrics_of(
    names: Sequence[MetricName] | None, predictions: Predictions, labels: IntArray
) -> tuple[tuple[Metric, ...], tuple[str, ...]]:
    """Return the metrics of these names; log loss and accuracy are always among them.

    Args:
        names: as `compare` takes them; the usual ones that are defined on the labels where None.
        predictions: whose classes these are.
        labels: (samples,) class indices.

    Returns:
        The metrics, and a sentence for each of the usual ones that is not defined on these labels.

    Raises:
        KerasembleError: there is no such metric, or one that was asked for is undefined on these labels.
    """
    classes = predictions.classes
    absent = [name for index, name in enumerate(classes) if not (labels == index).any()]
    known = {metric.name: metric for metric in _known(len(classes))}
    if names is None:
        wanted = [each for name, each in known.items() if name != "AUC" or not absent]
        said = (
            f"AUC is left out, since no row is labelled {first(absent)}, and it is undefined without." if absent else ""
        )
        return tuple(wanted), (said,) if said else ()
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) or callable(name) for name in names):
        msg = f"metrics must be a list of names or functions. Received: metrics={names!r}. Write metrics=[...]."
        raise KerasembleError(msg)
    found = {name: known[name] for name in ("log loss", "accuracy")}
    for name in names:
        metric = _find(name, known, predictions)
        if not isinstance(name, str) and metric.name in found:
            msg = f"Two of the metrics are called '{metric.name}'. Give each once, functions by a def of their own."
            raise KerasembleError(msg)
        if metric.name == "AUC" and absent:
            msg = (
                f"AUC is undefined on these {len(labels)} labels: no row is labelled {first(absent)}. Give rows of "
                "every class, or leave it out of metrics."
            )
            raise KerasembleError(msg)
        found[metric.name] = metric
    return tuple(found.values()), ()


# Metrics that a choice can be made by, as the losses that they are.
_MEASURES = {
    "logloss": "log loss",
    "brier": "brier",
    "accuracy": "error rate",
    "errorrate": "error rate",
    "balancedaccuracy": "balanced error rate",
    "balancederrorrate": "balanced error rate",
}


def measure_of(name: str) -> str:
    """Return the loss of a metric that a choice can be made by: "accuracy" is the error rate.

    Raises:
        KerasembleError: no choice can be made by it, since it is no mean over rows.
    """
    found = _MEASURES.get(_plain(name)) if isinstance(name, str) else None
    if found is None:
        msg = (
            f"select_by={name!r} is not a metric to choose by. Choose by 'log loss', 'brier', 'accuracy' or 'balanced "
            "accuracy', which are means over rows; metrics=[...] reports the others."
        )
        raise KerasembleError(msg)
    return found


def asked_for(names: Sequence[MetricName] | None, metrics: Sequence[Metric]) -> tuple[str, ...]:
    """Return the names of the metrics that were asked for besides those that every report shows."""
    if names is None:
        return ()
    return tuple(metric.name for metric in metrics if metric.name not in ("log loss", "accuracy"))


def _find(name: MetricName, known: dict[str, Metric], predictions: Predictions) -> Metric:
    if not isinstance(name, str):
        return _of_function(NamedMetric(name), predictions)
    plain = _plain(name)
    for each in known.values():
        if _plain(each.name) == plain:
            return each
    top = re.fullmatch(r"top(\d+)(accuracy)?", plain)
    if top and 0 < int(top[1]) < len(predictions.classes):
        return _top(int(top[1]))
    return _of_function(name, predictions)


def _plain(name: str) -> str:
    """Return a name without what people write in one way or another."""
    return re.sub(r"[-_ ]", "", name).lower()


def _known(classes: int) -> list[Metric]:
    tops = [k for k, least in ((3, 5), (5, 20)) if classes > least]
    return [
        Metric("log loss", higher_is_better=False, prepare=partial(_mean_of, log_losses), rows=log_losses),
        Metric("brier", higher_is_better=False, prepare=partial(_mean_of, brier_scores), rows=brier_scores),
        Metric("accuracy", higher_is_better=True, prepare=partial(_mean_of, hits), rows=hits, of_decisions=True),
        Metric(
            "balanced accuracy",
            higher_is_better=True,
            prepare=partial(_of_confusion, _balanced_accuracy),
            of_decisions=True,
        ),
        Metric("macro F1", higher_is_better=True, prepare=partial(_of_confusion, _macro_f1), of_decisions=True),
        Metric("AUC", higher_is_better=True, prepare=ranked_area),
        *map(_top, tops),
        Metric("ECE", higher_is_better=False, prepare=calibration_error, resampled=False),
        Metric("classwise ECE", higher_is_better=False, prepare=classwise_error, resampled=False),
    ]


def _top(k: int) -> Metric:
    rows = partial(_in_top, k)
    return Metric(f"top-{k} accuracy", higher_is_better=True, prepare=partial(_mean_of, rows), rows=rows)


def _in_top(k: int, probabilities: FloatArray, labels: IntArray) -> npt.NDArray[np.float64]:
    """Return for each row whether the true class is among the k most probable, ties by their share."""
    true = probabilities[np.arange(len(labels)), labels][:, None]
    above, level = (probabilities > true).sum(axis=-1), (probabilities == true).sum(axis=-1)
    return np.asarray(((k - above) / level).clip(0, 1), dtype=np.float64)


def _mean_of(rows: OfRows, probabilities: FloatArray, labels: IntArray) -> Prepared:
    values = rows(probabilities, labels)
    return lambda weights: float(weights @ values / weights.sum())


def _of_confusion(score: Callable[[FloatArray], float], probabilities: FloatArray, labels: IntArray) -> Prepared:
    """Return a score of how often each class (rows) is answered as each (columns), ties by their share."""
    width = probabilities.shape[1]
    top = probabilities == probabilities.max(axis=-1, keepdims=True)
    at, answers = np.nonzero(top)
    shares, cells = 1 / top.sum(axis=-1)[at], labels[at] * width + answers
    return lambda weights: score(
        np.bincount(cells, weights[at] * shares, width**2).astype(np.float64).reshape(width, width)
    )


def _balanced_accuracy(confusion: FloatArray) -> float:
    """Return the mean share of each class's rows that are right, of the classes that have rows."""
    rows = confusion.sum(axis=1)
    return float((np.diag(confusion)[rows > 0] / rows[rows > 0]).mean())


def _macro_f1(confusion: FloatArray) -> float:
    """Return the mean of each class's harmonic mean of precision and recall, of classes that occur or are answered."""
    either = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * np.diag(confusion)[either > 0] / either[either > 0]).mean())


def _of_function(name: str, predictions: Predictions) -> Metric:
    """Return one of scikit-learn's scorers, or a function that was given.

    Raises:
        KerasembleError: there is no such metric, or it is undefined on the labels.
    """

    def prepare(probabilities: FloatArray, labels: IntArray) -> Prepared:
        def score(weights: RowWeights) -> float:
            rows = _repeated(weights)
            if rows is None:
                return metric_of(name, predictions, labels, weights)(probabilities)
            return metric_of(name, predictions, labels[rows], np.ones(len(rows)))(probabilities[rows])

        return score

    return Metric(str(name), higher_is_better=True, prepare=prepare)


def _repeated(weights: RowWeights) -> IntArray | None:
    """Return rows, each as often as it counts, None where that is no whole number: what takes no weights takes these.

    A resample of rows that count alike is so.
    """
    times = weights / weights[weights > 0].min()
    whole = times.round()
    if np.abs(times - whole).max() > 1e-9 or whole.sum() > _MOST_REPEATED * len(weights):
        return None
    return np.repeat(np.arange(len(weights)), whole.astype(np.int64))
