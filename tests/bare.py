"""Open models as a user without kerasemble does: `python bare.py JOBS.json` writes down what each answers."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path


def main(path: Path) -> None:
    """Answer each job: a model's file, an array's, and where to put the model's answer to the array."""
    import keras
    import numpy as np

    jobs = json.loads(path.read_text(encoding="utf-8"))
    for module in jobs["modules"]:
        importlib.import_module(module)
    for file, x, answer in jobs["models"]:
        model = keras.saving.load_model(file)
        np.save(answer, model.predict(np.load(x), verbose=0))
    if "kerasemble" in sys.modules:
        sys.exit("kerasemble was imported: the files are no plain Keras")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
