"""Shapes in Einstein's notation: of `EinsumDense`'s output and weights, and of the `einsum` operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kerasemble.members.inspection.nodes import Shape


class EinsumDense(NamedTuple):
    """Shapes of an EinsumDense layer: what it returns, its kernel and its bias, None where it has no bias."""

    output: Shape
    kernel: Shape
    bias: Shape | None


def einsum_dense(config: Mapping[str, Any], shape: Shape) -> EinsumDense:
    """Return the shapes of a layer that takes `shape`.

    `output_shape` in its configuration is all of the output but for the batch and what an ellipsis stands for. Axes of
    the kernel are looked for in the output first.

    Raises:
        ValueError, KeyError, IndexError, TypeError: the equation does not fit.
    """
    left, kernel, right = _parts(config["equation"])
    given = config["output_shape"]
    output: list[int | None] = [shape[0], *([given] if isinstance(given, int) else given)]
    elided = len(shape) - len(left.replace(".", ""))
    before = elided if left.startswith("...") else 0
    if before:
        output[1:1] = shape[1:before]
    elif elided > 0:
        output += shape[len(shape) - elided :]
    inputs = dict(zip(left.replace(".", ""), shape[before:], strict=False))
    outputs = dict(zip(right.replace(".", ""), output[before:], strict=False))
    sizes = {**inputs, **outputs}
    bias = config.get("bias_axes")
    kernel_shape = tuple(sizes[axis] for axis in kernel)
    return EinsumDense(tuple(output), kernel_shape, _bias(bias, right, outputs, elided - before))


def einsum(equation: str, shapes: Sequence[Shape]) -> Shape:
    """Return the shape of `einsum(equation, ...)`.

    Raises:
        ValueError, KeyError: the equation has no arrow, or does not fit the shapes.
    """
    terms, arrow, right = equation.replace(" ", "").partition("->")
    if not arrow:
        msg = f"no arrow in {equation!r}"
        raise ValueError(msg)
    sizes: dict[str, int | None] = {}
    elided: Shape = ()
    for term, shape in zip(terms.split(","), shapes, strict=True):
        front, dots, back = term.partition("...")
        middle = len(shape) - len(front) - len(back)
        if middle < 0 or (middle and not dots):
            msg = f"{term!r} does not fit {shape}"
            raise ValueError(msg)
        elided = max(elided, shape[len(front) : len(front) + middle], key=len)
        axes = (*shape[: len(front)], *shape[len(front) + middle :])
        for axis, size in zip(front + back, axes, strict=True):
            sizes[axis] = sizes.get(axis) if size is None else size
    front, dots, back = right.partition("...")
    return (*(sizes[axis] for axis in front), *(elided if dots else ()), *(sizes[axis] for axis in back))


def _parts(equation: str) -> tuple[str, str, str]:
    terms, _, right = equation.replace(" ", "").partition("->")
    left, kernel = terms.split(",")
    return left, kernel, right


def _bias(axes: object, right: str, outputs: Mapping[str, int | None], after: int) -> Shape | None:
    if not isinstance(axes, str) or not axes:
        return None
    letters = right.replace(".", "")
    kept = letters[min(letters.find(axis) for axis in axes) :]
    shape = tuple(outputs[axis] if axis in axes else 1 for axis in kept)
    return shape + (1,) * (after if right.endswith("...") else 0)
