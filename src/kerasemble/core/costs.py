"""What it costs to run a member."""

from __future__ import annotations

from typing import NamedTuple


class Cost(NamedTuple):
    """What a member costs.

    Args:
        milliseconds: that a row takes in a batch, on the machine that ran it; None where that was not measured.
        parameters: how many numbers the model has; None where it is no model.
    """

    milliseconds: float | None = None
    parameters: int | None = None
