"""Members and a combiner: predicts, becomes a plain Keras model, and comes back from its file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from kerasemble.combiners import as_combiner
from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import with_stages
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import label
from kerasemble.combiners.stages.base import Stage
from kerasemble.core.alignment import Alignment, Reading
from kerasemble.core.arrays import FloatArray, first
from kerasemble.core.display import as_html
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.options import as_names, check_range
from kerasemble.core.row_weights import ClassWeight
from kerasemble.core.rows import pieces
from kerasemble.ensemble.agreement import check_like_fitted, check_options, check_own, fit_to, range_of, used
from kerasemble.ensemble.archive import write_archive
from kerasemble.ensemble.graph import OUTPUT, build_graph, by_name, layer_names
from kerasemble.ensemble.probe import probe
from kerasemble.ensemble.record import make_record, member_records
from kerasemble.evaluation.report import Report
from kerasemble.members.loading import load_file
from kerasemble.members.member import Member, Model, Source, as_members, name_of
from kerasemble.members.preprocessing import detect_range
from kerasemble.members.record import read_record
from kerasemble.scoring.batch_size import check_batch_size
from kerasemble.scoring.labels import labels_of
from kerasemble.scoring.predict import predict
from kerasemble.scoring.sources.opening import as_source
from kerasemble.scoring.sources.source import Source as Rows

# Rows on which it is seen how members are read: enough to tell logits from probabilities, few enough to be quick.
_ROWS_TO_ALIGN = 256


@final
class Ensemble:
    """Pre-trained models and a combiner, as one model.

    Args:
        members: models, paths of models, or `Member`s that say how a model is read.
        combiner: a fitted one; or one that learns nothing, such as `Average()`, the default; or one that learns, for
            which `fit` is called first; or the name of one.
        stages: what follows the combiner, such as `Temperature()` and `ConformalSets(0.95)`; they learn in `fit`.
        classes: class names in the order of the output; the members' own where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        report: the comparison that led to this ensemble, which is saved with it.

    Raises:
        KerasembleError: there are no members, two have one name, the combiner was fitted for others, or stages cannot
            follow it.

    Example:
        >>> ensemble = Ensemble([resnet, "vit.keras"])  # doctest: +SKIP
        >>> probabilities = ensemble.predict(x)  # doctest: +SKIP
        >>> ensemble.save("ensemble.keras")  # doctest: +SKIP
    """

    def __init__(
        self,
        members: Sequence[Member | Source],
        combiner: Combiner | FittedCombiner | str | None = None,
        *stages: Stage | str,
        classes: Sequence[object] | None = None,
        data_range: tuple[float, float] | None = None,
        report: Report | None = None,
    ) -> None:
        """Check members and combiner; nothing is loaded or run yet."""
        recipe: Combiner | FittedCombiner
        if combiner is None:
            recipe = Average()
        else:
            recipe = combiner if isinstance(combiner, FittedCombiner) else as_combiner(combiner)
        self.combiner: Combiner | FittedCombiner = with_stages(recipe, stages)
        classes = None if classes is None else as_names("classes", classes)
        data_range = check_range(data_range)
        self._given = as_members(members)
        self.members = self._given
        if isinstance(self.combiner, FittedCombiner):
            self.members = used(self._given, self.combiner)
            check_options(self.combiner, classes, data_range)
        elif len(self.members) == 1:
            warn(f"There is one member ('{self.members[0].name}'): nothing to combine.")
        self.report = report
        self._classes = classes
        self._data_range = data_range
        self._records: list[dict[str, Any]] | None = None
        self._model: Model | None = None

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names in the order of the output, None while no data was seen."""
        if isinstance(self.combiner, FittedCombiner):
            return self.combiner.classes
        return self._classes

    def fit(
        self,
        x: Any,  # noqa: ANN401 - whatever can be data
        y: npt.ArrayLike | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        store: str | os.PathLike[str] | None = None,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Ensemble:
        """Return this ensemble with its combiner fitted; the members are run once and not changed.

        Args:
            x: (samples, ...) data that the members were not trained on, or whatever else `kerasemble.predict` takes.
            y: (samples,) labels: class indices, names, or one-hot rows; those of the data where left out.
            sample_weight: (samples,) how much each row counts; only ratios matter.
            class_weight: "balanced", or how much the rows of each class count, by name or index.
            store: folder in which the members' answers are kept, as in `predict`.
            progress: called with a member's name, the rows done and the rows in all.

        Raises:
            KerasembleError: data, labels or members cannot be used; the message says which and the cure.
        """
        source = as_source(x)
        y = labels_of(source, y)
        # Members that an earlier fit left out are considered again.
        seen = predict(
            self._given, source, classes=self.classes, data_range=self._data_range, store=store, progress=progress
        )
        recipe = self.combiner.combiner if isinstance(self.combiner, FittedCombiner) else self.combiner
        fitted = recipe.fit(seen, y, sample_weight=sample_weight, class_weight=class_weight)
        ensemble = Ensemble(self._given, fitted, data_range=self._data_range)
        ensemble._records = self._records
        return ensemble

    def predict(self, x: Any, *, batch_size: int = 256) -> FloatArray:  # noqa: ANN401 - whatever can be data
        """Return the combined probabilities, float32 (samples, classes).

        Args:
            x: (samples, ...) data in its own range, as the ensemble was fitted on; or whatever else
                `kerasemble.predict` takes.
            batch_size: samples at a time.

        Raises:
            KerasembleError: the combiner has to learn first, or the data is not what the members take.
        """
        return np.asarray(self.outputs(x, batch_size=batch_size)[OUTPUT])

    def outputs(
        self,
        x: Any,  # noqa: ANN401 - whatever can be data
        *,
        batch_size: int = 256,
    ) -> dict[str, npt.NDArray[Any]]:
        """Return the combined probabilities and what the stages add to them, by name.

        Args:
            x: (samples, ...) data, as for `predict`.
            batch_size: samples at a time.

        Returns:
            "probabilities", float32 (samples, classes); and, where a stage adds it, "prediction_set", bool (samples,
            classes), and "abstain", bool (samples,).

        Raises:
            KerasembleError: as `predict`.
        """
        check_batch_size(batch_size)
        rows = as_source(x)
        _ = rows.extent  # refuses rows that are not finite
        fitted = self._align(rows)
        check_like_fitted(rows, fitted)
        if not all(member.is_keras for member in self.members):
            return self._predict_outside(rows, fitted, batch_size)
        if self._model is None:
            self._model = build_graph(self.members, fitted, copies=False)
        parts = [
            by_name(self._model.predict(rows.read(piece.start, piece.stop), batch_size=batch_size, verbose=0))
            for piece in pieces(rows)
        ]
        answer = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        bad = np.flatnonzero(~np.isfinite(answer[OUTPUT]).all(axis=-1))
        if bad.size:
            where = f"{bad.size} of {len(rows)} rows: {first([rows.row_name(row) for row in bad.tolist()])}"
            msg = f"A member returned NaN or infinity in {where}. Leave those rows out, or mend the model."
            raise KerasembleError(msg)
        # Jitted functions give dicts in the order of the alphabet.
        return {name: answer[name] for name in (OUTPUT, *fitted.combiner.output_names())}

    def _predict_outside(self, x: Rows, fitted: FittedCombiner, batch_size: int) -> dict[str, npt.NDArray[Any]]:
        """Return the outputs where a member cannot be part of a Keras model."""
        span = range_of(fitted) or self._data_range
        seen = predict(self.members, x, classes=fitted.classes, data_range=span, batch_size=batch_size)
        answer = fitted.outputs(seen)
        return answer | {OUTPUT: np.asarray(answer[OUTPUT], dtype=np.float32)}

    def as_member(self, x: Rows) -> Member:
        """Return this as a member that answers to the data as `predict` does, to be scored beside others.

        Raises:
            KerasembleError: as `predict`.
        """
        fitted = self._align(x)
        record = make_record(fitted, self._member_records(), self.report)

        def ensemble(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return self._predict_outside(as_source(rows), fitted, len(rows))[OUTPUT]

        source: Source = ensemble
        head = None
        if all(member.is_keras for member in self.members):
            source = self.to_keras()
            head = OUTPUT if fitted.combiner.output_names() else None
        return Member(source, output="probabilities", classes=fitted.classes, head=head, record=record)

    def to_keras(self) -> Model:
        """Return a new plain `keras.Model`: functional, of Keras built-ins only, its members copies and frozen.

        Its learned weights are trainable: `compile` and `fit` train them with the members as they are, without
        dropout or other randomness. To train the members too, set
        `model.get_layer("member_<name>").trainable = True` first.

        Raises:
            KerasembleError: the combiner has to learn first, a member cannot be copied, or nothing was run yet and
                the members alone do not say what their input and output is.
        """
        fitted = self._align(None)
        return build_graph(used(self.members, fitted), fitted)

    def trained(self, model: Model) -> Ensemble:
        """Return this ensemble with what `model`, which `to_keras` made, learned by training since.

        It has no report: what was scored before says nothing of it.

        Raises:
            KerasembleError: the model is not one that this ensemble's `to_keras` made.
        """
        # What training leads to is no optimum that a solver vouches for.
        fitted = dataclasses.replace(self._align(None), gap=None)
        return _from_model(model, fitted, None, self._member_records())

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write one plain `.keras` file, whole or not at all, and return its path.

        Bare Keras opens it; `kerasemble.load` gives the whole ensemble back, by an entry that Keras ignores.

        Raises:
            KerasembleError: the path is taken and `overwrite` is False, cannot be written, or `to_keras` fails.
        """
        fitted = self._align(None)
        record = make_record(fitted, self._member_records(), self.report)
        return write_archive(build_graph(used(self.members, fitted), fitted), record, path, overwrite=overwrite)

    def _member_records(self) -> list[dict[str, Any]]:
        return member_records(self._given) if self._records is None else self._records

    def _align(self, x: Rows | None) -> FittedCombiner:
        """Return the fitted combiner with its alignment, found on the first rows of `x`, or on noise where None."""
        now = self.combiner
        if isinstance(now, FittedCombiner) and now.alignment is not None:
            return now
        if isinstance(now, Combiner) and now.given([name_of(member) for member in self.members]) is None:
            msg = f"{type(now).__name__} learns from labels. Call fit(x, y) first and use the ensemble it returns."
            raise KerasembleError(msg)
        if x is None:
            seen = probe(self.members, self.classes, self._data_range)
        else:
            span = self._data_range or detect_range(x)
            seen = predict(self.members, x[:_ROWS_TO_ALIGN], classes=self.classes, data_range=span)
        fitted = fit_to(now, seen)
        if x is not None:
            # What noise told is for one model only: data may have another shape.
            self.combiner = fitted
            self.members = used(self.members, fitted)
        return fitted

    def __repr__(self) -> str:
        """Say which members and which combiner."""
        names = first([name_of(member) for member in self.members])
        if isinstance(self.combiner, FittedCombiner):
            return f"Ensemble of {names}. {self.combiner!r}"
        return f"Ensemble of {names} by {label(self.combiner)}"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the report and what was learned, or the members where there is neither."""
        if isinstance(self.combiner, FittedCombiner):
            shown = "" if self.report is None else self.report._repr_html_()
            return f"{shown}{self.combiner._repr_html_()}"
        return as_html(
            f"Ensemble by {label(self.combiner)}", [("member",), *((name_of(each),) for each in self.members)]
        )


def load(path: str | os.PathLike[str]) -> Ensemble:
    """Return the ensemble in a `.keras` file that `Ensemble.save` wrote.

    Raises:
        KerasembleError: the file is no model, or not one that kerasemble made.

    Example:
        >>> load("ensemble.keras").predict(x)  # doctest: +SKIP
    """
    record = read_record(path)
    if record is None:
        if str(path).endswith(".json"):
            msg = f"{path} holds no model. What FittedCombiner.save wrote is opened by ke.FittedCombiner.load."
            raise KerasembleError(msg)
        msg = f"{path} holds a plain model, not an ensemble. Open it with keras.saving.load_model, or make it a Member."
        raise KerasembleError(msg)
    try:
        report = None if record["report"] is None else Report.from_json(record["report"])
        fitted = FittedCombiner.from_json(record["fitted"])
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        msg = f"The record in {path} is damaged: {type(error).__name__} {error}. Save or copy it again."
        raise KerasembleError(msg) from error
    return _from_model(load_file(path).model, fitted, report, record["members"])


def _from_model(model: Model, fitted: FittedCombiner, report: Report | None, records: list[dict[str, Any]]) -> Ensemble:
    """Return the ensemble whose graph is `model`: its branches are members that are aligned already."""
    check_own(model, fitted)
    learned = {
        name: np.asarray(model.get_layer(name).get_weights()[0], dtype=np.float64).reshape(array.shape)
        for name, array in fitted.learned.items()
    }
    members = [
        Member(model.get_layer(layer), name=name, output="probabilities", classes=fitted.classes)
        for layer, name in zip(layer_names(fitted.members), fitted.members, strict=True)
    ]
    alignment = fitted.alignment
    if alignment is not None:
        order = tuple(range(len(fitted.classes)))
        readings = tuple(Reading("probabilities", len(order), order) for _ in alignment.readings)
        alignment = Alignment(alignment.inputs, readings)
    ensemble = Ensemble(members, dataclasses.replace(fitted, learned=learned, alignment=alignment), report=report)
    ensemble._records = records  # noqa: SLF001 - of the class in this file
    return ensemble
