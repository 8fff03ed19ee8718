"""The shape of what a node of a graph that is no layer returns: Keras's operations, without Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kerasemble.members.inspection.einsum_shapes import einsum
from kerasemble.members.inspection.nodes import Shape
from kerasemble.members.inspection.sizes import Config, broadcast, concatenated, each, reshaped, whole

# From an operation's configuration and its arguments, in which tensors are their shapes (tuples), to the shape that it
# returns. As with layers, a rule may raise what is in UNKNOWN.
OpRule = Callable[[Config, Sequence[Any]], Shape]


def shape_of(argument: object) -> Shape:
    """Return the shape of an argument: a tensor's, a number's or that of a constant in the file.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(argument, tuple):
        return argument
    if isinstance(argument, int | float):
        return ()
    if isinstance(argument, dict) and argument.get("class_name") in ("__numpy__", "__tensor__"):
        value, sizes = argument["config"]["value"], []
        while isinstance(value, list):
            sizes.append(len(value))
            value = value[0] if value else 0
        return tuple(sizes)
    msg = f"no shape: {argument!r}"
    raise TypeError(msg)


def _same(_: Config, arguments: Sequence[Any]) -> Shape:
    return shape_of(arguments[0])


def _sorted(config: Config, arguments: Sequence[Any]) -> Shape:
    whole(config.get("axis", -1))  # None would flatten
    return shape_of(arguments[0])


def _broadcast(_: Config, arguments: Sequence[Any]) -> Shape:
    return broadcast([shape_of(argument) for argument in arguments])


def _axes(value: object, rank: int) -> set[int]:
    if value is None:
        return set(range(rank))
    return {axis % rank for axis in (each(value, len(value)) if isinstance(value, list) else (whole(value),))}


def _reduce(config: Config, arguments: Sequence[Any]) -> Shape:
    shape = shape_of(arguments[0])
    axes = _axes(config.get("axis"), len(shape)) if shape else set()
    if config.get("keepdims"):
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _reshape(config: Config, arguments: Sequence[Any]) -> Shape:
    shape, target = shape_of(arguments[0]), config["newshape"]
    target = [target] if isinstance(target, int) else target
    # A batch that is not known goes on as it is where the rest fits: (None, 4, 4) to (-1, 16).
    if shape and shape[0] is None and None not in shape[1:] and list(target).count(-1) == 1:
        rest = math.prod(whole(size) for size in target if size != -1)
        if rest and math.prod(size for size in shape[1:] if size is not None) == rest:
            return tuple(None if size == -1 else whole(size) for size in target)
    return reshaped(shape, target)


def _transpose(config: Config, arguments: Sequence[Any]) -> Shape:
    shape, axes = shape_of(arguments[0]), config.get("axes")
    return shape[::-1] if axes is None else tuple(shape[whole(axis)] for axis in axes)


def _concatenate(config: Config, arguments: Sequence[Any]) -> Shape:
    return concatenated([shape_of(item) for item in arguments[0]], whole(config.get("axis", 0)))


def _stack(config: Config, arguments: Sequence[Any]) -> Shape:
    shapes = [shape_of(item) for item in arguments[0]]
    axis = whole(config.get("axis", 0)) % (len(shapes[0]) + 1)
    whole_shape = broadcast(shapes)
    return (*whole_shape[:axis], len(shapes), *whole_shape[axis:])


def _expand(config: Config, arguments: Sequence[Any]) -> Shape:
    shape = list[int | None](shape_of(arguments[0]))
    axes = config["axis"] if isinstance(config["axis"], list) else [config["axis"]]
    rank = len(shape) + len(axes)
    for axis in sorted(whole(axis) % rank for axis in axes):
        shape.insert(axis, 1)
    return tuple(shape)


def _squeeze(config: Config, arguments: Sequence[Any]) -> Shape:
    shape = shape_of(arguments[0])
    axes = {axis for axis, size in enumerate(shape) if size == 1} if config.get("axis") is None else None
    axes = _axes(config["axis"], len(shape)) if axes is None else axes
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _matmul(_: Config, arguments: Sequence[Any]) -> Shape:
    first, second = (shape_of(argument) for argument in arguments)
    if len(first) < 2 or len(second) < 2:
        msg = "vectors"
        raise ValueError(msg)
    return (*broadcast((first[:-2], second[:-2])), first[-2], second[-1])


def _einsum(config: Config, arguments: Sequence[Any]) -> Shape:
    return einsum(config["subscripts"], [shape_of(argument) for argument in arguments])


def _tensordot(config: Config, arguments: Sequence[Any]) -> Shape:
    first, second = (shape_of(argument) for argument in arguments)
    count = whole(config["axes"])
    return first[: len(first) - count] + second[count:]


def _get_item(_: Config, arguments: Sequence[Any]) -> Shape:
    shape, key = shape_of(arguments[0]), arguments[1]
    keys = [item for item in (key if isinstance(key, list) else [key]) if not _is(item, "__ellipsis__")]
    if len(keys) < (len(key) if isinstance(key, list) else 1):
        msg = "an ellipsis"
        raise ValueError(msg)
    kept: list[int | None] = []
    for size, item in zip(shape, keys, strict=False):
        if _is(item, "__slice__"):
            bounds = (item["config"][name] for name in ("start", "stop", "step"))
            kept.append(None if size is None else len(range(size)[slice(*bounds)]))
        else:
            whole(item)
    return (*kept, *shape[len(keys) :])


def _is(value: object, name: str) -> bool:
    return isinstance(value, dict) and value.get("class_name") == name


def _repeat(config: Config, arguments: Sequence[Any]) -> Shape:
    shape, axis, times = shape_of(arguments[0]), whole(config["axis"]), whole(config["repeats"])
    axis %= len(shape)
    return tuple(
        (None if size is None else size * times) if place == axis else size for place, size in enumerate(shape)
    )


def _tile(config: Config, arguments: Sequence[Any]) -> Shape:
    shape, times = shape_of(arguments[0]), config["repeats"]
    factors = each(times, len(times)) if isinstance(times, list) else (whole(times),)
    rank = max(len(shape), len(factors))
    shape, factors = (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(factors)) + factors
    return tuple(None if size is None else size * factor for size, factor in zip(shape, factors, strict=True))


def _pad(config: Config, arguments: Sequence[Any]) -> Shape:
    shape, widths = shape_of(arguments[0]), config["pad_width"]
    pairs = [each(pair, 2) for pair in widths]
    pairs = pairs * len(shape) if len(pairs) == 1 else pairs
    return tuple(None if size is None else size + sum(pair) for size, pair in zip(shape, pairs, strict=True))


def _broadcast_to(config: Config, _: Sequence[Any]) -> Shape:
    return tuple(whole(size) for size in config["shape"])


def _one_hot(config: Config, arguments: Sequence[Any]) -> Shape:
    shape, axis = shape_of(arguments[0]), whole(config.get("axis", -1)) % (len(shape_of(arguments[0])) + 1)
    return (*shape[:axis], whole(config["num_classes"]), *shape[axis:])


_ELEMENTWISE = """
Abs Absolute Arccos Arccosh Arcsin Arcsinh Arctan Arctanh Cbrt Ceil Clip Conj Conjugate Copy Cos Cosh Deg2rad Exp Exp2
Expm1 Fabs Flip Floor Isfinite Isinf Isnan Log Log10 Log1p Log2 LogicalNot NanToNum Negative OnesLike Rad2deg
Reciprocal Roll Round Rsqrt Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Square Tan Tanh Tril Triu Trunc ZerosLike Erf
Erfc Erfinv Relu Relu6 ReLU LeakyRelu Elu Selu Gelu Celu Silu Mish HardSigmoid HardSilu HardTanh LogSigmoid Softmax
LogSoftmax Sparsemax SparseSigmoid SparsePlus Squareplus SoftShrink HardShrink TanhShrink Threshold Normalize Cast
SaturateCast StopGradient TakeAlongAxis RMSNorm LayerNorm FullLike
"""
_BINARY = """
Add Subtract Multiply Divide TrueDivide FloorDivide DivideNoNan Maximum Minimum Power Mod Fmod Hypot Arctan2 Logaddexp
Equal NotEqual Greater GreaterEqual Less LessEqual LogicalAnd LogicalOr LogicalXor BitwiseAnd BitwiseOr BitwiseXor
Where Heaviside
"""
_REDUCTIONS = """
Sum Mean Max Min Prod Std Var Any All Amax Amin Argmax Argmin CountNonzero Median Logsumexp Ptp
"""

OP_RULES: Mapping[str, OpRule] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _same),
    **dict.fromkeys(_BINARY.split(), _broadcast),
    **dict.fromkeys(_REDUCTIONS.split(), _reduce),
    **dict.fromkeys(("Sort", "Argsort"), _sorted),
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Concatenate": _concatenate,
    "Stack": _stack,
    "ExpandDims": _expand,
    "Squeeze": _squeeze,
    "Matmul": _matmul,
    "Einsum": _einsum,
    "Tensordot": _tensordot,
    "GetItem": _get_item,
    "Repeat": _repeat,
    "Tile": _tile,
    "Pad": _pad,
    "BroadcastTo": _broadcast_to,
    "OneHot": _one_hot,
}
