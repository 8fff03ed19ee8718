"""What a file may name: Keras's own classes, and nothing that runs what the file brings."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from kerasemble.members.inspection.allow_list import CODE_LAYERS, CONTROL_FLOW, allow_list
from kerasemble.members.inspection.layer_shapes import LAYER_RULES
from kerasemble.members.inspection.layer_weights import LAYER_WEIGHTS, NO_WEIGHTS
from kerasemble.members.inspection.op_shapes import OP_RULES


def test_reading_it_imports_no_keras():
    code = "import sys; from kerasemble.members.inspection.allow_list import allow_list; allow_list()"
    done = subprocess.run([sys.executable, "-c", f"{code}; sys.exit('keras' in sys.modules)"], check=False)
    assert done.returncode == 0


@pytest.mark.parametrize(
    "place",
    [
        ("keras.layers", "Dense"),
        ("keras.layers", "MaxPool2D"),
        ("keras.src.layers.core.dense", "Dense"),
        ("keras.src.models.functional", "Functional"),
        ("keras", "Sequential"),
        ("keras", "DTypePolicy"),
        ("keras.initializers", "GlorotUniform"),
        ("keras.optimizers.schedules", "CosineDecay"),
        ("keras.random", "SeedGenerator"),
        ("keras.src.ops.numpy", "Add"),
        ("keras.src.activations.activations", "ReLU"),
        ("keras.src.applications.convnext", "LayerScale"),
    ],
)
def test_what_saved_models_name_is_allowed(place):
    assert place in allow_list().classes


@pytest.mark.parametrize("name", sorted(CODE_LAYERS | CONTROL_FLOW))
def test_what_runs_code_is_not_allowed_by_any_name(name):
    allowed = allow_list()
    assert name not in allowed.bare
    assert name not in {known.name for known in allowed.classes.values()}


@pytest.mark.parametrize("module", ["keras.config", "keras.utils", "keras.saving", "keras.callbacks", "keras.datasets"])
def test_no_module_that_does_things_is_allowed(module):
    assert not [place for place, _ in allow_list().classes if place.startswith(module)]
    assert not [place for place, _ in allow_list().functions if place.startswith(module)]


def test_an_alias_is_known_by_the_name_of_its_class():
    assert allow_list().classes["keras.layers", "MaxPool2D"].name == "MaxPooling2D"


def test_functions_are_activations_losses_and_metrics_only():
    names = allow_list().function_names
    assert {"relu", "categorical_crossentropy", "categorical_accuracy"} <= names
    assert not names & {"get", "serialize", "deserialize"}


def test_every_class_is_one_that_keras_would_make_by_that_name():
    from keras.src import api_export
    from keras.src.saving.keras_saveable import KerasSaveable

    for (module, name), known in allow_list().classes.items():
        found = api_export.get_symbol_from_name(f"{module}.{name}") or vars(__import__(module, fromlist=["_"]))[name]
        assert found.__name__ == known.name
        assert known.group not in ("layers", "models", "ops") or issubclass(found, KerasSaveable)


def test_no_operation_that_is_allowed_takes_a_function():
    functions = {"f", "fn", "fun", "func", "function", "pyfunc", "body", "body_fun", "cond", "branches", "true_fn"}
    for (module, name), known in allow_list().classes.items():
        if known.group == "ops":
            made = vars(__import__(module, fromlist=["_"]))[name]
            taken = {*inspect.signature(made.__init__).parameters, *inspect.signature(made.call).parameters}
            assert not taken & functions, f"{module}.{name}"


def test_every_layer_of_this_keras_is_known_to_have_weights_or_none():
    layers = {known.name for known in allow_list().classes.values() if known.group == "layers"}
    assert layers - set(LAYER_WEIGHTS) - NO_WEIGHTS == {"SpectralNormalization"}  # which is made of its inner layer


def test_every_rule_is_for_a_class_of_this_keras():
    known = {each.name for each in allow_list().classes.values()}
    assert set(LAYER_RULES) <= known
    assert set(OP_RULES) <= known
    assert set(LAYER_WEIGHTS) <= known
