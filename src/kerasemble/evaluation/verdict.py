"""What the scores say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import with_options
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.metrics import log_losses
from kerasemble.evaluation.choice import Rows
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.report import Measure, Score
from kerasemble.evaluation.significance import paired_interval

_PLAIN_MEAN = "average"
# A gain in confidence below this, in nats, is not worth a sentence.
_WORTH_SAYING = 0.001


def in_words(
    chosen: Score, candidates: Sequence[Score], best_member: Score, measure: Measure, picked: float | None
) -> str:
    """Return in a sentence what to do.

    `picked` is the loss of the best member as it is picked on other rows, None where a combiner was asked for.
    """
    if chosen.kind == "member":
        if not candidates:
            return f"{chosen.name} is the best: {measure} {chosen.loss(measure):.3f}."
        rival = min(candidates, key=lambda each: each.loss(measure))
        losses = f"{measure} {chosen.loss(measure):.3f} against {rival.loss(measure):.3f} of {rival.name}"
        return f"keep {chosen.name}: no combination is better ({losses})."
    mean, low, high = chosen.gain
    interval = f"95 % interval {low:.3f} to {high:.3f}"
    if low > 0:
        sure = f"the gain is real ({interval})"
    elif mean > 0:
        sure = f"the gain of {mean:.3f} may be chance ({interval})"
    elif picked is not None:
        sure = f"which these rows picked: the best member as picked on other rows has {picked:.3f} ({interval})"
    else:
        sure = f"it is no better, so keep {best_member.name} ({interval})"
    losses = f"{measure} {chosen.loss(measure):.3f} against {best_member.loss(measure):.3f} of the best member"
    return f"{chosen.name}: {losses} ({best_member.name}); {sure}."


def against_the_mean(chosen: Score, combined: Mapping[str, FloatArray], rows: Rows, measure: Measure) -> str:
    """Return a sentence where it is not sure that the chosen combiner is better than the plain mean."""
    if chosen.name == _PLAIN_MEAN or _PLAIN_MEAN not in combined:
        return ""
    mean, own = (rows.losses(combined[name], measure) for name in (_PLAIN_MEAN, chosen.name))
    gain, low, high = paired_interval(mean, own, rows.weights)
    if low > 0:
        return ""
    than = f"{measure} {rows.mean(mean):.3f} of the plain mean"
    if gain <= 0:
        return f" It is no better than {than}: keep {_PLAIN_MEAN} ({low:.3f} to {high:.3f})."
    return f" Against {than} the gain of {gain:.3f} may be chance ({low:.3f} to {high:.3f})."


def by_confidence(
    combiner: Combiner,
    combined: FloatArray,
    best: str,
    rows: Rows,
    folds: IntArray,
) -> str:
    """Return a sentence on what the best member gains alone by the same fit, where that is anything.

    A combiner whose weights need not sum to one sharpens or softens as well. What that alone brings is no merit of
    combining, and can be the whole of a gain.
    """
    predictions, labels, weights = rows
    if combiner.given(predictions.members) is not None or predictions.labels_only:
        return ""
    alone = predictions.only([best])
    # What chooses among members has nothing to choose from.
    combiner = with_options(combiner, {"max_members": None, "cost_weight": 0.0, "costs": None})
    fitted = log_losses(cross_fit(combiner, alone, labels, folds, weights), labels)
    if rows.mean(fitted) > rows.mean(log_losses(alone.values[0], labels)) - _WORTH_SAYING:
        return ""
    said = f"{best} alone, its confidence fitted in the same way, has {rows.mean(fitted):.3f}"
    if paired_interval(fitted, log_losses(combined, labels), weights).low > 0:
        return f" {said}."
    return f" But {said}: the gain is in confidence, and combining adds nothing that is sure."
