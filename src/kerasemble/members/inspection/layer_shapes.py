"""The shape of what a Keras layer returns, from its configuration and the shapes that it takes, without Keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kerasemble.members.inspection.einsum_shapes import einsum_dense
from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.sizes import (
    Config,
    Rule,
    broadcast,
    checked,
    concatenated,
    each,
    product,
    reshaped,
    whole,
)
from kerasemble.members.inspection.spatial_shapes import SPATIAL_RULES, convolution


def _same(_: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return (shapes[0],)


def _dense(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return ((*shapes[0][:-1], whole(config["units"])),)


def _embedding(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return ((*shapes[0], whole(config["output_dim"])),)


def _flatten(_: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return ((shapes[0][0], product(shapes[0][1:])),)


def _reshape(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return ((shapes[0][0], *reshaped(shapes[0][1:], config["target_shape"])),)


def _permute(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return ((shapes[0][0], *(shapes[0][whole(axis)] for axis in config["dims"])),)


def _repeat_vector(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return ((shapes[0][0], whole(config["n"]), shapes[0][1]),)


def _merge(_: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    # The batch may be known in one branch only.
    return (broadcast(shapes),)


def _concatenate(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return (concatenated(shapes, whole(config.get("axis", -1))),)


def _dot(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    first, second = shapes
    axes = each(config["axes"], 2)
    left = [size for axis, size in enumerate(first) if axis != axes[0] % len(first)]
    right = [size for axis, size in enumerate(second) if axis and axis != axes[1] % len(second)]
    shape = (*left, *right)
    return (shape if len(shape) > 1 else (*shape, 1),)


def _recurrent(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    units = whole(config["units"])
    batch, length = shapes[0][:2]
    return _sequence(config, batch, length, (units,))


def _sequence(config: Config, batch: int | None, length: int | None, state: Shape) -> Sequence[Shape]:
    out = (batch, length, *state) if config.get("return_sequences") else (batch, *state)
    if config.get("return_state"):
        # An LSTM has two states; whoever asks for a third is not known.
        return (out, (batch, *state), (batch, *state))
    return (out,)


def _conv_lstm(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    frame = (shapes[0][0], *shapes[0][2:])
    state = convolution(config, (frame,))[0][1:]
    return _sequence(config, shapes[0][0], shapes[0][1], state)


def _attention(_: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    query, value = shapes[:2]
    return ((*query[:-1], value[-1]),)


def _multi_head(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    wanted = config.get("output_shape")
    if not wanted:
        return (shapes[0],)
    return ((*shapes[0][:-1], *each(wanted, len(wanted) if isinstance(wanted, list) else 1)),)


def _einsum_dense(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    return (einsum_dense(config, shapes[0]).output,)


def _category_encoding(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    tokens, shape = whole(config["num_tokens"]), shapes[0]
    if config.get("output_mode") == "one_hot" and (shape[-1] != 1 or len(shape) == 1):
        return ((*shape, tokens),)
    return ((*shape[:-1], tokens),)


def _bins(key: str) -> Rule:
    def rule(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
        if config.get("output_mode", "int") == "int":
            return (shapes[0],)
        return ((*shapes[0][:-1], whole(config[key])),)

    return rule


def _mel_spectrogram(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    *batch, length = shapes[0]
    stride = whole(config["sequence_stride"])
    steps = None if length is None else (length + stride + 1) // stride
    return ((*batch, whole(config["num_mel_bins"]), steps),)


def input_shape(config: Config) -> Shape:
    """Return the shape of an InputLayer, or of the input that a first layer states."""
    for key in ("batch_shape", "batch_input_shape"):
        if config.get(key) is not None:
            return checked(config[key])
    shape = config["shape"] if config.get("shape") is not None else config["input_shape"]
    return checked((config.get("batch_size"), *shape))


_SAME = """
Activation ReLU LeakyReLU ELU PReLU Softmax Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout
GaussianDropout GaussianNoise ActivityRegularization BatchNormalization LayerNormalization GroupNormalization
RMSNormalization UnitNormalization Masking Identity Rescaling Normalization StochasticDepth LayerScale AutoContrast
Equalization Solarization AugMix RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHue RandomInvert
RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear RandomTranslation
RandomZoom
"""

LAYER_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_SAME.split(), _same),
    **SPATIAL_RULES,
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract", "CustomScaleLayer"), _merge),
    **dict.fromkeys(("SimpleRNN", "GRU", "LSTM"), _recurrent),
    **{f"ConvLSTM{rank}D": _conv_lstm for rank in (1, 2, 3)},
    **dict.fromkeys(("Attention", "AdditiveAttention"), _attention),
    **dict.fromkeys(("MultiHeadAttention", "GroupedQueryAttention"), _multi_head),
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Permute": _permute,
    "RepeatVector": _repeat_vector,
    "Concatenate": _concatenate,
    "Dot": _dot,
    "CategoryEncoding": _category_encoding,
    **dict.fromkeys(("Hashing", "HashedCrossing"), _bins("num_bins")),
    **dict.fromkeys(("StringLookup", "IntegerLookup"), _bins("max_tokens")),
    "Discretization": _bins("num_bins"),
    "MelSpectrogram": _mel_spectrogram,
}
