"""Train the demo's members on scikit-learn's digits and write them to disk.

The members differ on purpose, as models from different hands do: in architecture, in the
shape and range of their input, in the order of their classes, in probabilities or logits,
and in file format. Each sees another 70 % of the training rows. The script does not use
Kerasemble: it plays whoever trained the models before anybody thought of combining them.

It writes `valid.npz`, `test.npz` and one file per member. `members.toml`, which
describes the members, lies beside them and is kept by hand.

    python examples/train_demo_members.py [--out FOLDER]
"""

import argparse
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# The weights are reproducible per backend only, so the script names one.
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

SEED = 2024
CLASSES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DEFAULT_OUT = Path(__file__).resolve().parents[1] / "src" / "kerasemble" / "demo"


@dataclass(frozen=True)
class Member:
    """One member: how to build it, how to train it, and what it takes and gives."""

    file: str  # its suffix chooses the format
    build: Callable[[], keras.Model]
    scale: str | None = "0..1"  # range of its input: this, "-1..1", or None for raw 0..255
    logits: bool = False  # whether it gives logits rather than probabilities
    classes: tuple[str, ...] = tuple(CLASSES)  # in the order of its outputs
    epochs: int = 20
    rate: float = 2e-3  # Adam's learning rate
    shifted: int = 0  # number of shifted copies added to its training rows


def mlp() -> keras.Model:
    """Two dense layers."""
    inputs = keras.Input((8, 8))
    x = layers.Dense(48, activation="relu")(layers.Flatten()(inputs))
    x = layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="mlp")


def cnn_small() -> keras.Model:
    """Two convolutions, padded, with pooling."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    x = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
    return keras.Model(inputs, x, name="cnn_small")


def cnn_16x16() -> keras.Model:
    """Three strided convolutions on larger images."""
    inputs = keras.Input((16, 16, 1))
    x = inputs
    for filters, size in ((8, 5), (16, 3), (24, 3)):
        x = layers.Conv2D(filters, size, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
    return keras.Model(inputs, x, name="cnn_16x16")


def attention() -> keras.Model:
    """Two self-attention blocks over the rows."""
    inputs = keras.Input((8, 8))
    # A bias with one value per row *and* feature is a position embedding, and unlike a
    # lookup of constant positions it saves and loads as one built-in layer.
    x = layers.EinsumDense("btf,fe->bte", output_shape=(8, 24), bias_axes="te")(inputs)
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(num_heads=2, key_dim=12)(y, y)])
        y = layers.Dense(48, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(24)(y)])
    x = layers.Flatten()(layers.LayerNormalization()(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="attention")


def cnn_logits() -> keras.Model:
    """Convolutions with batch normalisation that take raw bytes and give logits."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(1 / 255)(inputs)
    for filters in (12, 24):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.MaxPooling2D(2)(x)
    return keras.Model(inputs, layers.Dense(10)(layers.Flatten()(x)), name="cnn_logits")


def residual() -> keras.Model:
    """Separable convolutions with shortcuts and dropout."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(inputs)
    for _ in range(2):
        y = layers.SeparableConv2D(24, 3, padding="same", activation="relu")(x)
        y = layers.SeparableConv2D(24, 3, padding="same")(y)
        x = layers.MaxPooling2D(2)(layers.ReLU()(layers.Add()([x, y])))
    x = layers.Dropout(0.3)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="residual")


def weak() -> keras.Model:
    """A softmax regression on a 4x4 image: the weak one."""
    inputs = keras.Input((8, 8))
    x = layers.Flatten()(layers.AveragePooling2D(2)(layers.Reshape((8, 8, 1))(inputs)))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="weak")


def wide() -> keras.Model:
    """A wide dense net with batch normalisation and dropout."""
    model = keras.Sequential([keras.Input((8, 8)), layers.Flatten()], name="wide")
    for units in (256, 96):
        model.add(layers.Dense(units, activation="relu"))
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Dropout(0.4))
    model.add(layers.Dense(10, activation="softmax"))
    return model


MEMBERS = [
    Member("mlp.keras", mlp),
    Member("cnn-small.keras", cnn_small, scale="-1..1"),
    Member("cnn-16x16.keras", cnn_16x16, shifted=1),
    Member("attention.keras", attention),
    Member("cnn-logits.keras", cnn_logits, scale=None, logits=True, epochs=10),
    Member("residual-permuted.keras", residual, classes=tuple(sorted(CLASSES)), shifted=1),
    Member("weak.keras", weak, epochs=12, rate=2e-2),
    Member("wide.h5", wide, epochs=12),
]


def load_splits() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Split the digits, as bytes, into "train" (900 rows), "valid" (400) and "test" (497)."""
    digits = load_digits()
    x = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    y = digits.target.astype(np.int64)
    rest, test = train_test_split(np.arange(len(y)), test_size=497, stratify=y, random_state=SEED)
    train, valid = train_test_split(rest, test_size=400, stratify=y[rest], random_state=SEED)
    parts = {"train": train, "valid": valid, "test": test}
    return {name: (x[rows], y[rows]) for name, rows in parts.items()}


def prepare(x: np.ndarray, shape: tuple[int | None, ...], scale: str | None) -> np.ndarray:
    """Bring 8x8 images with pixels 0..255 to a member's input shape and range."""
    x = x.astype(np.float32)
    if len(shape) == 4:
        x = x[..., None]
    if shape[1:3] != x.shape[1:3]:
        resized = keras.ops.image.resize(x, shape[1:3], interpolation="bilinear")
        x = keras.ops.convert_to_numpy(resized)
    return {"0..1": x / 255, "-1..1": x / 127.5 - 1, None: x}[scale]


def shift(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shift each image by up to 0.8 pixels each way, filling with background.

    A whole pixel is an eighth of the image: too much. So lines blend with their neighbours.
    """
    by = rng.uniform(-0.8, 0.8, size=(2, len(x), 1, 1))
    stay, back, ahead = (np.eye(8, k=k) for k in (0, -1, 1))
    blend = (1 - abs(by)) * stay + np.maximum(by, 0) * back + np.maximum(-by, 0) * ahead
    return np.asarray(blend[0] @ x @ blend[1])


def train(member: Member, seed: int, x: np.ndarray, y: np.ndarray) -> keras.Model:
    """Train one member on its own 70 % of the training rows.

    Args:
        member: The member to train.
        seed: Chooses its rows, their shifts and its initial weights.
        x: Training images, 0..255.
        y: Their indices into CLASSES.

    Returns:
        The trained model, uncompiled, so that it saves without the optimizer's state.
    """
    keras.utils.clear_session()  # so that layer names do not depend on earlier members
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(x), round(0.7 * len(x)), replace=False)
    images = np.concatenate([x[rows], *(shift(x[rows], rng) for _ in range(member.shifted))])
    own_order = np.array([member.classes.index(name) for name in CLASSES])
    labels = np.tile(own_order[y[rows]], 1 + member.shifted)

    model = member.build()
    model.compile(
        keras.optimizers.Adam(member.rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=member.logits),
    )
    inputs = prepare(images, model.input_shape, member.scale)
    model.fit(inputs, labels, batch_size=32, epochs=member.epochs, verbose=0)
    # Not `clone_model`: the clone of a compiled model is compiled.
    final: keras.Model = type(model).from_config(model.get_config())
    final.set_weights(model.get_weights())
    return final


def probabilities(model: keras.Model, member: Member, x: np.ndarray) -> np.ndarray:
    """Predict class probabilities with the columns in the order of CLASSES."""
    inputs = prepare(x, model.input_shape, member.scale)
    outputs = model.predict(inputs, batch_size=512, verbose=0).astype(np.float64)
    if member.logits:
        outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    # Float32 softmax sums to 1 only to about 1e-7, which scikit-learn's log_loss notices.
    outputs /= outputs.sum(axis=1, keepdims=True)
    return np.take(outputs, [member.classes.index(name) for name in CLASSES], axis=1)


def scores(p: np.ndarray, y: np.ndarray) -> str:
    """Format accuracy and log loss as two columns of the table."""
    return f"{(p.argmax(axis=1) == y).mean():13.4f}{log_loss(y, p, labels=np.arange(10)):8.4f}"


def main() -> None:
    """Write the data and the members, and print how good each one is."""
    parser = argparse.ArgumentParser(description="Train the members of the demo.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write to")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    # Keras warns, through absl, that HDF5 is a legacy format. One member is in it on purpose:
    # ensembles have old members, and reading them is part of what the demo shows.
    logging.getLogger("absl").setLevel(logging.ERROR)
    splits = load_splits()
    x_train, y_train = splits.pop("train")
    for name, (x, y) in splits.items():
        np.savez_compressed(out / f"{name}.npz", x=x, y=y, classes=np.array(CLASSES))

    print(f"{'member':<20}{'params':>8}{'kB':>8}", *(f"{s:>8} acc    loss" for s in splits))
    means = {name: np.zeros((len(y), len(CLASSES))) for name, (_, y) in splits.items()}
    for index, member in enumerate(MEMBERS):
        model = train(member, SEED + index, x_train, y_train)
        path = out / member.file
        model.save(path)
        line = f"{path.stem:<20}{model.count_params():8d}{path.stat().st_size / 1000:8.0f}"
        for name, (x, y) in splits.items():
            p = probabilities(model, member, x)
            means[name] += p / len(MEMBERS)
            line += scores(p, y)
        print(line, flush=True)
    print(f"{'mean':<36}" + "".join(scores(means[s], y) for s, (_, y) in splits.items()))


if __name__ == "__main__":
    main()
