"""What any version has saved opens in this one, on every backend, and answers as it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kerasemble.combiners import registry
from kerasemble.combiners.recipes import name_of

FILES = sorted(Path(__file__).parent.glob("v*/*.keras"))


def test_this_version_has_saved_an_ensemble_of_every_combiner():
    import kerasemble as ke

    saved = {path.stem for path in FILES if path.parent.name == f"v{ke.__version__}"}
    own = {name for name, kind in registry().items() if kind.__module__.startswith("kerasemble.")}
    assert own <= saved, "Run: python tests/golden/make.py"


@pytest.mark.backend
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_saved_ensemble_answers_as_it_did(path):
    import keras

    import kerasemble as ke

    expected = np.load(path.with_suffix(".npz"))
    ensemble = ke.load(path)
    assert name_of(ensemble.combiner.combiner) == path.stem
    assert ensemble.classes == ("ant", "bee", "cow")
    known = ("plain", "larger", "logits")
    assert tuple(member.name for member in ensemble.members) == ensemble.combiner.members
    assert set(ensemble.combiner.members) | set(ensemble.combiner.left_out) == set(known)
    np.testing.assert_allclose(ensemble.predict(expected["x"]), expected["probabilities"], atol=1e-5)
    bare = keras.saving.load_model(path)
    np.testing.assert_allclose(bare.predict(expected["x"], verbose=0), expected["probabilities"], atol=1e-5)
    # The formula and what was learned, without Keras.
    seen = ke.Predictions(expected["values"], known, ensemble.classes, ensemble.combiner.task)
    np.testing.assert_allclose(ensemble.combiner(seen), expected["probabilities"], atol=1e-5)
