"""An ensemble's record says how its members' own files are read, so that they are scored as they were combined."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke

pytestmark = pytest.mark.backend

RNG = np.random.default_rng(0)
X = RNG.normal(3, 5, size=(60, 6)).astype(np.float32)
NAMES = ("ant", "bee", "cow")


def log_loss(probabilities, y):
    return -np.log(probabilities[np.arange(len(y)), y]).mean()


def test_members_files_are_scored_with_the_options_that_they_were_combined_with(dense, answer, tmp_path):
    import keras

    normalise = keras.layers.Normalization()
    normalise.adapt(X)
    models = {"plain": dense(1), "normalised": dense(2), "logits": dense(3, activation=None)}
    for name, model in models.items():
        model.save(tmp_path / f"{name}.keras")
    paths = {name: tmp_path / f"{name}.keras" for name in models}
    members = [
        ke.Member(paths["plain"], classes=NAMES),
        ke.Member(paths["normalised"], preprocess=[normalise], classes=NAMES[::-1]),
        ke.Member(paths["logits"], output="logits", classes=NAMES),
    ]
    ensemble = ke.Ensemble(members)
    combined = ensemble.predict(X)
    y = combined.argmax(axis=1)
    file = ensemble.save(tmp_path / "ensemble.keras")

    report = ke.evaluate([file, *paths.values()], X, y)

    logits = answer(models["logits"], X)
    by_hand = {
        "plain": answer(models["plain"], X),
        "normalised": answer(models["normalised"], (X - X.mean(axis=0)) / X.std(axis=0))[:, ::-1],
        "logits": np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True),
        "ensemble": combined,
    }
    for name, probabilities in by_hand.items():
        assert report[name].log_loss == pytest.approx(log_loss(np.maximum(probabilities, 2.0**-24), y), abs=1e-4), name
    assert report["ensemble"].kind == "combiner"
