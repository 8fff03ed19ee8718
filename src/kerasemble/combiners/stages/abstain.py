"""Leave rows to a person that are not sure enough, so that few of the others are wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.fitted import Fit, Learned
from kerasemble.combiners.stages.base import Combined, Stage, check_share
from kerasemble.core.arrays import IntArray, Tensor, Vocabulary
from kerasemble.core.row_weights import RowWeights, effective_rows

# Abstain from whatever has more doubt than this: from every row.
_FROM_ALL = -1.0


@final
@dataclasses.dataclass(frozen=True)
class Abstain(Stage):
    """Add `abstain`: whether a row is too doubtful for its most probable class to be taken.

    From probabilities (samples, ..., classes) to bool (samples, ...): true where 1 - max_c p_c is above a threshold.
    Of the rows that are answered at most a share `risk` is wrong; the labelled rows are as unlucky as to let that fail
    in at most a share 1 - `confidence` of all draws of them. The threshold is that of the most answers for which this
    is so, found by halving among those with answers enough to show it; the binomial bound is divided among the
    log2(rows) thresholds that are looked at. Where rows have weights they count as effective ones, (sum of
    weights)**2 / sum of squared weights, each with its share of that number.

    Args:
        risk: the share of wrong answers that is allowed.
        confidence: how surely.

    Raises:
        KerasembleError: an option is not between zero and one.

    Example:
        >>> from kerasemble import Abstain, Average, Chain, Predictions
        >>> seen = Predictions.from_arrays({"a": [[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]] * 50})
        >>> fitted = Chain(Average(), (Abstain(0.1),)).fit(seen, [0, 1, 1] * 50)
        >>> fitted.outputs(seen)["abstain"][:3].tolist()
        [False, True, False]

    Reference:
        Geifman and El-Yaniv 2017, NeurIPS.
    """

    output: ClassVar[str | None] = "abstain"
    risk: float = 0.02
    confidence: float = 0.95

    def check_options(self) -> None:
        """Refuse options out of their range."""
        check_share("risk", self.risk)
        check_share("confidence", self.confidence)

    def learn(self, probabilities: Combined, labels: IntArray, weights: RowWeights) -> Fit:
        """Return the most doubt that is answered."""
        doubt = _doubt(probabilities, np)
        wrong = (probabilities.argmax(axis=1) != labels).astype(np.float64)
        # One place for each doubt that occurs, since rows of the same doubt are answered or not together.
        levels, at = np.unique(doubt, return_inverse=True)
        scale = effective_rows(weights) / weights.sum()
        answered, errors = (scale * np.cumsum(np.bincount(at, weights=each)) for each in (weights, weights * wrong))
        best = self._search(answered, errors)
        if best is None:
            none = (
                f"No threshold keeps the risk below {self.risk:g} with confidence {self.confidence:g} on these "
                f"{len(labels)} rows, so every row is abstained from. Give more labelled rows, or allow more risk."
            )
            return Fit({"threshold": np.array([_FROM_ALL])}, warnings=(none,))
        # Halfway to the next, where rounding moves no row across; beyond the last, where no row was.
        following = levels[best + 1] if best + 1 < len(levels) else 1.0
        return Fit({"threshold": np.array([(levels[best] + following) / 2])})

    def apply(self, probabilities: Tensor, learned: Mapping[str, Tensor], xp: Vocabulary) -> Tensor:
        """Return where there is more doubt than the threshold."""
        return _doubt(probabilities, xp) > learned["threshold"][0]

    def describe(self, learned: Learned) -> str:
        """Return the risk, and above which doubt no answer is given."""
        threshold = float(learned["threshold"][0])
        where = "all rows" if threshold < 0 else f"rows whose highest probability is below {1 - threshold:.4g}"
        return f"abstaining from {where} (risk {self.risk:g})"

    def _search(self, answered: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]) -> int | None:
        """Return the last place (levels,) that was looked at and keeps the risk, None where none does."""
        looks = max(1, int(np.ceil(np.log2(len(answered) + 1))))
        chance = (1 - self.confidence) / looks
        # Below so many answers not even those without a mistake show the risk, so there is nothing to look for.
        low = int(np.searchsorted(answered, np.log(chance) / np.log(1 - self.risk)))
        high, best = len(answered) - 1, None
        while low <= high:
            middle = (low + high + 1) // 2
            if _upper_bound(errors[middle], answered[middle], chance) <= self.risk:
                best, low = middle, middle + 1
            else:
                high = middle - 1
        return best


def _doubt(probabilities: Tensor, xp: Vocabulary) -> Tensor:
    """Return one less the largest probability, as the sum of the others: near zero it is precise."""
    return xp.sum(xp.sort(probabilities, axis=-1)[..., :-1], axis=-1)


def _upper_bound(errors: float, rows: float, chance: float) -> float:
    """Return the error rate above which so few errors among the rows have less than this chance.

    That of Clopper and Pearson 1934, Biometrika 26(4), which is defined between whole numbers too.
    """
    from scipy.special import betaincinv

    return 1.0 if errors >= rows else float(betaincinv(errors + 1, rows - errors, 1 - chance))
