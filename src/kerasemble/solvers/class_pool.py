"""The weights of one class in a linear pool whose weights differ by class, shrunk toward weights common to all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import CLIP, FloatArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.newton import Evaluation, Function, Solution, minimise
from kerasemble.solvers.quadratic import Vector, on_simplex


def class_means(predictions: Predictions, weights: Sequence[RowWeights]) -> npt.NDArray[np.float64]:
    """Return the members' mean probability of each class under each weighting: (weightings, members, classes).

    With the probabilities of the true class they are all that a class's weights depend on.

    Args:
        predictions: read once, in blocks of samples; what is below 2**-24 counts as that.
        weights: (samples,) how much each row counts, for each weighting.
    """
    members, classes = len(predictions.members), len(predictions.classes)
    shares = np.stack([each / each.sum() for each in weights])
    means = np.zeros((members, len(shares), classes))
    for rows in blocks(predictions.samples, members * classes):
        block = predictions.block(rows)
        means += shares[:, rows] @ np.maximum(block, CLIP, out=block)
    return np.asarray(means.swapaxes(0, 1))


def solve_class_pool(
    true: FloatArray,
    shares: RowWeights,
    mean: Vector,
    center: Vector,
    *,
    entropy: float = 0.0,
    ridge: float = 0.0,
    gap: float = 1e-8,
) -> Solution:
    """Return the w on the simplex that minimise -sum(shares log(w @ true)) + w @ mean, shrunk toward a center.

    Added is entropy sum(center log(center / w)) + ridge |w - center|**2; one of the strengths is above zero.

    Over all classes, the sum of the first two is the mean of -log v_y + sum_c v_c with v_c = w_c @ p_c. It is no less
    than one plus the log loss of v / sum_c v_c, because log(s) <= s - 1, and as much where all classes share weights.

    The certificate is that of a convex function on the simplex, f(w) - f* <= g @ w - min(g), with g the gradient.

    Args:
        true: (members, rows) what members gave to this class, all above zero, in the rows of which it is the label.
        shares: (rows,) how much each of these rows counts, of the one that all rows together do.
        mean: (members,) what members gave to this class on average over all rows.
        center: (members,) weights of sum one, none below zero: where to shrink to, and to start from.
        entropy: strength of the pull by relative entropy, which lets no weight of the center become zero.
        ridge: strength of the pull by squares.
        gap: the bound on f(w) - f*, in nats, at which to stop.

    Reference:
        Jaggi 2013, ICML, for the certificate.
    """
    members, rows_of_class = true.shape
    pulled = np.flatnonzero(center) if entropy else np.array([], dtype=np.int64)
    pull = entropy * center[pulled]

    def evaluate(mixing: Vector, curvature: bool) -> Evaluation:  # noqa: FBT001 - as newton.Function has it
        offset, kept = mixing - center, mixing[pulled]
        hessian = 2 * ridge * np.eye(members)
        if (kept <= 0).any():
            return Evaluation(np.inf, mean, hessian, np.inf)
        loss = float(mixing @ mean + ridge * offset @ offset + pull @ np.log(center[pulled] / kept))
        slope = mean + 2 * ridge * offset
        slope[pulled] -= pull / kept
        hessian[pulled, pulled] += pull / kept**2
        for rows in blocks(rows_of_class, members):
            block = true[:, rows].astype(np.float64)
            mixture = mixing @ block
            loss -= float(shares[rows] @ np.log(mixture))
            block /= mixture
            slope -= block @ shares[rows]
            if curvature:
                block *= np.sqrt(shares[rows])
                hessian += block @ block.T
        # Rounding can leave a bound just below zero.
        return Evaluation(loss, slope, hessian, max(0.0, float(slope @ mixing - slope.min())))

    return _polished(evaluate, minimise(evaluate, center, gap, on_simplex), gap)


def _polished(function: Function, solution: Solution, gap: float) -> Solution:
    """Return the solution after those whole steps that lower its bound.

    The bound is proportional to the gradient's error, the value to its square: where the value no longer shows a
    step, the bound can still be 1e-7, and two steps more make it 1e-12.
    """
    while solution.gap > gap:
        here = function(solution.weights, True)  # noqa: FBT003 - Function's second
        weights = on_simplex(here.hessian, here.gradient, solution.weights)
        there = function(weights, False)  # noqa: FBT003
        if there.gap >= solution.gap:
            break
        solution = Solution(weights, there.gap, (*solution.values, there.value), here.hessian)
    return solution
