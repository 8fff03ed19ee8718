"""Small models in every layout that Keras writes, once for all tests."""

from __future__ import annotations

import zipfile

import h5py
import pytest


@pytest.fixture(scope="session")
def nested():
    """A model with a model in it, half precision and an optimizer's state."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(8, dtype="bfloat16"), layers.Dropout(0.5)], name="inner")
    source = keras.Input((8,), name="rows")
    hidden = layers.Conv1D(4, 2)(layers.Reshape((2, 4))(inner(source)))
    hidden = layers.BatchNormalization()(layers.Flatten()(hidden))
    model = keras.Model(source, layers.Dense(3, activation="softmax", name="classes")(hidden), name="outer")
    model.compile("adam", "sparse_categorical_crossentropy")
    model.optimizer.build(model.trainable_variables)
    return model


@pytest.fixture(scope="session")
def saved(tmp_path_factory, nested, dense):
    """Nested and dense, each as .keras, .h5 and .weights.h5, and dense.json, older.h5, packed.keras and unzipped."""
    import keras

    writer = keras.src.legacy.saving.legacy_h5_format
    folder = tmp_path_factory.mktemp("saved")
    for name, model in {"nested": nested, "dense": dense(1, name="dense_model")}.items():
        model.save(folder / f"{name}.keras")
        # Keras's own writer of .h5, called as `save` does but without its advice to use another format.
        writer.save_model_to_hdf5(model, folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
        if name == "dense":
            (folder / "dense.json").write_text(model.to_json(), encoding="utf-8")
            # Weights alone, as Keras 2 wrote them.
            with h5py.File(folder / "older.h5", "w") as file:
                writer.save_weights_to_hdf5_group(file, model)
    with zipfile.ZipFile(folder / "nested.keras") as archive:
        archive.extractall(folder / "unzipped")
        with zipfile.ZipFile(folder / "packed.keras", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in archive.namelist():
                packed.writestr(name, archive.read(name))
    return folder
