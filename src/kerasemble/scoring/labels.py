"""The labels of data: those that are given, or those that come with it."""

from __future__ import annotations

import numpy.typing as npt

from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import check_task
from kerasemble.scoring.sources.source import Source


def labels_of(source: Source, y: npt.ArrayLike | None) -> npt.ArrayLike:
    """Return `y`, or the labels of the data where it is None.

    Raises:
        KerasembleError: there are none, or they are those of another task.
    """
    labels = source.y if y is None else y
    if labels is None:
        msg = (
            f"{source.place or 'The data'} has no labels. Give y; or save them as 'y' beside x, name their column with "
            "label= (--label), or sort images into a subfolder for each class."
        )
        raise KerasembleError(msg)
    return check_task(labels)  # before anything is run
