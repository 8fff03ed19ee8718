"""Save an ensemble of each combiner by this version, for the tests to open from now on.

    python tests/golden/make.py

What a version has saved is a promise: its folder is made once and never changed. A combiner that came later within the
same version is added to it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import kerasemble as ke
from kerasemble.combiners import registry

CLASSES = ("ant", "bee", "cow")
FOLDER = Path(__file__).parent / f"v{ke.__version__}"


def make_members() -> list[ke.Member]:
    """Return members that differ in input size, range, output and order of classes."""
    import keras

    def dense(size: int, activation: str | None, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        spread = keras.initializers.RandomNormal(stddev=0.5, seed=seed)
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, activation, kernel_initializer=spread)]
        return keras.Sequential([keras.Input((size, size, 1)), *layers], name="net")

    return [
        ke.Member(dense(4, "softmax", 1), name="plain", preprocess="0..1", classes=CLASSES),
        ke.Member(dense(6, "softmax", 2), name="larger", preprocess="-1..1", classes=CLASSES[::-1]),
        ke.Member(dense(4, None, 3), name="logits", preprocess="0..1", output="logits", classes=CLASSES),
    ]


def main() -> int:
    """Write what is not there yet; say what was written."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(60, 4, 4, 1)).astype(np.uint8)
    x[0, 0, 0, 0] = 255
    y = rng.integers(0, len(CLASSES), size=60)
    members = make_members()
    seen = ke.predict(members, x, classes=CLASSES)
    FOLDER.mkdir(exist_ok=True)
    for name, kind in registry().items():
        path = FOLDER / f"{name}.keras"
        if path.exists():
            print(f"{path} is there already and stays as it is")
            continue
        fitted = kind().fit(seen, y)
        ke.Ensemble(members, fitted).save(path)
        np.savez_compressed(path.with_suffix(".npz"), x=x, values=seen.values, probabilities=fitted(seen))
        print(f"{path} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
