"""The weights that each Keras layer makes, and in which shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kerasemble.members.inspection.einsum_shapes import einsum_dense
from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.sizes import Config, channels_last, each, split, whole

# By its place in the layer's group of a `.keras` file; a size that is not known is None.
Expected = dict[str, Shape]
# From a layer's configuration and the shapes that it takes, None where one is not known. As with shapes, a rule may
# raise what is in UNKNOWN.
WeightRule = Callable[[Config, Sequence[Shape | None]], Expected]


def numbered(*shapes: Shape | None, at: str = "") -> Expected:
    """Return shapes as Keras numbers a layer's own variables, those left out that are None."""
    return {f"{at}vars/{index}": shape for index, shape in enumerate(shape for shape in shapes if shape is not None)}


def _if(wanted: object, *sizes: int | None) -> Shape | None:
    return sizes if wanted else None


def _last(shapes: Sequence[Shape | None]) -> int | None:
    return shapes[0][-1] if shapes[0] else None


def _channels(config: Config, shapes: Sequence[Shape | None]) -> int | None:
    return split(shapes[0], config)[1] if shapes[0] else None


def _dense(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    units = whole(config["units"])
    return numbered((_last(shapes), units), _if(config.get("use_bias", True), units))


def _einsum_dense(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    if shapes[0] is None:
        output = config["output_shape"]
        known = (
            einsum_dense(config, (None,) * len(config["equation"].split(",")[0]))
            if "..." not in config["equation"]
            else None
        )
        return numbered(known.kernel, known.bias) if known else _unknown(output)
    found = einsum_dense(config, shapes[0])
    return numbered(found.kernel, found.bias)


def _unknown(what: object) -> Expected:
    msg = f"not known: {what!r}"
    raise ValueError(msg)


def _conv(rank: int) -> WeightRule:
    def rule(config: Config, shapes: Sequence[Shape | None]) -> Expected:
        filters, channels = whole(config["filters"]), _channels(config, shapes)
        wide = None if channels is None else channels // whole(config.get("groups", 1))
        kernel = (*each(config["kernel_size"], rank), wide, filters)
        return numbered(kernel, _if(config.get("use_bias", True), filters))

    return rule


def _conv_transpose(rank: int) -> WeightRule:
    def rule(config: Config, shapes: Sequence[Shape | None]) -> Expected:
        filters = whole(config["filters"])
        kernel = (*each(config["kernel_size"], rank), filters, _channels(config, shapes))
        return numbered(kernel, _if(config.get("use_bias", True), filters))

    return rule


def _depthwise(rank: int) -> WeightRule:
    def rule(config: Config, shapes: Sequence[Shape | None]) -> Expected:
        channels, times = _channels(config, shapes), whole(config.get("depth_multiplier", 1))
        kernel = (*each(config["kernel_size"], rank), channels, times)
        return numbered(kernel, _if(config.get("use_bias", True), None if channels is None else channels * times))

    return rule


def _separable(rank: int) -> WeightRule:
    def rule(config: Config, shapes: Sequence[Shape | None]) -> Expected:
        channels, times, filters = (
            _channels(config, shapes),
            whole(config.get("depth_multiplier", 1)),
            whole(config["filters"]),
        )
        depthwise = (*each(config["kernel_size"], rank), channels, times)
        pointwise = (*(1,) * rank, None if channels is None else channels * times, filters)
        return numbered(depthwise, pointwise, _if(config.get("use_bias", True), filters))

    return rule


def _axis(config: Config, shapes: Sequence[Shape | None]) -> Shape:
    axes = config.get("axis", -1)
    axes = sorted(axes) if isinstance(axes, list) else [axes]
    shape = shapes[0]
    return tuple(shape[whole(axis)] if shape else None for axis in axes)


def _batch_normalization(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    (size,) = _axis(config, shapes)
    more = [(size,)] * 3 if config.get("renorm") else []
    return numbered(
        _if(config.get("scale", True), size), _if(config.get("center", True), size), (size,), (size,), *more
    )


def _layer_normalization(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    sizes, scaling = _axis(config, shapes), config.get("rms_scaling", False)
    return numbered(
        _if(config.get("scale", True) or scaling, *sizes), _if(config.get("center", True) and not scaling, *sizes)
    )


def _rms_normalization(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    return numbered(_axis(config, shapes))


def _normalization(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    if config.get("mean") is not None:
        return {}
    axes = config.get("axis", -1)
    axes = [] if axes is None else axes if isinstance(axes, list) else [axes]
    shape = shapes[0]
    rank = len(shape) if shape else 0
    kept = sorted(whole(axis) % rank if rank else 0 for axis in axes)
    sizes = tuple(shape[axis] if shape else None for axis in kept)
    return numbered(sizes, sizes, ())


def _embedding(config: Config, _: Sequence[Shape | None]) -> Expected:
    return numbered((whole(config["input_dim"]), whole(config["output_dim"])))


def _reversible_embedding(config: Config, _: Sequence[Shape | None]) -> Expected:
    rows, columns = whole(config["input_dim"]), whole(config["output_dim"])
    return numbered((rows, columns), None if config.get("tie_weights", True) else (columns, rows))


def _prelu(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    if shapes[0] is None:
        return _unknown("input")
    shared = config.get("shared_axes") or []
    return numbered(tuple(1 if axis in shared else size for axis, size in enumerate(shapes[0]) if axis))


def _attention(config: Config, _: Sequence[Shape | None]) -> Expected:
    return numbered(_if(config.get("use_scale")), _if(config.get("score_mode") == "concat"))


def _additive_attention(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    return numbered(_if(config.get("use_scale", True), _last(shapes)))


def _multi_head(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    heads, size, bias = whole(config["num_heads"]), whole(config["key_dim"]), config.get("use_bias", True)
    value_size = whole(config["value_dim"]) if config.get("value_dim") else size
    query, value, key = (shape[-1] if shape else None for shape in _three(shapes))
    output = config.get("output_shape") or [query]
    output = [output] if isinstance(output, int) else list(output)
    parts = {
        "query_dense": ((query, heads, size), (heads, size)),
        "key_dense": ((key, heads, size), (heads, size)),
        "value_dense": ((value, heads, value_size), (heads, value_size)),
        "output_dense": ((heads, value_size, *output), tuple(output)),
    }
    if config.get("use_gate"):
        parts["_gate_dense"] = ((query, heads, value_size), (heads, value_size))
    return _parts(parts, bias)


def _grouped_query(config: Config, shapes: Sequence[Shape | None]) -> Expected:
    heads, few, size = (whole(config[key]) for key in ("num_query_heads", "num_key_value_heads", "head_dim"))
    query, value, key = (shape[-1] if shape else None for shape in _three(shapes))
    parts: dict[str, tuple[Shape, Shape]] = {
        "_query_dense": ((query, heads, size), (heads, size)),
        "_key_dense": ((key, few, size), (few, size)),
        "_value_dense": ((value, few, size), (few, size)),
        "_output_dense": ((heads, size, query), (query,)),
    }
    if config.get("use_gate"):
        parts["_gate_dense"] = ((query, heads, size), (heads, size))
    return _parts(parts, config.get("use_bias", True))


def _three(shapes: Sequence[Shape | None]) -> Sequence[Shape | None]:
    if len(shapes) > 2:
        return shapes[:3]
    return (shapes[0], shapes[-1], shapes[-1])


def _parts(parts: Mapping[str, tuple[Shape, Shape]], bias: object) -> Expected:
    found: Expected = {}
    for name, (kernel, offset) in parts.items():
        found |= numbered(kernel, _if(bias, *offset), at=f"{name}/")
    return found


def _recurrent(gates: int, at: str) -> WeightRule:
    def rule(config: Config, shapes: Sequence[Shape | None]) -> Expected:
        units, wide = whole(config["units"]), gates * whole(config["units"])
        # Two rows of bias, for the input and the state: a GRU as Keras 2 and 3 make it by default.
        bias = (2, wide) if gates == 3 and config.get("reset_after", True) else (wide,)
        return numbered((_last(shapes), wide), (units, wide), _if(config.get("use_bias", True), *bias), at=at)

    return rule


def _conv_lstm(rank: int) -> WeightRule:
    def rule(config: Config, shapes: Sequence[Shape | None]) -> Expected:
        filters, kernel = whole(config["filters"]), each(config["kernel_size"], rank)
        shape = shapes[0]
        channels = (shape[-1] if channels_last(config) else shape[2]) if shape else None
        bias = _if(config.get("use_bias", True), 4 * filters)
        return numbered((*kernel, channels, 4 * filters), (*kernel, filters, 4 * filters), bias, at="cell/")

    return rule


def _stft(config: Config, _: Sequence[Shape | None]) -> Expected:
    length = whole(config["frame_length"])
    shape = (length, 1, (whole(config["fft_length"]) if config.get("fft_length") else length) // 2 + 1)
    mode = config.get("mode", "log")
    return numbered(shape if mode != "imag" else None, shape if mode != "real" else None)


def _layer_scale(config: Config, _: Sequence[Shape | None]) -> Expected:
    return numbered((whole(config["projection_dim"]),))


LAYER_WEIGHTS: Mapping[str, WeightRule] = {
    **{f"Conv{rank}D": _conv(rank) for rank in (1, 2, 3)},
    **{f"Conv{rank}DTranspose": _conv_transpose(rank) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": _depthwise(rank) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": _separable(rank) for rank in (1, 2)},
    **{f"ConvLSTM{rank}D": _conv_lstm(rank) for rank in (1, 2, 3)},
    **{name: _recurrent(gates, "cell/") for name, gates in (("SimpleRNN", 1), ("GRU", 3), ("LSTM", 4))},
    **{name: _recurrent(gates, "") for name, gates in (("SimpleRNNCell", 1), ("GRUCell", 3), ("LSTMCell", 4))},
    **dict.fromkeys(("LayerNormalization", "GroupNormalization"), _layer_normalization),
    "Dense": _dense,
    "EinsumDense": _einsum_dense,
    "Embedding": _embedding,
    "ReversibleEmbedding": _reversible_embedding,
    "BatchNormalization": _batch_normalization,
    "RMSNormalization": _rms_normalization,
    "Normalization": _normalization,
    "PReLU": _prelu,
    "Attention": _attention,
    "AdditiveAttention": _additive_attention,
    "MultiHeadAttention": _multi_head,
    "GroupedQueryAttention": _grouped_query,
    "STFTSpectrogram": _stft,
    "LayerScale": _layer_scale,
}
