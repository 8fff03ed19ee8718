"""Whether a member may have been trained on the rows that it is judged by: only from what it answers."""

from __future__ import annotations

import numpy as np

from kerasemble.core.arrays import IntArray
from kerasemble.core.codes import Code
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.finding import Finding

# A member that makes fewer than this share of the next best one's mistakes may have been trained on these rows, and so
# may one with less than this share of its log loss; said where the next best makes so many mistakes, or loses so many
# nats over all rows, that it is no accident. Mistakes alone gave away half as many as both do.
_TOO_GOOD, _MISTAKES, _NATS = 0.1, 20, 10
# Being far better than members that are wrong in more than this share of the rows is no sign of anything: with a half
# for a third, 17 of 1,700 clean sets raised an alarm, with a third 5.
_POOR = 1 / 3


def trained_on(predictions: Predictions, labels: IntArray) -> list[Finding]:
    """Look for a member that has next to no mistakes, or next to no log loss, where all others have.

    Args:
        predictions: of all members.
        labels: (samples,) class indices.
    """
    # Of two, one may well be that much better.
    if len(predictions.members) < 3:
        return []
    mistakes = np.array([len(labels) - hits(values, labels).sum() for values in predictions.each()])
    best, second = np.argsort(mistakes, kind="stable")[:2]
    name = predictions.members[best]
    remedy = "What is fitted to them then trusts it too much."
    if mistakes[second] > _POOR * len(labels):
        return []
    if mistakes[second] >= _MISTAKES and mistakes[best] < _TOO_GOOD * mistakes[second]:
        evidence = (
            f"Member '{name}' is wrong in {mistakes[best]:.0f} of {len(labels)} rows, the next best in "
            f"{mistakes[second]:.0f}: was it trained on these rows?"
        )
        counted = {"mistakes": int(mistakes[best]), "next_mistakes": int(mistakes[second]), "rows": len(labels)}
        return [Finding(Code.TRAINED_ON, evidence, remedy, name, figures=counted)]
    # The log loss of a label is but its mistakes.
    if predictions.labels_only:
        return []
    losses = np.array([log_losses(values, labels).mean() for values in predictions.each()])
    least, next_least = np.sort(losses)[:2]
    if losses[best] > least or next_least * len(labels) < _NATS or least >= _TOO_GOOD * next_least:
        return []
    evidence = (
        f"Member '{name}' has a log loss of {least:.2g} over {len(labels)} rows, the next best of {next_least:.2g}: "
        "was it trained on these rows?"
    )
    figures = {"log_loss": float(least), "next_log_loss": float(next_least), "rows": len(labels)}
    return [Finding(Code.TRAINED_ON, evidence, remedy, name, figures=figures)]
