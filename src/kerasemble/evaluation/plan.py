"""What is to be compared, on which rows and within which limits, all of it checked."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.chain import Chain
from kerasemble.combiners.recipes import label
from kerasemble.combiners.select import Select
from kerasemble.combiners.stages.base import Stage
from kerasemble.core.arrays import IntArray, first
from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.row_weights import ClassWeight
from kerasemble.evaluation.budget import Budget, Costs, Priced, affordable, as_costs, check_budget
from kerasemble.evaluation.candidates import Candidates, as_combiners, candidates_of, default_combiners, with_mean
from kerasemble.evaluation.folds import BLOCK_FOLDS, BLOCKS, CV, DIVISIONS, make_folds
from kerasemble.evaluation.metrics import Metric, MetricName, measure_of, metrics_of
from kerasemble.evaluation.scored import Rows
from kerasemble.evaluation.summed import rows_of
from kerasemble.evaluation.units import Units


class Settings(NamedTuple):
    """How is compared: the options of `compare`."""

    cv: CV = 5
    repeats: int | None = None
    groups: npt.ArrayLike | None = None
    metrics: Sequence[MetricName] | None = None
    seed: int = 0
    prefer: Combiner | None = None
    sample_weight: npt.ArrayLike | None = None
    class_weight: ClassWeight | None = None
    costs: Mapping[str, float] | Sequence[float] | None = None
    budget: float | None = None
    max_members: int | None = None
    stages: Sequence[Stage] = ()
    select_by: str | None = None


class Plan(NamedTuple):
    """What is compared on which rows, by what, and within which limits."""

    rows: Rows
    units: Units
    candidates: Candidates
    metrics: tuple[Metric, ...]
    undefined: tuple[str, ...]
    limits: Budget
    priced: Priced
    beyond: tuple[str, ...]
    folds: IntArray
    prefer: int | None
    forward: bool = False


def plan_of(
    predictions: Predictions, y: npt.ArrayLike, combiners: Iterable[Combiner | str] | None, settings: Settings
) -> Plan:
    """Return what is to be done, all of it checked.

    Raises:
        KerasembleError: as `compare`.
    """
    blocks, folds_wanted = 0, settings.cv
    if isinstance(folds_wanted, str):
        if folds_wanted not in DIVISIONS:
            msg = f'cv must be a whole number, "blocks" or "forward". Received: cv={folds_wanted!r}.'
            raise KerasembleError(msg, code=Code.OPTION)
        blocks, folds_wanted = BLOCKS, BLOCK_FOLDS
    rows, units = rows_of(predictions, y, settings.groups, settings.sample_weight, settings.class_weight, blocks)
    _check_settings(settings, folds_wanted, rows.predictions.samples)
    priced, limits = as_costs(settings.costs, predictions), Budget(settings.budget, settings.max_members)
    check_budget(limits, priced, predictions.members)
    within = affordable(limits, priced, predictions.members)
    beyond = tuple(name for name in predictions.members if name not in within)
    if beyond:
        # They cannot be kept, not even alone: so none of them is the best member either.
        rows = rows._replace(predictions=rows.predictions.only(within))
        priced = priced.only(predictions.positions(within))
    seen = rows.predictions
    asked = default_combiners(seen) if combiners is None else as_combiners(combiners)
    if settings.prefer is not None and settings.prefer not in asked:
        msg = f"prefer={settings.prefer} is not among the combiners that are compared: {first(asked)}. Add it to them."
        raise KerasembleError(msg)
    asked = with_mean(asked)
    rows = rows._replace(measure=_measure(settings, seen, asked, named=combiners is not None))
    prices = limits.prices(priced)
    wanted = asked if limits.holds(prices) else [_selecting(each, limits, prices) for each in asked]
    candidates = candidates_of(wanted, seen, rows.measure)
    prefer = None if settings.prefer is None else candidates.recipes.index(wanted[asked.index(settings.prefer)])
    _check_candidates(rows, candidates)
    metrics, undefined = metrics_of(settings.metrics, seen, rows.labels)
    forward = isinstance(settings.cv, str) and settings.cv == "forward"
    if forward:
        _check_forward(settings, rows)
        folds = (np.arange(seen.samples) * BLOCKS // seen.samples)[None]
    else:
        folds = make_folds(rows.labels, rows.groups, folds_wanted, settings.repeats, settings.seed)
    return Plan(rows, units, candidates, metrics, undefined, limits, priced, beyond, folds, prefer, forward)


def _check_forward(settings: Settings, rows: Rows) -> None:
    """Refuse what is not scored in the order of time.

    Raises:
        KerasembleError: there are too few rows, or stages, which learn in folds.
    """
    if rows.predictions.samples < 2 * BLOCKS:
        msg = (
            f'cv="forward" divides the rows into {BLOCKS} blocks and needs {2 * BLOCKS} of them. Received: '
            f"{rows.predictions.samples} rows. Give more, or a number of folds."
        )
        raise KerasembleError(msg, code=Code.TOO_FEW_ROWS)
    if settings.stages:
        msg = 'cv="forward" does not score stages. Leave them out, or take cv="blocks".'
        raise KerasembleError(msg, code=Code.OPTION)


def _measure(settings: Settings, seen: Predictions, asked: Sequence[Combiner], *, named: bool) -> str:
    """Return the loss by which is chosen: log loss, unless another is asked for or votes are all that is compared."""
    if settings.select_by is not None:
        return measure_of(settings.select_by)
    judged = [settings.prefer] if settings.prefer is not None else asked if named else []
    votes = [each for each in judged if not each.gives_probabilities(labels_only=seen.labels_only)]
    return "error rate" if votes and len(votes) == len(judged) else "log loss"


def _selecting(combiner: Combiner, limits: Budget, prices: Costs) -> Combiner:
    """Return a combiner of the members that are within the limits, selected anew wherever it is fitted."""
    if isinstance(combiner, Chain):
        return dataclasses.replace(combiner, combiner=_selecting(combiner.combiner, limits, prices))
    most, inner = limits.members, combiner
    if isinstance(combiner, Select):
        most = min(each for each in (most, combiner.max_members, len(prices)) if each is not None)
        inner = combiner.combiner
    return Select(inner, most, limits.cost, tuple(prices.tolist()))


def _check_settings(settings: Settings, cv: int, samples: int) -> None:
    """Refuse numbers that cannot be.

    Raises:
        KerasembleError: the message says which.
    """
    for name, value in (("cv", cv), ("repeats", settings.repeats), ("seed", settings.seed)):
        left_out = value is None and name == "repeats"
        if not left_out and not isinstance(value, numbers.Integral):
            also = ', "blocks" or "forward"' if name == "cv" else ""
            msg = f"{name} must be a whole number{also}. Received: {name}={value!r}."
            raise KerasembleError(msg, code=Code.OPTION)
    if samples < 2 or cv < 2:
        msg = f"Cross-fitting needs two labelled rows and two folds. Received: {samples} rows, cv={cv}."
        raise KerasembleError(msg, code=Code.OPTION)
    if settings.repeats is not None and settings.repeats < 1:
        msg = f"The rows must be divided into folds at least once. Received: repeats={settings.repeats}."
        raise KerasembleError(msg, code=Code.OPTION)
    if settings.seed < 0:
        msg = f"seed must be a whole number from 0 on. Received: seed={settings.seed}."
        raise KerasembleError(msg, code=Code.OPTION)


def _check_candidates(rows: Rows, candidates: Candidates) -> None:
    """Refuse what cannot learn from these labels.

    Raises:
        KerasembleError: all rows are of one class and a combiner has to learn.
    """
    recipes, classes = candidates.recipes[len(candidates.baselines) :], rows.predictions.classes
    learns = next((each for each in recipes if each.given(rows.predictions.members) is None), None)
    if learns is not None and (rows.labels == rows.labels[0]).all():
        msg = (
            f"All {len(rows.labels)} rows are labelled '{classes[rows.labels[0]]}', so a {label(learns)} can learn "
            "nothing from them. Give rows of two classes or more. To score the members on these rows, compare only "
            "combiners that learn nothing: combiners=['average'] (--combiner average)."
        )
        raise KerasembleError(msg)
