"""What a member's raw values are, and how they become probabilities; what must not be averaged is refused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kerasemble.core.alignment import Output
from kerasemble.core.arrays import CLIP, FloatArray, Tensor, Vocabulary, first, softmax
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.rows import Rows, not_finite
from kerasemble.core.summary import NotFinite, Summary, summarise

# Rows of probabilities that were saved with two or three decimals miss one by no more.
_ROUNDED = 0.01
# How far rounding takes a probability below zero.
_NEGATIVE = 1e-6
# The largest deviation of a true softmax row's sum from one was 3.8e-7 in float32, 3.7e-4 in float16 and
# 2.9e-3 in bfloat16, over 3 to 21,843 classes.
_TOLERANCE = {"float16": 2e-3, "bfloat16": 1e-2}
_DEFAULT_TOLERANCE = 1e-5
# Rows that an error names.
_SHOWN = 10
_DIVIDE = "output='unnormalised', which divides each row by its sum"


class Diagnosis(NamedTuple):
    """What values look like: a word, the evidence in figures, and what the user can do about it.

    `output` is the option of a member that mends it, where there is one.
    """

    kind: str
    evidence: str
    remedy: str
    output: Output | None = None
    code: Code = Code.INVALID


def check_finite(values: FloatArray, name: str) -> None:
    """Raise a `KerasembleError` naming the first rows of member `name` that hold NaN or infinity."""
    bad = not_finite(values)
    if bad.size:
        raise _infinite(name, NotFinite(tuple(bad.tolist()), len(bad)), len(values))


def _infinite(name: str, bad: NotFinite, samples: int) -> KerasembleError:
    more = f" and {bad.total - _SHOWN} more" if bad.total > _SHOWN else ""
    return KerasembleError(
        f"Member '{name}' returned NaN or infinity in {bad.total} of {samples} rows: "
        f"{', '.join(map(str, bad.rows[:_SHOWN]))}{more}. "
        "Leave those rows out, or mend the model or its preprocessing."
    )


def diagnose(look: Summary, tolerance: float = _DEFAULT_TOLERANCE) -> Diagnosis:
    """Say what finite values (samples, columns) are, two or more columns, by what a look at them showed.

    `tolerance` is by how much the sum of a row of probabilities may miss one, in the precision they were computed in.
    """
    figures = f"values {look.low:.4g} to {look.high:.4g}, rows sum to {look.sum_low:.4g} to {look.sum_high:.4g}"
    if look.low >= -_NEGATIVE and look.high <= 1 + tolerance:
        return _within_unit_interval(look, tolerance, figures)
    if look.high <= tolerance and look.exp_off <= 100 * tolerance:
        remedy = "Pass output='logits': the softmax undoes the logarithm."
        return Diagnosis("log-probabilities", figures, remedy, "logits")
    off_hundred = max(abs(look.sum_low - 100), abs(look.sum_high - 100))
    if look.low >= -100 * _NEGATIVE and off_hundred <= 100 * max(tolerance, 1e-3):
        return Diagnosis("percentages", figures, f"Pass {_DIVIDE}.", "unnormalised")
    negative = look.negative / look.samples
    figures += f", {negative:.0%} of rows have negative values"
    # A logit row of few classes may be all positive, and a tanh or a centred feature is negative too: only values
    # beyond -1..1 with negatives in most rows are taken for logits.
    if negative >= 0.5 and max(-look.low, look.high) > 1 and look.deviation > 0.01:
        return Diagnosis("logits", figures, "Pass output='logits', so that a softmax is applied.", "logits")
    if look.low >= -_NEGATIVE * max(1.0, look.high):
        return _unnormalised(look, figures)
    return Diagnosis(
        "unclear",
        figures,
        "This is neither probabilities nor clearly logits: is it a hidden layer? Pass output='logits' if the values "
        "are unnormalised log-odds, or a model that ends in its softmax.",
    )


def _unnormalised(look: Summary, figures: str) -> Diagnosis:
    """Return what rows of zero and above with any sum are: counts, scores, percentages that miss 100, ..."""
    remedy = (
        f"If they are in proportion to the classes' probabilities, pass {_DIVIDE}. Else: are they log-odds "
        "(output='logits'), or a hidden layer?"
    )
    if not look.empty_rows:
        return Diagnosis("unnormalised", figures, remedy, "unnormalised")
    # A row of zeros has no shares, so that option alone mends nothing.
    zero = f"Rows {first(look.empty_rows)} are zero for all classes: leave those out first."
    return Diagnosis("unnormalised", figures, f"{remedy} {zero}")


def _within_unit_interval(look: Summary, tolerance: float, figures: str) -> Diagnosis:
    if not look.off:
        return Diagnosis("probabilities", figures, "")
    if look.samples != look.columns and np.abs(look.column_sums - 1).max() <= tolerance * look.samples:
        return Diagnosis("transposed", f"{figures}, columns sum to one", "Transpose it: rows are samples.")
    if look.deviation <= _ROUNDED:
        return Diagnosis("rounded probabilities", figures, f"Pass {_DIVIDE}.", "unnormalised")
    share = look.off / look.samples
    if share < 0.01:
        more = f" and {look.off - _SHOWN} more" if look.off > _SHOWN else ""
        rows = ", ".join(map(str, look.off_rows[:_SHOWN])) + more
        remedy = f"Mend or leave out those rows; if only their sum is wrong, pass {_DIVIDE}."
        return Diagnosis("unnormalised", f"{figures}, off in rows {rows}", remedy, "unnormalised")
    return Diagnosis(
        "sigmoids",
        f"{figures}, {share:.0%} of rows do not sum to one",
        f"If exactly one class is true for each row, pass {_DIVIDE}; several true classes per row (multilabel) are not "
        "supported yet.",
        "unnormalised",
    )


def diagnose_column(look: Summary) -> Diagnosis:
    """Say what finite values (samples, 1) are: the answer of a model with one output column."""
    figures = f"values {look.low:.4g} to {look.high:.4g}"
    if look.low >= 0 and look.high > 1 and look.whole:
        return Diagnosis("label indices", f"{figures}, all whole numbers", "Pass the probabilities, not their argmax.")
    if look.low >= -_NEGATIVE and look.high <= 1 + 1e-5:
        return Diagnosis("probabilities", figures, "")
    if look.low < 0 < look.high:
        return Diagnosis("logits", figures, "Pass output='logits', so that a sigmoid is applied.", "logits")
    if look.high <= 0:
        # Of an event that is rare every logit may be negative.
        return Diagnosis("unclear", figures, "Pass output='logits' if they are the logits of the second class.")
    return Diagnosis(
        "unclear",
        figures,
        "This looks like regression, and Kerasemble combines classifiers for now: the one column of a classifier is "
        "the probability of its second class.",
        code=Code.TASK_REGRESSION,
    )


def look_at(values: Rows | FloatArray, name: str, precision: str | None = None) -> Diagnosis:
    """Return what the values (samples, columns) of member `name` look like, read a block at a time.

    Args:
        values: raw.
        name: of the member, for errors.
        precision: the dtype that they were computed in; their own where left out.

    Raises:
        KerasembleError: they are not finite.
    """
    return _looked(values, name, precision)[1]


def decide(values: Rows | FloatArray, requested: str, name: str, precision: str | None = None) -> Output:
    """Return what the raw values (samples, columns) of member `name` are, after looking at all of them.

    Args:
        values: finite or not, one column or one for each class.
        requested: "probabilities", "logits" or "unnormalised", which is checked, or "auto": then the values decide.
        name: of the member, for errors.
        precision: the dtype that they were computed in; their own where left out.

    Raises:
        KerasembleError: the values are not what was requested, not finite, or leave doubt.
    """
    look, found = _looked(values, name, precision)
    if requested == "logits":
        # The softmax of probabilities is nearly flat whatever the member knew. One column may well lie in 0..1.
        if values.shape[1] > 1 and found.kind == "probabilities":
            remedy = "Leave output='logits' out: the softmax is in them already."
            raise refuse(name, found._replace(remedy=remedy, output="probabilities"))
        return "logits"
    if requested == "unnormalised":
        _check_shares(look, name, found)
        return "unnormalised"
    if found.kind == "probabilities":
        return "probabilities"
    # The softmax of log-probabilities gives the probabilities back.
    if requested == "auto" and found.kind in ("logits", "log-probabilities"):
        return "logits"
    raise refuse(name, found)


def _looked(values: Rows | FloatArray, name: str, precision: str | None) -> tuple[Summary, Diagnosis]:
    tolerance = _TOLERANCE.get(precision or str(values.dtype), _DEFAULT_TOLERANCE)
    look = summarise(values, tolerance)
    if isinstance(look, NotFinite):
        raise _infinite(name, look, len(values))
    return look, diagnose_column(look) if look.columns == 1 else diagnose(look, tolerance)


def _check_shares(look: Summary, name: str, found: Diagnosis) -> None:
    """Refuse values of which no row's shares can be taken."""
    if look.columns == 1:
        remedy = "One column has no sum to be divided by: give both classes, or leave output='unnormalised' out."
        raise refuse(name, found._replace(remedy=remedy, output=None))
    if look.low < -_NEGATIVE:
        remedy = "output='unnormalised' is for values of zero and above."
        raise refuse(name, found._replace(remedy=remedy))
    if look.empty_rows:
        msg = f"Member '{name}' returned zero for all classes in rows {first(look.empty_rows)}. Leave those rows out."
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
    found = "are not probabilities" if diagnosis.kind in ("unclear", "unnormalised") else f"look like {diagnosis.kind}"
    msg = f"Member '{name}': its values {found} ({diagnosis.evidence}). {diagnosis.remedy}"
    options = {} if diagnosis.output is None else {"output": diagnosis.output}
    return KerasembleError(msg, options, code=diagnosis.code)
