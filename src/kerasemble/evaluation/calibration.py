"""Whether answers are right as often as they say, and what is wrong where only the surest are answered."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import hits
from kerasemble.core.row_weights import RowWeights
from kerasemble.evaluation.analysis import Calibration, RiskCoverage

# As most papers have it; of equal mass, so that none is empty.
BINS = 15


def equal_mass_bins(values: FloatArray, bins: int = BINS) -> IntArray:
    """Return the bin (samples,) of each value, from 0: as equally many in each as ties allow, which share a bin.

    Example:
        >>> equal_mass_bins(np.array([0.1, 0.9, 0.5, 0.5]), 2)
        array([0, 1, 1, 1])
    """
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    # A tie goes where the middle of it does.
    middles = np.cumsum(counts) - counts / 2
    found = np.minimum(bins - 1, (bins * middles / len(values)).astype(np.int64))[numbers]
    return np.asarray(np.unique(found, return_inverse=True)[1], dtype=np.int64).reshape(-1)


def _gap(confidence: FloatArray, right: FloatArray, bins: IntArray) -> Callable[[RowWeights], float]:
    """Return the weighted mean over bins of the distance of mean confidence and share of right ones."""
    distance = confidence.astype(np.float64) - right
    return lambda weights: float(np.abs(np.bincount(bins, weights * distance)).sum() / weights.sum())


def calibration_error(probabilities: FloatArray, labels: IntArray) -> Callable[[RowWeights], float]:
    """Return the expected calibration error of the most probable class as a function of row weights.

    Reference:
        Guo, Pleiss, Sun and Weinberger 2017, ICML; bins of equal mass as Nixon et al. 2019, CVPR workshops.
    """
    confidence = probabilities.max(axis=-1)
    return _gap(confidence, hits(probabilities, labels), equal_mass_bins(confidence))


def classwise_error(probabilities: FloatArray, labels: IntArray) -> Callable[[RowWeights], float]:
    """Return the mean over classes of the calibration error of each one's probability, as a function of row weights.

    Reference:
        Kull et al. 2019, NeurIPS.
    """
    each = [
        _gap(column, (labels == index).astype(np.float64), equal_mass_bins(column))
        for index, column in enumerate(probabilities.T)
    ]
    return lambda weights: float(np.mean([gap(weights) for gap in each]))


def calibration_of(
    name: str, probabilities: FloatArray, labels: IntArray, weights: RowWeights, bins: int = BINS
) -> Calibration:
    """Return the reliability diagram of the most probable class's probability.

    Args:
        name: whose answers these are.
        probabilities: (samples, classes).
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        bins: at most so many.
    """
    confidence, right = probabilities.max(axis=-1).astype(np.float64), hits(probabilities, labels)
    numbers = equal_mass_bins(confidence, bins)
    mass = np.bincount(numbers, weights)
    means = [np.bincount(numbers, weights * values) / mass for values in (confidence, right)]
    error = (
        calibration_error(probabilities, labels)(weights)
        if bins == BINS
        else float(np.abs(means[0] - means[1]) @ mass / mass.sum())
    )
    return Calibration(name, _floats(means[0]), _floats(means[1]), tuple(np.bincount(numbers).tolist()), error)


def risk_coverage_of(
    name: str, probabilities: FloatArray, labels: IntArray, weights: RowWeights, points: int = 50
) -> RiskCoverage:
    """Return which share of the answered rows is wrong, where the surest are answered first.

    Rows of equal confidence are answered together.

    Args:
        name: whose answers these are.
        probabilities: (samples, classes).
        labels: (samples,) class indices.
        weights: (samples,) how much each row counts.
        points: of the curve, at most.

    Reference:
        Geifman and El-Yaniv 2017, NeurIPS; the area is the AURC of Geifman, Uziel and El-Yaniv 2019, ICLR.
    """
    confidence, wrong = probabilities.max(axis=-1), 1 - hits(probabilities, labels)
    # Ascending by how unsure a row is.
    _, numbers = np.unique(-confidence, return_inverse=True)
    mass = np.bincount(numbers.reshape(-1), weights)
    covered = np.cumsum(mass)
    risk = np.cumsum(np.bincount(numbers.reshape(-1), weights * wrong)) / covered
    coverage = covered / covered[-1]
    shown = np.unique(np.searchsorted(coverage, np.linspace(1 / points, 1, points) - 1e-12).clip(max=len(risk) - 1))
    return RiskCoverage(name, _floats(coverage[shown]), _floats(risk[shown]), float(risk @ mass / mass.sum()))


def _floats(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())
