"""What a decision says, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from kerasemble.core.arrays import first
from kerasemble.evaluation.analysis import Answered
from kerasemble.evaluation.budget import Budget, Priced
from kerasemble.evaluation.candidates import BEST, RECALIBRATED
from kerasemble.evaluation.decision import Action, Caveat, Decision
from kerasemble.evaluation.report import Report
from kerasemble.evaluation.significance import Interval

# So many members are named, and more counted where it is all of them.
_FEW = 3
# A stage that raises the log loss by more than this is advised against; one that learns from few rows costs a little.
_WORSE = 0.002
# Shares that differ by more than this are both said.
_APART = 0.02
# Of a number of rows.
_ROUNDING = 0.5


def sentences_of(found: Decision) -> list[str]:
    """Return what to do and the caveats, a sentence each, the most important first.

    Every figure is one of the table, or the difference of two of them.
    """
    said = []
    if Caveat.WORSE_THAN_GUESSING in found.caveats:
        said.append(
            f"Worse than guessing: '{found.scored}' has a {found.measure} of {found.scored_loss:.4f}, and always "
            f"answering with the class frequencies has {found.guess:.4f}. Are these the labels of these rows?"
        )
    if Caveat.LIKE_GUESSING in found.caveats:
        said.append(
            f"Not surely better than guessing: '{found.scored}' has a {found.measure} of {found.scored_loss:.4f}, and "
            f"always answering with the class frequencies has {found.guess:.4f}. Are these the labels of these rows?"
        )
    if said:
        # A gain over what is worse still means nothing.
        return [*said, f"Until that is answered, no gain of '{found.subject}' means anything."]
    said += [_keep(found)] if found.action is not Action.COMBINE else _combine(found)
    if Caveat.CHOICE_NOT_SCORED in found.caveats:
        said.append(
            "Two folds are too few to score the choice itself, so these are the figures of a winner, which flatter it."
        )
    if Caveat.NOT_SURELY_BETTER in found.caveats:
        said.append(
            f"The {found.measure} of {found.rival} is lower, {found.rival_loss:.4f}, but by less than the standard "
            "error of the difference."
        )
    if Caveat.MEAN_AS_GOOD in found.caveats:
        said.append(_against_the_mean(found))
    for name, accuracy in found.more_accurate.items():
        said.append(
            f"By accuracy it is surely worse than {name}: {found.accuracy:.2%} against {accuracy:.2%}. To choose by "
            "accuracy, pass select_by='accuracy' (--select-by accuracy)."
        )
    return said


def _keep(found: Decision) -> str:
    if found.action is Action.ONLY_MEMBER:
        return f"{found.subject} is the only member ({found.measure} {found.loss:.4f})."
    what = f"{found.calibrated_member}, recalibrated" if found.subject == found.recalibrated else found.subject
    if found.subject == BEST:
        what = f"{found.member}, its labels read by a Bayesian vote"
    if found.rival is None:
        return f"Keep {what}: it is the best ({found.measure} {found.loss:.4f})."
    # Members are compared as they are picked in each fold, which may be another one than on all rows.
    picked = ""
    if found.subject != found.recalibrated and f"{found.loss:.4f}" != f"{found.baseline_loss:.4f}":
        picked = f", {found.baseline_loss:.4f} as picked in each fold"
    better = "surely better" if found.rival_loss is not None and found.rival_loss < found.loss else "better"
    return (
        f"Keep {what}: no combination is {better} ({found.measure} {found.loss:.4f}{picked}; {found.rival} has "
        f"{found.rival_loss:.4f})."
    )


def _combine(found: Decision) -> list[str]:
    """Return what a combination gains over the best member, and what of that is calibration."""
    said = [f"{'As asked, use' if found.asked else 'Use'} {found.subject}: {_score(found)}."]
    if Caveat.NO_GAIN in found.caveats:
        return [*said, f"No gain over {found.member} alone is shown ({_interval(found.gain)})."]
    sure = "is real"
    if Caveat.DEPENDENT_ROWS in found.caveats:
        sure = "is less sure than this interval, since rows tell of their neighbours"
    elif Caveat.TOO_FEW_ROWS in found.caveats:
        sure = "rests on too few rows to tell"
    elif Caveat.MAY_BE_CHANCE in found.caveats:
        sure = "may be chance"
    gain = _difference(found.baseline_loss, found.scored_loss)
    whole = f"The gain of {gain:.4f} {sure} ({_interval(found.gain)})."
    if found.combining is None or found.recalibrated_loss is None:
        return [*said, whole]
    which = "the best recalibrated member" if found.recalibrated == RECALIBRATED else found.recalibrated
    fair = f"{which} ({found.calibrated_member}) has {found.recalibrated_loss:.4f}"
    alone = _difference(found.baseline_loss, found.recalibrated_loss)
    if alone <= 0:
        return [*said, whole, f"Recalibration alone brings none of it: {fair}."]
    more = _difference(found.recalibrated_loss, found.scored_loss)
    if more <= 0:
        said.append(f"The gain is {gain:.4f} ({_interval(found.gain)}).")
        said.append(f"Recalibration alone brings {alone:.4f}: {fair}.")
        return [*said, f"Combining adds nothing to that ({_interval(found.combining)})."]
    said.append(f"Of the gain of {gain:.4f} ({_interval(found.gain)}), recalibration alone brings {alone:.4f}: {fair}.")
    if Caveat.CALIBRATION_ONLY in found.caveats:
        sure = "may be chance"
    return [*said, f"Combining brings the remaining {more:.4f} ({_interval(found.combining)}): this part {sure}."]


def _score(found: Decision) -> str:
    """Return what is used and the best member lose, as they stand in the table."""
    best = f"{found.baseline_loss:.4f} of the best member"
    best += (
        f" as picked in each fold ({found.member} on all rows)"
        if found.baseline != found.member
        else (f" ({found.member})")
    )
    if set(found.picked) <= {found.subject} and f"{found.loss:.4f}" == f"{found.scored_loss:.4f}":
        return f"{found.measure} {found.loss:.4f}, against {best}"
    votes = ", ".join(f"{name} {count}" for name, count in found.picked.items())
    return (
        f"{found.measure} {found.loss:.4f}; the choice made anew in each fold ({votes}) has {found.scored_loss:.4f}, "
        f"against {best}"
    )


def _against_the_mean(found: Decision) -> str:
    shown = _interval(found.over_mean)
    lost = f"{found.measure} {found.mean_loss:.4f}"
    if found.over_mean.mean > 0:
        return f"The gain over the plain mean ({lost}) may be chance ({shown})."
    return f"It is not shown to be better than the plain mean, which learns nothing ({lost}; {shown})."


def _difference(one: float, other: float) -> float:
    """Return the difference of two losses as they are printed, so that a reader finds it."""
    return round(round(one, 4) - round(other, 4), 4)


def _interval(value: Interval) -> str:
    return f"95 % interval {value.low:.4f} to {value.high:.4f}"


def within_limits(
    limits: Budget, priced: Priced, names: Sequence[str], kept: Sequence[str], beyond: Sequence[str]
) -> list[str]:
    """Return a sentence on which members are kept, where that is limited.

    Args:
        limits: of cost and number.
        priced: what members cost.
        names: of these.
        kept: names of those that are kept.
        beyond: names of members that alone cost more, of which nothing is compared.
    """
    if not limits.limits:
        return []
    cost = sum(float(priced.costs[list(names).index(name)]) for name in kept)
    allowed = [] if limits.cost is None else [priced.amount(limits.cost)]
    allowed += [] if limits.members is None else [f"{limits.members} member{'s' * (limits.members > 1)}"]
    price = f", at {priced.amount(cost)}" if priced.unit != "members" else ""
    which = f"all {len(kept)} members" if len(kept) == len(names) > _FEW else " + ".join(kept)
    said = [f"Within {' and '.join(allowed)}: {which}{price}."]
    if beyond:
        said.append(f"{first(beyond)} alone cost{'s' * (len(beyond) == 1)} more, and took no part.")
    return said


def of_stages(report: Report) -> list[str]:
    """Return sentences on what stages after the combiner do, none where there are none."""
    said = []
    found = report.decision
    weighted = found is not None and abs(found.effective_rows - report.samples) > _ROUNDING
    rows = "the rows, by their weights" if weighted else "the rows"
    for staged in report.analysis.staged if report.analysis is not None else ():
        whose = "" if staged.combiner == report.chosen.name else f"{staged.combiner}: "
        if staged.calibrated is not None:
            before, after = report[staged.combiner].log_loss, report[staged.calibrated].log_loss
            without = "" if before is None else f" against {before:.4f} without"
            what = staged.calibrated.removeprefix(f"{staged.combiner}, then ")
            said.append(f"With {what} the log loss is {after:.4f}{without}.")
            if before is not None and after is not None and after > before + _WORSE:
                said.append(f"It is worse so: leave {what} out.")
        if staged.sets is not None:
            sets = staged.sets
            said.append(
                f"{whose}The sets hold the true class in {sets.held:.1%} of {rows} ({sets.asked:.1%} asked for), "
                f"with {sets.size:.2f} classes on average."
            )
            if sets.undercovered:
                shown = ", ".join(f"{each.kind} {each.name} {each.held:.1%}" for each in sets.undercovered[:_FEW])
                said.append(f"{whose}Surely less often than asked for: {shown}.")
        if staged.answered is not None:
            said.append(whose + _answered(staged.answered))
    return said


def _answered(answered: Answered) -> str:
    """Return a sentence on which rows are answered."""
    if answered.wrong is None:
        return f"It abstains from every row: none shows a risk of {answered.risk:.1%}."
    said = _in_folds(answered)
    if answered.saved is None or abs(answered.saved - answered.coverage) <= _APART:
        return said
    return f"{said} That is the mean of folds, each with a threshold of its own; that of all rows, which is saved, " + (
        f"abstains from {1 - answered.saved:.1%}." if answered.saved else "abstains from every row."
    )


def _in_folds(answered: Answered) -> str:
    wrong = f"{answered.wrong:.1%} of the answers are wrong ({answered.risk:.1%} allowed)"
    if answered.coverage == 1:
        return f"It abstains from no row; {wrong}."
    return f"It abstains from {1 - answered.coverage:.1%} of the rows; {wrong}."
