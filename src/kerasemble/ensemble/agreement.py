"""Whether members, a fitted combiner, a model and data belong together."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.core.arrays import first
from kerasemble.core.errors import KerasembleError
from kerasemble.core.predictions import Predictions
from kerasemble.core.rows import Rows
from kerasemble.ensemble.graph import OUTPUT, layer_names
from kerasemble.members.member import Member, Model, name_of
from kerasemble.members.preprocessing import warn_of_other_range
from kerasemble.scoring.sources.opening import check_whole


def _width_of(model: Model) -> int | None:
    """Return how many classes a model answers over."""
    output = model.output
    output = output.get(OUTPUT) if isinstance(output, dict) else output
    return getattr(output, "shape", (None,))[-1]


def fit_to(combiner: Combiner | FittedCombiner, seen: Predictions) -> FittedCombiner:
    """Return a combiner that knows how the members are read, fitted if it learns nothing.

    Raises:
        KerasembleError: it was fitted for other classes.
    """
    if isinstance(combiner, Combiner):
        return combiner.fit(seen)
    if combiner.classes != seen.classes:
        msg = f"The combiner was fitted for the classes {combiner.classes}. The members answer over {seen.classes}."
        raise KerasembleError(msg)
    return dataclasses.replace(combiner, alignment=seen.alignment)


def check_options(
    fitted: FittedCombiner, classes: Sequence[object] | None, data_range: tuple[float, float] | None
) -> None:
    """Refuse options that say otherwise than what the combiner was fitted on."""
    names = fitted.classes if classes is None else tuple(str(name) for name in classes)
    if names != fitted.classes:
        msg = f"The combiner was fitted for the classes {fitted.classes}. Received: classes={names}."
        raise KerasembleError(msg)
    span = range_of(fitted)
    if data_range is not None and span is not None and tuple(data_range) != span:
        msg = f"The combiner was fitted on data in {span[0]:g}..{span[1]:g}. Received: data_range={data_range}."
        raise KerasembleError(msg)


def range_of(fitted: FittedCombiner) -> tuple[float, float] | None:
    """Return the range of the data that the combiner was fitted on, None where that is not known."""
    return None if fitted.alignment is None else fitted.alignment.inputs.range


def used(members: Sequence[Member], fitted: FittedCombiner) -> tuple[Member, ...]:
    """Return the members that a combiner needs, in its order; those that it left out may be there too."""
    known = {name_of(member): member for member in members}
    if not set(fitted.members) <= set(known) <= {*fitted.members, *fitted.left_out}:
        msg = (
            f"The combiner was fitted for the members {first(fitted.members, 20)}. Received: {first(list(known), 20)}."
        )
        raise KerasembleError(msg)
    return tuple(known[name] for name in fitted.members)


def check_like_fitted(x: Rows, fitted: FittedCombiner) -> None:
    """Refuse data of another shape than the members were aligned to, and warn of another range."""
    inputs = fitted.alignment.inputs if fitted.alignment is not None else None
    if inputs is None:
        return
    shape = x.shape[1:]
    if len(shape) != len(inputs.shape) or any(
        want not in (None, have) for have, want in zip(shape, inputs.shape, strict=True)
    ):
        msg = f"The ensemble takes samples of shape {inputs.shape}. Received: {shape}."
        raise KerasembleError(msg)
    check_whole(x, inputs.dtype, "The ensemble")
    warn_of_other_range(x, inputs.range, "the ensemble")


def check_own(model: Model, fitted: FittedCombiner) -> None:
    """Refuse a model that is not the graph of these members, classes and learned arrays."""
    found = {layer.name: layer.count_params() for layer in getattr(model, "layers", ())}
    branches = {name for name in found if name.startswith("member_")}
    sizes = {name: array.size for name, array in fitted.learned.items()}
    if (
        branches != set(layer_names(fitted.members))
        or sizes != {name: found.get(name) for name in sizes}
        or _width_of(model) != len(fitted.classes)
    ):
        msg = (
            f"This model is not the ensemble's own. It has the layers {first(list(found), 20)}; the ensemble has the "
            f"members {first(fitted.members, 20)}, {len(fitted.classes)} classes, and learned {first(list(sizes))}."
        )
        raise KerasembleError(msg)
