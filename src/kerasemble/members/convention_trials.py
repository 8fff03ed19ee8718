"""Which scaling and order of colours a member was trained with: tried on a few labelled rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.arrays import FloatArray, IntArray
from kerasemble.core.codes import Code
from kerasemble.core.metrics import hits, log_losses
from kerasemble.core.rows import Rows, extent_of
from kerasemble.evaluation.finding import Finding
from kerasemble.evaluation.proposals import Hits, held_out, verified
from kerasemble.members.preprocessing import Convention, Range, detect_range, parse_convention, rescaling

# What is tried, the likeliest first; at most twelve runs. "caffe" is in BGR order by itself.
_ANY = ("0..1", "-1..1", "0..255")
_COLOURS = ("torch", "caffe", "bgr", "bgr+0..1", "bgr+-1..1", "bgr+torch", "bgr+0..255")
_ROWS, _SEED = 256, 0
# Another convention is proposed if it is right in so many more of the rows, which a good member leaves no room for, and
# if chance gives that to none of the trials but for one case in a hundred.
_GAIN, _ALARM = 0.1, 0.01
# What is proposed must be right in twice as many rows as chance (of two classes: wrong in half as many). A network that
# knows nothing is right in 7 % of the digits in one convention and in 19 % in another, which is no evidence.
_TIMES_CHANCE, _BINARY = 2.0, 0.75
# Conventions that are as accurate but for chance, and of these as sure but for chance: the likeliest of them is meant.
_ALIKE, _STANDARD_ERRORS = 0.05, 2

Run = Callable[[npt.NDArray[Any]], FloatArray]


class _Trial(NamedTuple):
    convention: str | None
    right: npt.NDArray[np.float64]  # (rows,)
    losses: npt.NDArray[np.float64]  # (rows,) log losses
    classes: int


def try_conventions(
    run: Run,
    x: Rows,
    labels: IntArray,
    given: str | None,
    data_range: Range | None,
    *,
    name: str,
    least: float = 0.0,
) -> Finding | None:
    """Propose the convention under which a member is right in far more rows than as it is fed, if there is one.

    At most 256 rows are used, about as many of each class: so it is the balanced accuracy that is compared.

    Args:
        run: what the member does: from rows (n, ...) in the convention that is tried to probabilities (n, classes).
        x: (samples, ...) the data as it is stored, but with as many channels as the member takes, and these last.
        labels: (samples,) class indices.
        given: the convention that the member is fed in as things are, such as "0..1" or "bgr+0..1"; None where it
            gets the data as it is.
        data_range: the least and the greatest value that the data can take; found out where None.
        name: of the member.
        least: share of the rows in which it must be right to be proposed: what another explanation reaches, such as
            another order of its classes.

    Returns:
        A proposal with the options "preprocess" (None: as the data is) and, where the data's range follows no
        convention, "data_range"; None where nothing is surely better.
    """
    rows = _balanced(labels)
    some, truth = x[rows], labels[rows]
    known = data_range or detect_range(x)
    low, high = known or extent_of(x)[:2]
    if not low < high:
        return None
    as_given = _tried(run, some, truth, given, (low, high))
    if as_given.right.mean() > 1 - _GAIN:
        return None
    candidates = _candidates(some, given, (low, high))
    trials = [_tried(run, some, truth, convention, (low, high)) for convention in candidates]
    surely = [trial for trial in trials if _surely_better(trial, as_given, len(candidates))]
    better = [trial for trial in surely if trial.right.mean() > least]
    if not better:
        return None
    best = max(better, key=lambda trial: float(trial.right.mean()))
    alike = [trial for trial in better if _sign_test(best.right, trial.right) > _ALIKE]
    surest = min(alike, key=lambda trial: float(trial.losses.mean()))
    # The order of colours may not matter to a member: then the likelier convention is meant.
    found = next(trial for trial in alike if not _less_sure(trial, surest))
    # Where the channels are is not what is tried: `run` knows.
    axes = [word for word in (given or "").split("+") if word.startswith("channels_")]
    words = [*axes, *([found.convention] if found.convention else [])]
    options: dict[str, Any] = {"preprocess": "+".join(words) or None}
    if detect_range(x) != (low, high) and found.convention not in (None, "bgr"):
        options["data_range"] = (low, high)

    def judge(others: IntArray, judged: IntArray) -> Hits:
        return max((as_given, *trials), key=lambda trial: float(trial.right[others].mean())).right[judged]

    return verified(_finding(name, (as_given, found), trials, options), as_given.right, held_out(judge, truth), truth)


def convert(x: npt.NDArray[Any], convention: str | None, low: float, high: float) -> npt.NDArray[Any]:
    """Return rows as a convention has them.

    Args:
        x: (rows, ...) whose values range from low to high; channels last where the convention is about them.
        convention: "0..1", "-1..1", "0..255", "caffe" or "torch"; "bgr+" before it, or "bgr" alone, reverses the
            channels first. None is the rows as they are.
        low: the least value that the data can take.
        high: the greatest.

    Returns:
        float32 array of the shape of x; x or a view of it where nothing is scaled.
    """
    said = parse_convention(convention or "") or Convention()
    if said.bgr or said.scale == "caffe":
        x = x[..., ::-1]
    if said.scale is None:
        return x
    scale, offset = rescaling(said.scale, low, high)
    return np.asarray(x.astype(np.float32) * np.array(scale, np.float32) + np.array(offset, np.float32))


def _balanced(labels: IntArray) -> IntArray:
    """Return at most 256 rows, drawn blindly, of which each class has its equal share as far as it has rows."""
    order = np.random.default_rng(_SEED).permutation(len(labels))
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        turn[mine] = np.arange(len(mine))
    return np.sort(order[np.argsort(turn[order], kind="stable")][:_ROWS])


def _candidates(x: npt.NDArray[Any], given: str | None, span: Range) -> list[str | None]:
    """Return the conventions that make something else of the rows than the given one, each of them once."""
    fed = [convert(x, given, *span)]
    kept: list[str | None] = []
    colours = x.ndim == 4 and x.shape[-1] == 3
    for convention in (*_ANY, None, *(_COLOURS if colours else ())):
        rows = convert(x, convention, *span)
        if not any(np.allclose(rows, other, atol=1e-3) for other in fed):
            fed.append(rows)
            kept.append(convention)
    return kept


def _tried(run: Run, x: npt.NDArray[Any], labels: IntArray, convention: str | None, span: Range) -> _Trial:
    values = run(convert(x, convention, *span))
    # A network that was made for small numbers may overflow: then it is right nowhere.
    if not np.isfinite(values).all():
        return _Trial(convention, np.zeros(len(labels)), np.full(len(labels), math.inf), values.shape[1])
    return _Trial(convention, hits(values, labels), log_losses(values, labels), values.shape[1])


def _less_sure(trial: _Trial, surest: _Trial) -> bool:
    """Say whether the log loss of a trial is higher than the lowest by more than two standard errors."""
    excess = trial.losses - surest.losses
    return bool(excess.mean() > _STANDARD_ERRORS * excess.std() / math.sqrt(len(excess)))


def _surely_better(trial: _Trial, other: _Trial, trials: int) -> bool:
    right = float(trial.right.mean())
    enough = right - float(other.right.mean()) >= _GAIN and right >= min(_BINARY, _TIMES_CHANCE / trial.classes)
    return enough and _sign_test(trial.right, other.right) * trials <= _ALARM


def _sign_test(right: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    """Return how often chance would make `right` the better one in so many of the rows that differ: one-sided."""
    wins, losses = int((right > other).sum()), int((right < other).sum())
    differ = wins + losses
    ways: int = sum(math.comb(differ, count) for count in range(wins, differ + 1))
    return ways / 2.0**differ


def _finding(name: str, pair: tuple[_Trial, _Trial], trials: list[_Trial], options: dict[str, Any]) -> Finding:
    as_given, found = pair
    others = sorted((trial for trial in trials if trial is not found), key=lambda trial: -trial.right.mean())[:2]
    rest = ", ".join(f"{_words(trial.convention)} {trial.right.mean():.0%}" for trial in others)
    evidence = (
        f"Member '{name}' is right in {as_given.right.mean():.0%} of {len(found.right)} rows as it is fed "
        f"({_words(as_given.convention)}) and in {found.right.mean():.0%} with {_words(found.convention)}"
        f"{f' (then {rest})' if rest else ''}."
    )
    remedy = f"If it was trained so, give it preprocess={options['preprocess']!r}"
    if "data_range" in options:
        low, high = options["data_range"]
        remedy += f" and data_range=({low:g}, {high:g})"
    figures = {"accuracy": float(as_given.right.mean()), "proposed": float(found.right.mean())}
    return Finding(Code.PREPROCESSING, evidence, f"{remedy}.", name, "proposal", options, figures=figures)


def _words(convention: str | None) -> str:
    return "the data as it is" if convention is None else f"'{convention}'"
