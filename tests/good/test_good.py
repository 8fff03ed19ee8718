"""Models as people train them are accepted in both formats, with the facts that Keras knows of them."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
GOLDEN = sorted((HERE.parent / "golden/v0.1.0").glob("*.keras"))[:4]


def _names() -> list[str]:
    """Return the names of the models from the source, so that collecting the tests imports no Keras."""
    sources = [path.read_text(encoding="utf-8") for path in sorted((HERE / "models").glob("*.py"))]
    functions = [each for source in sources for each in ast.parse(source).body]
    named = [each for each in functions if isinstance(each, ast.FunctionDef) and each.decorator_list]
    return [each.name.replace("_", "-") for each in named]


NAMES = _names()
# Whose answers could be others: shared, recurrent, of half precision, with numbers from the data.
SAMPLE = ("shared-model.keras", "lstm.keras", "half-precision.keras", "normalised.h5")
# Operations have no module in an .h5 file, and so Keras cannot open what it saved; masks of GaussianDropout use one.
NOT_IN_H5 = ("operations.h5", "arithmetic.h5", "dropouts.h5")
FILES = [f"{name}{suffix}" for name in NAMES for suffix in (".keras", ".h5") if f"{name}{suffix}" not in NOT_IN_H5]
# Keras stores the kernel inside a SpectralNormalization twice in a .keras file.
STORED_TWICE = {"wrapped.keras": 4 * 4}


def test_there_are_enough_of_them(good):
    assert len(NAMES) >= 50
    assert set(NAMES) == set(good.facts)


@pytest.mark.parametrize("file", FILES)
def test_a_good_model_is_accepted_with_its_facts(file, good):
    record, known = good.inspections[file], good.facts[Path(file).stem]
    assert record.safe, f"{record.code}: {record.reason}"
    assert record.keras_version == "3.15.1"
    assert record.parameters == known["parameters"] + STORED_TWICE.get(file, 0)
    assert [[list(port.shape), port.dtype] for port in record.inputs] == known["inputs"]
    assert [[list(port.shape), port.activation] for port in record.outputs] == known["outputs"]


@pytest.mark.parametrize("file", NOT_IN_H5)
def test_what_keras_cannot_open_in_h5_is_refused_with_the_cure(file, good):
    assert good.inspections[file].code == "class"
    assert "Save the model as a .keras file" in good.inspections[file].reason


@pytest.mark.slow
def test_applications_are_accepted_with_their_facts(applications):
    records = {Path(name).stem: record for name, record in applications.inspections.items()}
    assert len(records) >= 8
    assert {name: record.reason for name, record in records.items() if not record.safe} == {}
    for name, record in records.items():
        assert record.parameters == applications.facts[name]["parameters"]
        assert record.outputs[0].activation == "softmax"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_an_ensemble_of_ours_is_accepted(path):
    from kerasemble.members.inspection.inspect import inspect

    record = inspect(path)
    assert record.safe, record.reason
    assert record.classes == ("ant", "bee", "cow")


@pytest.mark.parametrize("file", SAMPLE)
def test_what_is_staged_answers_as_the_file_does(file, good, answer):
    import keras

    from kerasemble.members.inspection.staging import staged

    plain = keras.saving.load_model(good.folder / file, compile=False)
    with staged(good.folder / file) as ready:
        model = keras.saving.load_model(ready.path, compile=False)
    rng = np.random.default_rng(0)
    x = [rng.uniform(0, 3, (2, *(size or 5 for size in each.shape[1:]))).astype(each.dtype) for each in plain.inputs]
    np.testing.assert_array_equal(answer(model, x[0]), answer(plain, x[0]))
