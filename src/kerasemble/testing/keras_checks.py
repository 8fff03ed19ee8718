"""What every combiner promises of its Keras model: one function a promise."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import sys
import tempfile
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import numpy as np

from kerasemble.combiners.base import Combiner
from kerasemble.combiners.fitted import FittedCombiner
from kerasemble.combiners.recipes import name_of
from kerasemble.core import arrays, outputs
from kerasemble.core.arrays import FloatArray
from kerasemble.core.predictions import Predictions
from kerasemble.ensemble.ensemble import Ensemble, load
from kerasemble.ensemble.graph import OUTPUT, by_name
from kerasemble.members.backend import import_keras
from kerasemble.members.member import Member
from kerasemble.testing.checks import TOLERANCE, Check, require
from kerasemble.testing.samples import CLASSES, fit, hard, plain


def check_formula_uses_shared_words(combiner: Combiner) -> None:
    """Every `xp.word` in the combiner's file, and in the helpers it may call, is in `numpy` and in `keras.ops`."""
    keras = import_keras()
    of_recipes = [sys.modules[type(recipe).__module__] for recipe in recipes_in(combiner)]
    for module in (*of_recipes, arrays, outputs):
        for word in sorted(words_of(module)):
            for vocabulary in (np, keras.ops):
                require(
                    _has(vocabulary, word),
                    f"xp.{word} in {module.__name__} is not in {vocabulary.__name__}. Write it with words of both.",
                )


def check_keras_graph_agrees(combiner: Combiner) -> None:
    """The Keras model of the ensemble answers as NumPy does, tied and degenerate rows included."""
    fitted = fit(combiner, *plain())
    seen = _rows().only(fitted.members)
    _require_same(_ensemble(fitted).predict(_inputs(seen)), fitted(seen), f"the Keras graph of {name_of(combiner)}")


def check_reloaded_file_agrees(combiner: Combiner) -> None:
    """The saved file answers as NumPy does, opened by bare Keras with its defaults and by kerasemble."""
    keras = import_keras()
    fitted = fit(combiner, *plain())
    seen = _rows().only(fitted.members)
    x, wanted = _inputs(seen), fitted(seen)
    ensemble = _ensemble(fitted)
    ensemble.predict(x)
    with tempfile.TemporaryDirectory() as folder:
        path = ensemble.save(Path(folder) / "ensemble.keras")
        bare = keras.saving.load_model(path)
        again = load(path)
    answer = by_name(bare.predict(x, verbose=0))
    _require_same(answer[OUTPUT], wanted, f"the file of {name_of(combiner)}, opened by Keras,")
    _require_same(again.predict(x), wanted, f"the file of {name_of(combiner)}, opened by kerasemble,")
    kept = again.combiner
    require(
        isinstance(kept, FittedCombiner) and kept.combiner == combiner,
        f"The file gives back {kept!r} for {combiner}. Let options be numbers, strings or tuples of them.",
    )


def recipes_in(combiner: Combiner) -> list[object]:
    """Return the combiner and the recipes among its options, such as the combiner and the stages of a chain."""
    found: list[object] = [combiner]
    for field in dataclasses.fields(combiner):
        value = getattr(combiner, field.name)
        found += [each for each in (value if isinstance(value, tuple) else (value,)) if dataclasses.is_dataclass(each)]
    return found


def words_of(module: ModuleType) -> set[str]:
    """Return every word of the shared vocabulary that a module's source uses: `exp` for `xp.exp(...)`."""
    tree = ast.parse(inspect.getsource(module))
    return {word for node in ast.walk(tree) if (word := _word(node))}


def _word(node: ast.AST) -> str | None:
    """Return "a.b" for the expression `xp.a.b`, None for any other."""
    if not isinstance(node, ast.Attribute):
        return None
    if isinstance(node.value, ast.Name):
        return node.attr if node.value.id == "xp" else None
    before = _word(node.value)
    return None if before is None else f"{before}.{node.attr}"


def _has(vocabulary: ModuleType, word: str) -> bool:
    try:
        attrgetter(word)(vocabulary)
    except AttributeError:
        return False
    return True


def _rows() -> Predictions:
    """Return the plain rows and all hard ones of four classes."""
    samples = [plain(), *hard().values()]
    four = [seen.values for seen, _ in samples if seen.classes == CLASSES]
    return Predictions(np.concatenate(four, axis=1), plain().predictions.members, CLASSES, plain().predictions.task)


def _inputs(seen: Predictions) -> FloatArray:
    """Return the members' answers side by side, (samples, members * classes): the data that the models below take."""
    return np.swapaxes(seen.values, 0, 1).reshape(seen.samples, -1)


def _ensemble(fitted: FittedCombiner) -> Ensemble:
    """Return an ensemble of models that each pass on their own columns of the data."""
    keras = import_keras()
    width = len(fitted.classes)
    members = []
    for index, name in enumerate(fitted.members):
        source = keras.Input((len(fitted.members) * width,))
        model = keras.Model(source, source[:, index * width : (index + 1) * width])
        members.append(Member(model, name=name, output="probabilities", classes=fitted.classes))
    return Ensemble(members, fitted)


def _require_same(answer: FloatArray, wanted: FloatArray, what: str) -> None:
    require(answer.shape == wanted.shape, f"The answer of {what} has shape {answer.shape}, not {wanted.shape}.")
    gap = float(np.abs(answer - wanted).max())
    remedy = "Use `xp` for every step, and `learned` for every number that was learned."
    require(gap <= TOLERANCE, f"The answer of {what} differs from NumPy's by {gap:.2g}. {remedy}")
    # The edge of a winner among tied classes may be no larger than the tolerance: the winner itself must be the same.
    ordered = np.sort(wanted, axis=-1)
    clear = ordered[:, -1] - ordered[:, -2] > TOLERANCE / 5
    same = answer.argmax(axis=-1) == wanted.argmax(axis=-1)
    rows = np.flatnonzero(clear & ~same)
    require(not len(rows), f"The most probable class of {what} is not NumPy's in rows {arrays.first(rows)}. {remedy}")


KERAS_CHECKS: tuple[Check, ...] = (
    check_formula_uses_shared_words,
    check_keras_graph_agrees,
    check_reloaded_file_agrees,
)
