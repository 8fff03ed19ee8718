"""What is known of a member's answers before it is run."""

from __future__ import annotations

from typing import NamedTuple


class Signature(NamedTuple):
    """What a member's raw values are like.

    Args:
        columns: how many numbers it answers for a sample.
        steps: what is done to its input, or where its answers come from, in words.
        precision: the dtype that it computes its values in.
        classes: names in the order of the columns, where its source says.
        activation: name of the last activation, None where that is not known.
        is_model: whether it is a Keras model.
    """

    columns: int
    steps: tuple[str, ...]
    precision: str = "float32"
    classes: tuple[str, ...] | None = None
    activation: str | None = None
    is_model: bool = True
