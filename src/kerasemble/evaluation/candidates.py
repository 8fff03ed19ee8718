"""What is compared: the combiners that were named, or a few."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kerasemble.combiners import as_combiner, find
from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.recipes import label, name_of
from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.options import freeze
from kerasemble.core.predictions import Predictions

# What is taken unless another is surely better, for members that give probabilities and for those that give labels.
_DEFAULT, _DEFAULT_FOR_LABELS = "weighted-geometric-average", "bayesian-vote"
# What is compared with it where nothing is named: what was surely better on one of the pools of benchmarks/quality.py,
# and what people ask for.
_FOR_PROBABILITIES = ("average", "geometric-average", "majority-vote", "weighted-average", _DEFAULT)
_FOR_LABELS = ("average", "majority-vote", "weighted-average", "weighted-geometric-average", _DEFAULT_FOR_LABELS)
# Stacking is compared too where it has at most so many numbers to learn, which takes seconds.
_STACKING, _MOST_TO_STACK = "stacking", 20_000


def default_combiners(predictions: Predictions) -> list[Combiner]:
    """Return the combiners that are compared where none are named."""
    names: tuple[str, ...] = _FOR_LABELS if predictions.labels_only else _FOR_PROBABILITIES
    to_stack = len(predictions.members) * len(predictions.classes) ** 2
    if not predictions.labels_only and to_stack <= _MOST_TO_STACK:
        names = (*names, _STACKING)
    return [find(name)() for name in names]


def default_among(combiners: Sequence[Combiner], predictions: Predictions) -> int | None:
    """Return where among the combiners the first of the default's kind stands, None where there is none."""
    wanted = _DEFAULT_FOR_LABELS if predictions.labels_only else _DEFAULT
    return next((index for index, each in enumerate(combiners) if name_of(each) == wanted), None)


def with_mean(combiners: Sequence[Combiner]) -> list[Combiner]:
    """Return the combiners, the plain mean among them."""
    return list(combiners) if Average() in combiners else [Average(), *combiners]


def as_combiners(given: Iterable[Combiner | str]) -> list[Combiner]:
    """Return combiners, those given by name with their defaults."""
    given = freeze(given) if hasattr(given, "__array__") else given
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        msg = f"combiners must be a list of combiners or of their names. Received: combiners={given!r}."
        raise KerasembleError(msg, code=Code.OPTION)
    return [as_combiner(each) for each in given]


def names_of(combiners: Sequence[Combiner], members: Sequence[str] = ()) -> list[str]:
    """Return each combiner's name in a sentence; with its options where two are of one kind.

    One that a member is called by too is told apart from it.
    """
    kinds = [label(combiner) for combiner in combiners]
    pairs = zip(combiners, kinds, strict=True)
    names = [kind if kinds.count(kind) == 1 else repr(combiner) for combiner, kind in pairs]
    alike = sorted({name for name in names if names.count(name) > 1})
    if alike:
        msg = f"Two of the combiners to compare are called alike: {first(alike)}. Give each once, functions by a name."
        raise KerasembleError(msg)
    return [f"{name} (combined)" if name in members else name for name in names]
