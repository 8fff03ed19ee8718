"""Run each member once over the data; every answer in one form."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from kerasemble.core.predictions import Predictions
from kerasemble.members.member import Member, Source, as_members
from kerasemble.scoring.scoring import Progress, Scoring


def predict(
    members: Sequence[Member | Source],
    x: Any,  # noqa: ANN401 - whatever can be data
    *,
    classes: Sequence[object] | None = None,
    data_range: tuple[float, float] | None = None,
    store: str | os.PathLike[str] | None = None,
    dtype: str = "float32",
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Predictions:
    """Run every member over the data and return their probabilities over the same classes in the same order.

    Args:
        members: models, paths of models, whatever else `Member` takes, or `Member`s that say how one is read.
        x: (samples, ...) data in its own range, finite numbers; images as (samples, height, width[, channels]). An
            array, the path of a file or folder, what `load_data` returns, or a `PyDataset`, `tf.data.Dataset`,
            `DataLoader`, Hugging Face or grain dataset, or anything that yields batches and can be read again.
        classes: class names in the order wanted; the members' own, else "0", "1", ..., where left out.
        data_range: lowest and highest value the data can take; detected where left out and where a member asks.
        store: folder in which raw answers are kept as they come: what ran over this data before is not run again, and
            a run that was killed goes on where it was. Predictions of over 128 MB are then read from there as they are
            needed, so that they may be larger than memory.
        dtype: what is kept of an answer: "float32"; "float16", which halves the store; or "labels", the most probable
            class alone, in one or two bytes.
        batch_size: samples at a time; 256, or fewer where rows are large, where left out; halved where memory is short.
        progress: called with a member's name, the rows done and the rows in all.

    Returns:
        Predictions with float32 values (members, samples, classes), or with labels (members, samples).

    Raises:
        KerasembleError: data, members or what they return cannot be used; the message says which and the cure.

    Example:
        >>> seen = predict(["a.keras", Member("b.h5", preprocess="-1..1")], x)  # doctest: +SKIP
    """
    scoring = Scoring(x, data_range=data_range, store=store, dtype=dtype, batch_size=batch_size, progress=progress)
    return scoring.predictions(as_members(members), scoring.x.classes if classes is None else classes)
