"""Stacking: a regression on all members' log-probabilities, kept as near to a pool as the rows ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.recipes import label
from kerasemble.combiners.weighted_geometric_average import WeightedGeometricAverage
from kerasemble.combiners.weights import not_converged, used_members
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, clipped_log, softmax
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import check_positive
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows, rows_that_count
from kerasemble.solvers.folds import content_folds, content_part
from kerasemble.solvers.multinomial import (
    CONSTANT,
    Features,
    loss_basis,
    pool_coefficients,
    solve_multinomial,
)
from kerasemble.solvers.shrinkage import choose_strength

_FOLDS = 5
# With fewer rows than this four in a fold say nothing, and the answer is the pool.
_FEW_ROWS = 20
# A strength is in rows, and much the same for 20,000 as for a million; so many rows, and products of a feature and a
# class, are enough to choose it by.
_MOST_ROWS, _LEAST_ROWS, _MOST_PRODUCTS = 20_000, 2_000, 400_000_000
_MOST_COEFFICIENTS = 1_000_000
_SHOWN = 12


@final
@dataclasses.dataclass(frozen=True)
class Stacking(Combiner):
    """A multinomial regression on members' log-probabilities, shrunk toward a weighted geometric average.

    combined = softmax(sum_m log max(p_m, 2**-24) @ A_m + b) with A_m = exp(log_weights_m) I + scale departures_m and
    b = scale bias, from (members, samples, ..., classes) to (samples, ..., classes). A_m (classes, classes) says what
    each class of a member tells of each true class, so confusions that a member makes again and again are mended.

    The weights are those of `WeightedGeometricAverage`. The rest minimises
    log loss + (strength / rows) (sum (A_m - w_m I)**2 + sum (b / 3)**2), solved to a certified gap; scale is
    strength**-0.5. Where cross-fitting shows no gain over the pool, only the pool's weights are learned.

    Args:
        strength: of the pull toward the pool, in rows; None for one of 1 to 10,000, or the pool itself, chosen by
            5-fold cross-fit: halfway from the strongest that is as good as the best to within one standard error to
            the best. Below 20 rows None is the pool.
        pool_strength: of the pool's own pull toward equal weights, as `WeightedGeometricAverage` has it.

    Raises:
        KerasembleError: a strength is not above zero and finite, or members times classes squared is above a million.

    Example:
        >>> from kerasemble import Predictions, Stacking
        >>> seen = Predictions.from_arrays({"a": [[0.8, 0.2], [0.3, 0.7]] * 20, "b": [[0.4, 0.6], [0.6, 0.4]] * 20})
        >>> Stacking(strength=10).fit(seen, [0, 1] * 20)(seen)[:2].round(1)
        array([[0.8, 0.2],
               [0.2, 0.8]], dtype=float32)

    Reference:
        Wolpert 1992, Neural Networks 5; Ting and Witten 1999, JAIR 10.
    """

    shrunk: ClassVar[bool] = True
    strength: float | None = None
    pool_strength: float = 10.0

    def check_options(self) -> None:
        """Refuse strengths out of their range."""
        for name, value in {"strength": self.strength, "pool_strength": self.pool_strength}.items():
            if (name, value) != ("strength", None):
                remedy = " For the pool itself take WeightedGeometricAverage." if value == np.inf else ""
                check_positive(name, value, remedy)

    def combine(self, values: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the softmax of the pool's log-probabilities and of what departs from them."""
        logs = clipped_log(values, xp)
        pool = xp.tensordot(xp.exp(learned["log_weights"]), logs, axes=1)
        if "departures" not in learned:
            return softmax(pool, xp)
        # Keras 3.15's tensordot over two axes at once fails on a batch of unknown size.
        members, classes, _ = learned["departures"].shape
        between = (1,) * (len(values.shape) - 3)
        departures = xp.reshape(learned["departures"], (members, *between, classes, classes))
        departure = xp.sum(xp.matmul(logs, departures), axis=0) + learned["bias"]
        return softmax(pool + learned["scale"] * departure, xp)

    def given(self, members: Sequence[str]) -> Learned | None:
        """Return None: all is learned."""
        del members
        return None

    def learn(self, predictions: Predictions, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the pool's weights, and how far the rows ask to depart from it."""
        members, classes = len(predictions.members), len(predictions.classes)
        _check_size(members, classes)
        predictions, labels, weights = rows_that_count(predictions, labels, weights)
        rows = effective_rows(weights)
        recipe = self._pool()
        pool = recipe.learn(predictions, labels, weights)
        strength = self.strength or self._chosen(recipe, predictions, labels, weights)
        if strength == np.inf:
            return pool
        features = Features(predictions)
        center = pool_coefficients(np.exp(pool.learned["log_weights"]), classes)
        basis = loss_basis(features, labels, weights, center)
        solution = solve_multinomial(features, labels, weights, center, strength / rows, basis=basis)
        departure = (solution.weights - center) * np.sqrt(strength)
        learned = {
            "log_weights": pool.learned["log_weights"],
            "departures": departure[:-1].reshape(members, classes, classes),
            "bias": CONSTANT * departure[-1],
            "scale": np.array(strength**-0.5),
        }
        return Fit(learned, solution.gap, (*pool.warnings, *not_converged(solution, label(self))))

    def _chosen(self, recipe: Combiner, predictions: Predictions, labels: IntArray, weights: RowWeights) -> float:
        """Return the strength that does best on rows held out, infinity for the pool itself."""
        if effective_rows(weights) < _FEW_ROWS:
            return np.inf
        products = len(predictions.members) * len(predictions.classes) ** 2
        part = content_part(predictions, labels, weights, min(_MOST_ROWS, max(_LEAST_ROWS, _MOST_PRODUCTS // products)))
        if len(part) < len(labels):
            predictions, labels, weights = predictions.rows(part), labels[part], weights[part]
        fold = content_folds(predictions, labels, weights, _FOLDS)
        fits = recipe.learn_each(predictions, labels, [weights * (fold != number) for number in range(_FOLDS)])
        pools = [np.exp(each.learned["log_weights"]) for each in fits]
        return choose_strength(Features(predictions), labels, weights, fold, pools)

    def _pool(self) -> WeightedGeometricAverage:
        return WeightedGeometricAverage(strength=self.pool_strength)

    def gives_probabilities(self, *, labels_only: bool) -> bool:
        """Return True: the regression softens labels too."""
        del labels_only
        return True

    def used(self, learned: Learned) -> IntArray | None:
        """Return the indices of the members whose weight is not zero, where only the pool was learned."""
        return None if "departures" in learned else used_members(learned["log_weights"])

    def weights_of(self, learned: Learned) -> npt.NDArray[np.float64] | None:
        """Return the pool's weights (members,), where only the pool was learned."""
        return None if "departures" in learned else np.exp(learned["log_weights"])

    def describe(self, learned: Learned, members: Sequence[str], classes: Sequence[str]) -> str:
        """Return the strength, and for each member the pool's weight and the norm of its departure."""
        if "departures" not in learned:
            return " (the log-linear pool itself, as corrections between classes do not pay)" + Combiner.describe(
                self, learned, members, classes
            )
        weights = np.exp(learned["log_weights"])
        scale = float(learned["scale"])
        departures = scale * np.linalg.norm(learned["departures"], axis=(1, 2))
        width = max(len("member"), *(len(name) for name in members[:_SHOWN]))
        # A fraction of the pool's weights would say nothing where these are near zero.
        lines = [
            f": a log-linear pool and corrections between classes, shrunk as by {_rows(scale**-2)} rows without any"
        ]
        lines.append(f"  {'member':<{width}}  pool weight  norm of its corrections")
        for name, weight, departure in list(zip(members, weights, departures, strict=True))[:_SHOWN]:
            lines.append(f"  {name:<{width}}  {weight:11.3f}  {departure:23.3g}")
        if len(members) > _SHOWN:
            lines.append(f"  and {len(members) - _SHOWN} more")
        return "\n".join(lines)


def _rows(strength: float) -> str:
    """Return a strength in rows, without an exponent where it can be read at a glance."""
    return f"{strength:,.0f}" if 100 <= strength < 1_000_000 else f"{strength:.3g}"


def _check_size(members: int, classes: int) -> None:
    coefficients = members * classes**2
    if coefficients > _MOST_COEFFICIENTS:
        msg = (
            f"Stacking learns members * classes**2 numbers, at most {_MOST_COEFFICIENTS:,}. Received: {members} "
            f"members and {classes} classes, {coefficients:,}. Take WeightedGeometricAverage or ClassWeightedAverage."
        )
        raise KerasembleError(msg)
