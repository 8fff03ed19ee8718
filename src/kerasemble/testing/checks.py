"""What every combiner promises, as far as NumPy can tell: one function a promise."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from kerasemble.combiners import registry
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import name_of
from kerasemble.core.arrays import FloatArray
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.testing.samples import MEMBERS, fit, hard, plain

Check: TypeAlias = Callable[[Combiner], None]

# Rounding of float32 in sums over members and classes stays below this; an error in a formula does not.
TOLERANCE = 1e-5
# The same fit to the same rows in another order ends this close: solvers stop at a gap of 1e-8.
SAME_FIT = 1e-6
# Two fits to the same rows from different starts end this close: both within 1e-8 of the same minimum.
SAME_FOLD = 1e-3


def check_recipe_is_frozen_and_final(combiner: Combiner) -> None:
    """A recipe is a frozen, final dataclass that can be compared and hashed."""
    kind = type(combiner)
    parameters = kind.__dict__.get("__dataclass_params__")
    require(
        parameters is not None and parameters.frozen, f"Decorate {kind.__name__} @dataclasses.dataclass(frozen=True)."
    )
    require(kind.__dict__.get("__final__", False), f"Decorate {kind.__name__} @final: a concrete class has no heirs.")
    same = dataclasses.replace(combiner)
    remedy = "Let its options be numbers, strings or tuples of them."
    require(same == combiner, f"A copy of {combiner} is not equal to it. {remedy}")
    try:
        hash(combiner)
    except TypeError as error:
        msg = f"{combiner} cannot be hashed: {error}. {remedy}"
        raise AssertionError(msg) from error


def check_docstring_states_shapes(combiner: Combiner) -> None:
    """The docstring says which shape goes in, which comes out, and shows an example."""
    text = type(combiner).__dict__.get("__doc__") or ""
    for needed in ("(members, samples", "(samples", "Example:", ">>>"):
        # Shapes are looked for one after the other: "(samples" is not the end of "(members, samples".
        require(
            needed in text, f"The docstring of {type(combiner).__name__} lacks '{needed}'. State shapes and show use."
        )


def check_name_is_its_own(combiner: Combiner) -> None:
    """The registry gives this class under its name, so that files and the command line mean this one."""
    name = name_of(combiner)
    require(
        registry().get(name) is type(combiner),
        f"Another combiner is called '{name}' too. Give {type(combiner).__name__} a name of its own.",
    )


def check_survives_json(combiner: Combiner) -> None:
    """What was fitted is the same after a round trip through JSON, without NaN or infinity."""
    sample = plain()
    fitted = fit(combiner, *sample)
    try:
        text = json.dumps(fitted.to_json(), allow_nan=False)
    except (TypeError, ValueError) as error:
        msg = f"What {name_of(combiner)} learned, or an option, is no JSON: {error}. Keep finite arrays, plain options."
        raise AssertionError(msg) from error
    again = FittedCombiner.from_json(json.loads(text))
    require(
        again.combiner == combiner,
        f"The recipe is {again.combiner} after JSON and was {combiner}. Let options be numbers, strings or tuples.",
    )
    require(
        np.array_equal(again(sample.predictions), fitted(sample.predictions)),
        f"{name_of(combiner)} answers otherwise after JSON. Let `combine` use nothing but `learned` and options.",
    )


def check_leaves_inputs_untouched(combiner: Combiner) -> None:
    """Neither fitting nor combining writes to the arrays it is given."""
    seen, labels = plain()
    fitted = fit(combiner, seen, labels)
    learned = {name: np.array(array) for name, array in fitted.learned.items()}
    values = np.asarray(seen.only(fitted.members).values, dtype=np.float64)
    given = {"labels": labels, "values": values, **{f"learned['{name}']": array for name, array in learned.items()}}
    before = {name: array.copy() for name, array in given.items()}
    combiner.learn(seen, labels, np.ones(len(labels)))
    combiner.combine(values, learned, np)
    for name, array in given.items():
        require(
            np.array_equal(array, before[name]),
            f"{name_of(combiner)} writes to {name}, which it is given. Work on a new array.",
        )


def check_order_of_samples_is_irrelevant(combiner: Combiner) -> None:
    """Rows and labels in another order teach the same, and give the same answers in that order."""
    seen, labels = plain()
    order = np.random.default_rng(1).permutation(seen.samples)
    straight, shuffled = fit(combiner, seen, labels), fit(combiner, seen.rows(order), labels[order])
    remedy = f"{name_of(combiner)} must not depend on the order of rows. Sort, or seed by nothing that is ordered."
    for name, array in straight.learned.items():
        gap = _distance(array, shuffled.learned[name])
        require(gap <= SAME_FIT, f"'{name}' differs by {gap:.2g} after shuffling. {remedy}")
    gap = _distance(straight(seen)[order], shuffled(seen.rows(order)))
    require(gap <= TOLERANCE, f"Answers differ by {gap:.2g} after shuffling. {remedy}")


def check_row_weights_count(combiner: Combiner) -> None:
    """Rows of weight zero teach nothing, and only the ratios of weights matter."""
    seen, labels = plain()
    rows = np.flatnonzero(np.random.default_rng(3).random(seen.samples) < 0.8)
    some = np.zeros(seen.samples)
    some[rows] = 1
    remedy = f"{name_of(combiner)} must weight each row by weights / weights.sum() in all that it sums over rows."
    alone = fit(combiner, seen.rows(rows), labels[rows])(seen)
    for what, fitted in {
        "rows of weight zero are there": fit(combiner, seen, labels, sample_weight=some),
        "all weights are a hundred times as large": fit(combiner, seen, labels, sample_weight=100 * some),
    }.items():
        gap = _distance(fitted(seen), alone)
        require(gap <= TOLERANCE, f"Answers differ by {gap:.2g} where {what}. {remedy}")
    if combiner.given(seen.members) is not None:
        return
    even = fit(combiner, seen, labels)(seen)
    # Rows of one class, and rows that one member alone knows: where weights count, one of these moves any combiner.
    right = np.asarray(seen.values).argmax(axis=-1) == labels
    parts = [labels[None] == np.arange(len(seen.classes))[:, None], right & (right.sum(axis=0) == 1)]
    # And a few rows at random, which hold nearly all of the weight.
    drawn = np.random.default_rng(0).gamma(0.05, size=len(labels))
    weightings = [drawn, *(np.where(part, 50.0, 1.0) for part in np.concatenate(parts))]
    moved = [_distance(fit(combiner, seen, labels, weights)(seen), even) for weights in weightings]
    require(max(moved) > TOLERANCE, f"Answers are the same whichever rows count more. {remedy}")


def check_folds_are_learned_as_by_themselves(combiner: Combiner) -> None:
    """What is learned for several weightings of the rows at once is what is learned for each by itself."""
    seen, labels = plain(400)
    weights = [(np.arange(seen.samples) % 4 != fold).astype(np.float64) for fold in range(4)]
    if combiner.given(seen.members) is not None:
        return
    for fold, (found, each) in enumerate(zip(combiner.learn_each(seen, labels, weights), weights, strict=True)):
        rows = np.flatnonzero(each)
        alone = combiner.learn(seen.rows(rows), labels[rows], each[rows])
        for name, array in alone.learned.items():
            gap = _distance(np.exp(array), np.exp(found.learned[name]))
            require(
                gap <= SAME_FOLD,
                f"'{name}' of fold {fold} differs by {gap:.2g}. Let learn_each of {name_of(combiner)} return what "
                "learn does, or leave it out.",
            )


def check_labels_are_taken(combiner: Combiner) -> None:
    """Members that give labels only are combined as if they gave those classes a probability of one."""
    seen, labels = plain()
    votes = np.asarray(seen.values).argmax(axis=-1)
    by_label = Predictions.from_labels(dict(zip(seen.members, votes, strict=True)), classes=seen.classes)
    certain = dataclasses.replace(seen, values=np.eye(len(seen.classes), dtype=np.float32)[votes])
    wanted = fit(combiner, certain, labels)
    fitted = fit(combiner, by_label, labels)
    remedy = "Read predictions by block, each and of_true_class, never by values."
    gap = _distance(fitted(by_label), wanted(certain))
    require(gap <= TOLERANCE, f"{name_of(combiner)} answers labels otherwise than certainty (by {gap:.2g}). {remedy}")
    for predictions in (by_label, certain, seen):
        answer = fitted(predictions)
        decided = fitted.decide(predictions)
        chosen = answer[np.arange(len(decided)), decided]
        require(
            (chosen >= answer.max(axis=-1) - SAME_FIT).all(),
            f"decide of {name_of(combiner)} gives other classes than the argmax of combine. Make them one rule.",
        )


def check_rows_are_answered_alone(combiner: Combiner) -> None:
    """A row's answer does not depend on which other rows are asked with it."""
    seen, labels = plain()
    fitted = fit(combiner, seen, labels)
    gap = _distance(fitted(seen)[7:9], fitted(seen.rows(slice(7, 9))))
    require(
        gap <= SAME_FIT,
        f"{name_of(combiner)} answers two rows otherwise when asked alone (by {gap:.2g}): data is combined in blocks "
        "and batches. Let `combine` reduce over members and classes alone; what needs all rows belongs in `learn`.",
    )


def check_order_of_classes_is_irrelevant(combiner: Combiner) -> None:
    """With classes in another order the answer is the same, in that order: no rule prefers a low index."""
    for name, (seen, labels) in {"plain members": plain(), **hard()}.items():
        order = np.random.default_rng(2).permutation(len(seen.classes))
        moved = dataclasses.replace(
            seen, values=seen.values[..., order], classes=tuple(seen.classes[index] for index in order)
        )
        straight = fit(combiner, seen, labels)(seen)
        other = fit(combiner, moved, np.argsort(order)[labels])(moved)
        # The edge of a winner among tied classes may be as small as 1e-5, so this must be smaller.
        gap = _distance(straight[..., order], other)
        require(
            gap <= SAME_FIT,
            f"{name_of(combiner)} answers otherwise with classes in another order ({name}, by {gap:.2g}). Break ties "
            "by the members' values, never by index.",
        )


def check_answers_are_probabilities(combiner: Combiner) -> None:
    """Answers are finite, within 0..1, and each row sums to one, also where members are degenerate."""
    for name, sample in {"plain members": plain(), **hard()}.items():
        _require_probabilities(fit(combiner, *sample)(sample.predictions), f"{name_of(combiner)} of {name}")


def check_one_member_is_answered_or_refused(combiner: Combiner) -> None:
    """One member alone gives probabilities, or an error of this library that says why not."""
    seen, labels = plain()
    alone = seen.only(MEMBERS[:1])
    try:
        fitted = fit(combiner, alone, labels)
    except KerasembleError:
        return
    _require_probabilities(fitted(alone), f"{name_of(combiner)} of one member")


def check_takes_leading_axes(combiner: Combiner) -> None:
    """Values (members, samples, extra, classes) are combined place by place, as if each stood alone."""
    sample = plain()
    fitted = fit(combiner, *sample)
    seen, other = sample.predictions, plain(seed=1).predictions
    used = (each.only(fitted.members).values for each in (seen, other))
    both = np.stack([np.asarray(values, dtype=np.float64) for values in used], axis=2)
    answer = combiner.combine(both, fitted.learned, np)
    wanted = np.stack([fitted(seen), fitted(other)], axis=1)
    remedy = "Act on the first axis (members) and the last (classes) alone: axis=0, axis=-1, tensordot(..., axes=1)."
    require(answer.shape == wanted.shape, f"{name_of(combiner)} gave {answer.shape} for {wanted.shape}. {remedy}")
    gap = _distance(answer, wanted)
    # One is computed in float64, and a steep curve makes more of the difference.
    require(gap <= TOLERANCE, f"{name_of(combiner)} mixes the axes between samples and classes ({gap:.2g}). {remedy}")


def require(condition: object, message: str) -> None:
    """Raise an AssertionError that says `message` unless `condition` is true."""
    if not condition:
        raise AssertionError(message)


def _require_probabilities(answer: FloatArray, where: str) -> None:
    require(np.isfinite(answer).all(), f"{where} gives NaN or infinity. Clip before a logarithm or a division.")
    low, high = answer.min(), answer.max()
    require(low >= 0 and high <= 1 + SAME_FIT, f"{where} gives values {low:.6g} to {high:.6g}. Keep them within 0..1.")
    off = float(np.abs(answer.sum(axis=-1, dtype=np.float64) - 1).max())
    require(off <= TOLERANCE, f"{where} gives rows that miss a sum of one by {off:.2g}. Divide by the sum at the end.")


def _distance(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
    require(one.shape == other.shape, f"Shapes {one.shape} and {other.shape} should be one.")
    return float(np.abs(one.astype(np.float64) - other).max(initial=0.0))


NUMPY_CHECKS: tuple[Check, ...] = (
    check_recipe_is_frozen_and_final,
    check_docstring_states_shapes,
    check_name_is_its_own,
    check_survives_json,
    check_leaves_inputs_untouched,
    check_order_of_samples_is_irrelevant,
    check_row_weights_count,
    check_folds_are_learned_as_by_themselves,
    check_labels_are_taken,
    check_rows_are_answered_alone,
    check_order_of_classes_is_irrelevant,
    check_answers_are_probabilities,
    check_one_member_is_answered_or_refused,
    check_takes_leading_axes,
)
