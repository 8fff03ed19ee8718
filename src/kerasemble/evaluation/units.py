"""What varies from one sample to the next: rows, or groups of rows that are known to tell of each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import IntArray
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.copies import copies_of, joined
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.folds import Grouping, as_groups


class Units(NamedTuple):
    """Which rows stay together in folds, and vary together in intervals.

    Args:
        numbers: (samples,) the unit of each row, from 0 without gaps; None where each row is one.
        named: the groups that the user named; None without.
        copies: how many rows are copies of one before.
        blocks: of how many runs of neighbouring rows each is one unit; 0 without.
        by_inputs: whether copies are known by their inputs; by answers alone there may be more.
    """

    numbers: IntArray | None
    named: Grouping | None
    copies: int
    blocks: int
    by_inputs: bool = True

    def of(self, positions: IntArray) -> Units:
        """Return the units of the rows of some positions among those that count, all of them or later ones."""
        if self.numbers is None or len(positions) == len(self.numbers):
            return self
        inside = slice(len(self.numbers) - len(positions), None)
        named = self.named
        if named is not None:
            found, numbers = np.unique(named.numbers[inside], return_inverse=True)
            named = Grouping(numbers, tuple(named.names[index] for index in found))
        return self._replace(numbers=np.unique(self.numbers[inside], return_inverse=True)[1], named=named)

    def findings(self) -> list[Finding]:
        """Return a warning where rows are copies."""
        if not self.copies or self.numbers is None:
            return []
        least, are = "" if self.by_inputs else "At least ", "is a copy" if self.copies == 1 else "are copies"
        evidence = f"{least}{self.copies} of {len(self.numbers)} rows {are} of other rows."
        remedy = (
            "Copies of a row stay in one fold and count as one row in intervals. Leave them out unless they are meant."
        )
        return [Finding(Code.COPIES, evidence, remedy)]


def units_of(
    predictions: Predictions, groups: npt.ArrayLike | None = None, blocks: int = 0, labels: IntArray | None = None
) -> Units:
    """Return what varies: groups, blocks and copies of a row, joined where one row is of two.

    Args:
        predictions: of the rows that count.
        groups: (samples,) that the user named.
        blocks: how many runs of neighbouring rows are to be units; 0 for none.
        labels: (samples,) class indices, by which different rows of equal inputs are known.

    Raises:
        KerasembleError: groups are not one for each row, or all rows are of one unit.
    """
    samples = predictions.samples
    named = None if groups is None else as_groups(groups, samples)
    copies = copies_of(predictions, labels)
    runs = np.arange(samples) * blocks // samples if 0 < blocks < samples else None
    parts = [each for each in (None if named is None else named.numbers, runs, copies) if each is not None]
    if not parts:
        return Units(None, None, 0, 0)
    numbers = parts[0]
    for part in parts[1:]:
        numbers = joined(numbers, part)
    count = 0 if copies is None else samples - int(copies.max()) - 1
    if samples > 1 and not numbers.any():
        what = " and ".join(
            name
            for name, part in (("groups", named), ("blocks of neighbours", runs), ("copies of rows", copies))
            if part is not None
        )
        msg = (
            f"All {samples} rows are joined into one unit by {what}, and no two folds may share one. Give rows "
            "of two units or more: leave out copies, or name groups that lie within a block."
        )
        raise KerasembleError(msg, code=Code.ONE_GROUP)
    return Units(numbers, named, count, 0 if runs is None else blocks, predictions.row_hashes is not None)
