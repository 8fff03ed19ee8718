"""What a fit gives: a combiner that can predict."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.recipes import label, recipe_from_json, recipe_to_json
from kerasemble.core.alignment import Alignment
from kerasemble.core.arrays import FloatArray, IntArray, as_probabilities, blocks, first
from kerasemble.core.codes import Code
from kerasemble.core.display import as_html
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import atomic_target, check_suffix
from kerasemble.core.options import as_path
from kerasemble.core.predictions import Predictions, PredictionsLike, as_predictions
from kerasemble.core.tasks import Task

if TYPE_CHECKING:
    # A combiner's fit gives a fitted combiner, which holds the combiner.
    from kerasemble.combiners.base import Combiner

# Arrays by name. In the Keras model each becomes a trainable weight of that name.
Learned: TypeAlias = Mapping[str, npt.NDArray[np.float64]]


class Fit(NamedTuple):
    """What a combiner learned, and how well it was learned.

    Args:
        learned: arrays by name.
        gap: where the weights were solved for, the certified bound on how far what they minimise is above its least
            value, in its own unit (nats for log loss).
        warnings: a sentence for each thing that went wrong.
    """

    learned: Learned
    gap: float | None = None
    warnings: tuple[str, ...] = ()


# Bytes of a float32; labels and half precision have fewer.
_SINGLE = 4


@final
@dataclasses.dataclass(frozen=True, eq=False)
class FittedCombiner:
    """A combiner that can predict: its recipe, what it learned, and for which members and classes.

    Call it with `Predictions` of the same members, or of more, to get their combination as (samples, ..., classes);
    or with what `Predictions.from_arrays` takes: arrays by name, or in the order of the members.

    Args:
        combiner: the recipe.
        learned: arrays by name.
        members: the members that it needs, in the order of the arrays' first axis.
        classes: class names.
        task: what the last axis means.
        alignment: how each member was read, where models were run.
        gap: the certified bound on how far what the weights minimise is above its least value, None where they are
            not solved for.
        left_out: members that it was fitted to and does not need: their weight is zero.
        fitted_on: SHA-256 of the data that it learned from, None where it learned nothing or that is not known.
    """

    combiner: Combiner
    learned: Learned
    members: tuple[str, ...]
    classes: tuple[str, ...]
    task: Task
    alignment: Alignment | None = None
    gap: float | None = None
    left_out: tuple[str, ...] = ()
    fitted_on: str | None = None

    def __call__(self, predictions: PredictionsLike) -> FloatArray:
        """Return the combined probabilities (samples, ..., classes), in the dtype of the predictions.

        Computed in that dtype too, in blocks of samples, so that little memory is needed beyond the result. Labels
        and half precision give float32.

        Raises:
            KerasembleError: the predictions are of other members or classes.
        """
        predictions, index = self._of_members(predictions)
        values = predictions.values
        dtype = np.dtype(np.float32) if values.dtype.itemsize < _SINGLE else values.dtype
        shape = (*values.shape[1:], len(self.classes)) if predictions.labels_only else values.shape[1:]
        learned = {name: array.astype(dtype) for name, array in self.learned.items()}
        result = np.empty(shape, dtype=dtype)
        # 16 MB of float32: what is only read once need not stay in the cache.
        for rows in blocks(predictions.samples, len(self.members) * result[:1].size, times=32):
            block = as_probabilities(values[:, rows][index], len(self.classes), dtype)
            result[rows] = self.combiner.combine(block, learned, np)
        return result

    def outputs(self, predictions: PredictionsLike) -> dict[str, npt.NDArray[Any]]:
        """Return the combined probabilities and what the stages of a chain add to them, by name.

        Args:
            predictions: as for calling this.

        Returns:
            "probabilities" (samples, ..., classes), and, where a stage adds it, "prediction_set" (samples, ...,
            classes) bool and "abstain" (samples, ...) bool.

        Raises:
            KerasembleError: the predictions are of other members or classes.
        """
        probabilities = self(predictions)
        learned = {name: array.astype(probabilities.dtype) for name, array in self.learned.items()}
        parts = [
            self.combiner.outputs(probabilities[rows], learned, np)
            for rows in blocks(len(probabilities), probabilities[:1].size, times=8)
        ]
        names = self.combiner.output_names()
        added = {name: np.concatenate([part[name] for part in parts]) for name in names}
        return {"probabilities": probabilities, **added}

    def decide(self, predictions: PredictionsLike) -> IntArray:
        """Return the index of the most probable class of each sample (samples, ...).

        It is the argmax of calling this, without an array of the probabilities.

        Raises:
            KerasembleError: the predictions are of other members or classes.
        """
        predictions, index = self._of_members(predictions)
        values = predictions.values
        shape = values.shape[1:] if predictions.labels_only else values.shape[1:-1]
        # Enough rows for votes to be counted fast, and of probabilities no more than are in flight elsewhere.
        times = 1 if predictions.labels_only or isinstance(index, slice) else len(self.classes)
        result = np.empty(shape, dtype=np.int64)
        for rows in blocks(predictions.samples, len(self.members) * times, times=8 if predictions.labels_only else 1):
            result[rows] = self.combiner.decide(values[:, rows][index], self.learned, len(self.classes))
        return result

    def _of_members(self, given: PredictionsLike) -> tuple[Predictions, IntArray | slice]:
        """Return predictions, and which of their members are needed: all of them as a slice, which copies nothing."""
        # By number, the members that were left out may be among them.
        in_order = None if self.left_out else self.members
        predictions = as_predictions(given, self.classes, in_order)
        if predictions.classes != self.classes:
            msg = f"Fitted for the classes {self.classes}. Received predictions over {predictions.classes}."
            raise KerasembleError(msg)
        return predictions, slice(None) if predictions.members == self.members else predictions.positions(self.members)

    @property
    def weights(self) -> dict[str, float] | None:
        """The members' weights by name, or None where this combiner has none."""
        weights = self.combiner.weights_of(self.learned)
        return None if weights is None else dict(zip(self.members, weights.tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return this as lists, numbers and strings."""
        return {
            "combiner": recipe_to_json(self.combiner),
            "learned": {name: array.tolist() for name, array in self.learned.items()},
            "members": list(self.members),
            "classes": list(self.classes),
            "task": self.task.value,
            "alignment": None if self.alignment is None else self.alignment.to_json(),
            "gap": self.gap,
            "left_out": list(self.left_out),
            "fitted_on": self.fitted_on,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FittedCombiner:
        """Return what `to_json` described."""
        return cls(
            recipe_from_json(data["combiner"]),
            {name: np.asarray(array, dtype=np.float64) for name, array in data["learned"].items()},
            tuple(data["members"]),
            tuple(data["classes"]),
            Task(data["task"]),
            None if data["alignment"] is None else Alignment.from_json(data["alignment"]),
            data.get("gap"),
            tuple(data.get("left_out", ())),
            data.get("fitted_on"),
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write this as JSON, whole or not at all, and return the path; `load` reads it.

        `Ensemble(members, fitted).save("ensemble.keras")` writes a Keras model instead.

        Raises:
            KerasembleError: the path does not end in .json, or exists and `overwrite` is False.
        """
        if str(path).endswith(".keras"):
            msg = f"A fitted combiner holds no members. Save both: ke.Ensemble(members, this).save({str(path)!r})."
            raise KerasembleError(msg, code=Code.OPTION)
        check_suffix(path, ".json", "Fitted combiners are")
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        with atomic_target(path, overwrite=overwrite) as temporary:
            temporary.write_text(text, encoding="utf-8")
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FittedCombiner:
        """Return what `save` wrote.

        Raises:
            KerasembleError: the file is missing or is not one that `save` wrote.
        """
        try:
            return cls.from_json(json.loads(as_path(path, "A fitted combiner").read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, KerasembleError):
                raise
            msg = f"{path} is not a fitted combiner that its `save` wrote: {error}"
            raise KerasembleError(msg) from error

    def __repr__(self) -> str:
        """Say what was learned, as a person reads it."""
        found = self.combiner.describe(self.learned, self.members, self.classes)
        notes = [] if self.gap is None else [f"within {_power_of_ten(self.gap)} of the optimum"]
        notes += [f"left out: {first(self.left_out)}"] if self.left_out else []
        # Below a table, and in the same line as a sentence.
        between = "\n" if "\n" in found else " "
        in_brackets = f"{between}({'; '.join(notes)})" if notes else ""
        return f"Fitted {label(self.combiner)}{found}{in_brackets}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the members with their weights, or what else was learned."""
        if self.weights is None:
            return as_html(repr(self))
        rows = [("member", "weight"), *((name, f"{weight:.3f}") for name, weight in self.weights.items())]
        title, _, notes = repr(self).partition("\n")
        return as_html(title, rows, [notes] if notes else [])


def _power_of_ten(gap: float) -> str:
    """Return the least power of ten that is not below a gap, and of what is below 1e-8 that."""
    if not math.isfinite(gap):
        return "an unknown distance"
    return f"1e{math.ceil(math.log10(max(gap, 1e-8)))}"
