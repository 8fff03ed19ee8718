"""Make the pools on which combiners are measured: what trained members answer on rows that none was trained on.

    python benchmarks/pools.py [--cache benchmarks/.cache] [--only mnist xray]

prints what is in each. `digits` needs only the package; the others read `../shared`. Pools that run or train models are
kept in the cache; a change in this file, in the data or in Keras makes them anew. Training gives the same bits each
time on one machine; on one core instead of two the best X-ray member lost at least 2.4 points of accuracy. So
measurements are comparable where the table's last column, of a pool's values or votes, is the same.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.resources import as_file, files
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from kerasemble.core.metrics import hits, log_losses

# The weights are reproducible per backend only, so the script names one.
os.environ.setdefault("KERAS_BACKEND", "jax")

SHARED = Path(__file__).resolve().parents[2] / "shared"
CACHE = Path(__file__).resolve().parent / ".cache"
SEED = 2025
FOLDS = 5

Layer = Any  # Keras is imported only where a member is trained
Body = Callable[[ModuleType], list[Layer]]  # from `keras.layers` to what stands between the scaled image and the head
Rows = tuple[np.ndarray, np.ndarray]  # images and labels
Split = tuple[np.ndarray, np.ndarray]  # rows to fit on, rows to score on


class Pool(NamedTuple):
    """Members' answers on unseen rows: probabilities in `values`, or class indices in `votes`; the other is None."""

    name: str
    members: tuple[str, ...]
    classes: tuple[str, ...]
    values: np.ndarray | None  # (members, rows, classes) float32
    votes: np.ndarray | None  # (members, rows) int8
    labels: np.ndarray  # (rows,) int64
    x_description: str
    division: int | None = None  # where given: rows before it are those to fit on, the others those to score on

    def probabilities(self) -> np.ndarray:
        """Return float32 (members, rows, classes), in which a vote is a one."""
        return np.eye(len(self.classes), dtype=np.float32)[self.votes] if self.values is None else self.values


@dataclass(frozen=True)
class Recipe:
    """How one member is built and trained."""

    name: str
    body: Body
    epochs: int
    rate: float = 1e-3  # Adam's learning rate
    rows: int | None = None  # number of training rows that it sees; all where None


def small_cnn(layers: ModuleType) -> list[Layer]:
    """Two strided convolutions, then dropout."""
    convolutions = [layers.Conv2D(filters, 5, strides=2, activation="relu") for filters in (12, 24)]
    return [*convolutions, layers.Flatten(), layers.Dropout(0.3)]


def pooled_cnn(layers: ModuleType) -> list[Layer]:
    """Two convolutions with batch normalisation and pooling, then dropout."""
    body = []
    for filters in (12, 24):
        body += [layers.Conv2D(filters, 3, use_bias=False), layers.BatchNormalization(momentum=0.9), layers.ReLU()]
        body += [layers.MaxPooling2D(2)]
    return [*body, layers.Flatten(), layers.Dropout(0.4)]


def dense(*units: int, activation: str = "relu", dropout: float = 0.0) -> Body:
    """Return the body of a network with these dense layers; with none, of a softmax regression."""

    def body(layers: ModuleType) -> list[Layer]:
        hidden = [(layers.Dense(n, activation=activation), layers.Dropout(dropout)) for n in units]
        return [layers.Flatten(), *chain.from_iterable(hidden)]

    return body


def halved(body: Body) -> Body:
    """Return the body that sees the image at half its resolution."""
    return lambda layers: [layers.AveragePooling2D(2), *body(layers)]


MNIST_MEMBERS = (
    Recipe("logistic", dense(), epochs=15),
    Recipe("mlp", dense(64, dropout=0.2), epochs=12),
    Recipe("mlp-tanh", dense(96, 48, activation="tanh"), epochs=10),
    Recipe("cnn", small_cnn, epochs=12, rate=2e-3),
    Recipe("cnn-pooled", pooled_cnn, epochs=6, rate=2e-3),
    Recipe("half-resolution", halved(dense(48)), epochs=12),
    Recipe("undertrained", small_cnn, epochs=2, rate=5e-4),
    Recipe("overconfident", dense(256, 256), epochs=80, rate=5e-3, rows=500),
)
XRAY_MEMBERS = (
    Recipe("logistic", dense(), epochs=8),
    Recipe("mlp", dense(48, dropout=0.3), epochs=12),
    Recipe("cnn", small_cnn, epochs=10, rate=2e-3),
    Recipe("cnn-pooled", pooled_cnn, epochs=6),
    Recipe("half-resolution-undertrained", halved(dense(16)), epochs=1, rate=5e-4),
    Recipe("overconfident", dense(128, 128), epochs=80, rate=2e-3, rows=300),
)


def answer(recipe: Recipe, seed: int, train_xy: Rows, x: np.ndarray, classes: int) -> np.ndarray:
    """Train one member on images of bytes (rows, height, width) and return what it answers to x."""
    import keras

    keras.utils.clear_session()  # so that nothing depends on earlier members
    keras.utils.set_random_seed(seed)
    front = [keras.Input(x.shape[1:]), keras.layers.Reshape((*x.shape[1:], 1)), keras.layers.Rescaling(1 / 255)]
    head = keras.layers.Dense(classes, activation="softmax")
    model = keras.Sequential([*front, *recipe.body(keras.layers), head])
    model.compile(keras.optimizers.Adam(recipe.rate), "sparse_categorical_crossentropy")
    x_train, y_train = train_xy
    rows = np.random.default_rng(seed).permutation(len(x_train))[: recipe.rows]
    model.fit(x_train[rows], y_train[rows], batch_size=32, epochs=recipe.epochs, verbose=0)
    return np.asarray(model.predict(x, batch_size=1000, verbose=0))


def answers(recipes: Sequence[Recipe], train_xy: Rows, x: np.ndarray, classes: int) -> np.ndarray:
    """Train every member and return what they answer to x, float32 (members, rows, classes)."""
    return np.stack([answer(recipe, SEED + i, train_xy, x, classes) for i, recipe in enumerate(recipes)])


def shared_file(path: str) -> Path:
    """Return a file of the folder beside the checkout.

    Raises:
        FileNotFoundError: it is not there, as in a user's clone.
    """
    if not (SHARED / path).is_file():
        msg = f"{SHARED / path} is missing. This pool needs the folder of real data beside the checkout; leave it out."
        raise FileNotFoundError(msg)
    return SHARED / path


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Return all arrays of an `.npz`."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def cached(pool: str, sources: list[Path], cache: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return the values of a pool from the cache, or make and keep them if anything they come from has changed."""
    state = hashlib.sha256(f"{version('keras')} {os.environ['KERAS_BACKEND']}".encode())
    for source in (Path(__file__), *sources):
        state.update(hashlib.sha256(source.read_bytes()).digest())
    path, digest = cache / f"{pool}.npz", state.hexdigest()
    if path.is_file():
        kept = arrays(path)
        if str(kept["digest"]) == digest:
            return kept["values"]
    values = make()
    cache.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")  # a killed run or two at a time leave whole files only
    with part.open("wb") as file:
        np.savez_compressed(file, values=values, digest=digest)
    part.replace(path)
    return values


def digits(cache: Path) -> Pool:
    """Return the answers of the eight members that the package brings, on the demo's valid and test rows."""
    import kerasemble as ke

    with as_file(files("kerasemble") / "demo") as folder:
        members = ke.load_members(folder / "members.toml")
        parts = [arrays(folder / f"{part}.npz") for part in ("valid", "test")]
        x, y = (np.concatenate([part[key] for part in parts]) for key in ("x", "y"))
        classes = tuple(map(str, parts[0]["classes"]))
        sources = sorted(path for path in folder.iterdir() if path.is_file())
        values = cached("digits", sources, cache, lambda: ke.predict(members, x, classes=classes).values)
    names = tuple(member.name for member in members)
    return Pool("digits", names, classes, values, None, y.astype(np.int64), "8x8 images of digits, valid then test")


def mnist(cache: Path) -> Pool:
    """Return the answers of eight members, trained on the first 2,000 of MNIST's test images, on the other 8,000."""
    sources = [shared_file(f"data/mnist_t10k/t10k-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1")]
    images, labels = (gzip.decompress(path.read_bytes()) for path in sources)
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    y = np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    values = cached("mnist", sources, cache, lambda: answers(MNIST_MEMBERS, (x[:2000], y[:2000]), x[2000:], 10))
    names = tuple(recipe.name for recipe in MNIST_MEMBERS)
    classes = tuple(map(str, range(10)))
    return Pool("mnist", names, classes, values, None, y[2000:], "28x28 images of digits, MNIST test from 2,000 on")


def xray(cache: Path) -> Pool:
    """Return the answers of six members on the validation and test rows of chest X-rays."""
    source = shared_file("data/pneumonia_xray_28.npz")
    data = arrays(source)
    x_unseen, y_unseen = (np.concatenate([data[f"val_{kind}"], data[f"test_{kind}"]]) for kind in ("images", "labels"))
    # Three of the validation images are training images too: no member may see those.
    unseen = {image.tobytes() for image in x_unseen}
    rows = [i for i, image in enumerate(data["train_images"]) if image.tobytes() not in unseen]
    train_xy = (data["train_images"][rows], data["train_labels"][rows, 0])
    values = cached("xray", [source], cache, lambda: answers(XRAY_MEMBERS, train_xy, x_unseen, 2))
    names = tuple(recipe.name for recipe in XRAY_MEMBERS)
    labels = y_unseen[:, 0].astype(np.int64)
    return Pool("xray", names, ("normal", "pneumonia"), values, None, labels, "28x28 chest X-rays, val then test")


def cifar_votes(_cache: Path) -> Pool:
    """Return the votes of thirty published models on CIFAR-10.1."""
    data = arrays(shared_file("predictions/cifar10_1_v4_votes.npz"))
    names, classes = (tuple(map(str, data[key])) for key in ("members", "classes"))
    labels = data["labels"].astype(np.int64)
    return Pool("cifar-votes", names, classes, None, data["votes"], labels, "32x32 colour images, CIFAR-10.1 v4")


def aerial_votes(_cache: Path, fold: int) -> Pool:
    """Return the votes of seventy classifiers of aerial images in one fold: `val` rows to fit on, then `test` rows.

    By their sizes and labels, the `val` parts divide all 1,005 images into five, and `test` of a fold holds the images
    of `val` of the next (of the last, the first), in the same order, as other trainings of the classifiers answer them:
    72 % of the votes agree. So within a fold the parts share no image, each image is fitted on in one fold and scored
    in another, and rows of different folds must not be put together.
    """
    data = arrays(shared_file("predictions/rs_dataset_votes.npz"))
    votes = [data[f"{part}{fold}_votes"] for part in ("val", "test")]
    labels = np.concatenate([data[f"{part}{fold}_labels"] for part in ("val", "test")]).astype(np.int64)
    classes = tuple(map(str, data["classes"]))
    names = tuple(f"classifier-{i:02d}" for i in range(len(votes[0])))
    about = f"aerial images, val{fold} then test{fold}"
    division = votes[0].shape[1]
    return Pool(f"aerial-votes-{fold}", names, classes, None, np.concatenate(votes, axis=1), labels, about, division)


POOLS: dict[str, Callable[[Path], Pool]] = {
    "digits": digits,
    "mnist": mnist,
    "xray": xray,
    "cifar-votes": cifar_votes,
    **{f"aerial-votes-{fold}": partial(aerial_votes, fold=fold) for fold in range(1, FOLDS + 1)},
}


def load(name: str, cache: Path = CACHE) -> Pool:
    """Return a pool of POOLS, from the cache where it is there."""
    return POOLS[name](cache)


def splits(pool: Pool, rows: int, repeats: int, seed: int) -> Iterator[Split]:
    """Give rows to fit on, as many as wanted and stratified by class, and all the others to score on.

    A pool that has its own division gives that, once, whatever is asked for.

    Args:
        pool: The pool to divide.
        rows: How many to fit on; each class gets its share of them, to within one row.
        repeats: How many divisions to give.
        seed: Chooses the rows; a division is the same however many follow it.

    Yields:
        Sorted row indices to fit on and to score on.

    Raises:
        ValueError: no row is left to fit on or to score on.
    """
    total = len(pool.labels)
    if pool.division is not None:
        yield np.arange(pool.division), np.arange(pool.division, total)
        return
    if not 0 < rows < total:
        msg = f"rows must be between 1 and {total - 1} for pool '{pool.name}'. Received: rows={rows}."
        raise ValueError(msg)
    for repeat in range(repeats):
        order = stratified_order(pool.labels, np.random.default_rng([seed, repeat]))
        yield np.sort(order[:rows]), np.sort(order[rows:])


def stratified_order(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random order of the rows of which every beginning holds the classes in their proportions."""
    place = np.empty(len(labels))
    for label in np.unique(labels):
        mine = rng.permutation(np.flatnonzero(labels == label))
        place[mine] = (np.arange(len(mine)) + rng.random()) / len(mine)
    return np.argsort(place)


def main() -> None:
    """Make the pools, and print how good their members and the members' plain mean are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder that keeps what members answered")
    parser.add_argument("--only", nargs="+", choices=POOLS, default=list(POOLS), metavar="POOL", help=", ".join(POOLS))
    parser.add_argument("--members", action="store_true", help="print each member's accuracy and log loss too")
    options = parser.parse_args()
    columns = ("members", "rows", "classes", "best", "mean", "worst", "pooled", "log loss", "seconds", "sha256")
    print(f"{'pool':<30}" + "".join(f"{column:>9}" for column in columns))
    for name in options.only:
        start = time.perf_counter()
        try:
            pool = load(name, options.cache)
        except FileNotFoundError as error:
            print(f"{name:<30}{error}")
            continue
        seconds = time.perf_counter() - start
        values = pool.probabilities()
        digest = hashlib.sha256((pool.votes if pool.values is None else pool.values).tobytes()).hexdigest()[:8]
        each = [hits(p, pool.labels).mean() for p in values]
        pooled = values.mean(axis=0, dtype=np.float64)
        accuracies = (max(each), np.mean(each), min(each), hits(pooled, pool.labels).mean())
        line = f"{name:<30}" + "".join(f"{n:9d}" for n in values.shape) + "".join(f"{a:9.4f}" for a in accuracies)
        print(line + f"{log_losses(pooled, pool.labels).mean():9.4f}{seconds:9.1f} {digest:>8}", flush=True)
        if options.members:
            for member, right, p in zip(pool.members, each, values, strict=True):
                print(f"  {member:<55}{right:9.4f}{log_losses(p, pool.labels).mean():36.4f}")


if __name__ == "__main__":
    main()
