"""Each check finds the fault that it is there for, and says what to mend."""

from __future__ import annotations

import importlib.util
import sys
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest

from kerasemble.combiners.average import Average
from kerasemble.combiners.base import Combiner, Fit
from kerasemble.combiners.recipes import Recipe
from kerasemble.combiners.weighted_average import WeightedAverage
from kerasemble.core.metrics import hits
from kerasemble.testing import CHECKS, KERAS_CHECKS, NUMPY_CHECKS, checks
from kerasemble.testing.keras_checks import words_of

# Faults are put into combiners that exist: a faulty class of its own would enter the registry for all other tests.


def formula(combine):
    """Give Average another formula, of values and vocabulary."""

    def break_it(patch):
        patch.setattr(Average, "combine", lambda _self, values, _learned, xp: combine(values, xp))
        return Average()

    return break_it


def learning(learn):
    """Give WeightedAverage another way to learn."""

    def break_it(patch):
        patch.setattr(WeightedAverage, "learn", lambda _self, *rows: Fit({"log_weights": learn(*rows)}))
        # Else it would still learn as itself where it learns for several folds at once.
        patch.setattr(WeightedAverage, "learn_each", Combiner.learn_each)
        return WeightedAverage()

    return break_it


def attribute(name, value):
    """Give Average another attribute."""

    def break_it(patch):
        patch.setattr(Average, name, value)
        return Average()

    return break_it


def options_that_do_not_survive(patch):
    patch.setattr(Recipe, "__post_init__", lambda _self: None)
    return WeightedAverage(weights=[3, 1, 2])


def unhashable_option(patch):
    patch.setattr(Recipe, "__post_init__", lambda _self: None)
    return WeightedAverage(weights=np.ones(3).tolist())


def name_that_is_taken(patch):
    patch.setattr(checks, "registry", lambda: {"average": WeightedAverage})
    return Average()


def no_longer_final(patch):
    patch.delattr(Average, "__final__")
    return Average()


def writes_to_values(values, xp):
    values[0] = 0
    return xp.mean(values, axis=0)


def writes_to_labels(predictions, labels, _weights):
    labels[:] = 0
    return np.zeros(len(predictions.members))


def accuracies(predictions, labels, weights):
    return np.log([1e-3 + weights @ hits(values, labels) / weights.sum() for values in predictions.each()])


def blind_to_weights(predictions, labels, weights):
    return accuracies(predictions, labels, np.ones_like(weights))


def blind_to_weights_above_zero(predictions, labels, weights):
    return accuracies(predictions, labels, (weights > 0).astype(np.float64))


def learns_the_same_from_any_rows(predictions, _labels, _weights):
    return np.arange(len(predictions.members), dtype=np.float64)


def weights_as_counts(predictions, labels, weights):
    """Pull toward equal weights less, the larger the sum of the weights of the rows."""
    return accuracies(predictions, labels, weights) / (1 + 1 / weights.sum())


def reads_values(predictions, _labels, _weights):
    return predictions.values.reshape(len(predictions.members), -1).mean(axis=1)


def learns_every_fold_from_all_rows(patch):
    def learn_each(self, predictions, labels, weights):
        return [self.learn(predictions, labels, np.ones(len(labels))) for _ in weights]

    patch.setattr(WeightedAverage, "learn_each", learn_each)
    return WeightedAverage()


def learns_one_fold_for_all(patch):
    def learn_each(self, predictions, labels, weights):
        return [self.learn(predictions, labels, weights[0]) for _ in weights]

    patch.setattr(WeightedAverage, "learn_each", learn_each)
    return WeightedAverage()


def decides_by_index(patch):
    patch.setattr(Average, "decide", lambda _self, values, _learned, _classes: np.zeros(values.shape[1], dtype=int))
    return Average()


def remembers(calls=count()):  # noqa: B008 - it is to remember
    return lambda values, _xp: np.roll(values.mean(axis=0), next(calls), axis=-1)


def lowest_index_of_ties(values, xp):
    mean = xp.mean(values, axis=0)
    return np.eye(mean.shape[-1])[mean.argmax(axis=-1)]


def second_axis(values, xp):
    mean = 2 * xp.mean(values, axis=0)
    return mean / xp.sum(mean, axis=1, keepdims=True)


def nothing_for_one_member(values, xp):
    return xp.mean(values, axis=0) * (len(values) > 1)


def other_formula_in_keras(values, xp):
    best = xp.max(values, axis=0)
    return xp.mean(values, axis=0) if xp is np else best / xp.sum(best, axis=-1, keepdims=True)


def other_winner_in_keras(values, xp):
    """Nearly even shares whose edge is below the tolerance, in NumPy for the first class, in Keras for the last."""
    even = xp.zeros_like(xp.mean(values, axis=0)) + 0.25
    edge = np.array([8e-6, 0, 0, 0], dtype="float32")
    return even + (edge if xp is np else edge[::-1])


FAULTS = [
    ("check_recipe_is_frozen_and_final", no_longer_final, "Decorate Average @final"),
    (
        "check_recipe_is_frozen_and_final",
        attribute("__dataclass_params__", SimpleNamespace(frozen=False)),
        r"frozen=True",
    ),
    ("check_recipe_is_frozen_and_final", unhashable_option, "cannot be hashed.*tuples"),
    ("check_docstring_states_shapes", attribute("__doc__", "The mean."), r"lacks '\(members, samples'"),
    (
        "check_docstring_states_shapes",
        attribute("__doc__", "From (members, samples, classes) to (samples, classes)."),
        "lacks 'Example:'",
    ),
    ("check_name_is_its_own", name_that_is_taken, "Another combiner is called 'average'"),
    ("check_survives_json", learning(lambda *_: np.full(3, np.nan)), "no JSON.*Keep finite"),
    ("check_survives_json", options_that_do_not_survive, "Let options be numbers, strings or tuples"),
    ("check_survives_json", formula(remembers()), "answers otherwise after JSON"),
    ("check_leaves_inputs_untouched", formula(writes_to_values), "writes to values"),
    ("check_leaves_inputs_untouched", learning(writes_to_labels), "writes to labels"),
    (
        "check_order_of_samples_is_irrelevant",
        learning(lambda seen, *_: np.log(seen.values[:, 0, 0])),
        "'log_weights' differs by .* after shuffling",
    ),
    ("check_row_weights_count", learning(blind_to_weights), "must weight each row by"),
    ("check_row_weights_count", learning(blind_to_weights_above_zero), "the same whichever rows count more"),
    ("check_row_weights_count", learning(learns_the_same_from_any_rows), "the same whichever rows count more"),
    ("check_row_weights_count", learning(weights_as_counts), "all weights are a hundred times as large"),
    (
        "check_folds_are_learned_as_by_themselves",
        learns_every_fold_from_all_rows,
        r"'log_weights' of fold \d differs by .*or leave it out",
    ),
    ("check_folds_are_learned_as_by_themselves", learns_one_fold_for_all, r"'log_weights' of fold [1-3] differs by"),
    ("check_labels_are_taken", learning(reads_values), "answers labels otherwise than certainty.*Read predictions by"),
    ("check_labels_are_taken", decides_by_index, "decide of average gives other classes.*Make them one rule"),
    (
        "check_rows_are_answered_alone",
        formula(lambda values, xp: (xp.mean(values, axis=0) + xp.mean(values, axis=(0, 1))) / 2),
        "two rows otherwise when asked alone",
    ),
    ("check_order_of_classes_is_irrelevant", formula(lowest_index_of_ties), "never by index"),
    ("check_answers_are_probabilities", formula(lambda values, _: values[0] * np.nan), "NaN or infinity"),
    ("check_answers_are_probabilities", formula(lambda values, _: 2 * values[0] - values[1]), "within 0..1"),
    ("check_answers_are_probabilities", formula(lambda values, _: 0.9 * values[0]), "miss a sum of one by 0.1"),
    ("check_one_member_is_answered_or_refused", formula(nothing_for_one_member), "of one member.*sum of one"),
    ("check_takes_leading_axes", formula(second_axis), "mixes the axes"),
    (
        "check_takes_leading_axes",
        formula(lambda values, _: values.mean(axis=0).reshape(90, -1)),
        r"gave \(90, 8\) for \(90, 2, 4\)",
    ),
]
KERAS_FAULTS = [
    ("check_keras_graph_agrees", formula(other_formula_in_keras), "Keras graph of average differs from NumPy's"),
    ("check_keras_graph_agrees", formula(other_winner_in_keras), "most probable class .* is not NumPy's"),
    ("check_reloaded_file_agrees", formula(other_formula_in_keras), "file of average, opened by Keras, differs"),
    ("check_reloaded_file_agrees", options_that_do_not_survive, "The file gives back .* tuples"),
]
BY_NAME = {check.__name__: check for check in CHECKS}


@pytest.mark.parametrize(("name", "break_it", "says"), FAULTS)
def test_a_check_finds_its_fault(monkeypatch, name, break_it, says):
    with pytest.raises(AssertionError, match=says):
        BY_NAME[name](break_it(monkeypatch))


@pytest.mark.backend
@pytest.mark.parametrize(("name", "break_it", "says"), KERAS_FAULTS)
def test_a_check_finds_its_fault_in_keras(monkeypatch, name, break_it, says):
    with pytest.raises(AssertionError, match=says):
        BY_NAME[name](break_it(monkeypatch))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that makes a module of a line of source and has Average stand in it."""

    def make(line):
        path = tmp_path / "someones_combiner.py"
        path.write_text(f"def combine(values, learned, xp):\n    {line}\n")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        monkeypatch.setitem(sys.modules, path.stem, loaded)
        monkeypatch.setattr(Average, "__module__", path.stem)
        return loaded

    return make


def test_every_word_of_the_shared_vocabulary_is_found(module):
    line = "return xp.exp(xp.linalg.norm(values.max())) + helper(other.sum, xp.where)"
    assert words_of(module(line)) == {"exp", "linalg", "linalg.norm", "where"}


@pytest.mark.backend
@pytest.mark.parametrize(
    ("word", "says"),
    [("trim_zeros", r"xp\.trim_zeros in someones_combiner is not in keras"), ("one_hot", r"is not in numpy\.")],
    ids=["numpy-alone", "keras-alone"],
)
def test_a_word_that_one_of_the_two_lacks_is_found(module, word, says):
    module(f"return xp.{word}(values)")
    with pytest.raises(AssertionError, match=says):
        BY_NAME["check_formula_uses_shared_words"](Average())


def test_every_check_is_shown_to_find_a_fault():
    shown = {name for name, *_ in (*FAULTS, *KERAS_FAULTS)} | {"check_formula_uses_shared_words"}
    assert shown == BY_NAME.keys()
    assert len(CHECKS) == len(NUMPY_CHECKS) + len(KERAS_CHECKS) == len(BY_NAME)
