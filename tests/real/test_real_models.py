"""Real data and third-party models: what the project is for."""

from __future__ import annotations

import numpy as np
import pytest

import kerasemble as ke

pytestmark = [pytest.mark.backend, pytest.mark.slow]


def test_an_ensemble_of_members_trained_on_mnist_has_lower_log_loss_than_each_on_unseen_images(mnist, tmp_path):
    ensemble = ke.combine(mnist.models, mnist.x_valid, mnist.y_valid)
    assert ensemble.report.chosen.kind == "combiner"
    path = ensemble.save(tmp_path / "ensemble.keras")
    report = ke.evaluate([path, *mnist.models], mnist.x_test, mnist.y_test)
    assert report.chosen.name == "ensemble"
    assert report["ensemble"].log_loss < report.best_member.log_loss
    assert report["ensemble"].accuracy > report.best_member.accuracy - 0.002


def test_the_mean_of_members_trained_on_mnist_is_the_mean_of_three_predicts(mnist):
    by_hand = np.mean([model.predict(mnist.x_test, verbose=0) for model in mnist.models], axis=0)
    np.testing.assert_allclose(ke.Ensemble(mnist.models).predict(mnist.x_test), by_hand, atol=1e-6)


@pytest.fixture(scope="module")
def faces(shared):
    """Four emotion classifiers that Keras 2.0 saved, one for 48x48 and three for 64x64, inputs -1..1."""
    return sorted((shared / "models" / "face_classification").glob("*.hdf5"))


def test_four_third_party_models_of_two_input_sizes_combine_and_save(faces, tmp_path):
    import keras

    classes = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    x = np.random.default_rng(0).integers(0, 256, size=(12, 48, 48, 1)).astype(np.uint8)
    members = [ke.Member(path, preprocess="-1..1", classes=classes) for path in faces]
    assert len(members) == 4
    ensemble = ke.Ensemble(members)
    answer = ensemble.predict(x)

    def by_hand(path):
        model = keras.saving.load_model(path, compile=False)
        height, width = model.input_shape[1:3]
        scaled = x.astype("float32") / 127.5 - 1
        return model.predict(keras.ops.image.resize(scaled, (height, width), data_format="channels_last"), verbose=0)

    np.testing.assert_allclose(answer, np.mean([by_hand(path) for path in faces], axis=0), atol=1e-5)
    saved = keras.saving.load_model(ensemble.save(tmp_path / "faces.keras"))
    np.testing.assert_allclose(saved.predict(x, verbose=0), answer, atol=1e-5)
    assert ke.load(tmp_path / "faces.keras").classes == tuple(classes)
