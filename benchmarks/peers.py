"""What people use today to combine predictions: one small function each, from plain arrays to plain arrays.

`values` is (members, samples, classes) float32 probabilities, `labels` (samples,) class indices, `votes`
(members, samples) uint8 class indices. `pip install -r benchmarks/requirements.txt` brings the packages. Each is
imported where it is used, so call a function once before timing it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, nnls

Array: TypeAlias = npt.NDArray[Any]

# The least probability that a logarithm sees where a peer leaves the clip to its user; the project's own.
FLOOR = 2.0**-24


def true_class(values: Array, labels: Array) -> Array:
    """Return the probability that each member gave to the true class: (members, samples) float64, at least FLOOR."""
    return np.maximum(values[:, np.arange(len(labels)), labels].astype(np.float64), FLOOR)


def certified_gap(true: Array, weights: Array) -> float:
    """Return log max_m mean(L_m / (w L)), above the distance in log loss from the pool of `weights` to the best one.

    Args:
        true: (members, samples) probabilities of the true class, L.
        weights: (members,) on the simplex, w.
    """
    return float(np.log((true @ (1 / (weights @ true))).max() / true.shape[1]))


def slsqp_as_written(values: Array, labels: Array) -> Array:
    """Return weights (members,) from SLSQP on scikit-learn's log loss, without a gradient.

    Source: the `log_loss_func` shared in Kaggle's Otto Group competition (2015), which notebooks and posts repeat to
    this day, with SciPy's default tolerance: the certified gap it reaches is about 1e-4. Two changes: it divides by the
    sum over classes, as scikit-learn's `log_loss` once did itself and without which that raises now, and it starts at
    equal weights, not at 0.5 each, which saves it a tenth of the time.
    """

    def log_loss_of(weights: Array) -> float:
        blend = 0
        for weight, prediction in zip(weights, values, strict=True):
            blend += weight * prediction
        return _log_loss(labels, blend)

    return _slsqp_without_gradient(log_loss_of, len(values))


def slsqp_expert(values: Array, labels: Array, tolerance: float = 1e-12) -> Array:
    """Return weights (members,) from SLSQP with the analytic gradient, on the probabilities of the true class alone.

    Source: the same problem as an expert would write it: f(w) = -mean log(w L), gradient -L (1 / (w L)) / samples.

    Args:
        values: (members, samples, classes).
        labels: (samples,).
        tolerance: SLSQP's `ftol`; at 1e-12 the certified gap was below 1e-6 wherever we looked.
    """
    true = true_class(values, labels)
    members, samples = true.shape

    def evaluate(weights: Array) -> tuple[float, Array]:
        mixture = weights @ true
        return -float(np.log(mixture).mean()), true @ (-1 / (samples * mixture))

    start = np.full(members, 1 / members)
    sums_to_one = {"type": "eq", "fun": lambda weights: weights.sum() - 1, "jac": lambda _: np.ones(members)}
    options = {"ftol": tolerance, "maxiter": 1000}
    found = minimize(
        evaluate, start, jac=True, method="SLSQP", bounds=[(0, 1)] * members, constraints=[sums_to_one], options=options
    )
    return _on_simplex(found.x)


def em(values: Array, labels: Array, tolerance: float = 1e-5, max_steps: int = 2000) -> Array:
    """Return weights (members,) from expectation-maximisation for mixture proportions, w <- w * mean(L / (w L)).

    Source: Dempster, Laird and Rubin 1977, section 4.3, with the components known.

    Args:
        values: (members, samples, classes).
        labels: (samples,).
        tolerance: the certified gap, in nats, at which to stop.
        max_steps: stop here all the same; `certified_gap` tells how far it came.
    """
    true = true_class(values, labels)
    members, samples = true.shape
    weights = np.full(members, 1 / members)
    for _ in range(max_steps):
        growth = true @ (1 / (weights @ true)) / samples
        if np.log(growth.max()) <= tolerance:
            break
        weights *= growth
    return weights


class _Recorder:
    """AutoGluon's default source of chance, which also keeps what was drawn: the member that each step selected."""

    def __init__(self) -> None:
        self._source = np.random.RandomState(0)  # what AutoGluon has, so that ties fall the same way
        self.drawn: list[int] = []

    def choice(self, best: Sequence[int]) -> int:
        chosen = self._source.choice(best)
        self.drawn.append(int(chosen))
        return chosen


def autogluon(
    values: Array, labels: Array, steps: int = 100, metric: str = "log_loss", tie_breaker: str = "random"
) -> tuple[Array, Array]:
    """Return the order of selected members (steps,) and the weights (members,) of AutoGluon's greedy selection.

    The order is that of all steps; the weights are AutoGluon's own, counted up to its best step.

    Source: autogluon.core 1.6, `EnsembleSelection`, after Caruana et al. 2004. Always as a multiclass problem:
    AutoGluon itself gives two classes to it as one column of probabilities.

    Args:
        values: (members, samples, classes); multiplied by 1 / step in this dtype, then added in float64.
        labels: (samples,).
        steps: members to select, with replacement; a single member is selected once only.
        metric: "log_loss", "accuracy" or another of AutoGluon's names.
        tie_breaker: "random", or "second_metric", which is log loss.
    """
    from autogluon.core.metrics import get_metric
    from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection

    recorder = _Recorder()
    selection = EnsembleSelection(
        ensemble_size=steps,
        problem_type="multiclass",
        metric=get_metric(metric, "multiclass"),
        tie_breaker=tie_breaker,
        random_state=recorder,
    )
    selection.fit(list(values), labels)
    return np.array(recorder.drawn), selection.weights_


def hillclimb(values: Array, labels: Array, precision: float = 0.01) -> Array:
    """Return weights (members,) from the hill climbing of Kaggle's notebooks.

    Source: hillclimbers 0.1, `climb_hill`. It knows one column of predictions a member, so classes are laid end to end
    and the metric folds them back; its "test predictions" are unit vectors, which it blends into the weights.

    Args:
        values: (members, samples, classes).
        labels: (samples,).
        precision: the step between the weights that it tries for each member, up to 0.5.
    """
    import pandas as pd
    from hillclimbers import climb_hill, partial

    members, samples, classes = values.shape
    names = [f"member {index}" for index in range(members)]

    def log_loss_of(_: pd.Series, blend: pd.Series) -> float:
        return _log_loss(labels, blend.to_numpy().reshape(samples, classes))

    with redirect_stdout(io.StringIO()):
        return climb_hill(
            train=pd.DataFrame({"label": labels}),
            oof_pred_df=pd.DataFrame(values.reshape(members, -1).T, columns=names),
            test_pred_df=pd.DataFrame(np.eye(members), columns=names),
            target="label",
            objective="minimize",
            eval_metric=partial(log_loss_of),
            precision=precision,
            plot_hill=False,
        )


def brier_slsqp(values: Array, labels: Array) -> Array:
    """Return weights (members,) from SLSQP on the Brier score, without a gradient.

    Source: the same notebooks as for `slsqp_as_written`, with the metric exchanged.
    """
    target = np.eye(values.shape[2])[labels]

    def brier_of(weights: Array) -> float:
        blend = 0
        for weight, prediction in zip(weights, values, strict=True):
            blend += weight * prediction
        return float(((blend - target) ** 2).sum(axis=1).mean())

    return _slsqp_without_gradient(brier_of, len(values))


def brier_nnls(values: Array, labels: Array) -> Array:
    """Return weights (members,) from non-negative least squares on the stacked predictions, then normalised.

    Source: Breiman 1996, "Stacked regressions"; the super learner's default (van der Laan, Polley and Hubbard 2007).
    """
    members, _, classes = values.shape
    target = np.eye(classes)[labels]
    weights, _ = nnls(values.reshape(members, -1).T.astype(np.float64), target.ravel())
    return _on_simplex(weights)


def lbfgs_log_linear(
    values: Array, labels: Array, ridge: float, tolerance: float = 1e-5, *, classes_first: bool = False
) -> Array:
    """Return weights (members,) >= 0 of the log-linear pool from L-BFGS-B with the analytic gradient.

    It minimises mean(-log softmax(sum_m w_m log p_m)[label]) + ridge * sum((w - 1/members)**2).

    Source: how an expert would write it with SciPy: logarithms once, two matrix products an evaluation.

    Args:
        values: (members, samples, classes).
        labels: (samples,).
        ridge: strength of the shrinkage toward equal weights.
        tolerance: the largest entry of the projected gradient at which to stop; SciPy's default.
        classes_first: lay the logarithms out as (members, classes, samples) first, as someone would who knows that
            NumPy is slow at short rows: 1.6 times as fast at 10 classes, about the same at 1000.
    """
    members, samples, classes = values.shape
    rows = np.arange(samples)
    if classes_first:
        values, shape, axis, true = values.transpose(0, 2, 1), (classes, samples), 0, labels * samples + rows
    else:
        shape, axis, true = (samples, classes), 1, rows * classes + labels
    logs = np.maximum(values, FLOOR, dtype=np.float64, order="C").reshape(members, -1)
    np.log(logs, out=logs)

    def evaluate(weights: Array) -> tuple[float, Array]:
        flat = weights @ logs
        pool = flat.reshape(shape)
        pool -= pool.max(axis=axis, keepdims=True)
        reached = flat[true]
        np.exp(pool, out=pool)
        totals = pool.sum(axis=axis, keepdims=True)
        pool /= totals
        flat[true] -= 1
        offset = weights - 1 / members
        value = float((np.log(totals.ravel()) - reached).mean()) + ridge * float(offset @ offset)
        return value, logs @ flat / samples + 2 * ridge * offset

    start = np.full(members, 1 / members)
    # By its default `ftol` the change of the value, not the gradient, would stop it.
    options = {"gtol": tolerance, "ftol": 1e-15, "maxiter": 1000}
    return minimize(evaluate, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * members, options=options).x


def logistic_stacking(values: Array, labels: Array) -> tuple[Array, Array]:
    """Return coefficients (classes, members * classes) and intercepts (classes,) of a multinomial meta-learner.

    Source: Ting and Witten 1999, as in scikit-learn's `StackingClassifier` with its default final estimator, here on
    log-probabilities. Only classes among `labels` have a row; where there are two, they share one.
    """
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate(list(np.log(np.maximum(values, FLOOR))), axis=1)
    fitted = LogisticRegression(max_iter=1000).fit(features, labels)
    return fitted.coef_, fitted.intercept_


def keras_softmax(values: Array, labels: Array, epochs: int = 100, batch_size: int = 256) -> Array:
    """Return weights (members,) from a Keras layer, the softmax of one number a member, trained with Adam.

    Source: the "trainable weighted average" layer of many posts and forum answers, with Keras's default rate.

    Args:
        values: (members, samples, classes).
        labels: (samples,).
        epochs: passes over the samples.
        batch_size: samples a step.
    """
    import keras

    class SoftmaxAverage(keras.Layer):
        def build(self, shape: tuple[int | None, ...]) -> None:
            self.scores = self.add_weight(shape=(shape[1],), initializer="zeros", name="scores")

        def call(self, predictions: Any) -> Any:  # noqa: ANN401 - a tensor of any backend
            return keras.ops.einsum("nmc,m->nc", predictions, keras.ops.softmax(self.scores))

    keras.utils.set_random_seed(0)
    layer = SoftmaxAverage()
    model = keras.Sequential([keras.Input((values.shape[0], values.shape[2])), layer])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    model.fit(values.transpose(1, 0, 2), labels, epochs=epochs, batch_size=batch_size, verbose=0)
    return keras.ops.convert_to_numpy(keras.ops.softmax(layer.scores))


def vote_apply_along_axis(votes: Array, classes: int) -> Array:
    """Return the plurality (samples,), ties to the lowest class.

    Source: scikit-learn's `VotingClassifier`, and most answers to the question how to vote in NumPy.
    """
    return np.apply_along_axis(lambda column: np.bincount(column, minlength=classes).argmax(), 0, votes)


def vote_mode(votes: Array) -> Array:
    """Return the plurality (samples,), ties to the lowest class, from `scipy.stats.mode`."""
    from scipy.stats import mode

    return mode(votes, axis=0).mode


def vote_flat_bincount(votes: Array, classes: int) -> Array:
    """Return the plurality (samples,), ties to the lowest class, from one count of sample * classes + vote.

    Source: the vectorised answer to the same question.
    """
    samples = votes.shape[1]
    cells = votes + classes * np.arange(samples)
    return np.bincount(cells.ravel(), minlength=samples * classes).reshape(samples, classes).argmax(axis=1)


def vote_crowdkit(votes: Array) -> Array:
    """Return the plurality (samples,), ties to the lowest class, from crowd-kit; its table included."""
    from crowdkit.aggregation import MajorityVote

    return MajorityVote().fit_predict(_crowd_table(votes)).sort_index().to_numpy()


def vote_of_probabilities(values: Array) -> Array:
    """Return the plurality (samples,) of members' most probable classes, ties to the lowest class.

    Source: `argmax`, then as `vote_apply_along_axis`.
    """
    return vote_apply_along_axis(values.argmax(axis=2), values.shape[2])


def dawid_skene_crowdkit(votes: Array) -> Array:
    """Return the probability of each class that anyone voted for, in ascending order: (samples, classes seen).

    Source: crowd-kit's `DawidSkene`, at most 100 steps of Dawid and Skene 1979; its table included.
    """
    from crowdkit.aggregation import DawidSkene

    return DawidSkene(n_iter=100).fit_predict_proba(_crowd_table(votes)).sort_index().sort_index(axis=1).to_numpy()


def mean_of_stack(arrays: Sequence[Array]) -> Array:
    """Return the mean (samples, classes) of arrays of that shape, as nearly everyone writes it."""
    return np.stack(arrays).mean(axis=0)


def _log_loss(labels: Array, blend: Array) -> float:
    from sklearn.metrics import log_loss

    return log_loss(labels, blend / blend.sum(axis=1, keepdims=True), labels=np.arange(blend.shape[1]))


def _slsqp_without_gradient(loss: Callable[[Array], float], members: int) -> Array:
    sums_to_one = {"type": "eq", "fun": lambda weights: 1 - sum(weights)}
    start = [1 / members] * members
    found = minimize(loss, start, method="SLSQP", bounds=[(0, 1)] * members, constraints=[sums_to_one])
    return _on_simplex(found.x)


def _on_simplex(weights: Array) -> Array:
    return weights / weights.sum()


def _crowd_table(votes: Array) -> Any:  # noqa: ANN401 - a pandas.DataFrame; pandas is imported where it is used
    import pandas as pd

    members, samples = votes.shape
    return pd.DataFrame(
        {
            "task": np.tile(np.arange(samples), members),
            "worker": np.repeat(np.arange(members), samples),
            "label": votes.ravel(),
        }
    )
