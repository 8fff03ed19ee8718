"""Members that are no Keras model: objects with `predict_proba`, functions, and files of saved predictions."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.codes import Code
from kerasemble.core.csv_files import places_of
from kerasemble.core.errors import KerasembleError, warn
from kerasemble.core.rows import Rows
from kerasemble.core.tables import as_table
from kerasemble.members.member import Member, name_of
from kerasemble.members.saved import ascending, read_saved
from kerasemble.members.signature import Signature

# What is asked of a function to learn how many classes it answers over.
_ROWS_TO_ASK = 2


class Outside(NamedTuple):
    """A member that answers by itself, from the data as it is.

    Args:
        answer: from rows (n, ...), and the position of the first of them, to raw values (n, columns).
        signature: what is known of those values.
    """

    answer: Callable[[npt.NDArray[Any], int], npt.NDArray[Any]]
    signature: Signature

    def run(self, x: npt.NDArray[Any], start: int, batch_size: int) -> npt.NDArray[Any]:
        """Return the raw values (rows, columns) for rows `x`, which begin at `start`, asked for in batches."""
        places = range(0, len(x), batch_size)
        return np.concatenate([self.answer(x[at : at + batch_size], start + at) for at in places])


def open_outside(member: Member, x: Rows, fingerprint: str) -> Outside:
    """Return a member that is no Keras model, ready to answer for the data.

    Args:
        member: an estimator, a function or a file of saved predictions.
        x: (samples, ...) data.
        fingerprint: of the data; a file that names another is refused.

    Raises:
        KerasembleError: it does not answer with numbers (samples, columns), or the file is of other rows.
    """
    if member.kind == "predictions":
        return _from_file(member, x, fingerprint)
    if member.kind == "estimator":
        return _from_estimator(member, x)
    answer = _checked(member, member.source)
    columns = answer(x[:_ROWS_TO_ASK], 0).shape[1]
    return Outside(answer, Signature(columns, ("by a function",), is_model=False))


def _from_estimator(member: Member, x: Rows) -> Outside:
    source = member.source
    steps = [f"by {type(source).__name__}"]
    features = getattr(source, "n_features_in_", None)
    if len(x.shape) > 2 and features == int(np.prod(x.shape[1:])):
        steps.insert(0, f"flatten to {features}")
        answer = _checked(member, lambda rows: source.predict_proba(rows.reshape(len(rows), -1)))
    else:
        answer = _checked(member, source.predict_proba)
    columns = answer(x[:_ROWS_TO_ASK], 0).shape[1]
    named = getattr(source, "classes_", None)
    classes = None if named is None else tuple(map(str, np.asarray(named).tolist()))
    # Numbers from 0 on are what members without names have.
    counted = classes is None or len(classes) != columns or classes == tuple(map(str, range(columns)))
    return Outside(answer, Signature(columns, tuple(steps), classes=None if counted else classes, is_model=False))


def _checked(
    member: Member, function: Callable[[npt.NDArray[Any]], Any]
) -> Callable[[npt.NDArray[Any], int], npt.NDArray[Any]]:
    """Return `function` as an answer: whatever it raises or returns that is no table names the member."""
    name = name_of(member)

    def answer(x: npt.NDArray[Any], _start: int) -> npt.NDArray[Any]:
        try:
            returned = np.asarray(function(x))
        except Exception as error:  # the user's own code may raise anything
            said = str(error).splitlines()
            msg = f"Member '{name}' failed when it was run: {type(error).__name__}: {said[0] if said else ''}"
            raise KerasembleError(msg) from error
        table = as_table(name, returned)
        if len(table) != len(x):
            msg = f"Member '{name}' returned {len(table)} rows for {len(x)} samples. Return one for each, in order."
            raise KerasembleError(msg)
        return table if table.ndim == 2 else table[:, None]

    return answer


def _from_file(member: Member, x: Rows, fingerprint: str) -> Outside:
    path = Path(os.fspath(member.source))
    saved = read_saved(path, name_of(member), member.head)
    if len(saved.table) != len(x):
        msg = (
            f"Member '{member.name}': {path} has predictions for {len(saved.table)} rows, the data has {len(x)}. "
            "Saved predictions take part for the rows that they were made for, in that order."
        )
        raise KerasembleError(msg)
    if saved.data is not None and saved.data != fingerprint:
        msg = (
            f"Member '{member.name}': {path} was made from other data, or from these rows in another order. Run the "
            "model on this data again, or give the data that the predictions were made for."
        )
        raise KerasembleError(msg)
    table = saved.table if saved.table.ndim == 2 else saved.table[:, None]
    ids = getattr(x, "ids", None)
    if saved.ids is not None and ids is None and not ascending(saved.ids):
        msg = (
            f"Rows of {path} have ids, and those of the data none: they are taken to be in one order. Name the ids of "
            "the data: --id COLUMN."
        )
        warn(msg, Code.IDS_DIFFER)
    if saved.ids is not None and ids is not None:
        table = table[places_of(saved.ids, [str(name) for name in ids], str(path), "the data")]
    precision = "float16" if table.dtype == np.float16 else "float32"
    signature = Signature(table.shape[1], ("from saved predictions",), precision, saved.classes, is_model=False)
    return Outside(lambda x, start: table[start : start + len(x)], signature)
