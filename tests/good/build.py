"""Save the good models and what Keras says of them: `python tests/good/build.py FOLDER models|applications|all`.

Writes NAME.keras and NAME.h5 into the folder, and facts.json; for "applications" the eight smallest of
keras.applications, and as .keras only. Keras's NumPy backend does it, which compiles nothing: 70 models take four
seconds, on JAX half a minute; files do not depend on the backend.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "numpy"

import keras  # the backend is chosen above
from applications import APPLICATIONS, LARGE
from models import MODELS

# The writer of .h5 that `save` calls, without its advice to use another format.
save_h5 = keras.src.legacy.saving.legacy_h5_format.save_model_to_hdf5


def activation(tensor: Any) -> str | None:
    """Return the name of the activation that gives a symbolic tensor, looked for inside nested models."""
    history = tensor._keras_history  # noqa: SLF001 - Keras has no other way
    outputs = getattr(history.operation, "outputs", None)
    if outputs:
        return activation(outputs[history.tensor_index])
    if type(history.operation).__name__ == "Softmax":
        return "softmax"
    return getattr(getattr(history.operation, "activation", None), "__name__", None)


def facts(model: Any) -> dict[str, Any]:
    """Return what an inspection should find."""
    return {
        "parameters": model.count_params(),
        "inputs": [[list(each.shape), str(each.dtype)] for each in model.inputs],
        "outputs": [[list(each.shape), activation(each)] for each in model.outputs],
    }


def main() -> None:
    """Build, save and describe each."""
    folder, group = Path(sys.argv[1]), sys.argv[2]
    small = {"models": MODELS, "applications": APPLICATIONS}
    known = {}
    for name, build in small.get(group, {**MODELS, **APPLICATIONS, **LARGE}).items():
        keras.utils.set_random_seed(len(known))
        model = build()
        known[name] = facts(model)
        model.save(folder / f"{name}.keras")
        if group != "applications":
            save_h5(model, folder / f"{name}.h5")
        keras.backend.clear_session()
    (folder / "facts.json").write_text(json.dumps(known), encoding="utf-8")


if __name__ == "__main__":
    main()
