"""Operations of TensorFlow in a graph, TFOpLambda and SlicingOpLambda, as those of Keras that compute the same.

`x / 127.5 - 1` in front of a network is the commonest. Only such whose meaning is the same to the last bit or two are
here; any other stays as it is, and is refused as a class that Keras does not have.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kerasemble.members.legacy.tree import Json, name_of

_NUMPY, _NN, _CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"


class _Call(NamedTuple):
    """An operation of Keras with its settings and the arguments that it is called with."""

    module: str
    name: str
    settings: Json
    args: list[Any]


_Maker = Callable[[Any, Json], _Call | None]


def is_operation(layer: Json) -> bool:
    """Whether a layer stands for a call of a function of TensorFlow."""
    return layer["class_name"] in ("TFOpLambda", "SlicingOpLambda") and isinstance(layer["config"].get("function"), str)


def as_operation(layer: Json, calls: list[tuple[Any, Json]]) -> Json | None:
    """Return the layer as an operation of Keras, None where there is none that is surely the same.

    Args:
        layer: TFOpLambda or SlicingOpLambda.
        calls: its calls, each as (first argument, other arguments).
    """
    maker = _MAKERS.get(layer["config"]["function"])
    made = [maker(first, _given(others)) for first, others in calls] if maker is not None else []
    found = [call for call in made if call is not None]
    if not found or len(found) < len(calls) or any(call[:3] != found[0][:3] for call in found):
        return None
    name = name_of(layer)
    return {
        "module": found[0].module,
        "class_name": found[0].name,
        "config": {"name": name, **found[0].settings},
        "registered_name": found[0].name,
        "name": name,
        "inbound_nodes": [{"args": call.args, "kwargs": {}} for call in found],
    }


def _given(others: Json) -> Json:
    return {key: value for key, value in others.items() if key != "name" and value is not None}


def _unary(module: str, name: str, **settings: Any) -> _Maker:  # noqa: ANN401 - JSON
    """Make an operation on one tensor, whose settings may be given under the same names."""

    def make(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
        if not _is_tensor(x) or not set(others) <= set(settings):
            return None
        return _Call(module, name, {**settings, **others}, [x])

    return make


def _binary(name: str) -> _Maker:
    def make(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
        operands = [_operand(x), _operand(others.get("y"))]
        return _Call(_NUMPY, name, {}, operands) if set(others) == {"y"} and None not in operands else None

    return make


def _reduction(name: str) -> _Maker:
    def make(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
        axis = others.get("axis")
        if not _is_tensor(x) or not set(others) <= {"axis", "keepdims"} or not (axis is None or _are_whole(axis)):
            return None
        settings = {"axis": axis, "keepdims": bool(others.get("keepdims", False))}
        return _Call(_NUMPY, name, settings, [x])

    return make


def _joining(name: str) -> _Maker:
    def make(xs: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
        axis = others.get("axis", 0)
        if (
            not isinstance(xs, list)
            or not all(map(_is_tensor, xs))
            or not isinstance(axis, int)
            or set(others) - {"axis"}
        ):
            return None
        return _Call(_NUMPY, name, {"axis": axis}, [xs])

    return make


def _renamed(module: str, name: str, keys: dict[str, str], ignored: Json | None = None) -> _Maker:
    """Make an operation on one tensor whose settings are all given, in whole numbers or as numbers."""

    def make(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
        rest = {key: value for key, value in others.items() if key not in keys}
        values = {new: others.get(old) for old, new in keys.items()}
        plain = all(isinstance(value, float) or _are_whole(value) for value in values.values())
        if not _is_tensor(x) or not plain or any((ignored or {}).get(key) != value for key, value in rest.items()):
            return None
        return _Call(module, name, values, [x])

    return make


def _cast(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
    plain = _is_tensor(x) and set(others) == {"dtype"} and isinstance(others["dtype"], str)
    return _Call(_CORE, "Cast", {"dtype": others["dtype"]}, [x]) if plain else None


def _bias_add(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
    bias = _operand(others.get("bias"))
    if (
        not _is_tensor(x)
        or bias is None
        or others.get("data_format", "NHWC") != "NHWC"
        or set(others) - {"bias", "data_format"}
    ):
        return None
    return _Call(_NUMPY, "Add", {}, [x, bias])


def _matmul(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
    y = others.get("b")
    plain = _is_tensor(x) and _is_tensor(y) and not any(value for key, value in others.items() if key != "b")
    return _Call(_NUMPY, "Matmul", {}, [x, y]) if plain else None


def _l2_normalize(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
    axis = others.get("axis")
    if (
        not _is_tensor(x)
        or not isinstance(axis, int)
        or others.get("epsilon", 1e-12) != 1e-12
        or set(others) - {"axis", "epsilon"}
    ):
        return None
    # TensorFlow bounds the sum of squares by 1e-12, Keras its root.
    return _Call(_NN, "Normalize", {"axis": axis, "order": 2, "epsilon": 1e-6}, [x])


def _getitem(x: Any, others: Json) -> _Call | None:  # noqa: ANN401 - JSON
    spec = others.get("slice_spec")
    if not _is_tensor(x) or set(others) != {"slice_spec"} or not isinstance(spec, list):
        return None
    if len(spec) == 2 and isinstance(spec[0], dict) and spec[0].get("class_name") == "__ellipsis__":
        # Keras cannot read an ellipsis in an .h5 file; a mirrored or single last axis can be said without.
        if spec[1] == {"start": None, "stop": None, "step": -1}:
            return _Call(_NUMPY, "Flip", {"axis": -1}, [x])
        return _Call(_NUMPY, "Take", {"axis": -1}, [x, spec[1]]) if _is_whole(spec[1]) else None
    key = []
    for part in spec:
        if isinstance(part, dict) and set(part) == {"start", "stop", "step"}:
            if not all(value is None or _is_whole(value) for value in part.values()):
                return None
            key.append({"class_name": "__slice__", "config": part})
        elif _is_whole(part):
            key.append(part)
        else:
            return None
    return _Call(_NUMPY, "GetItem", {}, [x, key])


def _operand(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a tensor or number as it is, a list of numbers as an array, anything else as None."""
    if _is_tensor(value) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    flat = value
    while isinstance(flat, list) and flat and all(isinstance(item, list) for item in flat):
        flat = [item for row in flat for item in row]
    if isinstance(flat, list) and flat and all(isinstance(item, float) for item in flat):
        return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}
    return None


def _is_tensor(value: object) -> bool:
    return isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_whole(value: object) -> bool:
    return _is_whole(value) or (isinstance(value, list) and all(map(_is_whole, value)))


_MAKERS: dict[str, _Maker] = {
    **{name: _binary("Add") for name in ("math.add", "__operators__.add", "add")},
    **{name: _binary("Subtract") for name in ("math.subtract", "__operators__.sub", "subtract")},
    **{name: _binary("Multiply") for name in ("math.multiply", "__operators__.mul", "multiply")},
    **{name: _binary("TrueDivide") for name in ("math.truediv", "__operators__.truediv", "math.divide", "divide")},
    **{name: _binary("Power") for name in ("math.pow", "pow")},
    **{name: _binary("Maximum") for name in ("math.maximum", "maximum")},
    **{name: _binary("Minimum") for name in ("math.minimum", "minimum")},
    **{name: _binary("NotEqual") for name in ("math.not_equal", "not_equal")},
    **{
        f"math.{name}": _unary(_NUMPY, name.capitalize())
        for name in ("negative", "square", "sqrt", "exp", "log", "tanh")
    },
    "math.abs": _unary(_NUMPY, "Absolute"),
    "math.rsqrt": _unary("keras.src.ops.math", "Rsqrt"),
    "math.sigmoid": _unary(_NN, "Sigmoid"),
    "math.softplus": _unary(_NN, "Softplus"),
    "nn.sigmoid": _unary(_NN, "Sigmoid"),
    "nn.tanh": _unary(_NUMPY, "Tanh"),
    "nn.relu": _unary(_NN, "Relu"),
    "nn.relu6": _unary(_NN, "Relu6"),
    "nn.silu": _unary(_NN, "Silu"),
    "nn.softmax": _unary(_NN, "Softmax", axis=-1),
    "math.reduce_mean": _reduction("Mean"),
    "math.reduce_sum": _reduction("Sum"),
    "math.reduce_max": _reduction("Max"),
    "math.reduce_min": _reduction("Min"),
    "concat": _joining("Concatenate"),
    "stack": _joining("Stack"),
    "reshape": _renamed(_NUMPY, "Reshape", {"shape": "newshape"}),
    "tile": _renamed(_NUMPY, "Tile", {"multiples": "repeats"}),
    "expand_dims": _renamed(_NUMPY, "ExpandDims", {"axis": "axis"}),
    "compat.v1.squeeze": _renamed(_NUMPY, "Squeeze", {"axis": "axis"}),
    "squeeze": _renamed(_NUMPY, "Squeeze", {"axis": "axis"}),
    "compat.v1.transpose": _renamed(_NUMPY, "Transpose", {"perm": "axes"}, {"conjugate": False}),
    "transpose": _renamed(_NUMPY, "Transpose", {"perm": "axes"}, {"conjugate": False}),
    "clip_by_value": _renamed(_NUMPY, "Clip", {"clip_value_min": "x_min", "clip_value_max": "x_max"}),
    "cast": _cast,
    "nn.bias_add": _bias_add,
    "linalg.matmul": _matmul,
    "math.l2_normalize": _l2_normalize,
    "__operators__.getitem": _getitem,
}
