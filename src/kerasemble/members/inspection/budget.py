"""What opening a model may take of memory, so that a small file cannot ask for all of it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

from kerasemble.members.inspection.graph import Layer
from kerasemble.members.inspection.record import Refused, Weights

# Above it a size must be one that is stored: the largest of keras.applications is 21,843 classes; vocabularies and
# flattened images are larger, and are stored.
LARGEST_FREE_DIMENSION = 100_000
# 8 GB in float32. ConvNeXtXLarge has 350 million, the largest vision transformers of public files 1.8 billion.
MOST_PARAMETERS = 2_000_000_000
# 2 GB in float32 for one sample. EfficientNetB7 has 17 million; a U-Net of 64 channels at 128x128x128, 134 million.
MOST_ACTIVATION = 2**29
# What sizes of weights are called. Lengths, seeds, bins and steps make none.
_DIMENSIONS = frozenset(
    {"units", "filters", "input_dim", "output_dim", "num_heads", "num_query_heads", "num_key_value_heads", "key_dim"}
    | {"value_dim", "head_dim", "depth_multiplier", "kernel_size", "frame_length", "fft_length", "lora_rank"}
    | {"projection_dim", "groups"}
)


def check_dimensions(top: Layer, weights: Weights) -> None:
    """Refuse a model that declares a size of weights which is nowhere in its file.

    Raises:
        Refused: it does, or its weights are too many.
    """
    stored = {size for array in weights.arrays for size in array.shape}
    for layer in every_layer(top):
        for key in _DIMENSIONS & set(layer.config) if layer.known is not None else ():
            _check(layer, key, layer.config[key], stored)
    count = sum(math.prod(array.shape) for array in weights.arrays)
    if count > MOST_PARAMETERS:
        msg = f"stores {count:,} weights; more than {MOST_PARAMETERS:,} are not opened. Give a smaller model."
        raise Refused("too-many-parameters", msg)


def check_activation(largest: int) -> None:
    """Refuse a model of which one sample takes too much.

    Raises:
        Refused: it does.
    """
    if largest > MOST_ACTIVATION:
        msg = f"needs a tensor of {largest:,} numbers for one sample; at most {MOST_ACTIVATION:,} are allowed."
        raise Refused("too-large-activation", f"{msg} Give a model of smaller inputs.")


def every_layer(layer: Layer) -> Iterator[Layer]:
    """Yield a model and all that is in it."""
    stack = [layer]
    while stack:
        each = stack.pop()
        yield each
        stack += [inner for _, inner in each.wrapped]
        stack += each.model.layers.values() if each.model is not None else ()


def _check(layer: Layer, key: str, value: object, stored: Collection[int]) -> None:
    for size in value if isinstance(value, list) else [value]:
        if isinstance(size, int | float) and size > LARGEST_FREE_DIMENSION and size not in stored:
            msg = f"declares {key}={size:,} for layer '{layer.path}', a size that none of its weights has."
            raise Refused("dimension", f"{msg} Keras would make room for it. Get the model from whoever made it.")
