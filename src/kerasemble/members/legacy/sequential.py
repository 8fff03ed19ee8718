"""Sequential models as Keras 2 wrote them: a bare list, or without an InputLayer."""

from __future__ import annotations

from collections.abc import Iterable

from kerasemble.members.legacy.tree import (
    NOTHING,
    Json,
    is_layer,
    is_sequential,
    layers_of,
    name_of,
    with_config,
    without,
)

_DTYPES = ("float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


def with_named_lists(model: Json) -> tuple[Json, tuple[str, ...]]:
    """Give every Sequential that is a bare list of layers, as up to Keras 2.2.2, a name and a place for the list."""
    names = (f"sequential{f'_{count}' if count else ''}" for count in range(10**9))
    found: list[str] = []

    def named(value: object) -> object:
        if isinstance(value, list):
            return [named(item) for item in value]
        if not isinstance(value, dict):
            return value
        inner = value.get("config")
        if value.get("class_name") == "Sequential" and isinstance(inner, list):
            name = value.get("name") or next(names)
            found.append(str(name))
            return {**value, "config": {"name": name, "layers": named(inner)}}
        return {key: named(item) for key, item in value.items()}

    renamed = named(model)
    said = ("the bare list of layers became a Sequential with a name",) if found else NOTHING
    return (renamed if isinstance(renamed, dict) else model), said


def with_input_layer(layer: Json) -> tuple[Json, Iterable[str]]:
    """Put an InputLayer before the first layer of a Sequential that keeps the shape of its input in that layer.

    Keras 3.15 takes such a shape for one without the batch, so that a model of vectors would become one of matrices.
    """
    layers = layers_of(layer) if is_sequential(layer) else []
    if not layers or layers[0]["class_name"] == "InputLayer":
        return layer, NOTHING
    first = layers[0]
    shape = first["config"].get("batch_input_shape")
    if not isinstance(shape, list):
        return layer, NOTHING
    dtype = first["config"].get("dtype")
    taken = {name_of(each) for each in layers}
    name = next(
        name
        for name in (f"{name_of(first)}_input{'_' * count}" for count in range(len(taken) + 1))
        if name not in taken
    )
    before = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {
            "batch_shape": shape,
            "dtype": dtype if dtype in _DTYPES else "float32",
            "sparse": False,
            "ragged": False,
            "name": name,
        },
        "registered_name": None,
    }
    rest = [without(each, ["batch_input_shape"]) if is_layer(each) else each for each in layer["config"]["layers"]]
    return with_config(layer, layers=[before, *rest]), ["an InputLayer was put before the first layer of a Sequential"]
