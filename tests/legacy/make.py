"""Write files of Keras 2 with what tf_keras computes from each, into a folder: run in a process of its own.

Usage: make.py FOLDER [FILE...], where each FILE is a real one of which to write the answers.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import ageing
import architectures
import numpy as np
import tf_keras

# (what it is made from, how it is aged, whether tf_keras still reads it)
AGED = (
    ("perceptron", "as_keras_2_0", True),
    ("both_ways", "as_keras_2_0", True),
    ("recurrent", "as_keras_2_0", True),
    ("perceptron", "as_keras_2_2_4", True),
    ("hard_recurrent", "as_keras_2_2_4", True),
    ("convolutions", "as_keras_2_2_4", True),
    ("alike", "as_tensorflow_2_13", False),
    ("frames", "as_tensorflow_2_13", False),
    ("attention", "as_tensorflow_2_13", False),
    ("backbone_thawed_in_part", "as_tensorflow_2_13", False),
    ("alike", "as_tensorflow_2_14", False),
    ("alike", "on_windows", False),
    ("models_in_models", "on_windows", False),
)


def set_weights(model, rng):
    """Give every weight a value of its own; variances are positive."""
    values = []
    for weight in model.weights:
        value = rng.normal(scale=0.4, size=weight.shape)
        value = np.abs(value) + 0.5 if "variance" in weight.name else value
        values.append(weight.numpy() if weight.dtype.is_integer else value.astype(weight.dtype.as_numpy_dtype))
    model.set_weights(values)


def inputs(model, rng):
    """Return 4 samples for each input."""
    shapes = [(tensor, (4, *tensor.shape[1:])) for tensor in model.inputs]
    return [
        rng.integers(0, 5, shape) if tensor.dtype.is_integer else rng.normal(size=shape).astype("float32")
        for tensor, shape in shapes
    ]


def answers(model, given):
    """Return the outputs as a list."""
    found = model(given if len(given) > 1 else given[0], training=False)
    return [np.asarray(each) for each in (found if isinstance(found, list) else [found])]


def write(path, given, expected):
    """Keep what went in and what came out beside a file."""
    np.savez(f"{path}.npz", **{f"x{i}": x for i, x in enumerate(given)}, **{f"y{i}": y for i, y in enumerate(expected)})


def main(folder, files):
    """Write all of them."""
    for file in files:
        model = tf_keras.models.load_model(file, compile=False)
        given = inputs(model, np.random.default_rng(0))
        write(folder / file.name, given, answers(model, given))
    for name, make in architectures.ARCHITECTURES.items():
        rng = np.random.default_rng(0)
        tf_keras.backend.clear_session()
        model = make(tf_keras)
        set_weights(model, rng)
        given = inputs(model, rng)
        expected = answers(model, given)
        for suffix in ("h5", "keras"):
            path = folder / f"{name}.{suffix}"
            try:
                model.save(path)
            except TypeError as error:
                if "Ellipsis" not in str(error):  # of which tf_keras itself can write no .keras file
                    raise
                continue
            write(path, given, expected)
            for source, age, readable in AGED:
                if source == name and readable == (suffix == "h5"):
                    old = folder / f"{name}.{age}.{suffix}"
                    old.write_bytes(path.read_bytes())
                    getattr(ageing, age)(old)
                    reread = tf_keras.models.load_model(old, compile=False) if readable else model
                    write(old, given, answers(reread, given))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(file) for file in sys.argv[2:]])
