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
    COST_UNKNOWN = "cost-unknown"
    BEYOND_BUDGET = "beyond-budget"
    NO_COLUMN = "no-column"
    NOT_A_NUMBER = "not-a-number"
    UNREADABLE = "unreadable-file"
    IDS_DIFFER = "row-ids-differ"
    NOT_KEPT = "member-not-kept"
    ROWS_DIFFER = "rows-differ"
    CLASSES_DIFFER = "classes-differ"
    NO_LABELS = "no-labels"
