"""What a member's raw values are, and how they become probabilities; what must not be averaged is refused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.core.alignment import Output
from kerasemble.core.arrays import CLIP, FloatArray, Tensor, Vocabulary, first, softmax
from kerasemble.core.errors import KerasembleError

# Rows of probabilities that were saved with two or three decimals miss one by no more.
_ROUNDED = 0.01
# How far rounding takes a probability below zero.
_NEGATIVE = 1e-6
# The largest deviation of a true softmax row's sum from one was 3.8e-7 in float32, 3.7e-4 in float16 and
# 2.9e-3 in bfloat16, over 3 to 21,843 classes.
_TOLERANCE = {"float16": 2e-3, "bfloat16": 1e-2}
_DEFAULT_TOLERANCE = 1e-5
_DIVIDE = "output='unnormalised', which divides each row by its sum"


class Diagnosis(NamedTuple):
    """What values look like: a word, the evidence in figures, and what the user can do about it.

    `output` is the option of a member that mends it, where there is one.
    """

    kind: str
    evidence: str
    remedy: str
    output: Output | None = None


def check_finite(values: FloatArray, name: str) -> None:
    """Raise a `KerasembleError` naming the first rows of member `name` that hold NaN or infinity."""
    bad = ~np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
    if bad.any():
        rows = np.flatnonzero(bad)
        msg = (
            f"Member '{name}' returned NaN or infinity in {len(rows)} of {len(values)} rows: {first(rows)}. "
            "Leave those rows out, or mend the model or its preprocessing."
        )
        raise KerasembleError(msg)


def diagnose(values: FloatArray, dtype: str = "float32") -> Diagnosis:
    """Say what finite `values` of shape (samples, columns) are, two or more columns.

    `dtype` is the precision that they were computed in, which sets the tolerance for the sum of a row.
    """
    tolerance = _TOLERANCE.get(dtype, _DEFAULT_TOLERANCE)
    low, high = float(values.min()), float(values.max())
    sums = values.sum(axis=-1, dtype=np.float64)
    deviation = float(np.abs(sums - 1).max())
    figures = f"values {low:.4g} to {high:.4g}, rows sum to {sums.min():.4g} to {sums.max():.4g}"
    if low >= -_NEGATIVE and high <= 1 + tolerance:
        return _within_unit_interval(values, sums, tolerance, figures)
    if high <= tolerance and np.abs(np.exp(values.astype(np.float64)).sum(axis=-1) - 1).max() <= 100 * tolerance:
        remedy = "Pass output='logits': the softmax undoes the logarithm."
        return Diagnosis("log-probabilities", figures, remedy, "logits")
    if low >= -100 * _NEGATIVE and np.abs(sums - 100).max() <= 100 * max(tolerance, 1e-3):
        return Diagnosis("percentages", figures, f"Pass {_DIVIDE}.", "unnormalised")
    negative = float((values < 0).any(axis=-1).mean())
    figures += f", {negative:.0%} of rows have negative values"
    # A logit row of few classes may be all positive, and a tanh or a centred feature is negative too: only values
    # beyond -1..1 with negatives in most rows are taken for logits.
    if negative >= 0.5 and max(-low, high) > 1 and deviation > 0.01:
        return Diagnosis("logits", figures, "Pass output='logits', so that a softmax is applied.", "logits")
    return Diagnosis(
        "unclear",
        figures,
        "This is neither probabilities nor clearly logits: is it a hidden layer? Pass output='logits' if the values "
        "are unnormalised log-odds, or a model that ends in its softmax.",
    )


def _within_unit_interval(values: FloatArray, sums: FloatArray, tolerance: float, figures: str) -> Diagnosis:
    off = np.abs(sums - 1) > tolerance
    if not off.any():
        return Diagnosis("probabilities", figures, "")
    if values.shape[0] != values.shape[1] and np.abs(values.sum(axis=0) - 1).max() <= tolerance * len(values):
        return Diagnosis("transposed", f"{figures}, columns sum to one", "Transpose it: rows are samples.")
    if np.abs(sums - 1).max() <= _ROUNDED:
        return Diagnosis("rounded probabilities", figures, f"Pass {_DIVIDE}.", "unnormalised")
    if off.mean() < 0.01:
        rows = np.flatnonzero(off)
        return Diagnosis("unnormalised", f"{figures}, off in rows {first(rows)}", "Mend or leave out those rows.")
    return Diagnosis(
        "sigmoids",
        f"{figures}, {off.mean():.0%} of rows do not sum to one",
        f"If exactly one class is true for each row, pass {_DIVIDE}; several true classes per row (multilabel) are not "
        "supported yet.",
        "unnormalised",
    )


def diagnose_column(values: FloatArray) -> Diagnosis:
    """Say what finite `values` of shape (samples,) are: the answer of a model with one output column."""
    low, high = float(values.min()), float(values.max())
    figures = f"values {low:.4g} to {high:.4g}"
    if low >= 0 and high > 1 and np.array_equal(values, np.round(values)):
        return Diagnosis("label indices", f"{figures}, all whole numbers", "Pass the probabilities, not their argmax.")
    if low >= -_NEGATIVE and high <= 1 + 1e-5:
        return Diagnosis("probabilities", figures, "")
    if low < 0 < high:
        return Diagnosis("logits", figures, "Pass output='logits', so that a sigmoid is applied.", "logits")
    return Diagnosis(
        "unclear", figures, "One column must be the second class's probability, or its logit with output='logits'."
    )


def decide(values: FloatArray, requested: str, name: str) -> Output:
    """Return what the raw values (samples, columns) of member `name` are, after looking at all of them.

    Args:
        values: finite or not, one column or one for each class.
        requested: "probabilities", "logits" or "unnormalised", which is checked, or "auto": then the values decide.
        name: of the member, for errors.

    Raises:
        KerasembleError: the values are not what was requested, not finite, or leave doubt.
    """
    check_finite(values, name)
    found = diagnose_column(values[:, 0]) if values.shape[1] == 1 else diagnose(values, str(values.dtype))
    if requested == "logits":
        # The softmax of probabilities is nearly flat whatever the member knew. One column may well lie in 0..1.
        if values.shape[1] > 1 and found.kind == "probabilities":
            remedy = "Leave output='logits' out: the softmax is in them already."
            raise refuse(name, found._replace(remedy=remedy, output="probabilities"))
        return "logits"
    if requested == "unnormalised":
        _check_shares(values, name, found)
        return "unnormalised"
    if found.kind == "probabilities":
        return "probabilities"
    # The softmax of log-probabilities gives the probabilities back.
    if requested == "auto" and found.kind in ("logits", "log-probabilities"):
        return "logits"
    raise refuse(name, found)


def _check_shares(values: FloatArray, name: str, found: Diagnosis) -> None:
    """Refuse values of which no row's shares can be taken."""
    if values.shape[1] == 1:
        remedy = "One column has no sum to be divided by: give both classes, or leave output='unnormalised' out."
        raise refuse(name, found._replace(remedy=remedy, output=None))
    if values.min() < -_NEGATIVE:
        remedy = "output='unnormalised' is for values of zero and above."
        raise refuse(name, found._replace(remedy=remedy))
    empty = np.flatnonzero(values.sum(axis=-1) <= 0)
    if empty.size:
        msg = f"Member '{name}' returned zero for all classes in rows {first(empty)}. Leave those rows out."
        raise KerasembleError(msg)


def standardise(values: Tensor, output: Output, order: tuple[int, ...], xp: Vocabulary) -> Tensor:
    """Return probabilities (samples, classes) over the ensemble's classes: the formula for NumPy and the Keras graph.

    softmax(values)[order] for logits and values[order] for probabilities; where columns are left out or the values are
    unnormalised, they are divided by their sum, and the softmax is that of the columns which stay. One column v stands
    for two classes, with 1 - v and v for a probability; for a logit it is the softmax of 0 and v.

    Args:
        values: (samples, columns) what the member returned.
        output: what that is.
        order: for each class of the ensemble the member's column, one of two where there is only one. Columns that are
            not in it are no class of the ensemble's.
        xp: `numpy` or `keras.ops`.
    """
    if values.shape[-1] == 1:
        rest = xp.zeros_like(values) if output == "logits" else 1 - values
        values = xp.concatenate([rest, values], axis=-1)
    partial = len(order) < values.shape[-1]
    if partial:
        values, order = xp.take(values, list(order), axis=-1), tuple(range(len(order)))
    if output == "logits":
        values = softmax(values, xp)
    elif partial or output == "unnormalised":
        # A row may be sure of what is left out; then its rest is as good as nothing, and the classes share alike.
        values = xp.maximum(values, CLIP)
        values = values / xp.sum(values, axis=-1, keepdims=True)
    return values if order == tuple(range(len(order))) else xp.take(values, list(order), axis=-1)


def refuse(name: str, diagnosis: Diagnosis) -> KerasembleError:
    """Return the error for member `name` whose values are not what they must be."""
    found = "are not probabilities" if diagnosis.kind == "unclear" else f"look like {diagnosis.kind}"
    msg = f"Member '{name}': its values {found} ({diagnosis.evidence}). {diagnosis.remedy}"
    return KerasembleError(msg, {} if diagnosis.output is None else {"output": diagnosis.output})
