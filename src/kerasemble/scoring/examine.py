"""One look at members and data: what is wrong with how they are read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.alignment import InputSpec
from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.labels import are_names, encode_labels
from kerasemble.core.metrics import hits
from kerasemble.core.predictions import Predictions
from kerasemble.evaluation.class_order import (
    find_background,
    find_class_order,
    hits_in_order,
    hits_without_background,
)
from kerasemble.evaluation.finding import Finding, Level
from kerasemble.evaluation.proposals import balanced, can_judge, verified
from kerasemble.evaluation.suspicions import suspicions
from kerasemble.members.classes import kept_columns
from kerasemble.members.convention_trials import try_conventions
from kerasemble.members.member import Member, name_of
from kerasemble.members.opening import Opened, decide_output, to_probabilities
from kerasemble.members.preprocessing import detect_range
from kerasemble.scoring.scoring import Answer, Scoring

# Keras layers that bring data into the range that a model was trained on.
_RESCALING = {"Rescaling", "Normalization"}


class Examined(NamedTuple):
    """What a look showed.

    Args:
        findings: those of single members first, in the order in which a member is read.
        classes: of the members that can be read; None where they cannot be compared.
    """

    findings: tuple[Finding, ...]
    classes: tuple[str, ...] | None


def examine(
    scoring: Scoring, members: Sequence[Member], y: npt.ArrayLike | None, classes: Sequence[object] | None = None
) -> Examined:
    """Return what is wrong with members, which went through `as_members`, on the data of `scoring`.

    Raises:
        KerasembleError: the labels cannot be used.
    """
    findings: list[Finding] = []
    fitting = [member for member in members if _takes_the_data(scoring, member, findings)]
    inputs = scoring.describe_input(fitting) if fitting else InputSpec(())
    answers = [answer for member in fitting for answer in _answer(scoring, member, inputs, y, classes, findings)]
    answers = _without_background(answers, y, classes, findings)
    if not answers:
        return Examined(tuple(findings), None)
    try:
        seen = scoring.align(answers, inputs, classes)
    except KerasembleError as error:
        findings.append(Finding(Code.CLASSES, str(error), "", level="error", blocks=True))
        return Examined(tuple(findings), None)
    labels = None if y is None else encode_labels(y, seen.classes, seen.samples, ordered=seen.ordered)
    suspected = suspicions(seen, labels, named=y is not None and are_names(y))
    if labels is None:
        findings += [found for answer in answers for found in _bytes_as_they_are(scoring, answer, inputs)]
    else:
        for answer in answers:
            findings += _other_scale(scoring, answer, inputs, seen, labels)
    # What is read in another scale answers anything: whatever else is odd about it says nothing yet.
    odd = {finding.member for finding in findings}
    findings += [finding for finding in suspected if finding.member is None or finding.member not in odd]
    return Examined(tuple(findings), seen.classes)


def _from_error(code: Code, member: Member, error: KerasembleError) -> Finding:
    level: Level = "proposal" if error.options else "error"
    return Finding(code, str(error), "", name_of(member), level, error.options, blocks=True)


def _takes_the_data(scoring: Scoring, member: Member, findings: list[Finding]) -> bool:
    try:
        scoring.open(member, scoring.describe_input([member]))
    except KerasembleError as error:
        findings.append(_from_error(Code.INPUT, member, error))
        return False
    return True


def _answer(
    scoring: Scoring,
    member: Member,
    inputs: InputSpec,
    y: npt.ArrayLike | None,
    classes: Sequence[object] | None,
    findings: list[Finding],
) -> list[Answer]:
    """Return the member's answer, or nothing where it is not what a member may answer."""
    try:
        answer = scoring.answer(member, inputs)
    except KerasembleError as error:
        findings.append(_from_error(Code.RUN, member, error))
        return []
    try:
        decide_output(answer.values, answer.signature, member)
    except KerasembleError as error:
        findings.append(_of_output(answer, _from_error(Code.OUTPUT, member, error), y, classes))
        return []
    return [answer]


def _of_output(answer: Answer, found: Finding, y: npt.ArrayLike | None, classes: Sequence[object] | None) -> Finding:
    """Return what was found of an output, as no proposal where the labels show that reading it so is of no use."""
    kept = kept_columns(answer.member, max(2, answer.signature.columns))
    labels = _labels(answer, y, classes, len(kept))
    if found.level != "proposal" or labels is None or not can_judge(labels):
        return found
    values = to_probabilities(answer.values[:], answer.signature.precision, found.options["output"], kept)
    # Its classes may be in another order besides, which the next look shows.
    tried = (hits(values, labels), hits_in_order(values, labels))
    right = max(tried, key=lambda each: balanced(each, labels))
    blind = 1 / len(np.unique(labels))
    remedy = (
        f"But read so it is right in {balanced(right, labels):.0%} of the rows of a class, as a blind guess would be: "
        "what are its columns?"
    )
    proposal = verified(found, blind, right, labels)
    return proposal or dataclasses.replace(found, remedy=remedy, level="error", options={})


def _labels(answer: Answer, y: npt.ArrayLike | None, classes: Sequence[object] | None, count: int) -> IntArray | None:
    """Return labels of `count` classes as indices; None where there are none, or they are not of these classes.

    They may well be of all its columns, or of other classes: whoever uses them says what is wrong.
    """
    own = answer.member.classes if answer.member.classes is not None and len(answer.member.classes) == count else None
    names = next((each for each in (classes, own) if each is not None), range(count))
    if y is None or len(names) != count:
        return None
    try:
        return encode_labels(y, tuple(map(str, names)), len(answer.values))
    except KerasembleError:
        return None


def _without_background(
    answers: Sequence[Answer], y: npt.ArrayLike | None, classes: Sequence[object] | None, findings: list[Finding]
) -> list[Answer]:
    """Return the answers without those that have one column more than there are classes, which is no class."""
    widths = Counter(max(2, answer.signature.columns) - len(answer.member.ignore) for answer in answers)
    if y is None or not answers:
        return list(answers)
    count = len(classes) if classes is not None else min(widths)
    kept = []
    for answer in answers:
        extra = answer.signature.columns - len(answer.member.ignore) - count
        found = _background(answer, y, classes, count) if extra == 1 and not answer.member.ignore else None
        if found is None:
            kept.append(answer)
        else:
            findings.append(found)
    return kept


def _background(answer: Answer, y: npt.ArrayLike, classes: Sequence[object] | None, count: int) -> Finding | None:
    member, signature, raw = answer.member, answer.signature, answer.values[:]
    labels = _labels(answer, y, classes, count)
    if labels is None:
        return None
    width = raw.shape[1]
    values = to_probabilities(raw, signature.precision, decide_output(raw, signature, member), tuple(range(width)))
    column = find_background(values, labels, count)
    if column is None:
        return None
    name = f" ('{member.classes[column]}')" if member.classes is not None else ""
    found = Finding(
        Code.BACKGROUND,
        f"Member '{member.name}' has {width} columns for {count} classes, and without column {column}{name} the others "
        "agree with the labels.",
        f"Pass ignore=[{column}], which leaves it out.",
        name_of(member),
        "proposal",
        {"ignore": (column,)},
        blocks=True,
        figures={"columns": width, "classes": count, "column": column},
    )
    right = hits_without_background(values, labels, count)
    return verified(found, 1 / len(np.unique(labels)), right, labels)


def _bytes_as_they_are(scoring: Scoring, answer: Answer, inputs: InputSpec) -> list[Finding]:
    """Return a warning where a member that rescales nothing is fed 0..255, which only labels could show to be right."""
    member, opened = answer.member, scoring.open(answer.member, inputs)
    if not isinstance(opened, Opened) or member.preprocess is not None or detect_range(scoring.x) != (0.0, 255.0):
        return []
    kinds = {type(layer).__name__ for layer in opened.model._flatten_layers()}  # noqa: SLF001 - `layers` is not deep
    if kinds & _RESCALING:
        return []
    return [
        Finding(
            Code.PREPROCESSING,
            f"Member '{member.name}' is fed values of 0..255 and has no layer that rescales them.",
            "If it was trained on others, give it preprocess='0..1', '-1..1', ...; with labels this would be tried.",
            name_of(member),
        )
    ]


def _other_scale(
    scoring: Scoring, answer: Answer, inputs: InputSpec, seen: Predictions, labels: IntArray
) -> list[Finding]:
    """Return the proposal of another scale or order of colours, where the member does far better by it."""
    member = answer.member
    # Layers of the user's own are meant; what is no Keras model takes the data as it is; colours are sought at the end.
    if not answer.signature.is_model or member.layers or member.convention.channels_last:
        return []
    if seen.alignment is None:
        return []
    place = seen.members.index(name_of(member))
    reading = seen.alignment.readings[place]
    # Under a wrong scale or order of colours classes may seem to be in another order, and the other way round: what
    # explains more of the labels is meant.
    order = find_class_order(seen.values[place], labels)
    words = [] if member.preprocess is None else str(member.preprocess).split("+")
    axes = [word for word in words if word == "channels_first"]
    given = "+".join(word for word in words if word not in axes) or None
    plain = dataclasses.replace(member, preprocess="+".join(axes) or None)
    opened = scoring.open(member, inputs) if given is None else scoring.open(plain, InputSpec(inputs.shape))

    size = min(scoring.batch_of(member, inputs), len(scoring.x))

    def run(rows: npt.NDArray[Any]) -> FloatArray:
        raw = opened.run(rows, 0, size)
        return np.asarray(to_probabilities(raw, answer.signature.precision, reading.output, reading.order))

    least = 0.0 if order is None else order.after
    found = try_conventions(run, scoring.x, labels, given, scoring.data_range, name=name_of(member), least=least)
    if found is None or not axes:
        return [] if found is None else [found]
    options = {**found.options, "preprocess": "+".join([*axes, *([found.options["preprocess"] or ""])]).strip("+")}
    return [dataclasses.replace(found, options=options)]
