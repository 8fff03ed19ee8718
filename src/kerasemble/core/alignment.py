"""How members were read: a record that travels with predictions, fitted combiners and saved ensembles."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from kerasemble.core.arrays import first

Output = Literal["probabilities", "logits", "unnormalised"]


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """The one kind of input that all members are shown.

    Args:
        shape: of one sample, None where it varies.
        dtype: of the ensemble's input, e.g. "float32".
        range: the lowest and highest value that the data can take, None where no member needs to know.
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    range: tuple[float, float] | None = None


@dataclasses.dataclass(frozen=True)
class Reading:
    """How one member's raw answer becomes probabilities over the ensemble's classes.

    Args:
        output: what the raw values are.
        columns: how many of them there are; 1 is the probability (or logit) of the second of two classes.
        order: for each class of the ensemble the member's column; what is not in it is left out.
        steps: what is done to its input, in words.
        file: SHA-256 of the member's file, None where it was an object.
        mended: what was changed so that this version of Keras opens the file, a sentence each.
        vouched: what of the file was opened because the user vouched for it.
    """

    output: Output
    columns: int
    order: tuple[int, ...]
    steps: tuple[str, ...] = ()
    file: str | None = None
    mended: tuple[str, ...] = ()
    vouched: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return in words all that is done to the member's input and output."""
        words = list(self.steps)
        if self.output == "logits":
            words.append("sigmoid" if self.columns == 1 else "softmax")
        if self.output == "unnormalised":
            words.append("divided by their sum")
        if self.columns == 1:
            words.append("one column to two")
        left_out = sorted(set(range(self.columns)) - set(self.order)) if self.columns > 1 else []
        if left_out:
            words.append(f"without column {first(left_out)}")
        if list(self.order) != sorted(self.order):
            words.append("classes reordered")
        if self.mended:
            words.append("old file mended")
        if self.vouched:
            words.append("file trusted")
        return ", ".join(words) or "as it is"


@dataclasses.dataclass(frozen=True)
class Alignment:
    """The input that all members share and the reading of each, in the members' order."""

    inputs: InputSpec
    readings: tuple[Reading, ...]

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Alignment:
        """Return what `to_json` described."""
        inputs = data["inputs"]
        span = inputs["range"]
        spec = InputSpec(tuple(inputs["shape"]), inputs["dtype"], None if span is None else (span[0], span[1]))
        readings = tuple(
            Reading(
                item["output"],
                item["columns"],
                tuple(item["order"]),
                tuple(item["steps"]),
                item["file"],
                tuple(item.get("mended", ())),
                tuple(item.get("vouched", ())),
            )
            for item in data["readings"]
        )
        return cls(spec, readings)
