"""From what is scored to a decision: what to use, and what speaks against it."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np

from kerasemble.core.metrics import hits
from kerasemble.core.row_weights import effective_rows, few_effective
from kerasemble.evaluation.decision import Action, Caveat, Decision
from kerasemble.evaluation.report import Choice
from kerasemble.evaluation.scored import Losses, Rows, Scored, Table
from kerasemble.evaluation.significance import Interval, paired_interval

# Of few rows little is sure; what loses less than this share of what guessing loses has learned something.
_GUESSED = 0.9
# A part of a gain below this is not worth a sentence.
_WORTH_SAYING = 0.001
# So many folds leave one for a choice, and none for another fit.
_TOO_FEW_FOLDS = 2


def decide(
    table: Table,
    subject: Scored,
    scored: Scored,
    *,
    gain: Interval,
    combining: Interval | None,
    over_mean: Interval,
    choice: Choice | None = None,
    rivals: tuple[Scored, ...] = (),
    not_surely: str | None = None,
    folds: int = 1,
    asked: bool = False,
    enough: bool = True,
    outside: bool = False,
) -> Decision:
    """Return what to use, and what speaks against it.

    Args:
        table: what is scored.
        subject: what is used, a member, a baseline or a combiner.
        scored: what the gains are of: the subject, or the choice made anew in each fold.
        gain: over the best member.
        combining: over the best of all recalibrated members, where there is one.
        over_mean: over the plain mean.
        choice: the score of choosing, where something was chosen.
        rivals: what might have been used.
        not_surely: name of what has a lower loss, but not surely so.
        folds: how many.
        asked: whether this very combiner was asked for.
        enough: whether the rows are enough to tell what combining gains.
        outside: whether rivals are ensembles that were made elsewhere.
    """
    rows = table.rows
    losses = {each.name: rows.mean(each.losses(rows)) for each in _judged([*table.entries, table.best_member], rows)}
    recalibrated = None if table.recalibrated is table.best_member else table.recalibrated
    guess = _guess(rows)
    own = scored.losses(rows)
    # A member beside ensembles that were made elsewhere is not the only thing there is.
    lone = len(table.members) == 1 and not (subject.kind == "combiner" or outside)
    kept = subject.kind in {"member", "baseline"}
    others = [each for each in rivals if each.name != subject.name]
    rival = min(others, key=lambda each: losses[each.name], default=None) if kept else None
    if not_surely is not None:
        rival = next(each for each in table.combined if each.name == not_surely)
    fair = None if recalibrated is None else rows.mean(recalibrated.losses(rows))
    found = Decision(
        action=Action.ONLY_MEMBER if lone else Action.KEEP_MEMBER if kept else Action.COMBINE,
        subject=subject.name,
        measure=rows.measure,
        loss=rows.mean(subject.losses(rows)),
        scored=scored.name,
        scored_loss=rows.mean(own),
        baseline=table.best_member.name,
        baseline_loss=losses[table.best_member.name],
        gain=gain,
        member=min(table.members, key=lambda each: losses.get(each.name, 1 - _accuracy(each, rows))).name,
        mean=table.mean.name,
        mean_loss=rows.mean(table.mean.losses(rows)),
        over_mean=over_mean,
        guess=rows.mean(guess),
        effective_rows=effective_rows(rows.weights),
        accuracy=_accuracy(scored, rows),
        more_accurate=_more_accurate(table, subject, scored),
        recalibrated=None if recalibrated is None else recalibrated.name,
        recalibrated_loss=fair,
        calibration=None if fair is None else losses[table.best_member.name] - fair,
        combining=combining if recalibrated is not None else None,
        rival=None if rival is None else rival.name,
        rival_loss=None if rival is None else losses[rival.name],
        picked={} if choice is None else dict(Counter(choice.taken).most_common()),
        asked=asked,
    )
    caveats = [
        *_about_rows(found, rows, own, guess),
        *([] if found.action is not Action.COMBINE else _about_gain(found, enough=enough)),
        *([Caveat.NOT_SURELY_BETTER] if not_surely is not None else []),
        *([Caveat.CHOICE_NOT_SCORED] if folds == _TOO_FEW_FOLDS and not (asked or lone) else []),
    ]
    return dataclasses.replace(found, caveats=tuple(caveats))


def _judged(entries: list[Scored], rows: Rows) -> list[Scored]:
    """Return the entries that the measure can judge: not labels by a loss of probabilities."""
    return [each for each in entries if not (each.certain and rows.by_probabilities)]


def _guess(rows: Rows) -> Losses:
    """Return what each row loses where all are answered by how frequent classes are."""
    counts = np.bincount(rows.labels, rows.weights, len(rows.predictions.classes))
    return rows.losses(np.broadcast_to(counts / counts.sum(), (len(rows.labels), len(counts))))


def _about_rows(found: Decision, rows: Rows, own: Losses, guess: Losses) -> list[Caveat]:
    caveats = []
    # One class alone is guessed without a mistake.
    if len(np.unique(rows.labels)) > 1:
        if found.scored_loss > found.guess:
            caveats.append(Caveat.WORSE_THAN_GUESSING)
        elif found.scored_loss >= _GUESSED * found.guess and rows.gain(guess, own).low <= 0:
            caveats.append(Caveat.LIKE_GUESSING)
    if few_effective(rows.weights):
        caveats.append(Caveat.FEW_EFFECTIVE_ROWS)
    if found.more_accurate:
        caveats.append(Caveat.WORSE_BY_ACCURACY)
    return caveats


def _about_gain(found: Decision, *, enough: bool) -> list[Caveat]:
    """Return what has to be said of the gain of a combination."""
    caveats = []
    fair = found.gain if found.combining is None else found.combining
    if found.gain.mean <= 0 or fair.mean <= 0 < found.gain.low:
        caveats.append(Caveat.NO_GAIN if found.gain.mean <= 0 else Caveat.CALIBRATION_ONLY)
    elif found.gain.low <= 0:
        caveats.append(Caveat.MAY_BE_CHANCE)
    elif fair.low <= 0:
        only = (found.calibration or 0.0) > max(_WORTH_SAYING, fair.mean)
        caveats.append(Caveat.CALIBRATION_ONLY if only else Caveat.MAY_BE_CHANCE)
    if not enough and Caveat.NO_GAIN not in caveats:
        caveats.append(Caveat.TOO_FEW_ROWS)
    if found.subject != found.mean and found.over_mean.low <= 0:
        caveats.append(Caveat.MEAN_AS_GOOD)
    return caveats


def _accuracy(entry: Scored, rows: Rows) -> float:
    return rows.mean(_hits(entry, rows))


def _hits(entry: Scored, rows: Rows) -> Losses:
    return np.asarray(np.mean([hits(answers, rows.labels) for answers in entry.answers], axis=0))


def _more_accurate(table: Table, subject: Scored, scored: Scored) -> dict[str, float]:
    """Return the accuracy of the best member and of the plain mean, where that is surely higher."""
    rows = table.rows
    if not rows.by_probabilities:
        return {}
    own = 1 - _hits(scored, rows)
    found = {}
    for each in (table.best_member, table.mean):
        theirs = 1 - _hits(each, rows)
        apart = each.name not in (scored.name, subject.name)
        if apart and paired_interval(theirs, own, rows.weights, rows.groups).high < 0:
            found[each.name] = _accuracy(each, rows)
    return found
