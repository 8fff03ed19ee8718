"""The files that the documentation names, made small: models, data, images."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("circle", "cross", "square")
SIZE = 12
MEMBERS = """
[[member]]
path = "a.keras"

[[member]]
path = "b.h5"
preprocess = "-1..1"

[[member]]
path = "c.keras"
name = "c-resnet"
output = "logits"
"""


class Block(NamedTuple):
    """A fenced block of a page: its language, its title, the number of its first line, and its text."""

    language: str
    title: str | None
    line: int
    text: str


class Page(NamedTuple):
    """A page of the documentation: its path from the root, its text, its fenced blocks."""

    name: str
    text: str
    blocks: tuple[Block, ...]


def read_page(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    blocks, opened = [], None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("```"):
            if opened is not None:
                opened[3].append(line)
        elif opened is None:
            language, _, rest = line.strip().removeprefix("```").partition(" ")
            title = rest.partition('title="')[2].partition('"')[0] or None
            opened = (language, title, number + 1, [])
        else:
            blocks.append(Block(*opened[:3], "\n".join(opened[3]) + "\n"))
            opened = None
    assert opened is None, f"{path}: a block that begins in line {opened[2]} does not end"
    return Page(str(path.relative_to(ROOT)), text, tuple(blocks))


def all_pages() -> list[Page]:
    paths = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
    return [read_page(path) for path in paths]


def pytest_generate_tests(metafunc):
    """Give a test that asks for `page` each page in turn."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", all_pages(), ids=lambda page: page.name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout, where README and docs lie."""
    return ROOT


@pytest.fixture(scope="session")
def pages() -> list[Page]:
    """Every page of the documentation."""
    return all_pages()


def patterns() -> np.ndarray:
    """Return the three classes without noise, 0 or 1: (classes, SIZE, SIZE)."""
    rows, columns = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    circle = np.abs(np.hypot(rows, columns) - 4) < 1
    cross = np.abs(np.abs(rows) - np.abs(columns)) < 1
    square = np.maximum(np.abs(rows), np.abs(columns)) == 4.5
    return np.stack([circle, cross, square]).astype(np.float32)


def images(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy drawings (rows, SIZE, SIZE, 1) of 0..255, and their classes (rows,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(CLASSES), rows)
    x = 90 + 60 * patterns()[y] + rng.normal(0, 70, size=(rows, SIZE, SIZE))
    return np.clip(x, 0, 255).astype(np.uint8)[..., None], y


def classifier(name, seed, low, high, *, logits=False, order=(0, 1, 2)):
    """Return a model that knows the patterns in some of the pixels, for data in low..high, its classes in `order`."""
    import keras

    seen = np.random.default_rng(seed).random((SIZE, SIZE, 1)) < 0.25
    weights = (patterns()[list(order), ..., None] * seen).reshape(len(order), -1).T * 60 / 255
    # The log-odds of normal noise, for pixels in 0..1 around the background.
    kernel, bias = weights / 0.08, -((weights + 2 * 90 / 255) * weights).sum(axis=0) / 0.16
    scale, offset = 1 / (high - low), -low / (high - low)
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(len(order), activation=None if logits else "softmax"),
        ],
        name=name,
    )
    model.set_weights([kernel * scale, bias + (kernel * offset).sum(axis=0)])
    return model


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Path:
    """A folder with what the pages name: models, data, images and saved predictions."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("files")
    classifier("a", 1, 0, 255).save(folder / "a.keras")
    classifier("b", 2, -1, 1).save(folder / "b.h5")
    classifier("c", 3, 0, 255, logits=True).save(folder / "c.keras")
    classifier("d", 4, 0, 1, order=(2, 0, 1)).save(folder / "d.keras")
    for name, seed in {"valid.npz": 1, "test.npz": 2}.items():
        x, y = images(300, seed)
        np.savez(folder / name, x=x, y=y)
    np.savez(folder / "new.npz", x=images(20, 3)[0])
    (folder / "members.toml").write_text(MEMBERS, encoding="utf-8")
    x, y = images(240, 4)
    for number, (image, label) in enumerate(zip(x, y, strict=True)):
        target = folder / "images" / CLASSES[label] / f"{number:03}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(target)
    truth = np.arange(40) % 2
    for seed, name in enumerate(("net.csv", "tree.csv")):
        dogs = np.random.default_rng(seed).beta(2 + 3 * truth, 5 - 3 * truth)
        lines = [f"{row},{1 - dog:.6f},{dog:.6f}" for row, dog in enumerate(dogs.round(6))]
        (folder / name).write_text("\n".join(["id,cat,dog", *lines]), encoding="utf-8")
    lines = [f"{row},{('cat', 'dog')[label]}" for row, label in enumerate(truth)]
    (folder / "answers.csv").write_text("\n".join(["id,kind", *lines]), encoding="utf-8")
    return folder
