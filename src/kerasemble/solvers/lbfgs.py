"""L-BFGS as SciPy has it, on one thread where there is little to do."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from kerasemble.solvers.quadratic import Vector

# An evaluation that reads fewer numbers than this takes milliseconds. SciPy's steps factorise matrices of a few dozen
# rows, for which its BLAS wakes all threads and has them wait for each other: where other work kept the processors
# busy, that took longer than all else in a comparison of a few hundred rows.
_FEW = 2**22


class Options(NamedTuple):
    """How long to go on.

    Args:
        steps: at most so many.
        calls: of the function, at most so many.
        remembered: how many past steps the curvature is taken from.
        steepest: stop where no entry of the gradient is larger.
    """

    steps: int
    calls: int
    remembered: int
    steepest: float = 0.0


def minimise_lbfgs(
    evaluate: Callable[[Vector], tuple[float, Vector]],
    begin: Vector,
    options: Options,
    *,
    callback: Callable[..., None],
    numbers: int,
) -> Any:  # noqa: ANN401 - SciPy's OptimizeResult, which has no types
    """Return what SciPy says of the least value of a smooth function.

    Args:
        evaluate: from a point to the value and the gradient.
        begin: where to begin.
        options: how long to go on.
        callback: called after each step, as SciPy does; it may raise StopIteration to stop.
        numbers: how many numbers an evaluation reads.

    Reference:
        Liu and Nocedal 1989, Mathematical Programming 45.
    """
    from scipy.optimize import minimize

    with _threads().limit(limits=1, user_api="blas") if numbers < _FEW else contextlib.nullcontext():
        return minimize(
            evaluate,
            begin,
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options={
                "maxiter": options.steps,
                "maxfun": options.calls,
                "maxcor": options.remembered,
                "ftol": 0.0,
                "gtol": options.steepest,
            },
        )


@functools.cache
def _threads() -> Any:  # noqa: ANN401 - threadpoolctl has no types
    """Return what sets threads; finding the libraries takes milliseconds, so that is done once."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
