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
    OPTION = "option"
    NOT_AN_ARRAY = "not-an-array"
    NO_SUCH_COMBINER = "no-such-combiner"
    NO_SUCH_MEMBER = "no-such-member"
    INPUT_SEVERAL = "input-several"
    INPUT_TEXT = "input-text"
    TASK_REGRESSION = "task-regression"
    TASK_MULTILABEL = "task-multilabel"
    TASK_PER_PIXEL = "task-per-pixel"
    NOT_PREDICTIONS = "not-predictions"
