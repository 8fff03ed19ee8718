"""What is compared: the combiners that were named, or a few, and the best member as the baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kerasemble.combiners import as_combiner, find
from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner
from kerasemble.combiners.bayesian_vote import BayesianVote
from kerasemble.combiners.recipes import label, name_of
from kerasemble.combiners.select import Select
from kerasemble.combiners.single_best import SingleBest
from kerasemble.core.arrays import first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.losses import LOSSES
from kerasemble.core.options import freeze
from kerasemble.core.predictions import Predictions

# The best member is a row of its own, since members are picked in each fold: what it loses is no member's loss.
BEST, RECALIBRATED = "best member, as picked in each fold", "best member, recalibrated"
# What is taken unless another is surely better, for members that give probabilities and for those that give labels.
_DEFAULT, _DEFAULT_FOR_LABELS = "weighted-geometric-average", "bayesian-vote"
# What is compared with it where nothing is named: what was surely better on one of the pools of benchmarks/quality.py,
# and what people ask for.
_FOR_PROBABILITIES = ("average", "geometric-average", "majority-vote", "weighted-average", _DEFAULT)
_FOR_LABELS = ("average", "majority-vote", "weighted-average", "weighted-geometric-average", _DEFAULT_FOR_LABELS)
# Of many members that give labels, the few most accurate may be better than all: five of thirty lost 0.245 on
# cifar-votes 1000, and all 0.266 (benchmarks/quality.py).
_MOST_ACCURATE = (3, 5, 10)
# Stacking is compared too where it has at most so many numbers to learn, which takes seconds.
_STACKING, _MOST_TO_STACK = "stacking", 20_000


class Candidates(NamedTuple):
    """What is chosen from.

    Args:
        recipes: baselines first, then combiners.
        names: of these.
        default: position of what is taken unless another is surely better.
        mean: position of the plain mean.
        best: position of the best member.
        recalibrated: position of the best member of all recalibrated ones; that of `best` where there is none.
        eligible: positions of the combiners that may be chosen: by a loss of probabilities, what gives probabilities.
    """

    recipes: tuple[Combiner, ...]
    names: tuple[str, ...]
    default: int
    mean: int
    best: int
    recalibrated: int
    eligible: tuple[int, ...]

    @property
    def baselines(self) -> tuple[int, ...]:
        """Positions of the best member, as it is and recalibrated."""
        return tuple(sorted({self.best, self.recalibrated}))


def candidates_of(combiners: Sequence[Combiner], predictions: Predictions, measure: str) -> Candidates:
    """Return what is chosen from: the best member, the plain mean, and the combiners that were asked for.

    Args:
        combiners: those asked for, the plain mean among them.
        predictions: of all members.
        measure: the loss by which is chosen.

    Raises:
        KerasembleError: two of the combiners are called alike.
    """
    baselines = _baselines(predictions, measure)
    others = [each for each in dict.fromkeys(combiners) if each not in baselines.values()]
    recipes = (*baselines.values(), *others)
    names = (*_told_apart(list(baselines), predictions.members), *names_of(others, predictions.members))
    count, labels_only = len(baselines), predictions.labels_only
    fair = [
        position
        for position, recipe in enumerate(recipes)
        if position >= count and (not LOSSES[measure] or recipe.gives_probabilities(labels_only=labels_only))
    ]
    mean = next(index for index, each in enumerate(recipes) if _inner(each) == Average())
    default = default_among(recipes, predictions)
    if default is None:
        # Of those that were asked for none is the default: then the plain mean is, and where it gives shares of votes
        # the first that does not.
        default = mean if mean in fair else next(iter(fair), 0)
    return Candidates(recipes, names, default, mean, 0, count - 1, tuple(fair))


def _baselines(predictions: Predictions, measure: str) -> dict[str, Combiner]:
    """Return the best member as it is and of all recalibrated ones, by the names of their rows."""
    if not LOSSES[measure]:
        return {BEST: SingleBest(loss=measure)}
    if predictions.labels_only:
        # Labels have no log loss; what they say of each class does.
        return {BEST: Select(BayesianVote(), max_members=1)}
    return {BEST: SingleBest(loss=measure), RECALIBRATED: SingleBest(recalibrate=True, loss=measure)}


def default_combiners(predictions: Predictions) -> list[Combiner]:
    """Return the combiners that are compared where none are named."""
    names: tuple[str, ...] = _FOR_LABELS if predictions.labels_only else _FOR_PROBABILITIES
    members = len(predictions.members)
    if not predictions.labels_only and members * len(predictions.classes) ** 2 <= _MOST_TO_STACK:
        names = (*names, _STACKING)
    found: list[Combiner] = [find(name)() for name in names]
    if predictions.labels_only:
        found += [Select(BayesianVote(), max_members=count) for count in _MOST_ACCURATE if count < members]
    return found


def default_among(combiners: Sequence[Combiner], predictions: Predictions) -> int | None:
    """Return where among the combiners the first of the default's kind stands, None where there is none."""
    wanted = _DEFAULT_FOR_LABELS if predictions.labels_only else _DEFAULT
    as_they_are = [index for index, each in enumerate(combiners) if name_of(each) == wanted]
    selecting = [index for index, each in enumerate(combiners) if name_of(_inner(each)) == wanted and index]
    return next(iter((*as_they_are, *selecting)), None)


def _inner(combiner: Combiner) -> Combiner:
    return combiner.combiner if isinstance(combiner, Select) else combiner


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
    kinds = [_name(combiner) for combiner in combiners]
    pairs = zip(combiners, kinds, strict=True)
    names = [kind if kinds.count(kind) == 1 else repr(combiner) for combiner, kind in pairs]
    alike = sorted({name for name in names if names.count(name) > 1})
    if alike:
        msg = f"Two of the combiners to compare are called alike: {first(alike)}. Give each once, functions by a name."
        raise KerasembleError(msg)
    return _told_apart(names, members)


def _name(combiner: Combiner) -> str:
    most = f" of {combiner.max_members}" if isinstance(combiner, Select) and combiner.max_members is not None else ""
    return label(_inner(combiner)) + most


def _told_apart(names: Sequence[str], members: Sequence[str]) -> list[str]:
    return [f"{name} (combined)" if name in members else name for name in names]
