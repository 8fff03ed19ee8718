"""The shapes that layers on images, sequences and volumes return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.sizes import Config, Rule, channels_last, each, split, whole


def _joined(shape: Shape, spatial: Sequence[int | None], channels: int | None, config: Config) -> tuple[Shape]:
    inner = (*spatial, channels) if channels_last(config) else (channels, *spatial)
    return ((shape[0], *inner),)


def _steps(size: int | None, window: int, stride: int, padding: object) -> int | None:
    if size is None:
        return None
    return (size - window) // stride + 1 if padding == "valid" else -(-size // stride)


def convolution(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    """Return the shape after a convolution (batch, *spatial, filters)."""
    spatial, _ = split(shapes[0], config)
    windows = _windows(config, len(spatial))
    return _joined(shapes[0], windows(spatial), whole(config["filters"]), config)


def _depthwise(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    spatial, channels = split(shapes[0], config)
    windows = _windows(config, len(spatial))
    wide = None if channels is None else channels * whole(config.get("depth_multiplier", 1))
    return _joined(shapes[0], windows(spatial), wide, config)


def _windows(config: Config, rank: int) -> Callable[[Shape], list[int | None]]:
    kernel, stride = each(config["kernel_size"], rank), each(config.get("strides", 1), rank)
    dilation = each(config.get("dilation_rate", 1), rank)
    spans = [(size - 1) * wide + 1 for size, wide in zip(kernel, dilation, strict=True)]
    padding = config.get("padding", "valid")
    return lambda spatial: [_steps(*sizes, padding) for sizes in zip(spatial, spans, stride, strict=True)]


def _conv_transpose(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    spatial, _ = split(shapes[0], config)
    rank = len(spatial)
    kernel, stride = each(config["kernel_size"], rank), each(config.get("strides", 1), rank)
    dilation, extra = each(config.get("dilation_rate", 1), rank), config.get("output_padding")
    extras = (None,) * rank if extra is None else each(extra, rank)
    out: list[int | None] = []
    for size, window, step, wide, more in zip(spatial, kernel, stride, dilation, extras, strict=True):
        span = (window - 1) * wide + 1
        if size is None:
            out.append(None)
        elif more is None:
            out.append(size * step + max(span - step, 0) if config.get("padding") == "valid" else size * step)
        else:
            trim = 0 if config.get("padding") == "valid" else 2 * (span // 2)
            out.append((size - 1) * step + span - trim + more)
    return _joined(shapes[0], out, whole(config["filters"]), config)


def _pool(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    spatial, channels = split(shapes[0], config)
    pool = each(config.get("pool_size", 2), len(spatial))
    stride = pool if config.get("strides") is None else each(config["strides"], len(spatial))
    padding = config.get("padding", "valid")
    sizes = [_steps(*size, padding) for size in zip(spatial, pool, stride, strict=True)]
    return _joined(shapes[0], sizes, channels, config)


def _global_pool(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    spatial, channels = split(shapes[0], config)
    return _joined(shapes[0], (1,) * len(spatial) if config.get("keepdims") else (), channels, config)


def _adaptive_pool(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    spatial, channels = split(shapes[0], config)
    return _joined(shapes[0], each(config["output_size"], len(spatial)), channels, config)


def _up_sampling(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    spatial, channels = split(shapes[0], config)
    factors = each(config.get("size", 2), len(spatial))
    return _joined(
        shapes[0], [None if a is None else a * b for a, b in zip(spatial, factors, strict=True)], channels, config
    )


def _margins(key: str, sign: int) -> Rule:
    def rule(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
        spatial, channels = split(shapes[0], config)
        value = config[key]
        if isinstance(value, int) or (len(spatial) > 1 and all(isinstance(item, int) for item in value)):
            pairs = [(item, item) for item in each(value, len(spatial))]
        else:
            pairs = [(whole(a), whole(b)) for a, b in ([value] if isinstance(value[0], int) else value)]
        sizes = [None if size is None else size + sign * sum(pair) for size, pair in zip(spatial, pairs, strict=True)]
        return _joined(shapes[0], sizes, channels, config)

    return rule


def _resized(config: Config, shapes: Sequence[Shape]) -> Sequence[Shape]:
    _, channels = (
        split(shapes[0], config) if len(shapes[0]) == 4 else ((), shapes[0][-1 if channels_last(config) else 0])
    )
    sizes = whole(config["height"]), whole(config["width"])
    result = _joined(shapes[0], sizes, channels, config)[0]
    return (result if len(shapes[0]) == 4 else result[1:],)


SPATIAL_RULES: Mapping[str, Rule] = {
    **{f"Conv{rank}D": convolution for rank in (1, 2, 3)},
    **{f"SeparableConv{rank}D": convolution for rank in (1, 2)},
    **{f"DepthwiseConv{rank}D": _depthwise for rank in (1, 2)},
    **{f"Conv{rank}DTranspose": _conv_transpose for rank in (1, 2, 3)},
    **{f"{kind}Pooling{rank}D": _pool for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Global{kind}Pooling{rank}D": _global_pool for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"Adaptive{kind}Pooling{rank}D": _adaptive_pool for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": _up_sampling for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": _margins("padding", 1) for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": _margins("cropping", -1) for rank in (1, 2, 3)},
    **dict.fromkeys(("Resizing", "CenterCrop", "RandomCrop"), _resized),
}
