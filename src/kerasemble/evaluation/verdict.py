"""What the scores say, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kerasemble.core.arrays import first
from kerasemble.evaluation.alone import Alone
from kerasemble.evaluation.analysis import Answered
from kerasemble.evaluation.budget import Budget, Priced
from kerasemble.evaluation.choice import Taken
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.scored import Table

# Of few rows little is sure; what loses less than this share of what guessing loses has learned something.
_GUESSED = 0.9
# So many members are named, and more counted where it is all of them.
_FEW = 3
# So many folds leave one for a choice, and none for another fit.
_TOO_FEW_FOLDS = 2


def verdict_of(table: Table, report: Report, taken: Taken, *, asked: bool, alone: Alone | None = None) -> str:
    """Return in a few sentences what to do.

    Args:
        table: what is scored.
        report: the scores.
        taken: what is chosen.
        asked: whether a combiner was asked for, so that nothing was chosen.
        alone: what the best member gains by the same fit.
    """
    guessed = _guessed(table, report)
    if guessed:
        return guessed
    if report.chosen.kind == "member":
        return _keep_a_member(report)
    said = [_take_a_combiner(table, report, alone, asked=asked)]
    if report.folds == _TOO_FEW_FOLDS and not asked:
        said.append("In two folds the choice itself cannot be scored, so this is the score of a winner.")
    if taken.not_surely is not None:
        other = table.combined[taken.not_surely].name
        loss = f"{report[other].log_loss:.3f}"
        said.append(f"The log loss of {other}, {loss}, is not surely better than the default's.")
    if report.folds > 1 and report.chosen.name != table.mean.name:
        said += _against_the_mean(table, report, asked=asked)
    if alone is not None and not alone.is_all:
        said.append(f"Alone, recalibrated in the same way, {alone.name} reaches {alone.loss:.3f}.")
    return " ".join(said)


def _guessed(table: Table, report: Report) -> str:
    """Return a sentence where the best of all is not surely better than knowing how frequent classes are."""
    rows, measure = table.rows, report.measure
    frequent = np.bincount(rows.labels, rows.weights, len(rows.predictions.classes)) / rows.weights.sum()
    if frequent.max() == 1:
        # One class alone is guessed without a mistake.
        return ""
    guess = -np.log(frequent[rows.labels]) if measure == "log loss" else 1.0 - (rows.labels == frequent.argmax())
    entry = min(table.entries, key=lambda each: rows.mean(each.losses(rows.labels, measure)))
    own = entry.losses(rows.labels, measure)
    if rows.gain(guess, own).low > 0 or rows.mean(own) < _GUESSED * rows.mean(guess):
        return ""
    return (
        f"nothing here is surely better than guessing by how frequent classes are ({measure} {rows.mean(own):.3f} of "
        f"{entry.name} against {rows.mean(guess):.3f}). Are these the labels of these rows?"
    )


def _keep_a_member(report: Report) -> str:
    chosen, measure = report.chosen, report.measure
    calibrated = {each.calibrated for each in report.analysis.staged} if report.analysis is not None else set()
    candidates = [each for each in report.scores if each.kind == "combiner" and each.name not in calibrated]
    if sum(each.kind == "member" for each in report.scores) == 1:
        return f"{chosen.name} is the only member ({measure} {chosen.loss(measure):.3f})."
    if not candidates:
        return f"{chosen.name} is the best ({measure} {chosen.loss(measure):.3f})."
    rival = min(candidates, key=lambda each: each.loss(measure))
    losses = f"{measure} {chosen.loss(measure):.3f} against {rival.loss(measure):.3f} of {rival.name}"
    return f"keep {chosen.name}: no combination is better ({losses})."


def _take_a_combiner(table: Table, report: Report, alone: Alone | None, *, asked: bool) -> str:
    chosen, measure, best, choice = report.chosen, report.measure, report.best_member, report.choice
    mean, low, high = chosen.gain if choice is None else choice.gain
    interval = f"95 % interval {low:.3f} to {high:.3f}"
    if low > 0 and alone is not None and alone.is_all:
        reached = f"{alone.name} alone, recalibrated in the same way, reaches {alone.loss:.3f}"
        sure = f"the gain is real ({interval}), but in confidence only: {reached}, and combining adds nothing sure"
    elif low > 0:
        sure = f"the gain is real ({interval})"
    elif mean > 0:
        sure = f"the gain of {mean:.3f} may be chance ({interval})"
    elif asked or report.folds == 1:
        sure = f"it is no better, so keep {best.name} ({interval})"
    else:
        sure = f"no gain is shown, and {best.name} alone costs less ({interval})"
    losses = f"{measure} {chosen.loss(measure):.3f} against {best.loss(measure):.3f} of the best member ({best.name})"
    return f"{chosen.name}: {losses}; {sure}.{_as_picked(table, report)}"


def _as_picked(table: Table, report: Report) -> str:
    """Return a sentence on what the interval is of, where that is not what the table shows."""
    rows, measure, choice = table.rows, report.measure, report.choice
    picked = rows.mean(table.best_member.losses(rows.labels, measure))
    own = report.chosen.loss(measure) if choice is None else choice.loss
    counts = Counter(() if choice is None else choice.taken)
    shown = (f"{report.chosen.loss(measure):.3f}", f"{report.best_member.loss(measure):.3f}")
    if set(counts) <= {report.chosen.name} and shown == (f"{own:.3f}", f"{picked:.3f}"):
        return ""
    if set(counts) <= {report.chosen.name}:
        return f" The interval is of the gain over the best member as other folds pick it, which has {picked:.3f}."
    votes = ", ".join(f"{name} {count}" for name, count in counts.most_common())
    return f" The interval is of choosing anew in each fold by the others ({votes}): {own:.3f} against {picked:.3f}."


def _against_the_mean(table: Table, report: Report, *, asked: bool) -> list[str]:
    """Return a sentence where it is not sure that what is chosen is better than the plain mean."""
    measure, mean = report.measure, table.mean
    gain, low, high = report.chosen.over_mean if report.choice is None else report.choice.over_mean
    if low > 0:
        return []
    lost = f"{measure} {table.rows.mean(mean.losses(table.rows.labels, measure)):.3f}"
    interval = f"{low:.3f} to {high:.3f}"
    if gain > 0:
        return [f"Against {lost} of the plain mean the gain of {gain:.3f} may be chance ({interval})."]
    if asked:
        return [f"It is no better than {lost} of the plain mean: keep {mean.name} ({interval})."]
    but = "" if measure == "log loss" else ", but votes alone give poor probabilities"
    return [f"The plain mean has {lost} and learns nothing; neither is surely better ({interval}){but}."]


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
    which = f"all {len(kept)} members" if len(kept) == len(names) > _FEW else " + ".join(kept)
    said = f" Within {' and '.join(allowed)}: {which}{price}."
    more = f" {first(beyond)} alone cost{'s' * (len(beyond) == 1)} more, and took no part." if beyond else ""
    return said + more


def of_stages(report: Report) -> str:
    """Return sentences on what stages after the combiner do, nothing where there are none."""
    said = []
    for staged in report.analysis.staged if report.analysis is not None else ():
        whose = "" if staged.combiner == report.chosen.name else f"{staged.combiner}: "
        if staged.calibrated is not None:
            before, after = report[staged.combiner].log_loss, report[staged.calibrated].log_loss
            without = "" if before is None else f" against {before:.3f} without"
            what = staged.calibrated.removeprefix(f"{staged.combiner}, then ")
            said.append(f"With {what} the log loss is {after:.3f}{without}.")
        if staged.sets is not None:
            sets = staged.sets
            said.append(
                f"{whose}The sets hold the true class in {sets.held:.1%} of the rows ({sets.asked:.1%} asked for), by "
                f"{sets.size:.2f} classes on average."
            )
        if staged.answered is not None:
            said.append(whose + _answered(staged.answered))
    return "".join(f" {sentence}" for sentence in said)


def _answered(answered: Answered) -> str:
    """Return a sentence on which rows are answered."""
    if answered.wrong is None:
        return f"It abstains from every row: none shows a risk of {answered.risk:.1%}."
    wrong = f"{answered.wrong:.1%} of the answers are wrong ({answered.risk:.1%} allowed)"
    if answered.coverage == 1:
        return f"It abstains from no row; {wrong}."
    return f"It abstains from {1 - answered.coverage:.1%} of the rows; {wrong}."
