"""A monotone curve for each class, from the probability that was said to the frequency that was found."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np

from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.stages.base import Combined, Stage
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary
from kerasemble.core.errors import KerasembleError
from kerasemble.core.row_weights import RowWeights, effective_rows
from kerasemble.solvers.isotonic import Corners, solve_isotonic

# How many segments of all curves are computed at a time: fewer would make the graph long, more would take memory.
_AT_A_TIME = 8
# A segment is at least so wide, as a share of where it begins and at all, or float32 could not tell its ends apart.
_WIDTH, _LEAST_WIDTH = 1e-4, 1e-8


@final
@dataclasses.dataclass(frozen=True)
class Isotonic(Stage):
    """Map each class's probability by a monotone curve to how often it is the class.

    calibrated_c = f_c(p_c) / sum_k f_k(p_k), from (samples, ..., classes) to the same shape. f_c is the isotonic
    regression of "is it this class" on p_c: linear between its corners, constant beyond them, at most
    1 - 1 / (rows + 2), since no number of rows shows that something always happens, and at least a share
    1 / (classes - 1) of what that leaves. Rows are effective ones where they have weights: (sum of weights)**2 / sum of
    squared weights. Needs hundreds of rows a class.

    Args:
        knots: the most corners of a curve; where it has more, so many of them, evenly spread.

    Raises:
        KerasembleError: fewer than two knots.

    Example:
        >>> from kerasemble import Average, Chain, Isotonic, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]] * 50})
        >>> fitted = Chain(Average(), (Isotonic(),)).fit(seen, [0, 1, 1] * 50)
        >>> fitted(seen)[:3].argmax(axis=-1)
        array([0, 1, 1])

    Reference:
        Zadrozny and Elkan 2002, KDD.
    """

    shrunk: ClassVar[bool] = False
    knots: int = 64

    def check_options(self) -> None:
        """Refuse too few knots."""
        if not isinstance(self.knots, numbers.Integral) or isinstance(self.knots, bool) or self.knots < 2:
            msg = f"knots must be a whole number of at least 2. Received: knots={self.knots!r}."
            raise KerasembleError(msg)

    def learn(self, probabilities: Combined, labels: IntArray, weights: RowWeights) -> Fit:
        """Return each class's lowest value, and where its segments begin, how wide they are and how far they rise."""
        rest = 1 / (effective_rows(weights) + 2)
        # Were it the whole of that for each class, what many classes leave to the true one would be far from one.
        least = rest / max(1, probabilities.shape[1] - 1)
        curves = []
        for index, said in enumerate(probabilities.T):
            places, values = solve_isotonic(said, (labels == index).astype(np.float64), weights)
            curves.append(_thinned((places, np.clip(values, least, 1 - rest)), self.knots))
        # Curves of fewer segments than others are filled up with ones that do not rise.
        most = max(1, *(len(places) - 1 for places, _ in curves))
        starts, rises, widths = (np.full((len(curves), most), filling) for filling in (0.0, 0.0, 1.0))
        for index, (places, values) in enumerate(curves):
            count = len(places) - 1
            starts[index, :count] = places[:-1]
            widths[index, :count] = np.maximum(np.diff(places), _WIDTH * places[:-1] + _LEAST_WIDTH)
            rises[index, :count] = np.diff(values)
        lowest = np.array([values[0] for _, values in curves])
        return Fit({"lowest": lowest, "starts": starts, "widths": widths, "rises": rises})

    def apply(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return each curve at its class's probability, divided by their sum."""
        starts, widths, rises = learned["starts"], learned["widths"], learned["rises"]
        said, found = probabilities[..., None], learned["lowest"]
        for first in range(0, starts.shape[-1], _AT_A_TIME):
            part = slice(first, first + _AT_A_TIME)
            # How far along each segment a probability is: as ramps from 0 to 1, whose rounding does not add up.
            along = xp.minimum(xp.maximum((said - starts[:, part]) / widths[:, part], 0.0), 1.0)
            found = found + xp.sum(along * rises[:, part], axis=-1)
        return found / xp.sum(found, axis=-1, keepdims=True)

    def describe(self, learned: Learned) -> str:
        """Return of how many corners the curves are."""
        corners = (learned["rises"] > 0).sum(axis=1) + 1
        return f"isotonic curves of {corners.min()} to {corners.max()} levels"


def _thinned(corners: Corners, knots: int) -> Corners:
    """Return at most `knots` of the corners, evenly spread in number, the first and the last among them."""
    places, values = corners
    if len(places) <= knots:
        return corners
    kept = np.linspace(0, len(places) - 1, knots).round().astype(np.int64)
    return places[kept], values[kept]
