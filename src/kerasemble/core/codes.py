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
    PREDICT_DIFFERS = "predict-differs"

    # Of stages: what was learned from too few rows, and what holds less often than was asked for.
    SETS_TOO_FEW_ROWS = "sets-too-few-rows"
    SETS_TOO_FEW_ROWS_OF_A_CLASS = "sets-too-few-rows-of-a-class"
    SETS_BY_CLASS_NEED_LAC = "sets-by-class-need-lac"
    COVERAGE_MISSING = "coverage-missing"
    CLASS_UNDERCOVERED = "class-undercovered"
    GROUP_UNDERCOVERED = "group-undercovered"
    NOTHING_ANSWERED = "nothing-answered"

    # Of a check of members: what is wrong with how one is read, with the labels, or with the rows.
    INPUT = "member-input"
    RUN = "member-run"
    OUTPUT = "output-kind"
    CLASSES = "classes"
    BACKGROUND = "background-class"
    CLASS_ORDER = "class-order"
    PREPROCESSING = "preprocessing"
    DUPLICATE = "duplicate-member"
    CONSTANT = "constant-member"
    UNRELATED = "member-unrelated-to-labels"
    NEAR_CHANCE = "member-near-chance"
    BELOW_CHANCE = "member-no-better-than-chance"
    LABELS_SHIFTED = "labels-shifted"
    LABELS_UNRELATED = "labels-unrelated-to-members"
    LABELS_NEAR_CHANCE = "labels-near-chance"
    ABSENT_CLASS = "absent-class"
    UNEVEN_CLASSES = "uneven-classes"
    TRAINED_ON = "trained-on-these-rows"
    LEAKAGE = "rows-in-training-data"
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
    COPIES = "copies-of-rows"
    DEPENDENT = "dependent-rows"
    ONE_GROUP = "one-group"
    TOO_FEW_ROWS = "too-few-rows"
    FEW_EFFECTIVE_ROWS = "few-effective-rows"
