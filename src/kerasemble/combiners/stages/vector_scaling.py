"""A factor and a shift of its own for each class's log-probability."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import final

from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.stages.base import Combined, Stage
from kerasemble.combiners.weights import not_converged
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary, clipped_log, softmax
from kerasemble.core.options import check_positive
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.vector_scaling import solve_vector_scaling


@final
@dataclasses.dataclass(frozen=True)
class VectorScaling(Stage):
    """Scale and shift each class's log-probability.

    calibrated = softmax(scale_c log max(p_c, 2**-24) + shift_c), from (samples, ..., classes) to the same shape.

    Scales and shifts minimise log loss + (strength / rows) sum_c ((scale_c - 1)**2 + shift_c**2), which is convex,
    solved exactly. Rows are effective ones where they have weights: (sum of weights)**2 / sum of squared weights.

    Args:
        strength: of the pull toward leaving the probabilities alone, in rows.

    Raises:
        KerasembleError: the strength is not above zero.

    Example:
        >>> from kerasemble import Average, Chain, Predictions, VectorScaling
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]] * 50})
        >>> fitted = Chain(Average(), (VectorScaling(),)).fit(seen, [0, 1, 1] * 50)
        >>> fitted(seen)[1].argmax()
        np.int64(1)

    Reference:
        Guo, Pleiss, Sun and Weinberger 2017, ICML.
    """

    strength: float = 1.0

    def check_options(self) -> None:
        """Refuse a strength out of its range."""
        check_positive("strength", self.strength)

    def learn(self, probabilities: Combined, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the scales and shifts of least shrunk log loss."""
        solution = solve_vector_scaling(probabilities, labels, weights, self.strength / effective_rows(weights))
        scales, shifts = solution.weights.reshape(2, -1)
        return Fit({"scales": scales, "shifts": shifts}, solution.gap, not_converged(solution, "vector scaling"))

    def apply(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return the softmax of the scaled and shifted log-probabilities."""
        return softmax(learned["scales"] * clipped_log(probabilities, xp) + learned["shifts"], xp)

    def describe(self, learned: Learned) -> str:
        """Return the range of the scales and of the shifts."""
        scales, shifts = learned["scales"], learned["shifts"]
        return (
            f"vector scaling (scales {scales.min():.3f} to {scales.max():.3f}, shifts {shifts.min():.3f} to "
            f"{shifts.max():.3f})"
        )
