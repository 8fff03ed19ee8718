"""What a layer takes of memory before its file is read: the weights that Keras makes from its configuration."""

from __future__ import annotations

from collections.abc import Sequence

from kerasemble.members.inspection.graph import Layer
from kerasemble.members.inspection.layer_shapes import LAYER_RULES
from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.record import Refused
from kerasemble.members.inspection.sizes import UNKNOWN, checked, product
from kerasemble.members.inspection.weight_rules import LAYER_WEIGHTS, Expected, numbered

NO_WEIGHTS = frozenset(LAYER_RULES) | frozenset(
    {"InputLayer", "Layer", "Pipeline", "Hashing", "HashedCrossing", "Discretization", "StringLookup", "IntegerLookup"}
    | {"TextVectorization", "MixUp", "CutMix", "MaxNumBoundingBoxes", "MelSpectrogram", "TimeDistributed", "RNN"}
    | {"Bidirectional", "StackedRNNCells", "Wrapper", "ContrastLimitedAdaptiveHistogramEqualization"}
)


def own_weights(layer: Layer, shapes: Sequence[Shape | None]) -> Expected | None:
    """Return the weights of a layer itself, not of what it wraps; None where its class is not known.

    Those of a quantised layer are what it would have otherwise: it stores them packed, with scales.

    Args:
        layer: no model.
        shapes: that it is called on.

    Raises:
        Refused: the layer cannot be made from what the file says.
    """
    if layer.known is None or layer.known.group == "ops":
        return {} if layer.known is not None else None
    if layer.kind == "SpectralNormalization":
        inner = own_weights(layer.wrapped[0][1], shapes) or {}
        kernel = inner.get("vars/0", ())
        # The kernel is the inner layer's, stored twice.
        return numbered(kernel, (1, kernel[-1])) if kernel else None
    rule = LAYER_WEIGHTS.get(layer.kind)
    if rule is None:
        return {} if layer.kind in NO_WEIGHTS else None
    try:
        expected = rule(layer.config, shapes or (None,))
        return {path: checked(shape) for path, shape in expected.items()}
    except UNKNOWN as error:
        if None in shapes or not shapes:
            return None
        msg = f"says of layer '{layer.path}' what no {layer.kind} can be made from ({error}). Save or copy it again."
        raise Refused("config", msg) from error


def is_quantised(layer: Layer) -> bool:
    """Say whether a layer stores its weights packed."""
    policy = layer.config.get("dtype")
    return isinstance(policy, dict) and policy.get("class_name") not in ("DTypePolicy", "FloatDTypePolicy")


def low_rank(layer: Layer, expected: Expected) -> tuple[Shape, ...]:
    """Return the shapes of a layer's LoRA matrices, which a `.keras` file does not store.

    Raises:
        Refused: they are larger than the kernel that they are to be smaller than.
    """
    rank, kernel = layer.config.get("lora_rank"), expected.get("vars/0")
    if not rank or not kernel:
        return ()
    sizes = (product(kernel[:-1]), kernel[-1])
    if not isinstance(rank, int) or any(size is not None and rank > size for size in sizes):
        msg = f"declares lora_rank={rank!r} for layer '{layer.path}', more than its kernel has. Save it without LoRA."
        raise Refused("dimension", msg)
    return (*kernel[:-1], rank), (rank, kernel[-1])
