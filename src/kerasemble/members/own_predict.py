"""Models whose own `predict` may do more than their graph, of which alone an ensemble is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kerasemble.core.codes import Code
from kerasemble.core.errors import KerasembleError
from kerasemble.members.backend import import_keras, reason

# What `predict` goes through in every Keras model.
_METHODS = ("predict", "predict_step", "make_predict_function", "__call__")
# How many rows are asked for.
_ROWS = 4


class OwnPredict(NamedTuple):
    """The `predict` of a model of another class than Keras's own.

    Args:
        model: the user's model.
        prepare: a Keras model from the ensemble's input to what the member's model is given.
        choose: returns the member's output of all that its model returns.
    """

    model: Any
    prepare: Any
    choose: Callable[[Any], Any]

    def check(self, name: str, x: npt.NDArray[Any], values: npt.NDArray[Any], tolerance: float) -> None:
        """Refuse a member whose `predict` answers the first rows otherwise than its graph.

        What `predict` does besides may also be what the user gives as `preprocess`: then it is given the data as it is.

        Args:
            name: of the member.
            x: (n, ...) the first rows of the data.
            values: (n, columns) what the graph answered to them.
            tolerance: by how much the answers may differ, relative to them.

        Raises:
            KerasembleError: code `PREDICT_DIFFERS`; it names the difference and the cure.
        """
        graph = values[:_ROWS]
        rows = x[:_ROWS]
        prepared = import_keras().ops.convert_to_numpy(self.prepare(rows, training=False))
        problems = []
        for data in (prepared, rows.astype(prepared.dtype)):
            problem = self._compare(data, graph, tolerance)
            if problem is None:
                return
            problems.append(problem)
        kind = type(self.model).__name__
        # A model that is no graph does not know its inputs.
        remade = "keras.Model(model.inputs, model.outputs)"
        if not getattr(self.model, "inputs", None):
            remade = f"x = keras.Input({prepared.shape[1:]}); keras.Model(x, model(x))"
        msg = (
            f"Member '{name}' is a {kind}, whose own predict does something else than its graph, of which an ensemble "
            f"is made: on the first {len(rows)} rows {problems[0]}. Give what predict does to the data as "
            f"Member(model, preprocess=[layers]); or Member(lambda x: model.predict(x, verbose=0), name='{name}'), "
            f"which cannot be saved; or, where the graph is meant, {remade}."
        )
        raise KerasembleError(msg, code=Code.PREDICT_DIFFERS)

    def _compare(self, x: npt.NDArray[Any], graph: npt.NDArray[Any], tolerance: float) -> str | None:
        """Return in words how `predict` and the graph differ, None where they do not."""
        try:
            own = np.asarray(self.choose(self.model.predict(x, **_quiet(self.model.predict))), dtype=np.float64)
        except Exception as error:  # noqa: BLE001 - the user's own code may raise or return anything
            return f"it fails ({reason(error)})"
        if own.shape != graph.shape:
            return f"it returns values of shape {own.shape}, the graph of {graph.shape}"
        if np.allclose(own, graph, rtol=tolerance, atol=tolerance / 10, equal_nan=True):
            return None
        return f"they differ by up to {float(np.nanmax(np.abs(own - graph))):.2g}"


def has_own_predict(model: Any) -> bool:  # noqa: ANN401 - a Keras model
    """Say whether anything that `predict` goes through is not Keras's own."""
    return any(name in vars(model) or not _is_of_keras(type(model), name) for name in _METHODS)


def layer_before(model: Any) -> Any | None:  # noqa: ANN401 - a Keras model and layer
    """Return the layer that the model's own `predict` passes images through, None where there is none.

    KerasHub's tasks have it as `preprocessor.image_converter`, or as a layer of Keras in place of a preprocessor.
    """
    preprocessor = getattr(model, "preprocessor", None) if has_own_predict(model) else None
    layer = getattr(preprocessor, "image_converter", preprocessor)
    return layer if isinstance(layer, import_keras().layers.Layer) else None


def _is_of_keras(kind: type, name: str) -> bool:
    owner = next((each for each in kind.__mro__ if name in vars(each)), None)
    return owner is None or owner.__module__.partition(".")[0] == "keras"


def _quiet(predict: Callable[..., Any]) -> dict[str, Any]:
    parameters = inspect.signature(predict).parameters.values()
    takes = any(each.name == "verbose" or each.kind is each.VAR_KEYWORD for each in parameters)
    return {"verbose": 0} if takes else {}
