"""What the scores say, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import with_options
from kerasemble.core.arrays import IntArray, first
from kerasemble.core.metrics import log_losses
from kerasemble.evaluation.budget import Budget, Priced
from kerasemble.evaluation.choice import Taken
from kerasemble.evaluation.crossfit import cross_fit
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.scored import Rows, Scored, Table

# A gain in confidence below this, in nats, is not worth a sentence.
_WORTH_SAYING = 0.001


def verdict_of(table: Table, report: Report, taken: Taken, *, asked: bool) -> str:
    """Return in a few sentences what to do.

    Args:
        table: what is scored.
        report: the scores.
        taken: what is chosen.
        asked: whether a combiner was asked for, so that nothing was chosen.
    """
    measure, rows = report.measure, table.rows
    picked = rows.mean(table.best_member.losses(rows.labels, measure))
    if report.chosen.kind == "member":
        return _keep_a_member(report)
    verdict = _take_a_combiner(report, picked, asked=asked)
    if taken.not_surely is not None:
        other = table.combined[taken.not_surely].name
        lost = report[other].log_loss
        return f"{verdict} {other} has log loss {lost:.3f}, which is not surely better than the default."
    return verdict + (_against_the_mean(table, report) if report.folds > 1 else "")


def _keep_a_member(report: Report) -> str:
    chosen, measure = report.chosen, report.measure
    staged = report.analysis.staged if report.analysis is not None else None
    calibrated = None if staged is None else staged.calibrated
    candidates = [each for each in report.scores if each.kind == "combiner" and each.name != calibrated]
    if len(report.scores) - len(candidates) == 1:
        return f"{chosen.name} is the only member: {measure} {chosen.loss(measure):.3f}."
    if not candidates:
        return f"{chosen.name} is the best: {measure} {chosen.loss(measure):.3f}."
    rival = min(candidates, key=lambda each: each.loss(measure))
    losses = f"{measure} {chosen.loss(measure):.3f} against {rival.loss(measure):.3f} of {rival.name}"
    return f"keep {chosen.name}: no combination is better ({losses})."


def _take_a_combiner(report: Report, picked: float, *, asked: bool) -> str:
    chosen, measure, best = report.chosen, report.measure, report.best_member
    mean, low, high = chosen.gain if report.choice is None else report.choice.gain
    interval = f"95 % interval {low:.3f} to {high:.3f}"
    if low > 0:
        sure = f"the gain is real ({interval})"
    elif mean > 0:
        sure = f"the gain of {mean:.3f} may be chance ({interval})"
    elif asked or report.folds == 1:
        sure = f"it is no better, so keep {best.name} ({interval})"
    elif chosen.loss(measure) >= picked:
        sure = f"it is not better, though that it is worse may be chance, and {best.name} alone costs less ({interval})"
    else:
        sure = f"which these rows picked: the best member as picked on other rows has {picked:.3f} ({interval})"
    losses = f"{measure} {chosen.loss(measure):.3f} against {best.loss(measure):.3f} of the best member"
    return f"{chosen.name}: {losses} ({best.name}); {sure}." + _on_the_choice(report)


def _on_the_choice(report: Report) -> str:
    """Return a sentence where the folds did not all take what is taken."""
    if report.choice is None:
        return ""
    counts = Counter(report.choice.taken)
    if set(counts) == {report.chosen.name}:
        return ""
    votes = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return (
        f" Chosen anew in each of {sum(counts.values())} folds ({votes}), the {report.measure} is "
        f"{report.choice.loss:.3f}, and the interval is that of this choice."
    )


def _against_the_mean(table: Table, report: Report) -> str:
    """Return a sentence where it is not sure that the chosen combiner is better than the plain mean."""
    chosen, mean = report.chosen, table.mean
    if chosen.name == mean.name:
        return ""
    gain, low, high = chosen.over_mean
    if low > 0:
        return ""
    lost = table.rows.mean(mean.losses(table.rows.labels, report.measure))
    than = f"{report.measure} {lost:.3f} of the plain mean"
    if gain <= 0:
        return f" It is no better than {than}: keep {mean.name} ({low:.3f} to {high:.3f})."
    return f" Against {than} the gain of {gain:.3f} may be chance ({low:.3f} to {high:.3f})."


def within_limits(
    limits: Budget, priced: Priced, names: Sequence[str], kept: Sequence[str], beyond: Sequence[str]
) -> str:
    """Return a sentence on which members are kept, where that is limited.

    Args:
        limits: of cost and number.
        priced: what members cost.
        names: of these.
        kept: names of those that are kept.
        beyond: names of members that alone cost more, of which nothing is compared.
    """
    if not limits.limits:
        return ""
    cost = sum(float(priced.costs[list(names).index(name)]) for name in kept)
    allowed = [] if limits.cost is None else [f"{limits.cost:g} ms a row"]
    allowed += [] if limits.members is None else [f"{limits.members} member{'s' * (limits.members > 1)}"]
    price = f", at {cost:.3g} {priced.unit}" if priced.unit != "members" else ""
    said = f" Within {' and '.join(allowed)}: {' + '.join(kept)}{price}."
    more = f" {first(beyond)} alone cost{'s' * (len(beyond) == 1)} more, and took no part." if beyond else ""
    return said + more


def of_stages(report: Report) -> str:
    """Return sentences on what stages after the combiner do, nothing where there are none."""
    staged = report.analysis.staged if report.analysis is not None else None
    if staged is None:
        return ""
    said = []
    if staged.calibrated is not None:
        before, after = report[staged.combiner].log_loss, report[staged.calibrated].log_loss
        without = "" if before is None else f" against {before:.3f} without"
        said.append(f"{staged.calibrated}: log loss {after:.3f}{without}.")
    if staged.sets is not None:
        sets = staged.sets
        said.append(
            f"The sets hold the true class in {sets.held:.1%} of the rows ({sets.asked:.1%} asked for), by "
            f"{sets.size:.2f} classes on average."
        )
    if staged.answered is not None:
        answered = staged.answered
        wrong = (
            "" if answered.wrong is None else f", of which {answered.wrong:.1%} are wrong ({answered.risk:.1%} allowed)"
        )
        said.append(f"It answers {answered.coverage:.1%} of the rows{wrong}, and abstains from the others.")
    return "".join(f" {sentence}" for sentence in said)


def by_confidence(combiner: Combiner, combined: Scored, best: str, rows: Rows, folds: IntArray) -> str:
    """Return a sentence on what the best member gains alone by the same fit, where that is anything.

    A combiner whose weights need not sum to one sharpens or softens as well. What that alone brings is no merit of
    combining, and can be the whole of a gain.
    """
    predictions, labels, weights = rows.predictions, rows.labels, rows.weights
    if combiner.given(predictions.members) is not None or predictions.labels_only:
        return ""
    alone = predictions.only([best])
    # What chooses among members has nothing to choose from.
    combiner = with_options(combiner, {"max_members": None, "cost_weight": 0.0, "costs": None})
    fitted = log_losses(cross_fit(combiner, alone, labels, folds, weights), labels)
    if rows.mean(fitted) > rows.mean(log_losses(np.asarray(alone.values[0]), labels)) - _WORTH_SAYING:
        return ""
    said = f"{best} alone, its confidence fitted in the same way, has {rows.mean(fitted):.3f}"
    if rows.gain(fitted, combined.losses(labels, "log loss")).low > 0:
        return f" {said}."
    return f" But {said}: the gain is in confidence, and combining adds nothing that is sure."
