"""Members of many kinds and qualities on which `detection.py` measures what is noticed.

Each is trained on few real images, from hardly at all to by heart, with one convention of scaling. What they answer to
rows that none was trained on is kept in the cache, and so are the models, which the trials of conventions run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pools

from kerasemble.core.arrays import softmax
from kerasemble.members.convention_trials import convert

Model = Any  # Keras is imported only where a member is trained or run
SEED = 23  # thresholds were set on the members and divisions of seeds 4 and 11, so that these are new to them
MOST_ROWS = 4000  # of a data set that members answer
PART = 256  # rows that a model is run on at once


class Quality(NamedTuple):
    """How long a member is trained, on how many rows, how fast."""

    name: str
    epochs: int
    rows: int
    rate: float


class Plan(NamedTuple):
    """How a member is made.

    Args:
        kind: of its body, one of BODIES.
        quality: of its training.
        convention: in which it is fed.
        background: whether it has one class more, the last, for images whose pixels are shuffled.
        leaked: whether it is trained on the first unseen rows instead.
    """

    kind: str
    quality: Quality
    convention: str
    background: bool = False
    leaked: bool = False


QUALITIES = (
    Quality("good", 10, 2000, 2e-3),
    Quality("fair", 3, 1000, 1e-3),
    Quality("weak", 2, 400, 5e-4),
    Quality("poor", 1, 150, 5e-4),
    Quality("by heart", 60, 100, 3e-3),
)
LEAKED = Quality("leaked", 100, 500, 3e-3)


class Data(NamedTuple):
    """Images as they are stored (rows, height, width[, 3]), and labels; to train on and never seen."""

    x: np.ndarray
    y: np.ndarray
    x_unseen: np.ndarray
    y_unseen: np.ndarray
    range: tuple[float, float]
    classes: int


class Doubtful(NamedTuple):
    """A member, and what it answers to the unseen rows in its own convention."""

    plan: Plan
    logits: np.ndarray  # (rows, classes) float32, before the softmax
    path: Path

    @property
    def name(self) -> str:
        """Return what tells it from the others."""
        return f"{self.plan.kind}, {self.plan.quality.name}, {self.plan.convention}"


def digits() -> Data:
    """Return scikit-learn's digits, 0..16: no convention's range."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(x))
    x, y = x.reshape(-1, 8, 8).astype(np.float32)[order], y[order].astype(np.int64)
    return Data(x[:797], y[:797], x[797:], y[797:], (0.0, 16.0), 10)


def mnist() -> Data:
    """Return MNIST's test images: 2,000 to train on, 4,000 others."""
    import gzip

    sources = [pools.shared_file(f"data/mnist_t10k/t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1")]
    images, labels = (gzip.decompress(path.read_bytes()) for path in sources)
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    order = np.random.default_rng(SEED).permutation(len(x))  # the second half of the file is easier than the first
    x, y = x[order], y[order]
    return Data(x[:2000], y[:2000], x[2000 : 2000 + MOST_ROWS], y[2000 : 2000 + MOST_ROWS], (0.0, 255.0), 10)


def colour() -> Data:
    """Return MNIST in colours, at half its resolution: the hue says more than chance of the digit, so channels matter.

    Each digit has a hue of its own, drawn with much noise; the ground has the opposite one.
    """
    grey = mnist()
    rng = np.random.default_rng(SEED)

    def paint(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        small = x.reshape(len(x), 14, 2, 14, 2).mean(axis=(2, 4)) / 255
        angle = 2 * np.pi * (y / 10 + rng.normal(0, 0.12, len(y)))
        hue = 0.5 + 0.5 * np.cos(angle[:, None] - 2 * np.pi * np.array([0, 1, 2]) / 3)
        ink, ground = hue[:, None, None], 0.6 * (1 - hue)[:, None, None]
        image = small[..., None] * ink + (1 - small[..., None]) * ground
        return np.round(255 * np.clip(image + rng.normal(0, 0.03, image.shape), 0, 1)).astype(np.uint8)

    return Data(paint(grey.x, grey.y), grey.y, paint(grey.x_unseen, grey.y_unseen), grey.y_unseen, grey.range, 10)


def xray() -> Data:
    """Return chest X-rays: the training images, and the validation and test images."""
    data = pools.arrays(pools.shared_file("data/pneumonia_xray_28.npz"))
    x, y = (np.concatenate([data[f"val_{kind}"], data[f"test_{kind}"]]) for kind in ("images", "labels"))
    unseen = {image.tobytes() for image in x}
    rows = [i for i, image in enumerate(data["train_images"]) if image.tobytes() not in unseen]
    rows = np.random.default_rng(SEED).permutation(rows)
    train = data["train_images"][rows], data["train_labels"][rows, 0].astype(np.int64)
    return Data(*train, x, y[:, 0].astype(np.int64), (0.0, 255.0), 2)


def tiny_cnn(layers: ModuleType) -> list[pools.Layer]:
    """One convolution and pooling, for small images."""
    return [layers.Conv2D(12, 3, activation="relu"), layers.MaxPooling2D(2), layers.Flatten()]


DATA = {"digits": digits, "mnist": mnist, "colour": colour, "xray": xray}
BODIES = {
    "logistic": pools.dense(),
    "mlp": pools.dense(64, dropout=0.2),
    "tanh": pools.dense(48, 32, activation="tanh"),
    "cnn": tiny_cnn,
}
GREY = ("0..1", "-1..1", "0..255")
COLOURS = ("0..1", "torch", "bgr+0..1", "caffe", "-1..1", "0..255", "bgr+torch")


def plans(name: str) -> list[Plan]:
    """Return the members of a data set: all kinds and qualities, conventions in turn; then the special ones."""
    conventions = COLOURS if name == "colour" else GREY
    pairs = [(kind, quality) for quality in QUALITIES for kind in BODIES]
    usual = [Plan(kind, quality, conventions[i % len(conventions)]) for i, (kind, quality) in enumerate(pairs)]
    extra = [Plan(kind, quality, "0..1", background=True) for quality in QUALITIES[:3] for kind in BODIES]
    return [*usual, *extra, *(Plan(kind, LEAKED, "0..1", leaked=True) for kind in BODIES)]


def members(name: str, data: Data, cache: Path = pools.CACHE) -> list[Doubtful]:
    """Return the members of a data set, trained where the cache does not have them."""
    state = hashlib.sha256(f"{version('keras')} {plans(name)}".encode())
    for source in (Path(__file__), Path(pools.__file__)):
        state.update(source.read_bytes())
    folder = cache / "doubtful" / f"{name}-{state.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    return [_member(i, plan, data, folder) for i, plan in enumerate(plans(name))]


def _member(index: int, plan: Plan, data: Data, folder: Path) -> Doubtful:
    path, kept = folder / f"{index}.keras", folder / f"{index}.npy"
    if not kept.exists():
        model = _trained(index, plan, data)
        model.save(path)
        unseen = channels(convert(data.x_unseen, plan.convention, *data.range))
        with kept.open("wb") as file:
            np.save(file, np.asarray(model.predict(unseen, batch_size=1000, verbose=0)))
    return Doubtful(plan, np.load(kept), path)


def channels(x: np.ndarray) -> np.ndarray:
    """Return images with an axis of channels."""
    return x if x.ndim == 4 else x[..., None]


def _trained(index: int, plan: Plan, data: Data) -> Model:
    """Return a model from scaled images to logits."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(SEED + index)
    rng = np.random.default_rng(SEED + index)
    quality = plan.quality
    x, y = (data.x_unseen, data.y_unseen) if plan.leaked else (data.x, data.y)
    rows = np.arange(quality.rows) if plan.leaked else rng.permutation(len(x))[: quality.rows]
    x, y = x[rows], y[rows]
    if plan.background:
        nothing = rng.permuted(x[: len(x) // data.classes].reshape(len(x) // data.classes, -1), axis=1)
        x = np.concatenate([x, nothing.reshape(-1, *x.shape[1:])])
        y = np.append(y, np.full(len(nothing), data.classes))
    x = channels(convert(x, plan.convention, *data.range))
    head = keras.layers.Dense(data.classes + plan.background)
    model = keras.Sequential([keras.Input(x.shape[1:]), *BODIES[plan.kind](keras.layers), head])
    # A network that is fed 0..255 diverges at the others' rate.
    rate = quality.rate / 10 if plan.convention in ("0..255", "caffe") else quality.rate
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(x, y, batch_size=32, epochs=quality.epochs, verbose=0)
    return model


def runner(member: Doubtful) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from scaled images to the member's probabilities."""
    import keras

    model = keras.models.load_model(member.path, compile=False)

    def run(x: np.ndarray) -> np.ndarray:
        # In parts of one size, so that it is compiled once.
        images = channels(np.asarray(x, dtype=np.float32))
        padded = np.concatenate([images, np.zeros((-len(images) % PART, *images.shape[1:]), np.float32)])
        parts = [np.asarray(model.predict_on_batch(part)) for part in padded.reshape(-1, PART, *images.shape[1:])]
        return softmax(np.concatenate(parts)[: len(images)].astype(np.float64), np)

    return run
