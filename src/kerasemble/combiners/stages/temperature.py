"""One number that softens or sharpens all probabilities."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

import numpy as np

from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.stages.base import Combined, Stage
from kerasemble.combiners.weights import log_weights, not_converged
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, clipped_log, softmax
from kerasemble.core.options import check_positive
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.core.tasks import parse_task
from kerasemble.solvers.log_linear_pool import solve_log_linear_pool


@final
@dataclasses.dataclass(frozen=True)
class Temperature(Stage):
    """Divide the log-probabilities by a temperature.

    calibrated = softmax(log max(p, 2**-24) / T), from (samples, ..., classes) to the same shape. No row's most
    probable class changes. T above one softens, below one sharpens.

    The power 1 / T minimises log loss + (strength / rows) (1 / T - 1)**2, solved exactly. Rows are effective ones
    where they have weights: (sum of weights)**2 / sum of squared weights.

    Args:
        strength: of the pull toward T = 1, in rows; without any T would be zero where every row is right.

    Raises:
        KerasembleError: the strength is not above zero.

    Example:
        >>> from kerasemble import Average, Chain, Predictions, Temperature
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]] * 50})
        >>> Chain(Average(), (Temperature(),)).fit(seen, [0, 1, 1] * 50)
        Fitted chain: average of 1 member (a), then temperature 4.069

    Reference:
        Guo, Pleiss, Sun and Weinberger 2017, ICML.
    """

    strength: float = 0.1

    def check_options(self) -> None:
        """Refuse a strength out of its range."""
        check_positive("strength", self.strength)

    def learn(self, probabilities: Combined, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the temperature of least log loss."""
        classes = probabilities.shape[-1]
        names = tuple(map(str, range(classes)))
        alone = Predictions(probabilities[None], ("combined",), names, parse_task(None, classes))
        solution = solve_log_linear_pool(alone, labels, weights, self.strength / effective_rows(weights))
        return Fit({"log_power": log_weights(solution.weights)}, solution.gap, not_converged(solution, "temperature"))

    def apply(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the probabilities to the power 1 / T, divided by their sum."""
        return softmax(xp.exp(learned["log_power"]) * clipped_log(probabilities, xp), xp)

    def describe(self, learned: Learned) -> str:
        """Return the temperature."""
        return f"temperature {float(np.exp(-learned['log_power'][0])):.4g}"
