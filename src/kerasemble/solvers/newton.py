"""Minimise a smooth convex function of a few weights by Newton's steps, to a certified bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from kerasemble.solvers.quadratic import Matrix, Quadratic, Vector, nonnegative

_MAX_STEPS = 100
_SUFFICIENT_DECREASE = 1e-4
_SHORTEST_STEP = 1e-12
# A kept Hessian serves while each step divides the gap by at least this much; with its own it is far more.
_FAST_ENOUGH = 10.0


class Evaluation(NamedTuple):
    """A function's value, gradient (members,), Hessian (members, members), and a bound on value - minimum."""

    value: float
    gradient: Vector
    hessian: Matrix
    gap: float


class Solution(NamedTuple):
    """What was found.

    Args:
        weights: (members,) the weights.
        gap: the certified bound on how far their value is above the minimum.
        values: the function's value at the start and after each step.
        hessian: (members, members) of the last step.
        penalty: how much of the last value is shrinkage, which depends on how many members there are.
    """

    weights: Vector
    gap: float
    values: tuple[float, ...]
    hessian: Matrix
    penalty: float = 0.0

    @property
    def loss(self) -> float:
        """The last value less the shrinkage, by which solutions for different members can be compared."""
        return self.values[-1] - self.penalty


# Called with weights, and with whether the Hessian is needed; where it is not, any matrix may stand in its place.
Function: TypeAlias = Callable[[Vector, bool], Evaluation]


def minimise(
    function: Function,
    start: Vector,
    gap: float,
    quadratic: Quadratic = nonnegative,
    hessian: Matrix | None = None,
) -> Solution:
    """Return the weights that minimise a convex `function`, from `start`, to the certified `gap`.

    Each step minimises the quadratic model over the weights that `quadratic` allows, and then halves the step until
    the value falls: the sequential quadratic programming of Kim, Carbonetto, Stephens and Anitescu 2020,
    J. Comput. Graph. Statist. 29(2). It stops early where no step falls further, at the precision of float64; the
    returned gap says where that is.

    Args:
        function: convex; infinite where it is not defined.
        start: allowed weights (members,).
        gap: the bound on value - minimum at which to stop.
        quadratic: minimises a quadratic over the allowed weights.
        hessian: one from nearby, such as of a part of the rows. It is kept, corrected by how the gradient changes, and
            the function is asked for its own only where a step with it was slow.
    """
    keeping = hessian is not None
    best, weights = function(start, not keeping), start
    model = best.hessian if hessian is None else hessian
    values, fresh = [best.value], not keeping
    while best.gap > gap and len(values) <= _MAX_STEPS:
        direction = quadratic(model, best.gradient, weights) - weights
        slope = float(best.gradient @ direction)
        trial, length = _step(function, weights, direction, best, slope, curvature=not keeping)
        stuck = trial is None or slope >= 0
        if stuck and fresh:
            break
        if trial is None or stuck:
            trial, length = best, 0.0
        moved = length * direction
        slow = keeping and trial.gap > max(gap, best.gap / _FAST_ENOUGH)
        if slow:
            trial = function(weights + moved, True)  # noqa: FBT003 - Function's second
        fresh = slow or not keeping
        model = trial.hessian if fresh else _updated(model, moved, trial.gradient - best.gradient)
        best, weights = trial, weights + moved
        values.append(best.value)
    return Solution(weights, best.gap, tuple(values), model)


def _updated(hessian: Matrix, step: Vector, change: Vector) -> Matrix:
    """Return the Hessian corrected by how the gradient changed over a step.

    The update of Broyden, Fletcher, Goldfarb and Shanno: Nocedal and Wright 2006, Numerical Optimization, 6.1.
    """
    along = hessian @ step
    if not (step @ change > 0 and step @ along > 0):
        return hessian
    return np.asarray(hessian + np.outer(change, change) / (step @ change) - np.outer(along, along) / (step @ along))


def _step(
    function: Function, weights: Vector, direction: Vector, best: Evaluation, slope: float, *, curvature: bool
) -> tuple[Evaluation | None, float]:
    """Return the first of the halved steps at which the value falls enough, and its length; None where none is.

    Near the minimum a fall is lost in the value's rounding; a step that lowers the gap by far is as good there.
    """
    length = 1.0
    while length >= _SHORTEST_STEP:
        trial = function(weights + length * direction, curvature)
        falls = trial.value <= best.value + _SUFFICIENT_DECREASE * length * slope
        if falls or trial.gap <= best.gap / _FAST_ENOUGH:
            return trial, length
        length /= 2
    return None, 0.0
