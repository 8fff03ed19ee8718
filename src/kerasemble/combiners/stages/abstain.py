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
from kerasemble.core.codes import Code
from kerasemble.core.errors import Sentence
from kerasemble.core.row_weights import RowWeights, effective_rows

# Abstain from whatever has more doubt than this: from every row.
_FROM_ALL = -1.0
# Of a number of rows, more than floats lose of it.
_ROUNDING = 1e-9


@final
@dataclasses.dataclass(frozen=True)
class Abstain(Stage):
    """Add `abstain`: whether a row is too doubtful for its most probable class to be taken.

    From probabilities (samples, ..., classes) to bool (samples, ...): true where 1 - max_c p_c is above a threshold.
    Of the rows that are answered at most a share `risk` is wrong; the labelled rows are as unlucky as to let that fail
    in at most a share 1 - `confidence` of all draws of them. Thresholds are tested from the surest rows to the most
    doubtful, each against the binomial hypothesis that more than `risk` is wrong below it, and the last that is
    rejected is taken. In such a fixed sequence each test may err as often as the whole, since a threshold is tested
    only once the one before it is rejected. Rows that are sure and wrong would end it early, so it begins at several
    numbers of rows, with a share of 1 - `confidence` each: half of it where one mistake is allowed, the rest where
    there are twice as many rows, four times, ... A test takes with it the shares of all beginnings since the last
    that failed. That holds where doubtful rows are wrong no less often than sure ones. Where rows have weights they
    count as effective ones, (sum of weights)**2 / sum of squared weights, each with its share of that number.

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
        Angelopoulos, Bates, Candes, Jordan and Lei 2025, Annals of Applied Statistics 19(2), "Learn then test";
        Wiens 2003, Pharmaceutical Statistics 2(3), for sequences that begin again.
    """

    output: ClassVar[str | None] = "abstain"
    risk: float = 0.02
    confidence: float = 0.95

    def __post_init__(self) -> None:
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
            return Fit({"threshold": np.array([_FROM_ALL])}, warnings=(Sentence(none, Code.NOTHING_ANSWERED),))
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
        """Return the last place (levels,) that keeps the risk by the tests, None where none does."""
        chances = self._beginnings(answered)
        chance, best = 0.0, None
        for place, p in enumerate(_chance_of(errors, answered, self.risk).tolist()):
            chance += chances.get(place, 0.0)
            if p <= chance:
                best = place
            else:
                chance = 0.0
        return best

    def _beginnings(self, answered: npt.NDArray[np.float64]) -> dict[int, float]:
        """Return the places (levels,) where a sequence of tests begins, each with the chance that it may err with.

        They follow from how many rows are answered, not from which of them are wrong.
        """
        most, chance = answered[-1], 1 - self.confidence
        # One mistake, or none where there are too few rows for one, or all of the chance where even that is too much.
        tries = ((1, chance / 2), (0, chance / 2), (0, chance))
        starts = ((_rows_needed(errors, self.risk, share), share) for errors, share in tries)
        first, share = next(((rows, share) for rows, share in starts if rows <= most), (np.inf, 0.0))
        if not share:
            return {}
        doublings = int(np.ceil(np.log2(most / first)))
        others = first * 2.0 ** np.arange(1, doublings)
        shares = [share if others.size else chance, *np.full(others.size, (chance - share) / max(1, others.size))]
        places: dict[int, float] = {}
        for rows, part in zip((first, *others), shares, strict=True):
            # Less what rounding takes from a whole number of rows.
            place = int(np.searchsorted(answered, rows * (1 - _ROUNDING)))
            places[place] = places.get(place, 0.0) + part
        return places


def _doubt(probabilities: Tensor, xp: Vocabulary) -> Tensor:
    """Return one less the largest probability, as the sum of the others: near zero it is precise."""
    return xp.sum(xp.sort(probabilities, axis=-1)[..., :-1], axis=-1)


def _chance_of(errors: npt.NDArray[np.float64], rows: npt.NDArray[np.float64], risk: float) -> npt.NDArray[np.float64]:
    """Return the binomial chance of so few errors among the rows, were the risk this: the p-value of more than it.

    Of numbers between whole ones it is what the beta distribution has there. It is above zero.
    """
    from scipy.special import betainc

    right = rows - errors
    chance = betainc(np.where(right > 0, right, 1.0), errors + 1, 1 - risk)
    return np.maximum(np.where(right > 0, chance, 1.0), np.finfo(np.float64).tiny)


def _rows_needed(errors: int, risk: float, chance: float) -> float:
    """Return the number of rows at which so few errors have no more than this chance under the risk."""
    from scipy.optimize import brentq

    # So many rows without a mistake are the fewest that do, and one mistake more takes fewer than five times as many.
    fewest = float(np.log(chance) / np.log(1 - risk))
    if not errors:
        return fewest
    count = np.array(errors, dtype=np.float64)
    return float(brentq(lambda rows: float(_chance_of(count, rows, risk)) - chance, fewest, 5 * fewest + 10))
