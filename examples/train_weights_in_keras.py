"""Train the ensemble's weights as a softmax layer inside Keras, on frozen members; then train a member as well.

The weights that `WeightedAverage().fit` finds are exact, so training is not needed to find them. It is needed where
the loss is your own, where members are to be trained together with their weights, or where the data come as a stream.

    python examples/train_weights_in_keras.py
"""

from __future__ import annotations

from importlib.resources import as_file, files

import numpy as np

import kerasemble as ke

NAMES = ("mlp", "cnn-small", "weak")


def log_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the mean of -log of the true class's probability."""
    return float(-np.log(probabilities[np.arange(len(y)), y]).mean())


def main(epochs: int = 30) -> dict[str, tuple[float, float]]:
    """Return the log loss on the rows that were learned from and on unseen rows, for each way to get the weights."""
    with as_file(files("kerasemble") / "demo") as folder:
        members = [member for member in ke.load_members(folder / "members.toml") if member.name in NAMES]
        valid, test = ke.load_data(folder / "valid.npz"), ke.load_data(folder / "test.npz")
    y_valid, y_test = ([valid.classes.index(name) for name in data.y] for data in (valid, test))
    seen = ke.predict(members, valid.x, classes=valid.classes)
    unseen = ke.predict(members, test.x, classes=valid.classes)

    equal = ke.WeightedAverage(weights=[1, 1, 1]).fit(seen)
    exact = ke.WeightedAverage().fit(seen, y_valid)
    losses = {
        "equal weights": (log_loss(equal(seen), y_valid), log_loss(equal(unseen), y_test)),
        "exact weights": (log_loss(exact(seen), y_valid), log_loss(exact(unseen), y_test)),
    }

    # The ensemble as a Keras model: members frozen, `log_weights` the one trainable weight, its softmax the weights.
    import keras

    ensemble = ke.Ensemble(members, equal)
    model = ensemble.to_keras()

    def train(name: str, rate: float) -> ke.Ensemble:
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        model.fit(valid.x, np.array(y_valid), batch_size=64, epochs=epochs, verbose=0)
        trained = ensemble.trained(model)
        losses[name] = (log_loss(trained.predict(valid.x), y_valid), log_loss(trained.predict(test.x), y_test))
        return trained

    trained = train("trained weights", rate=0.1)
    # Unfrozen, a member learns too, end to end through the ensemble; a small rate keeps what it knows. With 400 rows
    # it soon learns them by heart, which the unseen rows show.
    model.get_layer("member_mlp").trainable = True
    train("mlp trained too", rate=1e-3)

    for name, fitted in (("exact", exact), ("trained", trained.combiner)):
        print(f"{name:8}", {member: round(weight, 3) for member, weight in (fitted.weights or {}).items()})
    for name, (learned, new) in losses.items():
        print(f"{name:16} log loss {learned:.4f} on the rows learned from, {new:.4f} on unseen rows")
    return losses


if __name__ == "__main__":
    main()
