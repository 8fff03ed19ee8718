"""A multinomial regression on members' log-probabilities, shrunk toward a log-linear pool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kerasemble.core.arrays import CLIP, IntArray, blocks
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import RowWeights
from kerasemble.solvers.lbfgs import Options, minimise_lbfgs
from kerasemble.solvers.newton import Solution
from kerasemble.solvers.quadratic import Matrix, Vector

# The constant stands beside log-probabilities, centred ones of size 3 or so, and is shrunk as much as they are. With
# 1 in its place the bias was held back: on 200 to 400 X-rays the loss was .007 higher at strength 100.
CONSTANT = 3.0
# 32 MB of float64: features up to this are kept, since half of an evaluation is taking logarithms.
_KEPT_VALUES = 2**22
# The eigenvectors of more features than this take longer than the steps that they save.
_MOST_ROTATED = 3000
_MAX_STEPS = 500
# Far below what shows in the loss, since coefficients follow with its root: with 1e-8 those of 30 members' labels moved
# by 4e-5 with the order of rows, in which only the last bits of sums differ.
GAP = 1e-13
# How many past steps L-BFGS remembers; 10, its own choice, takes a third more steps.
_MEMORY = 20


class Features:
    """Members' clipped log-probabilities, each row's centred, and a constant: (rows, members * classes + 1).

    Centred, they are a network's own logits, with no part that a softmax ignores; a pool answers the same from them.
    Not centred, each member brings how sure it is of anything as a feature that is ten times as large as the others:
    on 50 MNIST rows at strength 100 the loss was .257 where centred ones gave .238, and the pool .234.
    """

    def __init__(self, predictions: Predictions) -> None:
        """Keep them where they are few."""
        self._predictions = predictions
        self.samples, self.classes = predictions.samples, len(predictions.classes)
        self.width = len(predictions.members) * self.classes + 1
        self._slices = list(blocks(self.samples, self.width))
        kept = self.samples * self.width <= _KEPT_VALUES
        self._kept = [self._block(rows) for rows in self._slices] if kept else None

    def blocks(self) -> Iterator[tuple[slice, Matrix]]:
        """Yield rows and their features, (rows, width)."""
        for index, rows in enumerate(self._slices):
            yield rows, self._block(rows) if self._kept is None else self._kept[index]

    def _block(self, rows: slice) -> Matrix:
        block = self._predictions.block(rows)
        np.maximum(block, CLIP, out=block)
        np.log(block, out=block)
        block -= block.mean(axis=-1, keepdims=True)
        features = np.full((block.shape[1], self.width), CONSTANT)
        features[:, :-1] = np.moveaxis(block, 0, 1).reshape(len(features), -1)
        return features


class Basis(NamedTuple):
    """Directions (width, width) in which the loss curves by itself, and how much it curves in each (width,)."""

    directions: Matrix | None
    curvature: Vector


def pool_coefficients(weights: Vector, classes: int) -> Matrix:
    """Return the coefficients (members * classes + 1, classes) of a log-linear pool with some weights (members,)."""
    return np.concatenate([np.kron(weights[:, None], np.eye(classes)), np.zeros((1, classes))])


def loss_basis(features: Features, labels: IntArray, weights: RowWeights, at: Matrix) -> Basis:
    """Return how the mean log loss curves at some coefficients, taken to be alike for all classes.

    The Hessian is the mean over rows of x x' times (diag(p) - p p'), and this x x' times the latter's mean eigenvalue,
    (1 - sum p**2) / (classes - 1). A row about which the pool is sure does not count.
    """
    shares = weights / weights.sum()
    products = np.zeros((features.width, features.width))
    for rows, block in features.blocks():
        answers, _ = _answers(block @ at, labels[rows])
        doubt = shares[rows] * np.maximum(1 - (answers**2).sum(axis=1), 0) / (features.classes - 1)
        products += (block * doubt[:, None]).T @ block
    if features.width > _MOST_ROTATED:
        return Basis(None, np.diag(products).copy())
    from scipy.linalg import eigh

    curvature, directions = eigh(products)
    return Basis(directions, np.maximum(curvature, 0))


def solve_multinomial(
    features: Features,
    labels: IntArray,
    weights: RowWeights,
    center: Matrix,
    ridge: float,
    *,
    basis: Basis,
    gap: float = GAP,
    start: Matrix | None = None,
) -> Solution:
    """Return the coefficients that minimise log loss, shrunk toward `center`, to a certified gap.

    f(W) = mean(-log softmax(features @ W)_true) + ridge * sum((W - center)**2). f is strongly convex by the ridge,
    which gives the certificate f(W) - f* <= |gradient|**2 / (4 ridge). L-BFGS works along the directions of `basis`,
    each scaled by how much f curves there.

    Args:
        features: of all rows.
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        center: (width, classes) coefficients, such as those of a pool.
        ridge: strength of the shrinkage, above zero.
        basis: of these rows, or of nearly the same.
        gap: the bound on f(W) - f*, in nats, at which to stop.
        start: (width, classes) coefficients nearby, such as for a stronger ridge.

    Returns:
        The solution, whose weights are (width, classes) and whose Hessian is empty.
    """
    shares = weights / weights.sum()
    scale = 1 / np.sqrt(basis.curvature + 2 * ridge)[:, None]
    seen = _Seen(np.inf, np.inf, center)
    values: list[float] = []

    def evaluate(moved: Vector) -> tuple[float, Vector]:
        nonlocal seen
        departure = _across(basis, scale * moved.reshape(center.shape))
        loss, gradient = _loss(features, labels, shares, center + departure)
        gradient += 2 * ridge * departure
        value = loss + ridge * float((departure**2).sum())
        seen = _Seen(value, float((gradient**2).sum()) / (4 * ridge), center + departure)
        return value, (scale * _along(basis, gradient)).ravel()

    def accept(moved: Vector) -> None:
        del moved
        values.append(seen.value)
        if seen.gap <= gap:
            raise StopIteration

    begin = np.zeros_like(center) if start is None else _along(basis, start - center) / scale
    evaluate(begin.ravel())
    values.append(seen.value)
    if seen.gap > gap:
        options = Options(_MAX_STEPS, 3 * _MAX_STEPS, _MEMORY)
        minimise_lbfgs(evaluate, begin.ravel(), options, callback=accept, numbers=features.samples * features.width)
    return Solution(seen.at, seen.gap, tuple(values), np.empty((0, 0)))


def row_losses(features: Features, labels: IntArray, at: Matrix) -> Vector:
    """Return the log loss of each row (samples,) under some coefficients (width, classes)."""
    losses = np.empty(features.samples)
    for rows, block in features.blocks():
        _, losses[rows] = _answers(block @ at, labels[rows])
    return losses


class _Seen(NamedTuple):
    """The latest evaluation: its value, how far that is above the least at most, and where it was."""

    value: float
    gap: float
    at: Matrix


def _loss(features: Features, labels: IntArray, shares: Vector, at: Matrix) -> tuple[float, Matrix]:
    """Return the mean log loss and its gradient (width, classes)."""
    loss, gradient = 0.0, np.zeros_like(at)
    for rows, block in features.blocks():
        share, true = shares[rows], labels[rows]
        answers, losses = _answers(block @ at, true)
        loss += float(share @ losses)
        answers[np.arange(len(true)), true] -= 1
        answers *= share[:, None]
        gradient += block.T @ answers
    return loss, gradient


def _answers(logits: Matrix, true: IntArray) -> tuple[Matrix, Vector]:
    """Return the probabilities (rows, classes) and the log losses (rows,); the logits are overwritten."""
    logits -= logits.max(axis=1, keepdims=True)
    losses = -logits[np.arange(len(true)), true]
    np.exp(logits, out=logits)
    totals = logits.sum(axis=1)
    logits /= totals[:, None]
    return logits, losses + np.log(totals)


def _along(basis: Basis, coefficients: Matrix) -> Matrix:
    """Return coefficients (width, classes) along the directions of the basis."""
    return coefficients if basis.directions is None else basis.directions.T @ coefficients


def _across(basis: Basis, along: Matrix) -> Matrix:
    """Return the coefficients (width, classes) that lie so along the directions of the basis."""
    return along if basis.directions is None else basis.directions @ along
