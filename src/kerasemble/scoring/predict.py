"""Run each member once over the data; every answer in one form."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy.typing as npt

from kerasemble.core.predictions import Predictions
from kerasemble.members.member import Member, Source, as_members
from kerasemble.scoring.scoring import Progress, Scoring


def predict(
    members: Sequence[Member | Source],
    x: npt.ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    store: str | os.PathLike[str] | None = None,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> Predictions:
    """Run every member over the data and return their probabilities over the same classes in the same order.

    Args:
        members: models, paths of models, whatever else `Member` takes, or `Member`s that say how one is read.
        x: (samples, ...) data in its own range, finite numbers; images as (samples, height, width[, channels]).
        classes: class names in the order wanted; the members' own, else "0", "1", ..., where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        store: folder in which raw answers are kept; a member that ran over this data before is not run again.
        batch_size: samples at a time.
        progress: called with a member's name, the rows done and the rows in all.

    Returns:
        Predictions with float32 values (members, samples, classes).

    Raises:
        KerasembleError: data, members or what they return cannot be used; the message says which and the cure.

    Example:
        >>> seen = predict(["a.keras", Member("b.h5", preprocess="-1..1")], x)  # doctest: +SKIP
    """
    scoring = Scoring(x, data_range=data_range, store=store, batch_size=batch_size, progress=progress)
    return scoring.predictions(as_members(members), classes)
