"""Saved models, ensembles among them, scored side by side on data that nobody has seen."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.errors import KerasembleError
from kerasemble.core.files import digest
from kerasemble.core.options import as_names, check_flag, check_range
from kerasemble.ensemble.ensemble import Ensemble
from kerasemble.evaluation.metrics import MetricName
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.score import score
from kerasemble.members.copying import layer_from_json
from kerasemble.members.member import Member, Source, as_members, name_of
from kerasemble.scoring.labels import labels_of
from kerasemble.scoring.predict import predict
from kerasemble.scoring.scoring import Progress
from kerasemble.scoring.sources.opening import as_source
from kerasemble.scoring.sources.source import Source as Rows


def evaluate(
    models: Sequence[Member | Source | Ensemble] | Ensemble,
    x: Any,  # noqa: ANN401 - whatever can be data
    y: npt.ArrayLike | None = None,
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    store: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
    fitted_rows: bool = False,
    groups: npt.ArrayLike | None = None,
    metrics: Sequence[MetricName] | None = None,
) -> Report:
    """Score models as they are, nothing fitted, and each ensemble among them against the best of the others.

    A file that `Ensemble.save` wrote is known by its record, which also says how its members' own files are read:
    given as plain paths they need no options.

    Args:
        models: ensembles and other models: paths, model objects, or `Member`s; `Ensemble`s that are fitted, called
            "ensemble", "ensemble-2", ...; or one such.
        x: (samples, ...) data that neither models nor ensembles were fitted to, in the ensembles' range; or whatever
            else `predict` takes.
        y: (samples,) labels: class indices, names, or one-hot rows; those of the data where left out.
        classes: class names in the order wanted; the ensemble's own where left out.
        data_range: lowest and highest value the data can take; the ensemble's own where left out.
        store: folder in which the models' answers are kept, as in `predict`.
        batch_size: samples at a time; at most 256, by the size of a row, where left out.
        progress: called with a model's name, the rows done and the rows in all.
        fitted_rows: score an ensemble on the very rows that it was fitted to; what comes out says nothing of others.
        groups: (samples,) the patient, site, video, ... of each row; see `compare`.
        metrics: what is reported; see `compare`.

    Returns:
        Scores, intervals and a verdict; it prints itself.

    Raises:
        KerasembleError: a model, the data or the labels cannot be used; the message says which and the cure.

    Example:
        >>> print(evaluate(["ensemble.keras", "a.keras", "b.h5"], x_test, y_test))  # doctest: +SKIP
    """
    check_flag("fitted_rows", fitted_rows)
    classes = None if classes is None else as_names("classes", classes)
    source = as_source(x)
    read = read_by_records(_with_ensembles(models, source), classes, check_range(data_range))
    y = labels_of(source, y)
    if not fitted_rows:
        _check_unseen(read.members, source.fingerprint)
    seen = predict(
        read.members,
        source,
        classes=read.classes,
        data_range=read.data_range,
        store=store,
        batch_size=batch_size,
        progress=progress,
    )
    made = {name_of(member): member.record["fitted"] for member in read.members if member.record is not None}
    # What adds no outputs need not be rebuilt, which takes its class.
    chains = {name: each for name, each in made.items() if each["combiner"]["name"] == "chain"}
    fitted = {name: FittedCombiner.from_json(each) for name, each in chains.items()}
    return score(seen, y, list(made), groups=groups, metrics=metrics, fitted=fitted)


def _with_ensembles(models: Sequence[Member | Source | Ensemble] | Ensemble, x: Rows) -> Sequence[Member | Source]:
    """Return models and, in place of ensembles, members that answer as they do."""
    if isinstance(models, Ensemble):
        models = [models]
    if not isinstance(models, list | tuple):
        return models  # which is refused, as everywhere
    return [model.as_member(x) if isinstance(model, Ensemble) else model for model in models]


def _check_unseen(members: Sequence[Member], data: str) -> None:
    """Refuse ensembles that learned from these very rows.

    Raises:
        KerasembleError: one did.
    """
    for member in members:
        if member.record is not None and member.record["fitted"].get("fitted_on") == data:
            msg = (
                f"'{member.name}' was fitted to these very rows, so its score on them would be too good. Give rows "
                "that nobody has seen, or fitted_rows=True (--fitted-rows) to score it on them all the same."
            )
            raise KerasembleError(msg)


class ReadByRecords(NamedTuple):
    """Models, classes and data range, as far as the records of the ensembles among the models say."""

    members: tuple[Member, ...]
    classes: Sequence[object] | None
    data_range: tuple[float, float] | None


def read_by_records(
    models: Sequence[Member | Source],
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
) -> ReadByRecords:
    """Return models with the options that the records of the ensembles among them say; what is given stays.

    Raises:
        KerasembleError: ensembles differ in their classes and none were given.
    """
    named = as_members(models)
    made = {name_of(member): member.record for member in named if member.record is not None}
    if made and classes is None:
        classes = _common_classes({name: record["fitted"]["classes"] for name, record in made.items()})
    known = {item["sha256"]: item for record in made.values() for item in record["members"]}
    read = tuple(member if name_of(member) in made else _as_recorded(member, known) for member in named)
    stated = next((member.range for member in named if member.range is not None), None)
    return ReadByRecords(read, classes, data_range or stated)


def _common_classes(classes: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return the classes of the ensembles, which must agree for one table to make sense."""
    name, first = next(iter(classes.items()))
    for other, own in classes.items():
        if own != first:
            msg = f"Ensembles '{name}' and '{other}' differ in classes: {first} and {own}. Give classes=[...]."
            raise KerasembleError(msg)
    return first


def _as_recorded(member: Member, known: Mapping[str, Mapping[str, Any]]) -> Member:
    """Return the member with the options that a record has for its file, where it was given none of its own."""
    given = (member.preprocess, member.classes, member.head, member.ignore or None)
    if member.kind != "file" or member.path is None or member.output != "auto" or given != (None, None, None, None):
        return member
    options = known.get(digest(member.path))
    if options is None:
        return member
    preprocess = options["preprocess"]
    if isinstance(preprocess, list):
        preprocess = [layer_from_json(layer) for layer in preprocess]
    stated = {key: options[key] for key in ("output", "classes", "head")}
    return dataclasses.replace(member, preprocess=preprocess, ignore=options.get("ignore", ()), **stated)
