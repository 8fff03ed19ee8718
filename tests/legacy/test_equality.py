"""Mended files of Keras 2 compute in Keras 3 what tf_keras computes with them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from kerasemble.core.errors import KerasembleError
from kerasemble.members.inspection.staging import staged

# What half precision rounds to, where TensorFlow and JAX sum in another order.
_TOLERANCES = {"half_precision": 1e-3}
_REFUSED = {"masks_that_differ": "hands masks on otherwise", "bicubic": "resizes images in"}
_NEVER_WRITTEN = ("operations.keras", "scaled_as_caffe_does.keras")


def _loaded(name):
    spec = importlib.util.spec_from_file_location(f"legacy_{name}", Path(__file__).parent / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_NAMES = tuple(_loaded("architectures").ARCHITECTURES)
_AGED = (
    *(f"{name}.as_keras_2_0.h5" for name in ("perceptron", "both_ways", "recurrent")),
    *(f"{name}.as_keras_2_2_4.h5" for name in ("perceptron", "hard_recurrent", "convolutions")),
    *(f"{name}.as_tensorflow_2_13.keras" for name in ("alike", "frames", "attention", "backbone_thawed_in_part")),
    *("alike.as_tensorflow_2_14.keras", "alike.on_windows.keras", "models_in_models.on_windows.keras"),
)
_FILES = tuple(
    file
    for file in (*(f"{name}.{suffix}" for name in _NAMES for suffix in ("h5", "keras")), *_AGED)
    if file.split(".")[0] not in _REFUSED
)


@pytest.mark.parametrize("file", _FILES)
def test_a_mended_file_computes_in_keras_3_what_tf_keras_computes_with_it(made, file):
    if file in _NEVER_WRITTEN and not (made / file).exists():
        pytest.skip("tf_keras cannot write an ellipsis to a .keras file")
    tolerance = _TOLERANCES.get(file.split(".")[0], 1e-6)
    for ours, theirs in _compared(made / file, made / f"{file}.npz"):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize("name", ["big_XCEPTION.54-0.66", "mini_XCEPTION.119-0.65", "mini_XCEPTION.99-0.65"])
def test_a_real_file_of_keras_2_0_computes_the_same(made, shared, name):
    file = shared / "models" / "face_classification" / f"fer2013_{name}.hdf5"
    for ours, theirs in _compared(file, made / f"{file.name}.npz"):
        # Forty layers of JAX and TensorFlow round to 1.3e-6 of each other.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=5e-6)


def _compared(file, answers):
    """Pair each output of the model in a file with what tf_keras computed."""
    import keras

    with np.load(answers) as stored:
        given = [stored[key] for key in stored if key.startswith("x")]
        expected = [stored[key] for key in stored if key.startswith("y")]
    with staged(file) as ready:
        model = keras.saving.load_model(ready.path, compile=False)
    found = model(given if len(given) > 1 else given[0], training=False)
    found = [keras.ops.convert_to_numpy(each) for each in (found if isinstance(found, list) else [found])]
    assert [each.shape for each in found] == [each.shape for each in expected]
    return zip(found, expected, strict=True)


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize("name", _REFUSED)
def test_what_keras_3_computes_otherwise_is_refused(made, name, suffix):
    with pytest.raises(KerasembleError, match=_REFUSED[name]), staged(made / f"{name}.{suffix}"):
        pass
