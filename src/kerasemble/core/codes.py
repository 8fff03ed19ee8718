"""Names for what is wrong, the same in every version: programs and tests go by these, and not by sentences."""

from __future__ import annotations

import enum


class Code(enum.StrEnum):
    """What an error, a finding or a warning is about.

    Example:
        >>> Code.INVALID == "invalid-input"
        True
    """

    INVALID = "invalid-input"
    COPIES = "copies-of-rows"
    DEPENDENT = "dependent-rows"
    ONE_GROUP = "one-group"
    TOO_FEW_ROWS = "too-few-rows"
