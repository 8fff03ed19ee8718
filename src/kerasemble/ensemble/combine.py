"""The main job: trained models and labelled data in, one better Keras model and the proof out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy.typing as npt

from kerasemble.combiners import as_combiner, weighted
from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import as_stages, with_stages
from kerasemble.combiners.recipes import name_of
from kerasemble.combiners.stages.base import Stage
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.combiners.weights import Given
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.options import as_names
from kerasemble.core.row_weights import ClassWeight
from kerasemble.ensemble.ensemble import Ensemble
from kerasemble.evaluation.candidates import default_combiners
from kerasemble.evaluation.compare import compared
from kerasemble.evaluation.decision import Action
from kerasemble.evaluation.folds import CV
from kerasemble.evaluation.metrics import MetricName
from kerasemble.evaluation.plan import Settings
from kerasemble.members.member import Member, Source, as_members
from kerasemble.members.member import name_of as name_of_member
from kerasemble.scoring.check import Checked, look
from kerasemble.scoring.labels import labels_of
from kerasemble.scoring.scoring import Progress, Scoring


def combine(
    members: Sequence[Member | Source],
    x: Any,  # noqa: ANN401 - whatever can be data
    y: npt.ArrayLike | None = None,
    combiner: Combiner | str = "auto",
    *,
    weights: Given | Literal["scores"] | None = None,
    stages: Sequence[Stage | str] = (),
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    budget: float | None = None,
    max_members: int | None = None,
    costs: Mapping[str, float] | Sequence[float] | None = None,
    sample_weight: npt.ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    groups: npt.ArrayLike | None = None,
    metrics: Sequence[MetricName] | None = None,
    cv: CV = 5,
    repeats: int | None = None,
    seed: int = 0,
    select_by: str | None = None,
    accept_proposals: bool = False,
    store: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Run the members, compare combiners, fit the chosen one on all rows, and return the ensemble.

    Args:
        members: models, paths of models, or `Member`s that say how a model is read.
        x: (samples, ...) data that the members were not trained on, or whatever else `predict` takes.
        y: (samples,) labels: class indices, names, or one-hot rows; those of the data where left out.
        combiner: a combiner or its name; "auto" takes what scored best on rows that its fit did not see, which may
            be a single member: then the ensemble holds that one alone.
        weights: of the members, in order or by name, for `WeightedAverage`, which is taken where no combiner is named,
            or for another that takes weights; only ratios matter. Or "scores", as `WeightedAverage` has it.
        stages: what follows the combiner, such as `Temperature()` and `ConformalSets(0.95)`; combiners are compared
            without them, and what is chosen is then scored with them.
        classes: class names in the order wanted; the members' own where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        budget: what all members that are kept may cost in milliseconds a row; the others are neither run nor saved.
            They are picked by the labels too, in each fold of the comparison anew.
        max_members: how many members may be kept; likewise.
        costs: of the members in milliseconds a row, in order or by name; as they were measured where left out.
        sample_weight: (samples,) how much each row counts, in the fit and in the scores; only ratios matter.
        class_weight: "balanced", or how much the rows of each class count, by name or index; likewise.
        groups: (samples,) the patient, site, video, ... of each row; see `compare`.
        metrics: what is reported; see `compare`.
        cv: number of folds of the comparison, "blocks" or "forward"; see `compare`.
        repeats: how often the rows are divided anew; see `compare`.
        seed: of the division into folds.
        select_by: what the choice goes by; see `compare`.
        accept_proposals: read members as the check of them proposes (`kerasemble.check`), and say so in the report.
        store: folder in which the members' answers are kept, as in `predict`.
        batch_size: samples at a time; at most 256, by the size of a row, where left out.
        progress: called with a member's name, the rows done and the rows in all.

    Returns:
        The fitted ensemble; its `report` has every score, the intervals and the verdict.

    Raises:
        KerasembleError: members, data or labels cannot be used; the message says which and the cure.

    Example:
        >>> ensemble = combine(["a.keras", "b.h5", "c.keras"], x, y)  # doctest: +SKIP
        >>> print(ensemble.report)  # doctest: +SKIP
        >>> ensemble.save("ensemble.keras")  # doctest: +SKIP
    """
    preferred = chosen(combiner, weights)
    classes = None if classes is None else as_names("classes", classes)
    # What cannot follow, and weights that do not fit, fail before anything is run.
    stages = as_stages(stages)
    with_stages(preferred or Average(), stages)
    named = as_members(members)
    if preferred is not None:
        preferred.given([name_of_member(member) for member in named])
    scoring = Scoring(x, data_range=data_range, store=store, batch_size=batch_size, progress=progress)
    y = labels_of(scoring.x, y)
    classes = scoring.x.classes if classes is None else classes
    checked = look(scoring, named, y, classes, accept_proposals=accept_proposals)
    refused = [str(finding) for finding in checked.findings if finding.blocks]
    if refused:
        raise KerasembleError("\n".join(refused))
    named, data_range = checked.members, checked.data_range
    seen = scoring.predictions(named, classes if classes is not None or not checked.accepted else checked.classes)
    recipes = default_combiners(seen)
    if preferred is not None:
        recipes = [*(each for each in recipes if name_of(each) != name_of(preferred)), preferred]
    settings = Settings(
        cv=cv,
        repeats=repeats,
        groups=groups,
        metrics=metrics,
        seed=seed,
        prefer=preferred,
        sample_weight=sample_weight,
        class_weight=class_weight,
        costs=costs,
        budget=budget,
        max_members=max_members,
        stages=stages,
        select_by=select_by,
    )
    found = compared(seen, y, recipes, settings)
    for sentence in found.report.warnings:
        warn(sentence)
    warnings = (*scoring.notes, *_with_findings(found.report.warnings, checked))
    # A member that is kept alone leaves the others behind; a combiner may be fitted to all of them again.
    alone = found.report.decision is not None and found.report.decision.action is not Action.COMBINE
    kept = [member for member in named if not alone or member.name in found.members]
    # What learned nothing was still chosen by these rows.
    fitted = dataclasses.replace(found.fitted, fitted_on=seen.data)
    report = dataclasses.replace(found.report, warnings=warnings)
    return Ensemble(kept, fitted, data_range=data_range, report=report)


def chosen(combiner: Combiner | str, weights: Given | Literal["scores"] | None = None) -> Combiner | None:
    """Return the combiner that is asked for, None for "auto".

    Raises:
        KerasembleError: there is no such combiner, or it takes no weights.
    """
    recipe = None if isinstance(combiner, str) and combiner == "auto" else as_combiner(combiner)
    return recipe if weights is None else weighted(recipe or WeightedAverage(), weights)


def _with_findings(known: Sequence[str], checked: Checked) -> tuple[str, ...]:
    """Return the comparison's warnings with what the check of the members found besides, having said it."""
    done = [f"Accepted: {finding}" for finding in checked.accepted]
    new = [finding for finding in checked.findings if str(finding) not in known]
    found = list(map(str, new))
    for sentence, finding in zip((*done, *found), (*checked.accepted, *new), strict=True):
        warn(sentence, finding.code)
    return (*done, *known, *found)
