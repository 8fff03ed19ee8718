"""The main job: trained models and labelled data in, one better Keras model and the proof out."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy.typing as npt

from kerasemble.combiners import find, registry
from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner, name_of
from kerasemble.ensemble.ensemble import Ensemble
from kerasemble.evaluation.compare import choose, compare
from kerasemble.members.member import Member, Model, as_members
from kerasemble.scoring.predict import Progress, predict


def combine(
    members: Sequence[Member | Model | str | os.PathLike[str]],
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    combiner: Combiner | str = "auto",
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    cv: int = 5,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> Ensemble:
    """Run the members, compare all combiners, fit the chosen one on all rows, and return the ensemble.

    Args:
        members: models, paths of models, or `Member`s that say how a model is read.
        x: (samples, ...) data that the members were not trained on.
        y: (samples,) labels: class indices, names, or one-hot rows.
        combiner: a combiner or its name; "auto" takes what scored best on rows that its fit did not see, which may
            be a single member: then the ensemble holds that one alone.
        classes: class names in the order wanted; the members' own where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        cv: number of folds of the comparison.
        seed: of the division into folds.
        store: folder in which the members' answers are kept, as in `predict`.
        batch_size: samples at a time.
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
    asked = find(combiner)() if isinstance(combiner, str) and combiner != "auto" else combiner
    named = as_members(members)
    recipes = {name: kind() for name, kind in registry().items()}
    if isinstance(asked, Combiner):
        asked.given([str(member.name) for member in named])  # weights that do not fit fail before anything is run
        recipes[name_of(asked)] = asked
    seen = predict(
        named, x, classes=classes, data_range=data_range, store=store, batch_size=batch_size, progress=progress
    )
    chosen_from = list(recipes.values())
    report = compare(seen, y, chosen_from, cv=cv, seed=seed, prefer=asked if isinstance(asked, Combiner) else None)
    picked = asked if isinstance(asked, Combiner) else choose(report, chosen_from)
    if isinstance(picked, Combiner):
        return Ensemble(named, picked.fit(seen, y), data_range=data_range, report=report)
    alone = [member for member in named if member.name == picked]
    return Ensemble(alone, Average().fit(seen.only([picked])), data_range=data_range, report=report)
