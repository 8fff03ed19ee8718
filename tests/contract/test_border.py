"""Whatever is written for an argument of the public API gives a result or a `KerasembleError`, and nothing else."""

from __future__ import annotations

import dataclasses
import inspect
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest

import kerasemble as ke
from kerasemble.combiners import registry
from kerasemble.combiners.stages import stages

ROWS, CLASSES = 12, ("ant", "bee", "cow")
RNG = np.random.default_rng(0)
A, B = RNG.dirichlet(np.ones(3), (2, ROWS)).astype(np.float32)
Y = np.arange(ROWS) % 3
X = np.arange(ROWS, dtype=np.float32)[:, None]
ARRAYS = {"a": A, "b": B}
SEEN = ke.Predictions.from_arrays(ARRAYS, CLASSES)


def first(rows):
    """A member that is a function: what was saved for the rows of these numbers."""
    return A[rows[:, 0].astype(int)]


def second(rows):
    """Another."""
    return B[rows[:, 0].astype(int)]


class Unreadable:
    """Like a tensor of a framework that refuses to become an array."""

    def __array__(self, *_args: object, **_options: object) -> np.ndarray:
        """Refuse."""
        msg = "can't convert to numpy"
        raise RuntimeError(msg)


# What people write where something else is wanted.
ODD = {
    "None": None,
    "true": True,
    "minus-one": -1,
    "zero": 0,
    "half": 0.5,
    "nan": float("nan"),
    "huge": 10**400,
    "text": "word",
    "empty-text": "",
    "nul-path": "a\0b",
    "bytes": b"\xff",
    "empty-list": [],
    "numbers": [2, 1],
    "names": ["a", "b"],
    "mixed": ["a", 1, None],
    "ragged": [[1, 2], [3]],
    "nested": [["a"], ["b"]],
    "dict": {"a": 1.0, "b": 2.0},
    "dict-of-odd": {"a": "b", 3: None},
    "arrays-by-name": ARRAYS,
    "set": {1, 2},
    "array-0d": np.array(3.0),
    "array-1d": np.arange(3.0),
    "array-2d": np.ones((2, 2)),
    "array-3d": np.stack([A, B]),
    "array-empty": np.empty((0, 3)),
    "array-of-text": np.array(["a", "b"]),
    "array-of-objects": np.array([1, "a", None], dtype=object),
    "array-of-complex": np.ones((ROWS, 3), complex),
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "structured": np.zeros(3, dtype=[("a", "f4")]),
    "unreadable": Unreadable(),
    "object": object(),
    "class": int,
    "function": lambda: None,
    "generator": (each for each in ()),
    "range": range(3),
    "slice": slice(2),
    "combiner": ke.Average(),
    "combiner-class": ke.Average,
    "stage": ke.Temperature(),
    "predictions": SEEN,
}


# What runs models or compares takes a second each time: so each of its arguments gets two of these, in turns.
SLOW = {"compare", "predict", "check", "evaluate", "combine", "Ensemble", "write_report"}


def odd_for(name, place):
    """The labels of what is written for the argument of a function, the place of it among all."""
    labels = list(ODD)
    if name.partition(".")[0] not in SLOW:
        return labels
    return [labels[7 * place % len(labels)], labels[(11 * place + 20) % len(labels)]]


def raised(call):
    """The raw error of a call, None where it gave a result or the error that is allowed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            call()
        except ke.KerasembleError:
            return None
        except Exception as error:  # noqa: BLE001 - what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            return f"{type(error).__name__}: {str(error)[:80]} ({Path(place.filename).name}:{place.lineno})"
    return None


FITTED = ke.WeightedAverage(weights=[2, 1]).fit(SEEN)
ENSEMBLE = ke.Ensemble([first, second], classes=CLASSES)
MEMBERS = [first, second]
FAST = {"combiners": ["average"], "cv": 2, "repeats": 1, "metrics": ["accuracy"]}
with warnings.catch_warnings(action="ignore"):
    REPORT = ke.compare(SEEN, Y, **FAST)
# Each function with arguments that work, of which one at a time is replaced.
CALLS = {
    "from_arrays": (ke.Predictions.from_arrays, {"arrays": ARRAYS}),
    "from_labels": (ke.Predictions.from_labels, {"labels": {"a": Y, "b": Y}, "classes": CLASSES}),
    "Predictions": (
        ke.Predictions,
        {"values": np.stack([A, B]), "members": ("a", "b"), "classes": CLASSES, "task": "multiclass"},
    ),
    "Predictions.only": (SEEN.only, {"names": ["a"]}),
    "Predictions.positions": (SEEN.positions, {"names": ["a"]}),
    "Predictions.rows": (SEEN.rows, {"index": np.arange(2)}),
    "Predictions.save": (SEEN.save, {"path": "seen.npz", "overwrite": True}),
    "Predictions.load": (ke.Predictions.load, {"path": "none.npz"}),
    "fit": (ke.WeightedAverage().fit, {"predictions": SEEN, "y": Y}),
    "fit-given": (ke.Average().fit, {"predictions": SEEN}),
    "fit-chain": (ke.Chain("average", ["temperature"]).fit, {"predictions": SEEN, "y": Y}),
    "fitted": (FITTED, {"predictions": SEEN}),
    "fitted.outputs": (FITTED.outputs, {"predictions": SEEN}),
    "fitted.decide": (FITTED.decide, {"predictions": SEEN}),
    "compare": (ke.compare, {"predictions": SEEN, "y": Y, **FAST}),
    "predict": (ke.predict, {"members": MEMBERS, "x": X}),
    "check": (ke.check, {"members": MEMBERS, "x": X, "y": Y}),
    "evaluate": (ke.evaluate, {"models": MEMBERS, "x": X, "y": Y, "metrics": ["accuracy"]}),
    "combine": (
        ke.combine,
        {"members": MEMBERS, "x": X, "y": Y, "combiner": "average", "cv": 2, "repeats": 1, "metrics": ["accuracy"]},
    ),
    "Ensemble": (ke.Ensemble, {"members": MEMBERS}),
    "Ensemble.predict": (ENSEMBLE.predict, {"x": X}),
    "Ensemble.outputs": (ENSEMBLE.outputs, {"x": X}),
    "Ensemble.fit": (ENSEMBLE.fit, {"x": X, "y": Y}),
    "Ensemble.trained": (ENSEMBLE.trained, {"model": None}),
    "Member": (ke.Member, {"source": first}),
    "load": (ke.load, {"path": "none.keras"}),
    "load_data": (ke.load_data, {"path": X}),
    "load_members": (ke.load_members, {"path": "none.toml"}),
    "load_store": (ke.load_store, {"path": "none"}),
    "inspect": (ke.inspect, {"path": "none.keras"}),
    "predict_on_ray": (ke.predict_on_ray, {"members": ["none.keras"], "data": "none.npz", "store": "run"}),
    "write_report": (ke.write_report, {"report": REPORT, "path": "report.html", "overwrite": True}),
    "Report[]": (REPORT.__getitem__, {"name": "a"}),
}
PARAMETERS = [
    (name, function, working, parameter)
    for name, (function, working) in CALLS.items()
    for parameter in inspect.signature(function).parameters
    if parameter != "progress"  # whose own errors are the user's
]
CASES = [
    pytest.param(function, working, parameter, odd_for(name, place), id=f"{name}-{parameter}")
    for place, (name, function, working, parameter) in enumerate(PARAMETERS)
]
RECIPES = [*(kind for kind in registry().values() if kind.__module__.startswith("kerasemble.")), *stages().values()]


def call(function, arguments):
    """Call with arguments by name, the variable ones in their place."""
    spread = [each for each in inspect.signature(function).parameters.values() if each.kind is each.VAR_POSITIONAL]
    if spread and spread[0].name in arguments:
        extra = arguments.pop(spread[0].name)
        return function(arguments.pop("members"), "average", extra, **arguments)
    return function(**arguments)


@pytest.mark.parametrize(("function", "working", "parameter", "labels"), CASES)
def test_15_15_any_argument_gives_a_result_or_our_error(function, working, parameter, labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = {label: raised(lambda odd=ODD[label]: call(function, {**working, parameter: odd})) for label in labels}
    assert {label: error for label, error in raw.items() if error is not None} == {}


@pytest.mark.parametrize("kind", RECIPES, ids=lambda kind: kind.__name__)
def test_15_15_any_option_of_a_recipe_gives_a_result_or_our_error(kind):
    needed = {"ConformalSets": {"coverage": 0.9}, "Abstain": {"risk": 0.1}}.get(kind.__name__, {})

    def tried(options):
        recipe = kind(**needed | options)
        hash(recipe)
        chain = recipe if isinstance(recipe, ke.Combiner) else ke.Chain("average", (recipe,))
        return chain.fit(SEEN, Y)(SEEN)

    cases = [(field.name, label) for field in dataclasses.fields(kind) for label in ODD]
    raw = {(name, label): raised(lambda name=name, label=label: tried({name: ODD[label]})) for name, label in cases}
    assert {case: error for case, error in raw.items() if error is not None} == {}
