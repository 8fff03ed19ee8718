"""The metrics that members are selected by: functions, and those that scikit-learn names."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Callable
from typing import Any, Self, TypeAlias, final

import numpy as np

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights

# Takes class indices (samples,) and probabilities (samples, classes); higher is better. One that can weight rows has
# an argument `sample_weight` (samples,) as well.
Metric: TypeAlias = Callable[..., float]

BUILT_IN = ("log_loss", "accuracy", "brier")


@final
class NamedMetric(str):
    """A function's name, "module:qualname", that carries the function: an option that can be hashed and written.

    What is read back from a file is the name alone.
    """

    __slots__ = ("function",)
    function: Metric

    def __new__(cls, function: Metric) -> Self:
        """Return the name of a function or of a callable object's class."""
        named = function if hasattr(function, "__qualname__") else type(function)
        name = super().__new__(cls, f"{named.__module__}:{named.__qualname__}")
        name.function = function
        return name

    def __getnewargs__(self) -> tuple[Any, ...]:
        """Return what a pickle makes it from."""
        return (self.function,)

    def __deepcopy__(self, memo: object) -> Self:
        """Return this itself: it never changes, and the function may not be one that can be copied."""
        return self


def metric_of(
    metric: str, predictions: Predictions, labels: IntArray, weights: RowWeights
) -> Callable[[FloatArray], float]:
    """Return the metric as a function of probabilities (samples, classes), for these labels and row weights.

    Args:
        metric: a `NamedMetric`, or the name of one of scikit-learn's scorers.
        predictions: whose classes these are.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.

    Raises:
        KerasembleError: there is no such metric, scikit-learn is missing, or rows have weights and the metric takes
            none.
    """
    function = _function(metric, len(predictions.classes))
    options = {} if weights.min() == weights.max() else {"sample_weight": weights}
    if options and isinstance(metric, NamedMetric) and not _takes_weights(function):
        raise KerasembleError(_no_weights(metric))

    def score(probabilities: FloatArray) -> float:
        try:
            value = float(function(labels, probabilities, **options))
        except KerasembleError:
            raise
        except TypeError as error:
            if options and "sample_weight" in str(error):
                raise KerasembleError(_no_weights(metric)) from error
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # It was raised within the function: the user's own.
            msg = (
                f"The metric '{metric}' cannot be called with class indices of shape {labels.shape} and probabilities "
                f"of shape {probabilities.shape}: {error}. Give a function of these two that returns a number, the "
                "higher the better."
            )
            raise KerasembleError(msg, code=Code.OPTION) from error
        except ValueError as error:
            raise KerasembleError(_undefined(metric, str(error), labels, predictions.classes)) from error
        if not np.isfinite(value):
            raise KerasembleError(_undefined(metric, f"it is {value}", labels, predictions.classes))
        return value

    return score


def _function(metric: str, classes: int) -> Metric:
    """Return what a metric's name stands for."""
    if isinstance(metric, NamedMetric):
        return metric.function
    if ":" in metric:
        msg = (
            f"metric='{metric}' is the name of a function, as a file keeps it, and nothing is imported from what a "
            "file says. To select anew give the function itself: GreedySelection(metric=the_function)."
        )
        raise KerasembleError(msg)
    return _of_scikit_learn(metric, classes)


def _of_scikit_learn(name: str, classes: int) -> Metric:
    """Return one of scikit-learn's scorers as a function of labels and probabilities."""
    try:
        from sklearn.base import BaseEstimator, ClassifierMixin
        from sklearn.metrics import get_scorer, get_scorer_names
    except ImportError as error:
        msg = (
            f"metric='{name}' is none of {', '.join(BUILT_IN)}, and scikit-learn, which knows others by name, cannot "
            f"be imported ({error}). Install it: pip install scikit-learn."
        )
        raise KerasembleError(msg) from error
    known = [*BUILT_IN, *get_scorer_names()]
    if name not in known:
        near = [each for each in known if name and each.startswith(name)] or difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = (
            f"There is no metric '{name}'.{hint} Take {', '.join(BUILT_IN)}, a name in "
            "sklearn.metrics.get_scorer_names(), or a function of labels and probabilities."
        )
        raise KerasembleError(msg)
    scorer = get_scorer(name)

    class Given(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        """A classifier whose input is what it answers, because a scorer asks a classifier and not an array."""

        classes_ = np.arange(classes)

        def predict_proba(self, probabilities: FloatArray) -> FloatArray:
            return probabilities

        def predict(self, probabilities: FloatArray) -> IntArray:
            return np.asarray(probabilities.argmax(axis=-1), dtype=np.int64)

    given = Given()

    def score(labels: IntArray, probabilities: FloatArray, **options: RowWeights) -> float:
        with warnings.catch_warnings():
            # Of classes that a candidate never predicts or that have no label: what the score is says all.
            warnings.simplefilter("ignore", UserWarning)
            return float(scorer(given, probabilities, labels, **options))

    return score


def _takes_weights(function: Metric) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # Some callables written in C tell nothing.
        return True
    return any(each.name == "sample_weight" or each.kind is each.VAR_KEYWORD for each in parameters)


def _no_weights(metric: str) -> str:
    return (
        f"The metric '{metric}' takes no sample_weight, and the rows differ in weight. Select by log_loss, accuracy or "
        "brier, give a function of labels, probabilities and sample_weight, or leave the weights out."
    )


def _undefined(metric: str, cause: str, labels: IntArray, classes: tuple[str, ...]) -> str:
    if "multi_class" in cause:
        return f"The metric '{metric}' is of two classes, and there are {len(classes)}. Take '{metric}_ovr'."
    present = [classes[index] for index in np.unique(labels)]
    seen = f"all are '{present[0]}'" if len(present) == 1 else f"{len(present)} of {len(classes)} classes occur"
    return (
        f"The metric '{metric}' is undefined on these {len(labels)} labels, of which {seen}: {cause.rstrip('.')}. "
        "Give labelled rows of every class, or select by a metric that needs none of them, such as log_loss."
    )
